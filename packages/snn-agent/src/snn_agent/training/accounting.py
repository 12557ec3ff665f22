"""What a run cost, entered into the energy ledger: acting, learning from it, and what a task's end takes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snn_agent.config import LearningConfig
from snn_agent.metrics.consolidation_work import fisher_work, penalty_work
from snn_agent.metrics.energy import EnergyLedger
from snn_agent.metrics.operations import (
    OperationCounts,
    Work,
    learning_work,
    rectified_learning_work,
    three_factor_work,
)
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.costs import InputActivity, decision_cost
from snn_agent.types import Events, Rollout


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
    *,
    held: int = 0,
) -> EnergyLedger:
    """The ledger after the learning from a rollout; see :func:`~snn_agent.metrics.operations.learning_work`,
    :func:`~snn_agent.metrics.operations.rectified_learning_work`,
    :func:`~snn_agent.metrics.operations.three_factor_work` and
    :func:`~snn_agent.metrics.consolidation_work.penalty_work`.

    Each pass is taken to make the spikes (or activations) that acting made, at the synapses that there are after it.

    Args:
        ledger: not changed.
        organism: as it is after it learnt and before its structure changes.
        learning: how it learnt.
        rollout: what it learnt from.
        inputs: what it saw in all of it.
        held: weights that penalties of earlier tasks pulled at in each optimizer step, once for each penalty.
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
    work = _replay(organism, decision, inputs, samples=passes, optimizer_steps=steps, parameters=parameters)
    return ledger.after_learning(work + penalty_work(held, steps))


@torch.no_grad()
def account_fisher(ledger: EnergyLedger, organism: GrowingSparseSNN, observations: Tensor | Events) -> EnergyLedger:
    """The ledger after the Fisher information has been measured, as part of what learning took; see
    :func:`~snn_agent.metrics.consolidation_work.fisher_work`.

    Squared are the gradient of each hidden neuron's drive, of each living output synapse, of each output's bias and of
    the gain, and inputs that are real numbers; ones need no square.

    Args:
        ledger: not changed.
        organism: as it was measured.
        observations: the states on which it was, [N, D] as the environment gave them, or N events.
    """
    samples, inputs = len(observations), InputActivity.of(organism, observations)
    counts = organism(observations)[0].counts  # decided again, for the measurement reports no spikes
    decision = decision_cost(organism, inputs, counts.sum(dim=0) / samples, reads_critic=False)
    replay = _replay(organism, decision, inputs, samples=samples, optimizer_steps=0, parameters=0)
    squares = organism.hidden + _output_synapses(organism) + organism.config.output_features + 1
    if not inputs.ternary:
        squares += float(inputs.presentations.sum()) / samples
    return ledger.after_learning(fisher_work(decision, replay, samples=samples, squares=squares))


def _replay(
    organism: GrowingSparseSNN,
    decision: OperationCounts,
    inputs: InputActivity,
    *,
    samples: int,
    optimizer_steps: int,
    parameters: int,
) -> Work:
    """Forward and backward pass of so many decisions, and optimizer steps."""
    if inputs.rectified is not None:
        return rectified_learning_work(
            decision,
            input_gradients=inputs.gradients,
            samples=samples,
            optimizer_steps=optimizer_steps,
            parameters=parameters,
        )
    return learning_work(
        decision,
        samples=samples,
        optimizer_steps=optimizer_steps,
        parameters=parameters,
        output_synapses=_output_synapses(organism),
        ticks=organism.config.ticks,
    )


def _output_synapses(organism: GrowingSparseSNN) -> float:
    """Living ones."""
    return float((organism.outgoing.detach() != 0).sum())


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
