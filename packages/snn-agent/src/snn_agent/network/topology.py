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
    }
)
"""Axis of the hidden neurons in each tensor of the network; None where there is none."""

LEARNT: Final = ("incoming", "bias", "outgoing", "critic", "output_bias", "critic_bias", "gain")
"""Tensors that follow gradients."""


class NeuronWeights(NamedTuple):
    """The weights of some neurons: of a whole hidden layer, or of the newborn."""

    incoming: Tensor  # [D, N]
    bias: Tensor  # [N]
    outgoing: Tensor  # [N, A]
    critic: Tensor  # [N]


def incoming_std(config: NetworkConfig) -> float:
    """Standard deviation of fresh incoming weights: ``scale · sqrt(2 / input_power)``.

    ``input_power`` is the expected sum of squared inputs, so that the drive's spread does not depend on how many
    inputs there are or how few of them are active (He et al., 2015, with the active inputs for the fan-in).
    """
    return config.incoming_scale * math.sqrt(2.0 / config.input_power)


def fresh_neurons(config: NetworkConfig, n: int, generator: torch.Generator) -> NeuronWeights:
    """Newly drawn neurons at the layer's initial scale; drawn on the CPU, whatever the device. Critic weights are 0."""
    outgoing_std = config.outgoing_scale / math.sqrt(config.init_hidden)
    return NeuronWeights(
        incoming=torch.randn(config.input_features, n, generator=generator) * incoming_std(config),
        bias=torch.full((n,), config.hidden_bias),
        outgoing=torch.randn(n, config.output_features, generator=generator) * outgoing_std,
        critic=torch.zeros(n),
    )
