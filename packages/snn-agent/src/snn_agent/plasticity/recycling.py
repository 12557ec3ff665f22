"""Neurons that begin a new life: as many are born as die, so the size and the energy of the network stay.

===============  ====================================================================================================
``dormant``      those that hardly fire, compared with the others (ReDo: Sokar et al., ICML 2023)
``low_utility``  the least useful (continual backprop: Dohare et al., Nature 632, 2024)
===============  ====================================================================================================
"""

from __future__ import annotations

import dataclasses
from typing import Final

import torch

from snn_agent import checks
from snn_agent.network.surgery import StructuralEdit
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import NoState, StructuralContext
from snn_agent.plasticity.pruning import death, lowest_first, share_of

METHODS: Final = ("dormant", "low_utility")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recycling:
    """Mature neurons die and as many fresh ones are born, in one edit.

    ``dormant`` are those with ``rate <= threshold · mean rate of the layer`` (E37; ReDo's score as its code has it; the
    paper's text divides by the sum), the quietest first. ``low_utility`` are the least useful, whatever they do. Either
    way no more than a share at once.

    Attributes:
        method: one of :data:`METHODS`.
        share: at most this share of the unprotected is recycled at once (rounded down).
        threshold: of ``dormant``, a share of the mean rate.
        maturity_updates: neurons younger than this are left alone.
        compensate: whether the biases make up for the mean effect of the dying.
        plan: how the newborn are made; its size is not read. None of those that go is a parent.
    """

    method: str = "dormant"
    share: float = 0.02
    threshold: float = 0.025
    maturity_updates: int = 100
    compensate: bool = True
    plan: BirthPlan = dataclasses.field(default_factory=BirthPlan)

    def __post_init__(self) -> None:
        checks.choice("method", self.method, METHODS)
        checks.number("share", self.share, 0.0, 1.0)
        checks.number("threshold", self.threshold, 0.0)
        checks.integer("maturity_updates", self.maturity_updates, 0)

    @property
    def name(self) -> str:
        """By which the event log calls the rule."""
        return f"{self.method}_recycling"

    def init(self) -> NoState:
        """Nothing to remember."""
        return NoState()

    @torch.no_grad()
    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        """Deaths and births in equal number, or None where nobody is to go."""
        candidates, score, kind = context.mature(self.maturity_updates), context.utility, "mature"
        if self.method == "dormant":
            score, mean, kind = context.rate, context.mean_rate(), "dormant"
            candidates = candidates & (score <= (0.0 if mean is None else self.threshold * mean))
        dying = lowest_first(score, candidates)[: share_of(context, self.share)]
        n = dying.numel()
        if n == 0:
            return None, state
        reason = f"{n} of {int(candidates.sum())} {kind} neurons begin anew"
        edit = death(self.name, reason, context, dying, self.compensate)
        survivors = context._replace(utility=context.utility.index_fill(0, dying, torch.nan))
        return self.plan.make(survivors, n).added_to(edit), state
