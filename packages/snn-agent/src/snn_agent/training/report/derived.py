"""What a report computes from the columns of metrics.csv and from the neurons' rates."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from snn_agent.training.report.activity import Activity
from snn_agent.training.report.thinning import FloatArray

RATES = ("rate_low", "rate_median", "rate_high")


def derive(columns: Mapping[str, FloatArray], activity: Activity | None) -> dict[str, FloatArray]:
    """More columns of the same length, NaN where there is nothing to tell.

    ``total_joules``: of acting and learning, cumulative.
    ``joules_per_food``: of acting, see :func:`joules_per_food`.
    ``rate_low``, ``rate_median``, ``rate_high``: quantiles 0.1, 0.5 and 0.9 of the living neurons' firing rates, spikes
    per tick, in the newest line of activity.jsonl at the time.
    """
    n = len(next(iter(columns.values()), ()))
    nothing = np.full(n, math.nan)
    found = {name: columns.get(name, nothing) for name in ("env_steps", "inference_joules", "learning_joules")}
    rates = dict.fromkeys(RATES, nothing) if activity is None else _rates(found["env_steps"], activity)
    return {
        "total_joules": found["inference_joules"] + found["learning_joules"],
        "joules_per_food": joules_per_food(
            found["env_steps"],
            found["inference_joules"],
            columns.get("food_mean", nothing),
            columns.get("length_mean", nothing),
        ),
        **rates,
    }


def joules_per_food(
    env_steps: FloatArray, joules: FloatArray, food_mean: FloatArray, length_mean: FloatArray
) -> FloatArray:
    """Acting joules per food item, at each row.

    The joules of a step, ``Δ joules / Δ env_steps`` since the row before (since the run's begin, at the first), times
    the steps that an item took, ``length_mean / food_mean`` over the 100 episodes that ended last: all their steps over
    all their food. NaN before an episode ended, and where none of them had food.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        a_step = np.diff(joules, prepend=0.0) / np.diff(env_steps, prepend=0.0)
        found: FloatArray = a_step * length_mean / food_mean
    return np.where(np.isfinite(found), found, math.nan)


def _rates(env_steps: FloatArray, activity: Activity) -> dict[str, FloatArray]:
    newest = np.searchsorted(activity.env_steps, env_steps, side="right") - 1
    found = np.full((3, len(env_steps)), math.nan)
    found[:, newest >= 0] = activity.quantiles()[:, newest[newest >= 0]]
    return dict(zip(RATES, found, strict=True))
