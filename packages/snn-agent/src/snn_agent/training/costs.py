"""What one decision of an organism costs, from the inputs it saw and the spikes it made."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from snn_agent.metrics.energy import ENERGY_MODELS
from snn_agent.metrics.operations import AC, MAC, OperationCounts, Work, count_decision, is_ternary, out_degree
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.types import Array, Events


class Rectified(NamedTuple):
    """What ReLU neurons made of what they saw, summed over decisions."""

    active: Tensor  # float64 [H], in how many decisions the activation was not 0
    events: float  # events of input synapses, but only at neurons that were active

    @classmethod
    @torch.no_grad()
    def of(cls, organism: GrowingSparseSNN, observation: Tensor | Events) -> Rectified:
        """Decide again on [N, D], for a sum of activations does not tell how many of them were 0."""
        active = organism.drive(observation).gt_(0.0)  # [N, H] 0 or 1
        alive = (organism.incoming != 0.0).to(active)
        if bool(alive.all()):  # each event reaches all neurons
            entered = torch.from_numpy(_entered(organism, observation)).to(active)
            # One product counts both: sums of booleans along an axis were measured to take longer.
            times, events = (torch.stack([torch.ones_like(entered), entered]) @ active).double().cpu()
            return cls(times, float(events.sum()))
        dense = observation.dense() if isinstance(observation, Events) else organism.scale(observation)
        reached = (dense != 0.0).to(active) @ alive  # [N, H]
        return cls(active.sum(dim=0).double().cpu(), float((reached * active).sum(dtype=torch.float64)))

    def and_more(self, other: Rectified) -> Rectified:
        """The sum of two."""
        return Rectified(self.active + other.active, self.events + other.events)


class InputActivity(NamedTuple):
    """What entered an organism, summed over decisions; two of them can be added with :meth:`and_more`."""

    decisions: int
    presentations: Tensor  # float64 [D], how often each input was presented and not zero; Poisson: expected spikes
    ternary: bool  # whether all inputs were −1, 0 or 1
    rectified: Rectified | None = None  # None: the neurons spike

    @classmethod
    def of(cls, organism: GrowingSparseSNN, observation: Tensor | Events) -> InputActivity:
        """The activity that features [..., D] (or events) cause, on the organism's present scale."""
        if isinstance(observation, Events):
            if organism.config.encoding == "poisson":
                return cls.of(organism, observation.dense())
            times = torch.from_numpy(np.bincount(observation.columns, minlength=observation.features))
            ternary = bool((np.abs(observation.values) == 1).all())
            return cls(len(observation), times.double(), ternary, _rectified(organism, observation))
        observation = observation.reshape(-1, observation.shape[-1])
        scaled = organism.scale(observation)
        if organism.config.encoding == "poisson":
            # An input is a spike with the probability of the number, drawn anew each tick.
            return cls(len(scaled), scaled.double().sum(dim=0) * organism.config.ticks, True)
        # NumPy counts four times as fast as PyTorch on one thread.
        times = torch.from_numpy(np.count_nonzero(scaled.cpu().numpy(), axis=0))
        return cls(len(scaled), times.double(), is_ternary(scaled), _rectified(organism, observation))

    def and_more(self, other: InputActivity) -> InputActivity:
        """The sum of two."""
        mine, theirs = self.rectified, other.rectified
        return InputActivity(
            self.decisions + other.decisions,
            self.presentations + other.presentations,
            self.ternary and other.ternary,
            None if mine is None or theirs is None else mine.and_more(theirs),
        )

    @property
    def gradients(self) -> Work:
        """Work of the gradients of the input weights of ReLU neurons, a decision; none elsewhere."""
        events = 0.0 if self.rectified is None else self.rectified.events / self.decisions
        return (AC if self.ternary else MAC) * events


def _entered(organism: GrowingSparseSNN, observation: Tensor | Events) -> Array:
    """How many inputs were not 0 in each observation, [N]."""
    if isinstance(observation, Events):
        entered: Array = np.diff(observation.offsets)
    else:
        entered = np.count_nonzero(organism.scale(observation).cpu().numpy(), axis=1)
    return entered


def _rectified(organism: GrowingSparseSNN, observation: Tensor | Events) -> Rectified | None:
    return Rectified.of(organism, observation) if organism.config.neuron.model == "relu" else None


def decision_cost(
    organism: GrowingSparseSNN, inputs: InputActivity, mean_counts: Tensor, *, reads_critic: bool
) -> OperationCounts:
    """Operations of the mean decision.

    Args:
        organism: of the size that decided.
        inputs: what it saw.
        mean_counts: [H] spikes a decision of each hidden neuron; not read where neurons do not spike.
        reads_critic: whether the value was computed too; acting alone does not need it.
    """
    config = organism.config
    degree = out_degree(organism.incoming.detach())
    has_outputs = config.readout in ("rate", "first_spike", "membrane")
    rectified, critic_macs = inputs.rectified, float(organism.hidden)
    if rectified is not None:
        mean_counts = rectified.active / inputs.decisions
        critic_macs = float(mean_counts.sum())
    return count_decision(
        events=float(inputs.presentations.cpu() @ degree) / inputs.decisions,
        ternary=inputs.ternary,
        spike_counts=mean_counts[None].cpu(),
        outgoing_degree=out_degree(organism.outgoing.detach()),
        inputs=config.input_features,
        actions=config.output_features,
        ticks=config.ticks,
        output_neurons=config.output_features if has_outputs else 0,
        readout_macs=config.output_features + (critic_macs if reads_critic else 0.0),
        constant_input=config.encoding != "poisson",
        rectified=rectified is not None,
    )


def describe_cost(operations: OperationCounts, decisions_per_food: float | None = None) -> dict[str, Any]:
    """Operations and joules of a decision by name, and joules of a food item where the world has food.

    ``synaptic_operations_per_decision`` has the input's drive computed once and kept, ``…_resent`` the input sent again
    each tick; a ReLU neuron has a spike where its activation is not 0. ``energy`` holds, for each of the energy models,
    ``joules_per_decision`` and ``joules_per_food`` (null where no food was eaten), the drive kept.
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
