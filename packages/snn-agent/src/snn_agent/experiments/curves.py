"""What runs did over their lives, by environment steps, by energy and by time, and when they had learnt so much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.experiments.statistics import Row

AXES: Final = ("steps", "joules", "seconds")
SHARES: Final = (0.25, 0.5, 0.75)
"""Shares of an oracle's score at which arms are compared."""


class Curve(NamedTuple):
    """One run, a point an update; all of one length [n], in the order that was lived."""

    steps: Row  # environment steps
    joules: Row  # spent so far, acting and learning
    acting: Row  # of them, on acting
    seconds: Row  # of wall-clock so far
    score: Row  # food (or return) of the last episodes; NaN where none is known
    neurons: Row  # living


class Reached(NamedTuple):
    """When the runs of an arm had learnt so much, in the unit of the axis; infinite where that never was."""

    levels: Row  # [S] scores
    places: Row  # [S, seeds]
    share: Row  # [S] of the seeds that got there
    median: Row  # [S] over all seeds, so infinite where fewer than half got there


def at(curve: Curve, by: str, grid: Row) -> Row:
    """The score where an axis has the values of a grid, straight between points.

    Args:
        curve: one run.
        by: ``"steps"``, ``"joules"`` or ``"seconds"``.
        grid: [G], in the unit of the axis.

    Returns:
        [G]; NaN outside of what was lived with a known score.

    Raises:
        ConfigError: if the axis has another name, or falls anywhere along the curve.
    """
    x, y = known(curve, by)
    if not len(x):
        return np.full(len(grid), math.nan)
    return np.interp(grid, x, y, left=math.nan, right=math.nan)


def mean_at(curves: Sequence[Curve], by: str, grid: Row, *, failed: int = 0, worst: float = 0.0) -> Row:
    """The mean over runs, where all of them have been; [G].

    Args:
        curves: of the runs that lived.
        by: see :func:`at`.
        grid: [G], in the unit of the axis.
        failed: how many more there were that failed; each counts with the ``worst`` score all along.
        worst: the random reference's score, or 0 where scores are normalised by it.

    Raises:
        ConfigError: as in :func:`at`, and if there are no runs.
    """
    failed = checks.integer("failed", failed, 0)
    if not curves:
        raise ConfigError("the mean over runs needs one curve at least, got none.")
    rows = [at(curve, by, grid) for curve in curves] + [np.full(len(grid), worst)] * failed
    mean: Row = np.mean(rows, axis=0)
    return mean


def mean_size(curve: Curve) -> float:
    """Neurons, averaged over the environment steps that were lived."""
    lived = np.diff(curve.steps, prepend=0.0)
    return float(curve.neurons @ lived / lived.sum())


def reach(curve: Curve, by: str, level: float) -> float:
    """The first place from which on the curve is never again below a level, to the end of what was lived.

    The curve is straight between its points, so the place is where it last crossed the level upwards. A run that was
    there and fell below again has not reached it before it came back. A run that begins there has reached it at its
    first point with a known score.

    Args:
        curve: one run.
        by: see :func:`at`.
        level: in the unit of the score.

    Returns:
        In the unit of the axis; infinite if the last point is below the level or no score is known.
    """
    x, y = known(curve, by)
    below = np.flatnonzero(y < level)
    if not len(y) or y[-1] < level:
        return math.inf
    if not len(below):
        return float(x[0])
    last = below[-1]
    part = (level - y[last]) / (y[last + 1] - y[last])
    return float(x[last] + part * (x[last + 1] - x[last]))


def reached(
    curves: Sequence[Curve], by: str, oracle: float, shares: npt.ArrayLike = SHARES, *, failed: int = 0
) -> Reached:
    """When the runs of an arm reached shares of an oracle's score, each as :func:`reach` has it.

    Args:
        curves: of the runs that lived.
        by: see :func:`at`.
        oracle: its score, above 0.
        shares: of it, [S].
        failed: how many more there were that failed; none of them reached anything.

    Raises:
        ConfigError: as in :func:`at`, if there are no runs, or the oracle's score is not above 0.
    """
    levels = checks.positive("oracle", oracle) * np.atleast_1d(np.asarray(shares, dtype=np.float64))
    failed = checks.integer("failed", failed, 0)
    if not len(curves) + failed:
        raise ConfigError("the runs of an arm are needed to say what they reached, got none.")
    places = np.array([[reach(curve, by, level) for curve in curves] + [math.inf] * failed for level in levels])
    return Reached(levels, places, np.isfinite(places).mean(axis=1), np.median(places, axis=1))


def known(curve: Curve, by: str) -> tuple[Row, Row]:
    """An axis of a curve and its score, where the score is known.

    Raises:
        ConfigError: if the axis has another name, or falls anywhere along the curve.
    """
    x: Row = getattr(curve, checks.choice("by", by, AXES))
    if (np.diff(x) < 0.0).any():
        raise ConfigError(f"{by} must not fall along a curve. Give its points in the order they were lived.")
    there = ~np.isnan(curve.score)
    return x[there], curve.score[there]
