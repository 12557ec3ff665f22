"""The figures of a sequence: what each arm knew when, how its scores moved, and who lived."""

from __future__ import annotations

from html import escape
from typing import Final

import numpy as np

from snn_agent.experiments.statistics import DRAWS_OF_A_TABLE, Band, Row, band, means
from snn_agent.training.report.scale import steps
from studies.continual_page.data import SequenceData
from studies.continual_page.lineage import lineage
from studies.page.looks import classes
from studies.page.plot import BOTTOM, TOP, Plot, Scale, linear, rows, until

HALF: Final = 0.42
"""Of a row that a cell fills, up and down."""


def letters(data: SequenceData) -> list[str]:
    """The tasks' names as rows and legends have them."""
    return [f"{data.letter(task)} {name}" for task, name in enumerate(data.names)]


def heat_map(data: SequenceData, arm: str) -> str:
    """Scores on each task, a row, over time; mean over seeds."""
    scores = np.mean([data.grid(run.lived) for run in data.of(arm, "done")], axis=0)  # [N, P, K + 1]
    across, factor = _time(data)
    plot = rows(f"{data.short(arm)}: what it knew when", _seeds(data, arm), across, letters(data))
    for phase, lived in enumerate(data.order):
        edges = (phase + np.arange(data.examinations + 1) / data.examinations) * data.phase_steps
        for task, name in enumerate(data.names):
            top, bottom = plot.y(-task + HALF), plot.y(-task - HALF)
            for k in range(data.examinations):
                left, right = plot.x(edges[k] * factor), plot.x(edges[k + 1] * factor)
                score = float(scores[task, phase, k + 1])
                told = f"{name}, {edges[k + 1]:,.0f} steps: {score:.3f}"
                plot.add(
                    f'<rect class="cell" x="{left:.2f}" y="{top:.2f}" width="{right - left + 0.3:.2f}" '
                    f'height="{bottom - top:.2f}" fill-opacity="{min(1.0, max(0.0, score)):.3f}">'
                    f"<title>{escape(told)}</title></rect>"
                )
        left, right = (plot.x(edge * factor) for edge in (edges[0], edges[-1]))
        top = plot.y(-lived + HALF)
        plot.add(
            f'<rect class="lived" x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" '
            f'height="{plot.y(-lived - HALF) - top:.2f}"/>'
        )
    return plot.html()


def curves(data: SequenceData, arm: str) -> str:
    """Scores on all tasks with the switches, births and deaths."""
    runs = data.of(arm, "done")
    found = np.stack([data.grid(run.lived) for run in runs], axis=-1)  # [N, P, K + 1, seeds]
    across, factor = _time(data)
    n_tasks, n_phases, n_places, _ = found.shape
    x: Row = np.ravel((np.arange(n_phases)[:, None] + np.linspace(0.0, 1.0, n_places)) * data.phase_steps * factor)
    lines = []
    for task in range(n_tasks):
        table = found[task].reshape(n_phases * n_places, 1, -1)
        drawn = band(table, means, np.random.default_rng(0), draws=DRAWS_OF_A_TABLE)
        lines.append(Band(np.ravel(drawn.value), drawn.low, drawn.high))
    up = linear(
        [0.0, 1.0, *(v for line in lines for v in (*line.low.tolist(), *line.high.tolist()))], "normalised score"
    )
    note = f"{_seeds(data, arm)}; areas: 95 % intervals; strokes at the bottom: births up, deaths down"
    plot = Plot(f"{data.short(arm)}: scores on all tasks", note, across, up)
    _switches(plot, data, factor)
    for task, line in enumerate(lines):
        plot.curve(letters(data)[task], task, x, line)
    base = plot.height - BOTTOM - 10.0
    strokes = [
        f"M{plot.x(event.env_step * factor):.2f} {base:.2f}v{way}"
        for run in runs
        for event in run.events
        for way in [-9] * bool(event.born) + [9] * bool(event.died)
    ]
    if strokes:
        plot.add(f'<path class="lives" d="{"".join(strokes)}"><title>births and deaths</title></path>')
    return plot.html()


def genealogy_figure(data: SequenceData, arm: str) -> str:
    """Living neurons by birth task, one above the other; nothing where none was born and none died."""
    if not any(event.born or event.died for run in data.of(arm, "done") for event in run.events):
        return ""
    told = lineage(data, arm)
    across, factor = _time(data)
    whole = told.living.sum(axis=0)
    up = linear([float(whole.max())], "living neurons", zero=True)
    plot = Plot(f"{data.short(arm)}: who was born in which task", _seeds(data, arm), across, up)
    below = np.zeros_like(whole)
    for task, name in enumerate(letters(data)):
        above = below + told.living[task]
        corners = plot.places([*(told.steps * factor), *(told.steps * factor)[::-1]], [*above, *below[::-1]])
        edge = plot.places(told.steps * factor, above)
        plot.add(
            f'<g class="{classes(task)}"><title>{escape(name)}</title><polygon class="stack" points="{corners}"/>'
            f'<polyline class="line" points="{edge}"/></g>'
        )
        below = above
    _switches(plot, data, factor)
    return plot.html()


def shades() -> str:
    """What the colours of a heat map mean."""
    cells = "".join(
        f'<rect class="cell" x="{24 * k}" y="0" width="24.3" height="16" fill-opacity="{k / 10:.1f}"/>'
        for k in range(11)
    )
    words = "".join(
        f'<text x="{place}" y="32" text-anchor="{anchor}">{text}</text>'
        for place, anchor, text in ((0, "start", "0, random"), (132, "middle", "0.5"), (264, "end", "1, oracle"))
    )
    return (
        f'<figure class="study strip-key"><svg viewBox="0 0 266 38" role="img"><title>Colours of the heat maps</title>'
        f"{cells}{words}</svg></figure>"
    )


def _time(data: SequenceData) -> tuple[Scale, float]:
    """The axis of the whole life, and what steps are multiplied with on it."""
    last = float(data.phase_steps * len(data.order))
    factor, name = steps(last)
    return until(last * factor, f"environment steps{f' ({name})' * bool(name)}"), factor


def _switches(plot: Plot, data: SequenceData, factor: float) -> None:
    """Where phases begin, and which task they have."""
    for phase, task in enumerate(data.order):
        x = plot.x(phase * data.phase_steps * factor)
        if phase:
            plot.add(f'<line class="switch" x1="{x:.2f}" y1="{TOP}" x2="{x:.2f}" y2="{plot.height - BOTTOM:.2f}"/>')
        middle = plot.x((phase + 0.5) * data.phase_steps * factor)
        plot.add(
            f'<text class="phase" x="{middle:.2f}" y="{TOP + 14:.2f}" text-anchor="middle">{data.letter(task)}</text>'
        )


def _seeds(data: SequenceData, arm: str) -> str:
    done = len(data.of(arm, "done"))
    return f"mean of {done} seeds" if done > 1 else "one seed"
