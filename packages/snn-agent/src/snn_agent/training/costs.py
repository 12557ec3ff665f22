"""What one decision of an organism costs, from the inputs it saw and the spikes it made."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from snn_agent.metrics.energy import ENERGY_MODELS
from snn_agent.metrics.operations import OperationCounts, count_decision, is_ternary, out_degree
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.types import Events


class InputActivity(NamedTuple):
    """What entered an organism, summed over decisions; two of them can be added with :meth:`and_more`."""

    decisions: int
    presentations: Tensor  # float64 [D], how often each input was presented and not zero; Poisson: expected spikes
    ternary: bool  # whether all inputs were −1, 0 or 1

    @classmethod
    def of(cls, organism: GrowingSparseSNN, observation: Tensor | Events) -> InputActivity:
        """The activity that features [..., D] (or events) cause, on the organism's present scale."""
        if isinstance(observation, Events):
            if organism.config.encoding == "poisson":
                return cls.of(organism, observation.dense())
            times = torch.from_numpy(np.bincount(observation.columns, minlength=observation.features))
            return cls(len(observation), times.double(), bool((np.abs(observation.values) == 1).all()))
        scaled = organism.scale(observation.reshape(-1, observation.shape[-1]))
        if organism.config.encoding == "poisson":
            # An input is a spike with the probability of the number, drawn anew each tick.
            return cls(len(scaled), scaled.double().sum(dim=0) * organism.config.ticks, True)
        # NumPy counts four times as fast as PyTorch on one thread.
        times = torch.from_numpy(np.count_nonzero(scaled.cpu().numpy(), axis=0))
        return cls(len(scaled), times.double(), is_ternary(scaled))

    def and_more(self, other: InputActivity) -> InputActivity:
        """The sum of two."""
        return InputActivity(
            self.decisions + other.decisions,
            self.presentations + other.presentations,
            self.ternary and other.ternary,
        )


def decision_cost(
    organism: GrowingSparseSNN, inputs: InputActivity, mean_counts: Tensor, *, reads_critic: bool
) -> OperationCounts:
    """Operations of the mean decision.

    Args:
        organism: of the size that decided.
        inputs: what it saw.
        mean_counts: [H] spikes a decision of each hidden neuron.
        reads_critic: whether the value was computed too; acting alone does not need it.
    """
    config = organism.config
    degree = out_degree(organism.incoming.detach())
    has_outputs = config.readout in ("rate", "first_spike", "membrane")
    return count_decision(
        events=float(inputs.presentations.cpu() @ degree) / inputs.decisions,
        ternary=inputs.ternary,
        spike_counts=mean_counts[None].cpu(),
        outgoing_degree=out_degree(organism.outgoing.detach()),
        inputs=config.input_features,
        actions=config.output_features,
        ticks=config.ticks,
        output_neurons=config.output_features if has_outputs else 0,
        readout_macs=config.output_features + (organism.hidden if reads_critic else 0),
        constant_input=config.encoding != "poisson",
    )


def describe_cost(operations: OperationCounts, decisions_per_food: float | None = None) -> dict[str, Any]:
    """Operations and joules of a decision by name, and joules of a food item where the world has food.

    ``synaptic_operations_per_decision`` has the input's drive computed once and kept, ``…_resent`` the input sent again
    each tick. ``energy`` holds, for each of the energy models, ``joules_per_decision`` and ``joules_per_food`` (null
    where no food was eaten), the drive kept.
    """
    energy: dict[str, dict[str, float | None]] = {}
    for name, model in ENERGY_MODELS.items():
        joules = model.joules(operations.work())
        per_food = None if decisions_per_food is None else joules * decisions_per_food
        energy[name] = {"joules_per_decision": joules, "joules_per_food": per_food}
    return {
        "spikes_per_decision": operations.spikes,
        "synaptic_operations_per_decision": operations.synaptic_operations(),
        "synaptic_operations_per_decision_resent": operations.synaptic_operations(resent=True),
        "energy": energy,
    }
