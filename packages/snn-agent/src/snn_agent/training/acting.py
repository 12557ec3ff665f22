"""Choosing actions for many worlds at a time, without gradients: on any engine, or by the numba engine's kernels.

An actor is made for one rollout, whose weights do not change, so what can be prepared is prepared once. Both kinds give
the same actions for the same random numbers, but for rounding.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from snn_agent.engine.numba_compile import kernel, running
from snn_agent.engine.numba_decision import Decided
from snn_agent.learning import categorical
from snn_agent.network.decision import fusing_engine
from snn_agent.network.fused import FusedNetwork
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.types import Array, Events, OrganismState


class Acted(NamedTuple):
    """What B organisms did."""

    action: Array  # int64 [B], from 0
    log_prob: Array  # [B]
    value: Array  # [B]
    counts: Tensor  # [H] spikes of each neuron, summed over the worlds
    state: OrganismState | None  # afterwards; None where decisions begin at rest


class Actor(Protocol):
    """Decides and chooses."""

    def act(self, observation: Tensor | Events, state: OrganismState | None, uniform: Array) -> Acted:
        """Choose an action a world, by one uniform random number float64 [B] each."""
        ...

    def value(self, observation: Tensor | Events, state: OrganismState | None) -> Array:
        """The critic's estimates [B]."""
        ...


def make_actor(organism: GrowingSparseSNN) -> Actor:
    """The fastest actor for an organism."""
    return FusedActor(organism) if fusing_engine(organism) is not None else ComposedActor(organism)


class ComposedActor:
    """Asks the organism."""

    def __init__(self, organism: GrowingSparseSNN) -> None:
        self.organism = organism

    @torch.no_grad()
    def act(self, observation: Tensor | Events, state: OrganismState | None, uniform: Array) -> Acted:
        """See :class:`Actor`."""
        output, after = self.organism(observation, state)
        logits = output.logits.cpu()
        action = categorical.choose(logits, torch.from_numpy(uniform))
        return Acted(
            action=action.numpy(),
            log_prob=categorical.log_prob(logits, action).numpy(),
            value=output.value.cpu().numpy(),
            counts=output.counts.sum(dim=0),
            state=after if self.organism.config.carry_state else None,
        )

    @torch.no_grad()
    def value(self, observation: Tensor | Events, state: OrganismState | None) -> Array:
        """See :class:`Actor`."""
        value: Array = self.organism(observation, state)[0].value.cpu().numpy()
        return value


@kernel
def choose(evidence, gain, uniform, B, A, Ap, action, log_prob):  # type: ignore[no-untyped-def]
    """:func:`snn_agent.learning.categorical.choose` and the action's log-probability."""
    for b in range(B):
        at = b * Ap
        top = gain * evidence[at]
        for a in range(1, A):
            top = max(top, gain * evidence[at + a])
        total = 0.0
        for a in range(A):
            total += np.exp(np.float64(gain * evidence[at + a] - top))
        goal, cumulative, chosen = uniform[b] * total, 0.0, 0
        for a in range(A - 1):
            cumulative += np.exp(np.float64(gain * evidence[at + a] - top))
            if cumulative <= goal:
                chosen = a + 1
        action[b] = chosen
        log_prob[b] = np.float64(gain * evidence[at + chosen] - top) - np.log(total)


class FusedActor:
    """Runs the kernels on weights made ready once."""

    def __init__(self, organism: GrowingSparseSNN) -> None:
        self.network = FusedNetwork(organism)
        self.H = organism.hidden

    def act(self, observation: Tensor | Events, state: OrganismState | None, uniform: Array) -> Acted:
        """See :class:`Actor`."""
        network = self.network
        decided = network.decide(observation, state, "sum")
        B, sizes = len(uniform), network.weights.sizes
        action, log_prob = np.empty(B, np.int64), np.empty(B, decided.tally.dtype)
        with running("the choice of actions", decided.tally.dtype):
            choose(
                decided.evidence,
                decided.tally.dtype.type(network.gain),
                uniform,
                B,
                sizes.A,
                sizes.Ap,
                action,
                log_prob,
            )
        counts = torch.from_numpy(decided.counts[: self.H])
        return Acted(action, log_prob, self._value(decided), counts, network.state_after(decided, B))

    def value(self, observation: Tensor | Events, state: OrganismState | None) -> Array:
        """See :class:`Actor`."""
        return self._value(self.network.decide(observation, state, "none"))

    def _value(self, decided: Decided) -> Array:
        dtype = decided.tally.dtype.type
        value: Array = decided.tally * dtype(1.0 / self.network.cells.ticks) + dtype(self.network.critic_bias)
        return value
