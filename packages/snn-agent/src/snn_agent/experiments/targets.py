"""Three targets beyond the hypothesis: above the envelope of fixed sizes, a size found by itself, thrift in acting.

The number decides, and its interval is told; of the frontier the interval has a say too. Seeds are paired: each array
has the same seeds in the same order, failed ones filled in.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.experiments.statistics import DRAWS, Estimate, Row, bootstrap, means, paired

FRONTIER_AREA: Final = 0.05
AUTO_SIZE_SHARE: Final = 0.95
THRIFT_SHARE: Final = 0.5
SAME_SCORE: Final = 0.05
"""A fixed size has the same score as an arm if it scores at most this share of it less."""

GOALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "frontier": f"mean area of at least {FRONTIER_AREA:+g}, its interval above 0",
        "auto-size": f"score of at least {AUTO_SIZE_SHARE:g} of the best fixed size's",
        "thrift": (
            f"at most {THRIFT_SHARE:g} of the joules per food item of the smallest fixed size with the same score"
        ),
    }
)
"""What is to be reached, in words, by the target's name."""


class Fed(NamedTuple):
    """What the runs of an arm ate and spent in the same evaluation, [seeds] or [tasks, seeds] each."""

    food: npt.ArrayLike  # per episode, above 0; a failed run counts with the random reference's
    joules: npt.ArrayLike  # of inference per episode


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """A target and what came of it; as a string, one sentence.

    Attributes:
        name: of the target.
        goal: in words.
        estimate: the number, and its 95 % interval.
        reached: what it was decided to be.
        clear: whether the whole interval lies where the goal is.
        against: what the arm was held against; without it the numbers are NaN.
        undecided: why the number, if there is one, decides nothing; empty where it does.
    """

    name: str
    goal: str
    estimate: Estimate
    reached: bool
    clear: bool
    against: str
    undecided: str = ""

    @property
    def decision(self) -> str:
        """Reached, not reached, or cannot be said."""
        return "cannot be said" if self.undecided else "reached" if self.reached else "not reached"

    def __str__(self) -> str:
        value, low, high = self.estimate
        found = f": {value:.4g} (95 % interval {low:.4g} to {high:.4g}) against {self.against}"
        if math.isnan(value):
            found = f": there is {self.against}" if self.against else ""
        why = ", with its whole interval" if self.clear else ""
        if self.undecided:
            why, found = f", because {self.undecided}", found and f"; as far as it is known{found}"
        return f"{self.name}: {self.decision}{why}{found}; goal: {self.goal}."


def unknown(name: str, reason: str) -> Target:
    """A target of which there is no number, and why.

    Args:
        name: one of :data:`GOALS`.
        reason: in words that follow "because".
    """
    nothing = Estimate(math.nan, math.nan, math.nan)
    return Target(
        name=name, goal=GOALS[name], estimate=nothing, reached=False, clear=False, against="", undecided=reason
    )


def frontier(area: npt.ArrayLike, generator: np.random.Generator, *, draws: int = DRAWS) -> Target:
    """Score against training energy lies 5 % above the envelope of fixed sizes, with the interval above zero.

    Args:
        area: of each seed, from :func:`snn_agent.experiments.frontier.standing`; −1 where the seed failed.
        generator: gives the draws.
        draws: resamples of the bootstrap.

    Raises:
        ConfigError: if there are no seeds, or an area is not finite.
    """
    estimate = bootstrap(area, means, generator, draws=draws)
    return Target(
        name="frontier",
        goal=GOALS["frontier"],
        estimate=estimate,
        reached=estimate.value >= FRONTIER_AREA and estimate.low > 0.0,
        clear=estimate.low >= FRONTIER_AREA,
        against="the envelope of fixed sizes",
    )


def auto_size(
    score: npt.ArrayLike, fixed: Mapping[int, npt.ArrayLike], generator: np.random.Generator, *, draws: int = DRAWS
) -> Target:
    """Without being told a size, the arm scores 95 % of the best fixed size at equal environment steps.

    Each resample has its own best size, since which one is best is as uncertain as the scores.

    Args:
        score: of the arm.
        fixed: scores of the fixed sizes, by size.
        generator: gives the draws.
        draws: resamples of the bootstrap.

    Raises:
        ConfigError: if there are no sizes, shapes differ, or a score of the best size is not above 0.
    """
    if not fixed:
        raise ConfigError("auto-size needs the scores of one fixed size at least, got none.")
    table = paired(score, *fixed.values())
    totals = table.mean(axis=(1, 2))
    best = int(totals[1:].argmax())
    if (table[1 + best] <= 0.0).any():
        raise ConfigError(f"a share of the best size needs its scores above 0, got {table[1 + best].min():g}.")

    def share(drawn: Row) -> Row:
        mean = means(drawn)
        result: Row = mean[..., 0] / mean[..., 1:].max(axis=-1)
        return result

    estimate = bootstrap(table, share, generator, draws=draws)
    return Target(
        name="auto-size",
        goal=GOALS["auto-size"],
        estimate=estimate,
        reached=estimate.value >= AUTO_SIZE_SHARE,
        clear=estimate.low >= AUTO_SIZE_SHARE,
        against=f"fixed-{list(fixed)[best]}",
    )


def thrift(
    arm: Fed,
    fixed: Mapping[int, Fed],
    generator: np.random.Generator,
    *,
    tolerance: float = SAME_SCORE,
    draws: int = DRAWS,
) -> Target:
    """The arm takes half of the inference energy per food item of the smallest fixed network with the same score.

    Joules per item of an arm are what all its seeds spent over what all ate, so one that ate little counts for little
    there, and by what it spent in full. The network with the same score is the smallest whose mean food is at most
    ``tolerance`` below the arm's: if it had to be no less at all, noise would often make it a larger, dearer one.
    Where no size eats so much, the target is not reached: there is nothing to compare with.

    Args:
        arm: what it ate and spent.
        fixed: the same of fixed sizes, by size.
        generator: gives the draws.
        tolerance: in [0, 1).
        draws: resamples of the bootstrap.

    Raises:
        ConfigError: if shapes differ, or food or joules are not above 0.
    """
    tolerance = checks.number("tolerance", tolerance, 0.0, math.nextafter(1.0, 0.0))
    table = paired(*arm, *(values for size in sorted(fixed) for values in fixed[size]))
    if (table <= 0.0).any():
        raise ConfigError(
            f"food and joules must be above 0, got {table.min():g}. Count the food of a failed seed as the random "
            "reference's, and the energy that it spent."
        )
    food = table[::2].mean(axis=(1, 2))
    same = np.flatnonzero(food[1:] >= (1.0 - tolerance) * food[0])
    estimate, against = Estimate(math.nan, math.nan, math.nan), "no fixed size with the same score"
    if len(same):
        first = 2 * (1 + int(same[0]))
        estimate = bootstrap(table[[0, 1, first, first + 1]], _price_ratio, generator, draws=draws)
        against = f"fixed-{sorted(fixed)[same[0]]}"
    return Target(
        name="thrift",
        goal=GOALS["thrift"],
        estimate=estimate,
        reached=estimate.value <= THRIFT_SHARE,
        clear=estimate.high <= THRIFT_SHARE,
        against=against,
    )


def _price_ratio(drawn: Row) -> Row:
    """Joules per food item of one arm over those of another; [..., 4, N], food and joules of each, to [...]."""
    food, joules, other_food, other_joules = np.moveaxis(means(drawn), -1, 0)
    result: Row = (joules / food) / (other_joules / other_food)
    return result
