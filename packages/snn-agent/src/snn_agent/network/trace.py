"""One decision tick by tick: what the neurons did on the way, to be looked at."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from snn_agent.network.decision import Found, Network, drive_of, output_of
from snn_agent.network.readout import READOUTS, OutputLayer
from snn_agent.types import Events, LIFState, OrganismState, PolicyOutput


class Trace(NamedTuple):
    """One decision of B worlds, in T ticks.

    Attributes:
        spikes: of the hidden neurons, bool ``[T, B, H]``.
        potentials: their membrane voltage v at the end of each tick, after the reset (E5), ``[T, B, H]``.
        output_spikes: of the output neurons, bool ``[T, B, A]``; ``None`` for readouts without.
        output: the decision that came of it.
        state: the membranes afterwards.
    """

    spikes: Tensor
    potentials: Tensor
    output_spikes: Tensor | None
    output: PolicyOutput
    state: OrganismState


@torch.no_grad()
def trace(organism: Network, observation: Tensor | Events, state: OrganismState | None = None) -> Trace:
    """Decide as :meth:`snn_agent.network.organism.GrowingSparseSNN.forward` does, and keep every tick.

    The engine runs a tick at a time, which by its law of composition is the same as all at once; that takes several
    times as long as a decision. With Poisson input the spikes are drawn here, so this is a decision of its own.

    Args:
        organism: who decides; it is not changed (but for its generator's draws, with Poisson input).
        observation: features ``[B, D]``, or events of B rows.
        state: the membranes before; ``None``, or an organism that carries no state: at rest.
    """
    config = organism.config
    if state is None or not config.carry_state:
        state = organism.initial_state(len(observation))
    layer = OutputLayer(organism.engine, organism.lif, organism.surrogate, config.neuron.reset_gradient)
    drive = drive_of(organism, observation)
    hidden, spikes, potentials, projected = state.hidden, [], [], []
    for tick in range(config.ticks):
        out = organism.engine.run(
            drive if drive.dim() == 2 else drive[tick : tick + 1],
            hidden,
            1,
            organism.lif,
            surrogate=organism.surrogate,
            reset_gradient=config.neuron.reset_gradient,
            threshold=organism.threshold,
            projection=organism.outgoing,
            record=True,
        )
        assert out.spikes is not None
        assert out.projected is not None
        hidden = out.state
        spikes.append(out.spikes[0])
        potentials.append(hidden.v)
        projected.append(out.projected[0])
    entering = torch.stack(projected) + organism.output_bias
    read = READOUTS[config.readout](layer, entering, state.output)
    counts = torch.stack(spikes).sum(dim=0)
    found = Found(read.evidence, counts @ organism.critic, counts, read.spikes, OrganismState(hidden, read.state))
    return Trace(
        spikes=torch.stack(spikes) > 0,
        potentials=torch.stack(potentials),
        output_spikes=None if read.spikes is None else _output_spikes(layer, entering, state.output),
        output=output_of(organism, found),
        state=found.state,
    )


def _output_spikes(layer: OutputLayer, entering: Tensor, state: LIFState) -> Tensor:
    """What the LIF output neurons of the readouts "rate" and "first_spike" do, bool [T, B, A]."""
    out = layer.engine.run(
        entering,
        state,
        len(entering),
        layer.parameters,
        surrogate=layer.surrogate,
        reset_gradient=layer.reset_gradient,
        record=True,
    )
    assert out.spikes is not None
    return out.spikes > 0
