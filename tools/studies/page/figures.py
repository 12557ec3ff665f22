"""The figures of a study: curves, profile, chances, what no other arm beats, sizes and events."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

import numpy as np

from snn_agent.experiments.comparison import performance_profile, probability_of_improvement
from snn_agent.experiments.curves import at
from snn_agent.experiments.frontier import pareto
from snn_agent.experiments.statistics import DRAWS_OF_A_TABLE, Band, Estimate, Row
from snn_agent.training.report.scale import joules, short, steps
from studies.page.data import StudyData
from studies.page.looks import classes
from studies.page.numbers import GRID, ArmNumbers, mean_curve
from studies.page.plot import Plot, linear, rows, spread, until

THRESHOLDS: Final = 201
BAND: Final = "areas: 95 % bootstrap intervals over seeds"


def measure(data: StudyData) -> str:
    """What is counted: food, or return where the world has none."""
    return "food" if any("food_mean" in run.summary["eval"] for run in data.done) else "return"


def score_curves(data: StudyData) -> list[str]:
    """The score in training by steps, by energy and by time."""
    figures = []
    titles = (("steps", "environment steps"), ("joules", "training energy"), ("seconds", "wall-clock time"))
    for by, title in titles:
        found = {arm: mean_curve(data, arm, by) for arm in data.seen}
        longest = max((float(x[-1]) for x, _ in found.values() if len(x)), default=1.0)
        unit = {"steps": steps, "joules": joules}.get(by)
        factor, name = (1.0, "s") if unit is None else unit(longest)
        label = {"steps": f"environment steps{f' ({name})' * bool(name)}", "joules": f"acting and learning ({name})"}
        across = until(longest * factor, label.get(by, "seconds of training"))
        ends = [v for _, y in found.values() for v in (*y.low.tolist(), *y.high.tolist())]
        up = linear(ends, f"{measure(data)} per episode", zero=True)
        plot = Plot(f"Score over {title}", f"mean of the last 100 episodes in training; {BAND}", across, up)
        for index, arm in _looks(data):
            x, y = found[arm]
            plot.curve(arm, index, x * factor, y)
        figures.append(plot.html())
    return figures


def profile(data: StudyData) -> str:
    """The share of runs above each normalised score; nothing where scores cannot be normalised."""
    scores = {arm: data.normalised(arm) for arm in data.seen}
    if not all(np.isfinite(values).all() for values in scores.values()):
        return ""
    across = linear((v for values in scores.values() for v in values.tolist()), "normalised score", intervals=5)
    grid: Row = np.linspace(across.low, across.high, THRESHOLDS)
    note = f"share of runs whose final score is above; {BAND}; higher and further right is better"
    plot = Plot("Performance profile", note, across, linear([0.0, 1.0], "share of runs", zero=True))
    for index, arm in _looks(data):
        found = performance_profile(scores[arm], grid, np.random.default_rng(0), draws=DRAWS_OF_A_TABLE)
        between = np.flatnonzero((found.value > 0.0) & (found.value < 1.0))
        middle = between if len(between) else np.flatnonzero(found.value == 1.0)[-1:]
        plot.curve(arm, index, grid, found, marked=middle[len(middle) // 2 :][:1].tolist())
    return plot.html()


def chances(data: StudyData, reference: str) -> dict[str, Estimate]:
    """How likely a run of each other arm is to score higher than one of the reference arm."""
    return {
        arm: probability_of_improvement(
            data.food(arm), data.food(reference), np.random.default_rng(0), draws=DRAWS_OF_A_TABLE
        )
        for arm in data.seen
        if arm != reference
    }


def improvement(data: StudyData, reference: str) -> str:
    """These chances with their intervals, an arm a row."""
    found = chances(data, reference)
    if not found:
        return ""
    note = "chance that a run of the arm scores higher than one of the reference, with 95 % intervals"
    told = [f"{chance.value:.2f} ({chance.low:.2f} to {chance.high:.2f})" for chance in found.values()]
    across = linear([0.0, 1.0], f"P(run > run of {reference})", zero=True)
    plot = rows(f"Probability of improvement on {reference}", note, across, list(found), told)
    half = plot.x(0.5)
    plot.add(f'<line class="even" x1="{half:.2f}" y1="{plot.y(0.5):.2f}" x2="{half:.2f}" y2="{plot.height - 46:.2f}"/>')
    looks = {arm: index for index, arm in _looks(data)}
    for row, (arm, chance) in enumerate(found.items()):
        plot.point(arm, looks[arm], chance, Estimate(-row, -row, -row), told[row])
    return plot.html()


def fronts(data: StudyData, numbers: dict[str, ArmNumbers]) -> list[str]:
    """Final score against the energy of training, and of acting."""
    nano = 1e9
    axes: Sequence[tuple[str, str, Callable[[ArmNumbers], Estimate], float]] = (
        ("training energy", "joules of acting and learning", lambda arm: arm.joules, 1.0),
        ("inference energy", "nJ a food item", lambda arm: arm.joules_per_food, nano),
    )
    figures = []
    for title, label, cost, factor in axes:
        shown = [(i, arm) for i, arm in _looks(data) if math.isfinite(cost(numbers[arm]).value)]
        if not shown:
            continue
        prices = {arm: Estimate(*(factor * value for value in cost(numbers[arm]))) for _, arm in shown}
        scores = {arm: numbers[arm].food for _, arm in shown}
        across = spread((v for price in prices.values() for v in price), label)
        up = linear((v for score in scores.values() for v in score), f"{measure(data)}, final evaluation")
        note = "means with 95 % intervals; up and to the left is better; ringed: no other arm beats it in both"
        plot = Plot(f"Score against {title}", note, across, up)
        best = pareto([scores[arm].value for _, arm in shown], [prices[arm].value for _, arm in shown])
        for unbeaten, (index, arm) in zip(best.tolist(), shown, strict=True):
            x, y = prices[arm], scores[arm]
            if unbeaten:
                plot.add(f'<circle class="ring" cx="{plot.x(x.value):.2f}" cy="{plot.y(y.value):.2f}" r="9.5"/>')
            told = f"{measure(data)} {y.value:.1f}, {short(x.value)} {label}" + "; no other arm beats it" * unbeaten
            plot.point(arm, index, x, y, told)
        figures.append(plot.html())
    return figures


def sizes(data: StudyData) -> str:
    """Living neurons over the steps: mean over seeds, and from the smallest to the largest."""
    last = max(float(run.numbers["env_steps"]) for run in data.done)
    factor, name = steps(last)
    across = until(last * factor, f"environment steps{f' ({name})' * bool(name)}")
    most = max(float(curve.neurons.max()) for arm in data.seen for curve in data.curves(arm).values())
    note = "mean over seeds; areas: from the smallest run to the largest"
    plot = Plot("Size over time", note, across, linear([most], "living neurons", zero=True))
    for index, arm in _looks(data):
        curves = list(data.curves(arm).values())
        first = max(float(curve.steps[0]) for curve in curves)
        end = min(float(curve.steps[-1]) for curve in curves)
        grid: Row = np.linspace(first, end, 2 * GRID)
        found = np.array([at(curve._replace(score=curve.neurons), "steps", grid) for curve in curves])
        plot.curve(arm, index, grid * factor, Band(found.mean(axis=0), found.min(axis=0), found.max(axis=0)))
    return plot.html()


def events(data: StudyData) -> str:
    """When neurons were born and died, an arm a row; nothing where none was or did."""
    shown = [(i, arm) for i, arm in _looks(data) if any(run.events for run in data.of(arm, "done"))]
    if not shown:
        return ""
    last = max(float(run.numbers["env_steps"]) for run in data.done)
    factor, name = steps(last)
    across = until(last * factor, f"environment steps{f' ({name})' * bool(name)}")
    note = "of all seeds; strokes above the line: neurons were born; below it: neurons died"
    plot = rows("Births and deaths", note, across, [arm for _, arm in shown])
    for row, (index, arm) in enumerate(shown):
        y = plot.y(-row)
        strokes = [
            f"M{plot.x(event.env_step * factor):.2f} {y:.2f}v{way}"
            for run in data.of(arm, "done")
            for event in run.events
            for way in [-9] * bool(event.born) + [9] * bool(event.died)
        ]
        ends = f'x1="{plot.x(0.0):.2f}" y1="{y:.2f}" x2="{plot.x(across.high):.2f}" y2="{y:.2f}"'
        plot.add(
            f'<g class="{classes(index)}"><title>{escape(arm)}</title><line class="rule" {ends}/>'
            f'<path class="strokes" d="{"".join(strokes)}"/></g>'
        )
    return plot.html()


def _looks(data: StudyData) -> list[tuple[int, str]]:
    """The arms that have something to show, with the place in the study that gives each its looks."""
    return [(index, arm) for index, arm in enumerate(data.arms) if arm in data.seen]
