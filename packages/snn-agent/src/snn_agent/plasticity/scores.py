"""What a neuron is worth, by name: whoever scores lowest dies first.

=====================  ==============================================================================================
``low_utility``        rate times outgoing weights (E16; Dohare et al., Nature 632, 2024)
``utility_per_joule``  the same, divided by the energy that the neuron takes in a decision (E36)
``magnitude``          outgoing weights alone, whatever the rate (E35)
=====================  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

from snn_agent.network.prices import AC, ENERGY_MODELS, MAC, NEURON_UPDATE, EnergyModel, is_ternary
from snn_agent.plasticity.contract import StructuralContext

Score = Callable[[StructuralContext], Tensor]
"""(context) -> what each neuron is worth, [H]."""


def utility(context: StructuralContext) -> Tensor:
    """The running mean of ``rate·Σ_a|V_ha|``."""
    return context.utility


@torch.no_grad()
def magnitude(context: StructuralContext) -> Tensor:
    """``Σ_a|V_ha|``: the L1 norm of the outgoing weights, the best of four scores where neurons were pruned by weights
    (He, Fan, Qian, Tan & Yu, *Reshaping deep neural network for fast decoding by node-pruning*, ICASSP 2014; that small
    weights may go is Han et al., *Learning both weights and connections*, NeurIPS 2015).

    The incoming weights do not count, as a spike is a spike however strong its cause; nor do the critic's, as in E16:
    the value only helps to learn.
    """
    return context.organism.outgoing.detach().abs().sum(dim=1)


@torch.no_grad()
def joules_per_decision(context: StructuralContext, model: EnergyModel) -> Tensor:
    """What each neuron costs in the mean decision, J [H], as the energy ledger counts (E18–E20); what its death saves.

    Its input synapses, one operation each where the input is not 0 (the drive computed once, so held inputs count
    once; Poisson spikes each tick); its output synapses, an AC each for every spike at its running rate; and T neuron
    updates, spikes or not. Acting reads no critic, so that costs nothing.
    """
    organism, config = context.organism, context.organism.config
    seen = organism.scale(context.observations).double()
    spiking = config.encoding == "poisson"  # each tick an input spikes with the probability of the number
    events = seen.mean(dim=0) * config.ticks if spiking else (seen != 0.0).double().mean(dim=0)  # [D]
    synapse = AC if spiking or is_ternary(seen) else MAC
    entering = events @ (organism.incoming.detach() != 0.0).double()
    leaving = context.rate * config.ticks * (organism.outgoing.detach() != 0.0).sum(dim=1)
    return (
        entering * model.joules(synapse)
        + leaving.double() * model.joules(AC)
        + config.ticks * model.joules(NEURON_UPDATE)
    )


def utility_per_joule(context: StructuralContext) -> Tensor:
    """Utility divided by :func:`joules_per_decision` at the prices of 45 nm and fp32, 1/J."""
    return context.utility / joules_per_decision(context, ENERGY_MODELS["45nm_fp32"])


SCORES: Final[Mapping[str, Score]] = MappingProxyType(
    {"low_utility": utility, "utility_per_joule": utility_per_joule, "magnitude": magnitude}
)
"""Scores by name."""
