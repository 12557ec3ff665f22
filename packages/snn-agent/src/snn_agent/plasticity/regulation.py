"""Homeostasis: what keeps neurons in the range in which they can say something. It goes on all the time, as no event.

Both rules return edits that change neither neurons nor synapses. Protected neurons are left as they are.
"""

from __future__ import annotations

import dataclasses
import math

import torch

from snn_agent import checks
from snn_agent.network.surgery import StructuralEdit
from snn_agent.network.topology import incoming_std
from snn_agent.plasticity.contract import NoState, StructuralContext

LOWEST, HIGHEST = 0.5, 2.0
"""A threshold stays between these multiples of ``v_th``, measured from the reset potential."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThresholdHomeostasis:
    """Intrinsic plasticity: ``θ ← clip(θ + gain · (r − r*))`` for each mature neuron, with its running rate r.

    A neuron that fires too much becomes harder to excite (Lazar et al., *SORN: a self-organizing recurrent neural
    network*, Frontiers in Computational Neuroscience 3, 2009). The thresholds stay between half and twice the common
    one, so a neuron that has nothing to say is not forced to speak.

    Attributes:
        rate: r*, spikes/tick.
        gain: volts an update for a rate that is 1 spike/tick too high.
        name: of the rule.
    """

    rate: float = 0.05
    gain: float = 0.01
    name: str = "threshold_homeostasis"

    def __post_init__(self) -> None:
        checks.number("rate", self.rate, 0.0, 1.0)
        checks.number("gain", self.gain, 0.0)

    def init(self) -> NoState:
        """Nothing to remember."""
        return NoState()

    @torch.no_grad()
    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        """New thresholds."""
        organism = context.organism
        lif, before = organism.lif, organism.threshold
        step = self.gain * (context.rate - self.rate).nan_to_num(0.0)
        moved = before + torch.where(context.mature(1), step, torch.zeros_like(step)).to(before)
        reach = lif.v_th - lif.v_reset
        after = moved.clamp(lif.v_reset + LOWEST * reach, lif.v_reset + HIGHEST * reach)
        after = after.where(context.unprotected, before)
        if torch.equal(after, before):
            return None, state
        reason = f"rates are to be {self.rate:g} spikes/tick"
        return StructuralEdit(rule=self.name, reason=reason, threshold=after.cpu()), state


@dataclasses.dataclass(frozen=True, kw_only=True)
class SynapticScaling:
    """Heterosynaptic scaling: a neuron's incoming weights are scaled down together where their norm is too large.

    ``W_h ← W_h · min(1, limit · n₀ / ‖W_h‖)``, n₀ the root of the expected squared norm of fresh weights. What one
    synapse gains beyond it, the neuron's others lose (Turrigiano, *The self-tuning neuron*, Cell 135, 2008; as a
    max-norm constraint: Srebro & Shraibman, 2005).

    Attributes:
        limit: in multiples of n₀.
        name: of the rule.
    """

    limit: float = 4.0
    name: str = "synaptic_scaling"

    def __post_init__(self) -> None:
        checks.positive("limit", self.limit)

    def init(self) -> NoState:
        """Nothing to remember."""
        return NoState()

    @torch.no_grad()
    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        """Factors below 1 for neurons beyond the limit."""
        config = context.organism.config
        fresh = incoming_std(config) * math.sqrt(config.input_features * config.input_density)
        norm = context.organism.incoming.detach().norm(dim=0)
        factor = (self.limit * fresh / norm.clamp_min(1e-12)).clamp(max=1.0)
        factor = factor.masked_fill(~context.unprotected, 1.0)
        if bool((factor == 1.0).all()):
            return None, state
        reason = f"norms above {self.limit:g} times that of fresh weights"
        return StructuralEdit(rule=self.name, reason=reason, incoming_factor=factor.cpu()), state
