"""Which tensors a network is made of, along which axis their neurons lie, and how they are first drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import torch
from torch import Tensor

from snn_agent.config import NetworkConfig

NEURON_AXIS: Final[Mapping[str, int | None]] = MappingProxyType(
    {
        "incoming": 1,  # [D, H] weights from the inputs
        "bias": 0,  # [H] constant drive
        "outgoing": 0,  # [H, A] weights to the outputs
        "critic": 0,  # [H] weights to the value
        "output_bias": None,  # [A] constant drive of the outputs
        "critic_bias": None,  # []
        "gain": None,  # [] what the readout's evidence is multiplied with
        "threshold": 0,  # [H] firing threshold in volts; not learnt by gradient
        "synapses": 1,  # [D, H] int8, where there are synapses: the sign with which each began; elsewhere 0
        "protected": 0,  # [H] bool, neurons whose incoming weights, bias and threshold stay as they are
        "birth_task": 0,  # [H] int64, number of the task in which each neuron was born
        "head_outgoing": 1,  # [K, H, A] outgoing weights of the heads that are put away, one for each task
        "head_critic": 1,  # [K, H] their weights to the value
        "head_reads": 1,  # [K, H] bool, neurons that lived when the head was put away; it reads no others
    }
)
"""Axis of the hidden neurons in each tensor of the network; None where there is none."""

LEARNT: Final = ("incoming", "bias", "outgoing", "critic", "output_bias", "critic_bias", "gain")
"""Tensors that follow gradients."""

YOUNGER: Final = (
    "protected", "birth_task", "task", "head_task", "head_outgoing", "head_critic", "head_reads", "head_output_bias",
    "head_critic_bias", "head_gain",
)  # fmt: skip
"""Tensors that organisms saved by versions without continual learning lack; they then have no task but 0."""


class NeuronWeights(NamedTuple):
    """The weights of some neurons: of a whole hidden layer, or of the newborn."""

    incoming: Tensor  # [D, N]
    bias: Tensor  # [N]
    outgoing: Tensor  # [N, A]
    critic: Tensor  # [N]


def incoming_std(config: NetworkConfig) -> float:
    """Standard deviation of fresh incoming weights: ``scale · sqrt(2 / (input_power · density))``.

    ``input_power`` is the expected sum of squared inputs, so that the drive's spread does not depend on how many
    inputs there are, how few of them are active, or how few synapses they have (He et al., 2015, with the active
    inputs for the fan-in).
    """
    return config.incoming_scale * math.sqrt(2.0 / (config.input_power * config.input_density))


def fresh_synapses(config: NetworkConfig, n: int, generator: torch.Generator) -> Tensor:
    """Which synapses n fresh neurons have, bool [D, n]: the same number for each, drawn anew."""
    kept = max(1, round(config.input_density * config.input_features))
    order = torch.rand(config.input_features, n, generator=generator).argsort(dim=0)
    return order.argsort(dim=0) < kept


def synapses_of(config: NetworkConfig, incoming: Tensor) -> Tensor:
    """The synapses of neurons with these incoming weights, int8 [D, n]: 1 or −1 as the weight's sign.

    0, no synapse, is only where synapses are few and the weight is 0.
    """
    sign = incoming.sign().to(torch.int8)
    return torch.where(sign == 0, 1, sign).to(torch.int8) if config.input_density == 1.0 else sign


def fresh_neurons(config: NetworkConfig, n: int, generator: torch.Generator) -> NeuronWeights:
    """Newly drawn neurons at the layer's initial scale; drawn on the CPU, whatever the device. Critic weights are 0.

    Where ``input_density`` is below 1, so many of each neuron's incoming weights are 0 (see :func:`synapses_of`).
    """
    outgoing_std = config.outgoing_scale / math.sqrt(config.init_hidden)
    incoming = torch.randn(config.input_features, n, generator=generator) * incoming_std(config)
    if config.input_density < 1.0:
        incoming *= fresh_synapses(config, n, generator)
    return NeuronWeights(
        incoming=incoming,
        bias=torch.full((n,), config.hidden_bias),
        outgoing=torch.randn(n, config.output_features, generator=generator) * outgoing_std,
        critic=torch.zeros(n),
    )
