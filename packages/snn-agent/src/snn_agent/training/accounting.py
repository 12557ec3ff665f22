"""What one update of a run cost, entered into the energy ledger."""

from __future__ import annotations

from torch import Tensor

from snn_agent.config import LearningConfig
from snn_agent.metrics.energy import EnergyLedger
from snn_agent.metrics.operations import count_decision, input_events, is_ternary, learning_work, out_degree
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.types import Rollout


def account(
    ledger: EnergyLedger, organism: GrowingSparseSNN, learning: LearningConfig, rollout: Rollout, mean_counts: Tensor
) -> EnergyLedger:
    """The ledger after the decisions of a rollout and the learning from it.

    Args:
        ledger: not changed.
        organism: as it is after the update, of the size that made the rollout.
        learning: how it learnt.
        rollout: what it did.
        mean_counts: [H] spikes a decision of each hidden neuron.
    """
    n_decisions = rollout.action.numel()
    sample = organism.scale(rollout.observation[-1])
    outgoing = organism.outgoing.detach()
    has_outputs = organism.config.readout in ("rate", "first_spike", "membrane")
    degree = out_degree(organism.incoming.detach())
    poisson = organism.config.encoding == "poisson"
    # A Poisson input is a spike with the probability of the number, drawn anew each tick.
    events = input_events(sample, degree)
    if poisson:
        events = float(sample.double().mean(dim=0) @ degree) * organism.config.ticks
    ternary = poisson or is_ternary(sample)
    decision = count_decision(
        events=events,
        ternary=ternary,
        spike_counts=mean_counts[None],
        outgoing_degree=out_degree(outgoing),
        inputs=organism.config.input_features,
        actions=organism.config.output_features,
        ticks=organism.config.ticks,
        output_neurons=organism.config.output_features if has_outputs else 0,
        readout_macs=organism.config.output_features + (organism.hidden if learning.baseline == "critic" else 0),
        constant_input=not poisson,
    )
    work = learning_work(
        decision,
        samples=n_decisions * learning.reuse_epochs,
        optimizer_steps=learning.reuse_epochs * learning.minibatches,
        parameters=sum(tensor.numel() for tensor in organism.learnt().values()),
        output_synapses=float((outgoing != 0).sum()),
        ticks=organism.config.ticks,
    )
    return ledger.after_decisions(decision, n_decisions).after_learning(work)
