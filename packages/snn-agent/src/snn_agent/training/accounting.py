"""What one update of a run cost, entered into the energy ledger: first the acting, then the learning from it."""

from __future__ import annotations

import math

from snn_agent.config import LearningConfig
from snn_agent.metrics.energy import EnergyLedger
from snn_agent.metrics.operations import OperationCounts, learning_work, rectified_learning_work, three_factor_work
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.costs import InputActivity, decision_cost
from snn_agent.types import Rollout


def account_acting(
    ledger: EnergyLedger,
    organism: GrowingSparseSNN,
    learning: LearningConfig,
    rollout: Rollout,
    inputs: InputActivity,
) -> EnergyLedger:
    """The ledger after the decisions of a rollout, every one of them.

    Left out is what learning asks beside them: the critic's word on the observation after the last step, a decision a
    world and rollout.

    Args:
        ledger: not changed.
        organism: as it acted: asked before it learns, for weights that learning makes non-zero were not yet in use.
        learning: whether there is a critic.
        rollout: what it did.
        inputs: what it saw in all of it.
    """
    return ledger.after_decisions(_cost(organism, learning, rollout, inputs), inputs.decisions)


def account_learning(
    ledger: EnergyLedger,
    organism: GrowingSparseSNN,
    learning: LearningConfig,
    rollout: Rollout,
    inputs: InputActivity,
) -> EnergyLedger:
    """The ledger after the learning from a rollout; see :func:`~snn_agent.metrics.operations.learning_work`,
    :func:`~snn_agent.metrics.operations.rectified_learning_work` and
    :func:`~snn_agent.metrics.operations.three_factor_work`.

    Each pass is taken to make the spikes (or activations) that acting made, at the synapses that there are after it.

    Args:
        ledger: not changed.
        organism: as it is after it learnt and before its structure changes.
        learning: how it learnt.
        rollout: what it learnt from.
        inputs: what it saw in all of it.
    """
    samples, decision = inputs.decisions, _cost(organism, learning, rollout, inputs)
    parameters = sum(tensor.numel() for tensor in organism.learnt().values()) - int((organism.synapses == 0).sum())
    if learning.rule == "three_factor":
        work = three_factor_work(
            decision,
            samples=samples,
            worlds=rollout.action.shape[1],
            parameters=parameters,
            hidden=organism.hidden,
            feedback_columns=0 if learning.feedback == "none" else organism.config.output_features + 1,
        )
        return ledger.after_learning(work)
    passes, steps = samples * learning.reuse_epochs, learning.reuse_epochs * steps_a_pass(samples, learning.minibatches)
    if inputs.rectified is not None:
        work = rectified_learning_work(
            decision,
            input_gradients=inputs.gradients,
            samples=passes,
            optimizer_steps=steps,
            parameters=parameters,
        )
        return ledger.after_learning(work)
    work = learning_work(
        decision,
        samples=passes,
        optimizer_steps=steps,
        parameters=parameters,
        output_synapses=float((organism.outgoing.detach() != 0).sum()),
        ticks=organism.config.ticks,
    )
    return ledger.after_learning(work)


def steps_a_pass(samples: int, minibatches: int) -> int:
    """Optimizer steps of a pass: samples cut into parts of ``ceil(samples / minibatches)``, which may make fewer parts.

    Ten samples in eight minibatches are five parts of two.
    """
    return math.ceil(samples / math.ceil(samples / minibatches))


def _cost(
    organism: GrowingSparseSNN, learning: LearningConfig, rollout: Rollout, inputs: InputActivity
) -> OperationCounts:
    mean_counts = rollout.counts / inputs.decisions
    return decision_cost(organism, inputs, mean_counts, reads_critic=learning.baseline == "critic")
