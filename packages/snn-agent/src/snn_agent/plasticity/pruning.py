"""Which neurons die. Only the mature do, the least wanted first, and never so many that fewer than the floor live.

Who is protected is not judged, and counts neither as quiet nor in the number that a share is taken of: otherwise few
unprotected neurons beside many others would turn over at once, or never. For the floor all who live count.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.network.surgery import StructuralEdit
from snn_agent.plasticity.contract import NoState, StructuralContext
from snn_agent.plasticity.scores import SCORES


@dataclasses.dataclass(frozen=True, kw_only=True)
class LowRatePruning:
    """Removes all quiet neurons once they are more than a share of the living: the original's rule.

    Attributes:
        threshold: a neuron below this rate is quiet, spikes/tick.
        quiet_share: the quiet die if they are more than this share of the unprotected.
        maturity_updates: neurons younger than this neither die nor count as quiet. The original has no such immunity;
            but at age 0, when nothing has been seen of a neuron, it is always immune.
        compensate: whether the biases make up for the mean effect of the dying.
        name: of the rule.
    """

    threshold: float = 0.005
    quiet_share: float = 0.3
    maturity_updates: int = 0
    compensate: bool = True
    name: str = "low_rate_pruning"

    def __post_init__(self) -> None:
        checks.number("threshold", self.threshold, 0.0)
        checks.number("quiet_share", self.quiet_share, 0.0, 1.0)
        checks.integer("maturity_updates", self.maturity_updates, 0)

    def init(self) -> NoState:
        """Nothing to remember."""
        return NoState()

    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        """The death of the quiet, if they are too many."""
        quiet = context.mature(self.maturity_updates) & (context.rate < self.threshold)
        n_quiet, n = int(quiet.sum()), int(context.unprotected.sum())
        if n_quiet / max(1, n) <= self.quiet_share:
            return None, state
        reason = f"{n_quiet} of {n} neurons fire less than {self.threshold:g} spikes/tick"
        return propose_deaths(self.name, reason, context, lowest_first(context.rate, quiet), self.compensate), state


@dataclasses.dataclass(frozen=True, kw_only=True)
class LowUtilityPruning:
    """Removes the least useful mature neurons, a share of the unprotected at a time.

    Attributes:
        score: by which they are judged, a name of :data:`~snn_agent.plasticity.scores.SCORES`.
        share: at most this share of the unprotected die at once (rounded down).
        maturity_updates: neurons younger than this are immune.
        compensate: whether the biases make up for the mean effect of the dying.
    """

    score: str = "low_utility"
    share: float = 0.05
    maturity_updates: int = 100
    compensate: bool = True

    def __post_init__(self) -> None:
        checks.choice("score", self.score, SCORES)
        checks.number("share", self.share, 0.0, 1.0)
        checks.integer("maturity_updates", self.maturity_updates, 0)

    @property
    def name(self) -> str:
        """By which the event log calls the rule."""
        return f"{self.score}_pruning"

    def init(self) -> NoState:
        """Nothing to remember."""
        return NoState()

    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        """The death of the least useful."""
        mature = context.mature(self.maturity_updates)
        n = share_of(context, self.share)
        reason = f"lowest by {self.score} of {int(mature.sum())} mature neurons"
        worst = lowest_first(SCORES[self.score](context), mature)[:n]
        return propose_deaths(self.name, reason, context, worst, self.compensate), state


def share_of(context: StructuralContext, share: float) -> int:
    """That share of the unprotected neurons, rounded down."""
    return int(share * int(context.unprotected.sum()) + 1e-9)  # 0.29 * 100 is a little less than 29


def lowest_first(score: Tensor, candidates: Tensor) -> Tensor:
    """Indices of the candidates (bool [H]) from the lowest score to the highest, the elder first among equals.

    A score that is not a number says nothing, so its neuron is no candidate.
    """
    index = torch.nonzero(candidates & ~score.isnan()).squeeze(1)
    return index[score[index].argsort(stable=True)]


def propose_deaths(
    rule: str, reason: str, context: StructuralContext, worst_first: Tensor, compensate: bool
) -> StructuralEdit | None:
    """The death of the neurons listed, or of as many as the floor allows, the first of them; None if it allows none."""
    room = max(0, context.organism.hidden - context.organism.config.min_hidden)
    if min(room, worst_first.numel()) == 0:
        return None
    return death(rule, reason, context, worst_first[:room], compensate)


def death(rule: str, reason: str, context: StructuralContext, dying: Tensor, compensate: bool) -> StructuralEdit:
    """The death of the neurons listed, at least one; the floor is not looked at.

    With ``compensate`` the sum of their mean contributions goes to the biases (E17; Dohare et al., Nature 632, 2024),
    so the outputs' mean drive and the mean value stay, and only the dying's deviations from their means are lost: the
    drive of output a changes by ``Σ_dying (mean rate − rate)·V_ha`` on an observation, 0 on average (E38). Heads that
    are put away and what consolidation remembers make up for the dying alike, by their own weights (E59).
    """
    dying = dying.sort().values
    edit = StructuralEdit(rule=rule, reason=reason, dying=dying.cpu())
    if not compensate:
        return edit
    outputs, value = context.output_contribution[dying], context.critic_contribution[dying]
    return dataclasses.replace(  # a number that is none says nothing, and must not reach the biases
        edit,
        dying_rate=context.rate[dying].detach().nan_to_num(nan=0.0).cpu(),
        output_shift=outputs.detach().nan_to_num(nan=0.0).sum(dim=0).cpu(),
        critic_shift=value.detach().nan_to_num(nan=0.0).sum(dim=0).cpu(),
    )
