"""An arm in numbers: means over its seeds, with intervals."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from snn_agent.experiments.curves import at
from snn_agent.experiments.frontier import standing
from snn_agent.experiments.statistics import (
    DRAWS_OF_A_TABLE,
    Band,
    Estimate,
    Row,
    Statistic,
    band,
    bootstrap,
    interquartile_means,
    interval,
    means,
)
from studies.page.data import Runs, StudyData

GRID = 100
"""Points of a mean curve."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArmNumbers:
    """What the runs of an arm came to. Failed runs count in food and energy, with what :class:`StudyData` says of them;
    what an evaluation alone tells, and sizes and events, are of the done ones.
    """

    done: int
    failed: int
    food: Estimate
    food_iqm: Estimate
    normalised: Estimate
    neurons_mean: float
    neurons_final: float
    births: float
    deaths: float
    joules: Estimate
    joules_acting: float
    seconds: float
    joules_per_decision: float
    joules_per_food: Estimate


def estimate(values: npt.ArrayLike, statistic: Statistic = means) -> Estimate:
    """A statistic and its 95 % bootstrap interval, the same numbers each time; NaN where there are no values."""
    found = np.asarray(values, dtype=np.float64)
    if not found.size or not np.isfinite(found).all():
        return Estimate(math.nan, math.nan, math.nan)
    return bootstrap(found, statistic, np.random.default_rng(0), draws=DRAWS_OF_A_TABLE)


def arm_numbers(data: StudyData, arm: str) -> ArmNumbers:
    """The numbers of an arm that has a done run."""
    done = data.of(arm, "done")

    def of_done(name: str) -> list[float]:
        return [float(run.numbers[name]) for run in done]

    def mean(name: str) -> float:
        return float(np.mean(of_done(name)))

    return ArmNumbers(
        done=len(done),
        failed=len(data.of(arm, "failed")),
        food=estimate(data.food(arm)),
        food_iqm=estimate(data.food(arm), interquartile_means),
        normalised=estimate(data.normalised(arm)),
        neurons_mean=mean("neurons_mean"),
        neurons_final=mean("neurons_final"),
        births=mean("growth_events"),
        deaths=mean("pruning_events"),
        joules=estimate(data.known(arm, "joules")),
        joules_acting=float(np.mean(data.known(arm, "joules_acting"))),
        seconds=mean("seconds"),
        joules_per_decision=mean("joules_per_decision"),
        joules_per_food=estimate([value for value in of_done("joules_per_food") if math.isfinite(value)]),
    )


def mean_curve(data: StudyData, arm: str, by: str) -> tuple[Row, Band]:
    """The mean over an arm's seeds and its interval, at places that all of them have reached.

    Returns:
        Places [G], in the unit of the axis, and the scores there. A failed run scores what acting at random is worth.
    """
    curves = list(data.curves(arm).values())
    last = min(float(getattr(curve, by)[-1]) for curve in curves)
    grid: Row = np.linspace(0.0, last, GRID + 1)[1:]
    found = [at(curve, by, grid) for curve in curves]
    scores = np.stack(found + [np.full(GRID, data.worst)] * len(data.of(arm, "failed")), axis=-1)  # [G, seeds]
    known = np.isfinite(scores).all(axis=-1)
    if not known.any():
        return grid[known], Band(*np.empty((3, 0)))
    drawn = band(scores[known][:, None, :], means, np.random.default_rng(0), draws=DRAWS_OF_A_TABLE)
    return grid[known], Band(np.ravel(drawn.value), drawn.low, drawn.high)


def beside_envelope(curves: Runs, fixed: Mapping[str, Runs]) -> str:
    """Mean ratio to the envelope of the fixed sizes, less one, over the seeds in which all have a score; a dash
    if there is none.

    Where the arm is one of these sizes, it is how far it alone is below the best of all.
    """
    alike = (curves, *fixed.values())
    seeds = [seed for seed in curves if all(seed in runs and np.isfinite(runs[seed].score).any() for runs in alike)]
    if not fixed or not seeds:
        return "–"
    others = [{seed: runs[seed] for seed in seeds} for runs in fixed.values()]
    area = standing(others, {seed: curves[seed] for seed in seeds}).area
    low, high = interval(area.tolist())
    few = "" if len(seeds) == len(curves) else f", {len(seeds)} seeds"
    return f"{100 * area.mean():+.1f} % ({100 * low:+.1f} to {100 * high:+.1f}{few})"
