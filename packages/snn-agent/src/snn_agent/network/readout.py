"""From hidden spikes to logits: the four readouts, by name.

Each is a function of the per-tick synaptic drive ``projected[t] = z[t] @ outgoing + output_bias`` that the hidden
layer's spikes send to the outputs, so none of them needs the spikes themselves.

=============  ==========================================================================================
``rate``        one LIF output neuron an action; logit = gain · spikes / T
``drive``       no output neuron; logit = gain · mean drive over the ticks
``membrane``    a non-spiking leaky integrator an action (E1–E3 without threshold); logit = gain · its last potential
``first_spike`` one LIF output neuron an action; logit = -gain · latency / T, the latency in ticks (T if it is silent)
=============  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import torch
from torch import Tensor

from snn_agent.engine.contract import Engine
from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import SurrogateSpec
from snn_agent.types import LIFState


class ReadoutResult(NamedTuple):
    """What the output layer says."""

    evidence: Tensor  # [B, A] what the gain multiplies
    spikes: Tensor | None  # [B, A] output spikes in the decision, None for readouts without spikes
    state: LIFState  # [B, A] state of the output neurons


class OutputLayer(NamedTuple):
    """What a readout computes with: an engine and the neurons' constants."""

    engine: Engine
    parameters: LIFParameters
    surrogate: SurrogateSpec
    reset_gradient: bool


Readout = Callable[[OutputLayer, Tensor, LIFState], ReadoutResult]
"""(layer, projected [T, B, A], state) -> result."""


def rate(layer: OutputLayer, projected: Tensor, state: LIFState) -> ReadoutResult:
    """Spikes of LIF output neurons as a share of the ticks, in [0, 1]."""
    ticks = projected.shape[0]
    out = layer.engine.run(
        projected, state, ticks, layer.parameters, surrogate=layer.surrogate, reset_gradient=layer.reset_gradient
    )
    return ReadoutResult(out.counts / ticks, out.counts, out.state)


def drive(layer: OutputLayer, projected: Tensor, state: LIFState) -> ReadoutResult:
    """Mean synaptic drive; linear in the spike counts, no output neuron."""
    del layer
    return ReadoutResult(projected.mean(dim=0), None, state)


def membrane(layer: OutputLayer, projected: Tensor, state: LIFState) -> ReadoutResult:
    """Last potential of a leaky integrator that cannot spike (E1–E3)."""
    p = layer.parameters
    v, i = state
    for x in projected:
        i = i + x
        v = v + p.dt_s / p.tau_mem_s * ((p.v_leak - v) + i)
        i = i - p.dt_s / p.tau_syn_s * i
    return ReadoutResult(v, None, LIFState(v, i))


def first_spike(layer: OutputLayer, projected: Tensor, state: LIFState) -> ReadoutResult:
    """Minus the latency of the first output spike as a share of the ticks, in [-1, 0].

    With z[t] the output spike, the latency is ``Σ_t Π_{s <= t} (1 - z[s])`` ticks: the number of ticks that end
    without a spike so far. It is differentiable through the surrogate of every tick.
    """
    ticks = projected.shape[0]
    out = layer.engine.run(
        projected,
        state,
        ticks,
        layer.parameters,
        surrogate=layer.surrogate,
        reset_gradient=layer.reset_gradient,
        record=True,
    )
    assert out.spikes is not None
    latency = torch.cumprod(1.0 - out.spikes, dim=0).sum(dim=0)
    return ReadoutResult(-latency / ticks, out.counts, out.state)


READOUTS: Final[Mapping[str, Readout]] = MappingProxyType(
    {"rate": rate, "drive": drive, "membrane": membrane, "first_spike": first_spike}
)
"""Readouts by name."""
