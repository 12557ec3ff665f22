"""Growth when the critic is taken by surprise."""

from __future__ import annotations

import dataclasses
import math
from typing import Final, NamedTuple

from torch import Tensor

from snn_agent import checks
from snn_agent.network.surgery import StructuralEdit
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import StructuralContext

DECAY: Final = 0.9
"""Of the mean error: it looks back over about ten questions."""
LOWEST, HIGHEST = 0.01, 100.0
"""Errors are kept between these: below, the critic knows all that matters; beyond, more would say no more."""


def critic_error(target: Tensor, value: Tensor) -> float:
    """``RMS(G − v) / std(G)``: the root of the share of the returns' variance that the critic leaves unexplained.

    0 is a perfect critic, 1 one that knows the mean only, and it can be worse. Does not depend on the unit of reward.

    Args:
        target: [N] λ-returns G (E12).
        value: [N] what the critic said, v.

    Returns:
        The error; NaN where there are no targets or all are the same.
    """
    exact = target.double()
    if exact.numel() == 0 or bool((exact == exact[0]).all()):
        return math.nan
    return float((exact - value.double()).square().mean().sqrt() / exact.std(unbiased=False))


class NoveltyState(NamedTuple):
    """The slow mean of the error."""

    mean: float = 0.0  # of the logarithm of the error
    seen: int = 0  # errors taken into it


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoveltyGrowth:
    """Grows where the critic's squared error is several times what it has been (E22).

    With ``e = E[(G − v)²] / var(G)`` over the decisions of the last rollout, the fast mean, and the slow mean s, the
    exponential mean of ln e over the earlier questions (corrected for its start, E15): grows if
    ``e > threshold · exp(s)``. Errors are compared as ratios, so their geometric mean is the one to compare with.
    That a prediction fails where it used to succeed is a sign of a world not yet modelled (Schmidhuber, *A possibility
    for implementing curiosity and boredom in model-building neural controllers*, SAB 1991); in the terms of Barto,
    Mirolli & Baldassarre (*Novelty or surprise?*, Frontiers in Psychology 4, 2013) it is surprise.

    In four short runs in foraging worlds, 600 questions an update apart while nothing changed gave at most 1.33 times
    the mean. In three of them the rewards then changed their sign: 12.8 and 2.8 times at once, and 1.5 times where the
    critic knew next to nothing yet. Surprise passed within one to three updates, as the critic learnt: ask at every
    update, and set a cool-down. Only a learner whose baseline is the critic has one that can be surprised.

    Attributes:
        threshold: how many times the mean error.
        plan: how many are born, and how.
        name: of the rule.
    """

    threshold: float = 1.5
    plan: BirthPlan = dataclasses.field(default_factory=BirthPlan)
    name: str = "novelty_growth"

    def __post_init__(self) -> None:
        checks.number("threshold", self.threshold, 0.0)

    def init(self) -> NoveltyState:
        """Nothing was expected yet."""
        return NoveltyState()

    def propose(self, state: NoveltyState, context: StructuralContext) -> tuple[StructuralEdit | None, NoveltyState]:
        """A birth if the error exceeds what is usual."""
        experience = context.experience()
        found = critic_error(experience.target, experience.value)
        if math.isnan(found):
            return None, state
        error = min(max(found**2, LOWEST), HIGHEST)
        seen = state.seen + 1
        step = (1.0 - DECAY) / (1.0 - DECAY**seen)
        after = NoveltyState(state.mean + step * (math.log(error) - state.mean), seen)
        usual = math.exp(state.mean)
        if state.seen == 0 or error <= self.threshold * usual:
            return None, after
        reason = f"the critic leaves {error:.3g} of the variance unexplained, {error / usual:.2g} times the usual"
        return self.plan.propose(self.name, reason, context), after
