"""Score against energy: how an arm stands beside the envelope of all fixed sizes, and which arms no other beats.

At a budget of joules the envelope is what the best of the fixed sizes has reached with it. An arm is worth its ratio to
that, budget by budget, and the mean of the ratios over the budgets (in equal steps of the logarithm) that both have
spent. Seeds are paired: the envelope of a seed is made of that seed's fixed runs. As the best of several noisy scores,
it lies a little above what the best size is worth, which is to the arm's disadvantage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.experiments.curves import Curve, at, known
from snn_agent.experiments.statistics import Row

BUDGETS = 25
FIRST = 0.1
"""Share of the cheapest fixed life from which budgets are looked at; before that nobody has learnt anything."""

Runs = Mapping[int, Curve]
"""Curves by seed."""


class Standing(NamedTuple):
    """An arm beside the envelope."""

    budgets: Row  # [G] joules
    ratio: Row  # [seeds, G] score over envelope; NaN where either has not been
    area: Row  # [seeds] mean ratio − 1


def budgets(fixed: Sequence[Runs], arm: Runs, points: int = BUDGETS) -> Row:
    """Budgets from a tenth of the cheapest fixed life, where every run knows a score, to the end of the arm's life or
    of the dearest fixed one.

    Args:
        fixed: runs of each fixed size, by seed.
        arm: runs of the arm, by seed.
        points: how many budgets, at least 2.

    Returns:
        Joules [points], in equal steps of the logarithm.

    Raises:
        ConfigError: if a seed of the arm is missing in a size, a run knows no score, or there is no common budget.
    """
    spent = [{seed: _spent(runs, seed) for seed in arm} for runs in (*fixed, arm)]
    first = max(joules[0] for runs in spent for joules in runs.values())
    first = max(first, FIRST * min(curve.joules[-1] for runs in fixed for curve in runs.values()))
    dearest = [max(runs[seed][-1] for runs in spent[:-1]) for seed in arm]
    last = min(*dearest, *(joules[-1] for joules in spent[-1].values()))
    if not 0.0 < first < last:
        raise ConfigError(f"the runs share no budget: from {first:g} J to {last:g} J. Give the arms longer lives.")
    return np.geomspace(first, last, checks.integer("points", points, 2))


def envelope(fixed: Sequence[Curve], grid: Row) -> Row:
    """What the best of the fixed sizes has reached at each budget.

    Args:
        fixed: one run of each size, of one seed.
        grid: joules [G].

    Returns:
        [G]; a size that has spent its whole life stays what it became, NaN before any knows a score.
    """
    best = np.full(len(grid), -np.inf)
    for curve in fixed:
        joules, score = known(curve, "joules")
        if len(joules):
            found = np.where(grid > joules[-1], score[-1], at(curve, "joules", grid))
            best = np.fmax(best, found)
    return np.where(np.isneginf(best), np.nan, best)


def relative_area(score: npt.ArrayLike, envelope_score: npt.ArrayLike) -> Row:
    """Mean ratio of scores to the envelope over the budgets, less one: +0.05 is 5 % above it.

    Args:
        score: [..., G], at budgets in equal steps of the logarithm; NaN where the arm has not been.
        envelope_score: [..., G], above zero, NaN where no fixed size has been.

    Returns:
        [...].

    Raises:
        ConfigError: if the envelope is not above zero, or a row has no budget where both have been.
    """
    above, below = np.asarray(score, dtype=np.float64), np.asarray(envelope_score, dtype=np.float64)
    if (below <= 0.0).any():
        raise ConfigError(
            f"the envelope must be above zero, got {np.nanmin(below):g}: ratios to it mean nothing. Take a score that "
            "is above zero, such as food, and budgets at which something has been learnt."
        )
    ratio = above / below
    if np.isnan(ratio).all(axis=-1).any():
        raise ConfigError("an arm and the envelope have no budget in common. Give the arms longer lives.")
    result: Row = np.nanmean(ratio, axis=-1) - 1.0
    return result


def standing(fixed: Sequence[Runs], arm: Runs, grid: Row | None = None) -> Standing:
    """An arm beside the envelope of fixed sizes; runs by seed, the same seeds in all.

    A failed seed has no place here: add an area of −1 for it, which is a score of 0 at every budget.

    Args:
        fixed: runs of each fixed size, by seed.
        arm: runs of the arm, by seed.
        grid: joules [G] in equal steps of the logarithm; None: :func:`budgets`.

    Raises:
        ConfigError: as in :func:`budgets` and :func:`relative_area`.
    """
    grid = budgets(fixed, arm) if grid is None else grid
    ours = np.array([at(curve, "joules", grid) for curve in arm.values()])
    theirs = np.array([envelope([runs[seed] for runs in fixed], grid) for seed in arm])
    return Standing(grid, ours / theirs, relative_area(ours, theirs))


def pareto(score: npt.ArrayLike, joules: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which arms no other one beats: none has at least their score for at most their energy, and better in one of both.

    Args:
        score: [arms].
        joules: [arms].

    Returns:
        [arms]; arms that are alike in both stand or fall together.
    """
    scores, prices = np.asarray(score, dtype=np.float64), np.asarray(joules, dtype=np.float64)
    as_good = (scores[:, None] >= scores) & (prices[:, None] <= prices)
    better = (scores[:, None] > scores) | (prices[:, None] < prices)
    beats = as_good & better  # [arms, arms], row over column
    return ~np.asarray(beats.any(axis=0))


def _spent(runs: Runs, seed: int) -> Row:
    """Joules of a run's points with a known score."""
    if seed not in runs:
        raise ConfigError(f"seed {seed} is missing in a fixed size. Compare over seeds that all arms have.")
    joules, _ = known(runs[seed], "joules")
    if not len(joules):
        raise ConfigError(f"a run of seed {seed} has no known score. Leave it out here and count it as an area of −1.")
    return joules
