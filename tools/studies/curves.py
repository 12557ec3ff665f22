"""What a run did over its life, and what runs of several seeds did on average: on grids of steps or of energy."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Row = npt.NDArray[np.float64]


class Curve(NamedTuple):
    """One run, a point an update."""

    steps: Row  # environment steps
    joules: Row  # spent so far, acting and learning (45nm_fp32)
    acting: Row  # of them, on acting
    score: Row  # food (or return) of the last hundred episodes; NaN before the first ended
    neurons: Row  # living


def read_curve(run_dir: Path) -> Curve:
    """The curve in a run's ``metrics.csv``."""
    with (run_dir / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))

    def column(name: str) -> Row:
        return np.array([float(row[name]) for row in rows])

    food, acting = column("food_mean"), column("inference_joules")
    score = column("return_mean") if np.isnan(food).all() else food
    return Curve(column("env_steps"), acting + column("learning_joules"), acting, score, column("hidden_neurons"))


def at(curve: Curve, by: str, grid: Row) -> Row:
    """The score where ``by`` ("steps" or "joules") has the values of a grid; NaN outside of what was lived."""
    x, y = getattr(curve, by), curve.score
    known = ~np.isnan(y)
    if not known.any():
        return np.full(len(grid), math.nan)
    return np.interp(grid, x[known], y[known], left=math.nan, right=math.nan)


def mean_at(curves: list[Curve], by: str, grid: Row) -> Row:
    """The mean over runs, where all of them have been."""
    mean: Row = np.mean([at(curve, by, grid) for curve in curves], axis=0)
    return mean


def mean_size(curve: Curve) -> float:
    """Neurons, averaged over the steps that were lived."""
    lived = np.diff(curve.steps, prepend=0.0)
    return float(curve.neurons @ lived / lived.sum())
