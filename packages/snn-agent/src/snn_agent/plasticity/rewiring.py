"""Which input synapses end and begin, at a fixed number of them: networks that stay sparse while they learn.

Weights that end are those nearest to zero, the same number begins elsewhere, at weight zero and without moments. Where
they begin is what tells the methods apart (protected neurons keep their synapses, and get no others):

==========  ==========================================================================================================
``set``     anywhere (Mocanu et al., *Scalable training … with adaptive sparse connectivity*, Nature Comm. 9, 2018)
``rigl``    where the objective's gradient is largest (Evci et al., *Rigging the lottery*, ICML 2020)
``deep_r``  anywhere; what ends are weights that have changed their sign, however many (Bellec et al., *Deep rewiring*,
            ICLR 2018), here the sign with which the synapse began to grow
==========  ==========================================================================================================
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.network.surgery import StructuralEdit
from snn_agent.plasticity.contract import NoState, StructuralContext
from snn_agent.plasticity.policy_gradient import incoming_gradient

Score = Callable[[StructuralContext], Tensor]
"""(context) -> how much a synapse is wanted that is not there yet, [D, H]; the highest begin."""


def anywhere(context: StructuralContext) -> Tensor:
    """Equal chances for all."""
    organism = context.organism
    return torch.rand(organism.incoming.shape, generator=context.generator).to(organism.device)


def steepest(context: StructuralContext) -> Tensor:
    """|∂J/∂w| of the policy objective on recent decisions."""
    return incoming_gradient(context).abs()


BEGINNINGS: Final[Mapping[str, Score]] = MappingProxyType({"set": anywhere, "rigl": steepest, "deep_r": anywhere})
"""Where synapses begin, by the method's name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rewiring:
    """Turns over a share of the input synapses, at a fixed number of them.

    The share falls along a cosine from ``share`` at the beginning of the training to 0 at its end (as in RigL), so the
    wiring comes to rest. A dense network is left alone: there is no place where a synapse could begin.

    Attributes:
        method: a name of :data:`BEGINNINGS`.
        share: of the unprotected neurons' synapses that change at once, at first.
    """

    method: str = "set"
    share: float = 0.3

    def __post_init__(self) -> None:
        checks.choice("method", self.method, BEGINNINGS)
        checks.number("share", self.share, 0.0, 1.0)

    @property
    def name(self) -> str:
        """By which the event log calls the rule."""
        return f"{self.method}_rewiring"

    def init(self) -> NoState:
        """Nothing to remember."""
        return NoState()

    @torch.no_grad()
    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        """Other synapses, or None where none would change."""
        organism = context.organism
        sign = organism.synapses
        free = context.unprotected
        present, absent, weight = (sign != 0) & free, (sign == 0) & free, organism.incoming.detach()
        share = self.share * (1.0 + math.cos(math.pi * context.progress)) / 2.0
        most = min(int(share * int(present.sum()) + 1e-9), int(absent.sum()))
        if most == 0:
            return None, state
        distance = weight.abs()
        if self.method == "deep_r":
            distance = (weight * sign).masked_fill(weight * sign >= 0, math.inf)
        weakest = distance.masked_fill(~present, math.inf).flatten().topk(most, largest=False)
        ending = weakest.indices[weakest.values < math.inf]
        n = len(ending)
        if n == 0:
            return None, state
        wanted = BEGINNINGS[self.method](context).masked_fill(~absent, -math.inf).flatten()
        beginning = wanted.topk(n).indices
        synapses = sign.flatten().clone()
        synapses[ending] = 0
        signs = torch.randint(0, 2, (n,), generator=context.generator, dtype=torch.int8) * 2 - 1
        synapses[beginning] = signs.to(synapses.device)
        reason = f"{n} of {int(present.sum())} synapses end and as many begin elsewhere"
        edit = StructuralEdit(rule=self.name, reason=reason, synapses=synapses.reshape(sign.shape).cpu())
        return edit, state
