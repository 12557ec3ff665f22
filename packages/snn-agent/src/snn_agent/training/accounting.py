"""What one update of a run cost, entered into the energy ledger."""

from __future__ import annotations

from torch import Tensor

from snn_agent.config import LearningConfig
from snn_agent.metrics.energy import EnergyLedger
from snn_agent.metrics.operations import learning_work
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.costs import InputActivity, decision_cost
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
    inputs = InputActivity.of(organism, rollout.last_observation())
    decision = decision_cost(organism, inputs, mean_counts, reads_critic=learning.baseline == "critic")
    outgoing = organism.outgoing.detach()
    work = learning_work(
        decision,
        samples=n_decisions * learning.reuse_epochs,
        optimizer_steps=learning.reuse_epochs * learning.minibatches,
        parameters=sum(tensor.numel() for tensor in organism.learnt().values()) - int((organism.synapses == 0).sum()),
        output_synapses=float((outgoing != 0).sum()),
        ticks=organism.config.ticks,
    )
    return ledger.after_decisions(decision, n_decisions).after_learning(work)
