"""One decision, on any engine: composed of the layer, the readout and the critic, or fused into one operator.

Both are the same function (E7–E10) up to rounding; the tests hold them to it. The composed one is the readable one and
runs on every engine and device; the fused one belongs to the numba engine.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from snn_agent.config import NetworkConfig
from snn_agent.engine.contract import Engine
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.numba_network_op import decide_op, events_of
from snn_agent.errors import ConfigError
from snn_agent.network.readout import READOUTS, OutputLayer
from snn_agent.neurons.encoding import poisson
from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import SurrogateSpec
from snn_agent.types import Events, LIFState, OrganismState, PolicyOutput


class Network(Protocol):
    """What decides: :class:`snn_agent.network.organism.GrowingSparseSNN`, which is built on this module."""

    config: NetworkConfig
    engine: Engine
    lif: LIFParameters
    surrogate: SurrogateSpec
    incoming: nn.Parameter
    bias: nn.Parameter
    outgoing: nn.Parameter
    critic: nn.Parameter
    output_bias: nn.Parameter
    critic_bias: nn.Parameter
    gain: nn.Parameter
    threshold: Tensor
    draws: torch.Generator

    @property
    def device(self) -> torch.device:
        """Where it lives."""
        ...

    def initial_state(self, n_worlds: int) -> OrganismState:
        """All neurons at rest."""
        ...

    def scale(self, observation: Tensor) -> Tensor:
        """Features as the first layer sees them."""
        ...


class Found(NamedTuple):
    """What a decision is made of before gain and biases."""

    evidence: Tensor  # [B, A]
    tally: Tensor  # [B] Σ_h count_h · critic_h
    counts: Tensor  # [B, H]
    output_counts: Tensor | None  # [B, A]
    state: OrganismState


def decide(
    organism: Network, observation: Tensor | Events, state: OrganismState | None
) -> tuple[PolicyOutput, OrganismState]:
    """Logits, value and counts of B observations, and the membranes afterwards; ``state`` None is at rest."""
    through_membranes = state is not None and torch.is_grad_enabled()  # from one decision to the next: composed only
    fuses = fusing_engine(organism) is not None and not through_membranes
    found = fused(organism, observation, state) if fuses else composed(organism, observation, state)
    return output_of(organism, found), found.state


def output_of(organism: Network, found: Found) -> PolicyOutput:
    """Logits and value: gain and biases applied."""
    value = found.tally / organism.config.ticks + organism.critic_bias
    return PolicyOutput(organism.gain * found.evidence, value, found.counts, found.output_counts)


class _CountsAreData(torch.autograd.Function):
    """Spike counts as they are; who wants their gradient is not given zeros."""

    @staticmethod
    def forward(ctx: Any, counts: Tensor) -> Tensor:
        del ctx
        return counts.view_as(counts)

    @staticmethod
    def backward(ctx: Any, of_counts: Tensor) -> Tensor:
        del ctx, of_counts
        raise ConfigError(
            'no gradient flows through spike counts on the engine "numba", which decides in one piece. To learn from '
            'counts, make the organism with engine="torch".'
        )


def _as_data(counts: Tensor) -> Tensor:
    passed: Tensor = _CountsAreData.apply(counts)  # type: ignore[no-untyped-call]
    return passed


def fusing_engine(organism: Network) -> NumbaEngine | None:
    """The organism's engine, if it decides in one piece: numba's, where the observation is held over the ticks."""
    engine: Engine = organism.engine
    return engine if isinstance(engine, NumbaEngine) and organism.config.encoding == "constant" else None


def composed(organism: Network, observation: Tensor | Events, state: OrganismState | None) -> Found:
    """Layer by layer, through :meth:`snn_agent.engine.contract.Engine.run`."""
    config = organism.config
    if state is None:
        state = organism.initial_state(len(observation))
    hidden = organism.engine.run(
        drive_of(organism, observation),
        state.hidden,
        config.ticks,
        organism.lif,
        surrogate=organism.surrogate,
        reset_gradient=config.neuron.reset_gradient,
        threshold=organism.threshold,
        projection=organism.outgoing,
    )
    assert hidden.projected is not None
    layer = OutputLayer(organism.engine, organism.lif, organism.surrogate, config.neuron.reset_gradient)
    out = READOUTS[config.readout](layer, hidden.projected + organism.output_bias, state.output)
    return Found(
        evidence=out.evidence,
        tally=hidden.counts @ organism.critic,
        counts=hidden.counts,
        output_counts=out.spikes,
        state=OrganismState(hidden.state, out.state),
    )


def drive_of(organism: Network, observation: Tensor | Events) -> Tensor:
    """What enters the hidden neurons each tick: [B, H], or [T, B, H] for Poisson spikes (E1's x, E7)."""
    if organism.config.encoding == "poisson":
        features = (
            observation.dense().to(organism.bias) if isinstance(observation, Events) else organism.scale(observation)
        )
        spikes = poisson(features.cpu(), organism.config.ticks, organism.draws).to(organism.device)
        return spikes @ organism.incoming + organism.bias
    if isinstance(observation, Events):
        incoming = organism.incoming
        offsets, columns, values = (
            torch.from_numpy(array).to(incoming.device)
            for array in (observation.offsets, observation.columns, observation.values)
        )
        gathered = torch.nn.functional.embedding_bag(
            columns.long(),
            incoming,
            offsets,
            mode="sum",
            per_sample_weights=values.to(incoming.dtype) if len(values) else None,
            include_last_offset=True,
        )
        return gathered + organism.bias
    return organism.scale(observation) @ organism.incoming + organism.bias


def fused(organism: Network, observation: Tensor | Events, state: OrganismState | None) -> Found:
    """All at once, by the kernels of the numba engine. Gradients flow from evidence and tally to the weights, and to a
    dense observation; counts and membranes are data.
    """
    engine = fusing_engine(organism)
    assert engine is not None
    config, dtype = organism.config, organism.bias.detach().numpy().dtype
    constants = engine.constants(organism.lif, organism.surrogate, config.neuron.reset_gradient, config.ticks)
    nothing = organism.bias.new_zeros(0)
    drive: Tensor = nothing
    incoming: Tensor = nothing
    bias: Tensor = nothing
    if isinstance(observation, Events):
        events, incoming, bias = events_of(observation, dtype), organism.incoming, organism.bias
    else:
        events, drive = events_of(None, dtype), drive_of(organism, observation)
    membranes = [nothing] * 4 if state is None else [tensor for layer in state for tensor in layer]
    evidence, tally, counts, output_counts, *after, _ = decide_op(
        drive, *map(torch.from_numpy, events), incoming, bias, organism.threshold, organism.outgoing, organism.critic,
        organism.output_bias, *membranes, engine.readout_number(config.readout), config.ticks, organism.lif.v_th,
        *engine.numbers(constants),
    )  # fmt: skip
    resting = organism.initial_state(len(observation)) if state is None else None
    return Found(
        evidence=evidence,
        tally=tally,
        counts=_as_data(counts),
        output_counts=_as_data(output_counts) if config.readout in ("rate", "first_spike") else None,
        state=resting or OrganismState(LIFState(*after[:2]), LIFState(*after[2:])),
    )
