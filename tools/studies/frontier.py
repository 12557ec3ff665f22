"""Score against energy: how an arm stands beside the envelope of all fixed sizes.

At a budget of joules the envelope is what the best of the fixed sizes has reached with it. An arm is worth its ratio to
that, budget by budget, and the mean of the ratios over the budgets (in equal steps of the logarithm) that both have
spent. Seeds are paired: the envelope of a seed is made of that seed's fixed runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from studies.curves import Curve, Row, at

BUDGETS = 25
FIRST = 0.1
"""Share of the cheapest fixed life from which budgets are looked at; before that nobody has learnt anything."""


class Standing(NamedTuple):
    """An arm beside the envelope."""

    budgets: Row  # joules
    ratio: Row  # [seeds, budgets] score over envelope; NaN where either has not been
    area: Row  # [seeds] mean ratio − 1


def budgets(fixed: Sequence[Mapping[int, Curve]], arm: Mapping[int, Curve]) -> Row:
    """Budgets from a tenth of the cheapest fixed life, where every run knows a score, to the end of the arm's life or
    of the dearest fixed one.
    """

    def known(curve: Curve) -> Row:
        return curve.joules[~np.isnan(curve.score)]

    first = max(known(curve)[0] for runs in (*fixed, arm) for curve in runs.values())
    first = max(first, FIRST * min(curve.joules[-1] for runs in fixed for curve in runs.values()))
    ends = [max(known(runs[seed])[-1] for runs in fixed) for seed in arm]
    last = min(*ends, *(known(curve)[-1] for curve in arm.values()))
    return np.geomspace(first, last, BUDGETS)


def standing(fixed: Sequence[Mapping[int, Curve]], arm: Mapping[int, Curve], grid: Row | None = None) -> Standing:
    """An arm beside the envelope of fixed sizes; runs by seed, the same seeds in all."""
    grid = budgets(fixed, arm) if grid is None else grid
    ratio = []
    for seed, curve in arm.items():
        found = np.array([at(runs[seed], "joules", grid) for runs in fixed])
        # A size that has spent its whole life stays what it became.
        for row, runs in zip(found, fixed, strict=True):
            over = grid > runs[seed].joules[-1]
            row[over] = runs[seed].score[-1]
        ratio.append(at(curve, "joules", grid) / np.nanmax(found, axis=0))
    table = np.array(ratio)
    return Standing(grid, table, np.nanmean(table, axis=1) - 1.0)
