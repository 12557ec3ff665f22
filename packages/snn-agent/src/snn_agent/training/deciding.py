"""What an organism decides while its weights stay as they are: on any engine, or by the numba engine's kernels.

The kernels are run as those that act in training are, on weights made ready once, and not through the operator for
autograd, whose first use in a process costs seconds of imports and every other one half a millisecond.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from snn_agent.engine.numba_network_op import table_of
from snn_agent.network.decision import fusing_engine
from snn_agent.network.fused import FusedNetwork
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.types import Events, OrganismState


class Decisions(NamedTuple):
    """What B organisms make of what they see; on the CPU, without gradients."""

    logits: Tensor  # [B, A]
    counts: Tensor  # [B, H] spikes
    state: OrganismState | None  # afterwards; None where decisions begin at rest


class FrozenNetwork:
    """An organism that decides and does not learn. Use it until its weights change."""

    def __init__(self, organism: GrowingSparseSNN) -> None:
        self.organism = organism
        self.fused = FusedNetwork(organism) if fusing_engine(organism) is not None else None

    @torch.no_grad()
    def decide(self, observation: Tensor | Events, state: OrganismState | None) -> Decisions:
        """One decision each on features [B, D], or on events.

        Args:
            observation: of B worlds.
            state: their membranes; None: at rest.
        """
        if self.fused is None:
            output, after = self.organism(observation, state)
            carried = after if self.organism.config.carry_state else None
            return Decisions(output.logits.cpu(), output.counts.cpu(), carried)
        decided, B = self.fused.decide(observation, state, "each"), len(observation)
        sizes = self.fused.weights.sizes
        return Decisions(
            logits=self.fused.gain * table_of(decided.evidence, B, sizes.A, sizes.Ap),
            counts=table_of(decided.counts, B, sizes.H, sizes.Hp),
            state=self.fused.state_after(decided, B),
        )
