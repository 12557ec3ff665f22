"""How many operations a decision and a learning step take, over the living synapses only.

Definitions follow NeuroBench (Yik et al., Nature Communications 16, 2025; ``synaptic_operations`` of version 2): an
operation is a presynaptic event that meets a non-zero weight; zero weights and biases do not count. It is an *AC*
(accumulate) where all inputs of the layer are in {−1, 0, 1}, so that a weight is only added, else a *MAC*
(multiply-accumulate).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from snn_agent.errors import ConfigError

# Prices stand lower, for structural rules need them too; here they are at home for all others.
from snn_agent.network.prices import AC as AC
from snn_agent.network.prices import MAC as MAC
from snn_agent.network.prices import NEURON_UPDATE as NEURON_UPDATE
from snn_agent.network.prices import RECTIFICATION as RECTIFICATION
from snn_agent.network.prices import Work as Work
from snn_agent.network.prices import is_ternary as is_ternary

NEURON_ADJOINT = Work(acs=3, macs=8, words=8)
"""A neuron update backwards: reset path an AC and a MAC, surrogate (E6) an AC and three MACs, adjoints of v and i four
MACs, sum of the drive's adjoint an AC; read are v and the adjoints of spike, v, i and drive, the last three written."""

RECTIFIER_ADJOINT = Work(acs=1, words=3)
"""A rectification backwards: a comparison tells whether the gradient passes; read are the activation and its adjoint,
the drive's is written."""

ADAM_STEP = Work(acs=2, macs=10, words=10)
"""Gradient clipping (2 MACs) and Adam (mean 1 AC and 1 MAC, square 3 MACs, denominator 1 AC and 2 MACs, step 2 MACs)
for one parameter; clipping reads the gradient twice and writes it once, Adam reads θ, g, m, v and writes θ, m, v."""


class OperationCounts(NamedTuple):
    """Operations of one decision, mean over decisions.

    Attributes:
        input_acs: input synapses, binary inputs, the drive computed once and kept during the T ticks (×1).
        input_macs: the same, real-valued inputs.
        input_acs_resent: as ``input_acs``, where the input is sent again each tick (×T), as NeuroBench would run it.
        input_macs_resent: as ``input_macs``, sent again each tick.
        output_acs: output synapses of spiking neurons: Σ_ticks Σ_spiking out-degree.
        readout_macs: products with real numbers after the output neurons.
        neuron_updates: ticks × neurons, hidden and output.
        dense_operations: synaptic operations if all inputs, spikes and weights were non-zero: T·(D·H + H·A).
        spikes: hidden spikes; of ReLU neurons, activations that are not 0.
        original_estimate: spikes × hidden neurons, the original system's measure of energy; it has no unit.
        output_macs: output synapses of ReLU neurons: Σ_active out-degree.
        rectifications: ReLU neurons, active or not.
    """

    input_acs: float
    input_macs: float
    input_acs_resent: float
    input_macs_resent: float
    output_acs: float
    readout_macs: float
    neuron_updates: float
    dense_operations: float
    spikes: float
    original_estimate: float
    output_macs: float = 0.0
    rectifications: float = 0.0

    def synaptic_operations(self, *, resent: bool = False) -> float:
        """Effective operations of all synapses, ACs and MACs."""
        inputs = self.input_acs_resent + self.input_macs_resent if resent else self.input_acs + self.input_macs
        return inputs + self.output_acs + self.output_macs

    def work(self, *, resent: bool = False) -> Work:
        """All of the decision: synapses, neuron updates and readout."""
        acs, macs = (self.input_acs_resent, self.input_macs_resent) if resent else (self.input_acs, self.input_macs)
        synapses = AC * (acs + self.output_acs) + MAC * (macs + self.output_macs + self.readout_macs)
        return synapses + NEURON_UPDATE * self.neuron_updates + RECTIFICATION * self.rectifications


def out_degree(weight: Tensor, mask: Tensor | None = None) -> Tensor:
    """Living synapses of each presynaptic cell, [pre, post] -> float64 [pre], on the CPU: not 0 and not masked."""
    alive = weight if mask is None else (weight != 0) & (mask != 0)
    # NumPy, for it takes one thread: for so little work PyTorch's threads were measured to cost more than they bring.
    return torch.from_numpy(np.count_nonzero(alive.cpu().numpy(), axis=1).astype(np.float64))


def input_events(observation: Tensor, degree: Tensor) -> float:
    """Synaptic events when an observation is presented once, ``E_n[Σ_{x≠0} out-degree]``; [N, D], [D].

    For a dense layer this is the number of active inputs times H. For spikes drawn anew each tick, pass the T ticks of
    a decision one after another and multiply by T.
    """
    if observation.ndim != 2 or degree.shape != observation.shape[1:]:
        raise ConfigError(f"need [N, D] and [D], got {list(observation.shape)} and {list(degree.shape)}.")
    return float((observation != 0).double().mean(dim=0) @ degree)


def count_decision(
    *,
    events: float,
    ternary: bool,
    spike_counts: Tensor,
    outgoing_degree: Tensor,
    inputs: int,
    actions: int,
    ticks: int,
    output_neurons: int,
    readout_macs: float,
    constant_input: bool = True,
    rectified: bool = False,
) -> OperationCounts:
    """Operations of one decision, mean over the N decisions given.

    Args:
        events: synaptic events of the input in one presentation, see :func:`input_events`.
        ternary: whether the inputs are −1, 0 or 1, see :func:`is_ternary`.
        spike_counts: [N, H] spikes of each hidden neuron in the decision, 0 … T; of ReLU neurons, 1 where the
            activation is not 0.
        outgoing_degree: [H] living synapses from each hidden neuron to the outputs, see :func:`out_degree`.
        inputs: D.
        actions: A.
        ticks: T.
        output_neurons: output neurons that are updated each tick: A, or 0 where the readout has none (``drive``).
        readout_macs: products with real numbers a decision: A for the gain, and where a critic is read one for each
            rate of a spiking neuron (H), or for each activation that is not 0.
        constant_input: the same input during all ticks, so its drive can be kept; else ``events`` is already summed
            over the ticks and both variants are equal.
        rectified: whether the hidden neurons are ReLU neurons: they send real numbers, which are multiplied, and have
            nothing to update but the comparison.

    Raises:
        ConfigError: shapes do not fit, or more spikes than ticks.
    """
    if spike_counts.ndim != 2 or outgoing_degree.shape != spike_counts.shape[1:] or not len(spike_counts):
        raise ConfigError(
            f"need spike_counts [N, H] of at least one decision and outgoing_degree [H], got "
            f"{list(spike_counts.shape)} and {list(outgoing_degree.shape)}."
        )
    mean_counts = spike_counts.double().mean(dim=0)
    hidden = len(mean_counts)
    if hidden and not 0.0 <= float(mean_counts.min()) <= float(mean_counts.max()) <= ticks:
        raise ConfigError(f"spike counts must lie in [0, {ticks}], the number of ticks.")
    resent = events * ticks if constant_input else events
    spikes, sent = float(mean_counts.sum()), float(mean_counts @ outgoing_degree.double())
    return OperationCounts(
        input_acs=events if ternary else 0.0,
        input_macs=0.0 if ternary else events,
        input_acs_resent=resent if ternary else 0.0,
        input_macs_resent=0.0 if ternary else resent,
        output_acs=0.0 if rectified else sent,
        readout_macs=float(readout_macs),
        neuron_updates=float(ticks * (output_neurons if rectified else hidden + output_neurons)),
        dense_operations=float(ticks * (inputs * hidden + hidden * actions)),
        spikes=spikes,
        original_estimate=spikes * hidden,
        output_macs=sent if rectified else 0.0,
        rectifications=float(hidden) if rectified else 0.0,
    )


def learning_work(
    decision: OperationCounts,
    *,
    samples: float,
    optimizer_steps: float,
    parameters: int,
    output_synapses: float,
    ticks: int,
) -> Work:
    """Operations of learning from stored decisions: forward again, backward through time, optimizer.

    Forward a sample: as the decision. Backward a sample: weight gradients take one operation for each forward event
    (``input + output + readout``); spikes get their gradient through every living output synapse each tick, as the
    surrogate derivative is nowhere zero (``T · output synapses`` MACs), the rest of the readout through
    ``readout_macs`` MACs; neurons ``neuron_updates`` adjoints. No gradient is taken to the observation. Optimizer:
    :data:`ADAM_STEP` for each parameter and step. Softmax and loss, some A operations a sample, are left out.

    Args:
        decision: of :func:`count_decision`, with the critic in ``readout_macs`` where there is one.
        samples: decisions replayed, counted once for each pass.
        optimizer_steps: steps taken.
        parameters: numbers that the optimizer updates.
        output_synapses: living synapses to the outputs.
        ticks: T.
    """
    weight_gradients = AC * (decision.input_acs + decision.output_acs) + MAC * (
        decision.input_macs + decision.readout_macs
    )
    to_neurons = MAC * (ticks * output_synapses + decision.readout_macs)
    backward = weight_gradients + to_neurons + NEURON_ADJOINT * decision.neuron_updates
    return (decision.work() + backward) * samples + ADAM_STEP * (parameters * optimizer_steps)


def rectified_learning_work(
    decision: OperationCounts, *, input_gradients: Work, samples: float, optimizer_steps: float, parameters: int
) -> Work:
    """Operations of learning from stored decisions of ReLU neurons; all that :func:`learning_work` says, but for what
    follows from a derivative that is 0 where the neuron is: neither its weights nor its activation need a gradient.

    Backward a sample: ``input_gradients``; along the output synapses and the rest of the readout two MACs for each of
    the forward pass, one for the weight's gradient and one for that of the number multiplied with; and an adjoint for
    each neuron.

    Args:
        decision: of :func:`count_decision`, ``rectified``, with the critic in ``readout_macs`` where there is one.
        input_gradients: of the input weights, a sample: one operation for each synaptic event at an active neuron.
        samples: decisions replayed, counted once for each pass.
        optimizer_steps: steps taken.
        parameters: numbers that the optimizer updates.
    """
    along = MAC * (2.0 * (decision.output_macs + decision.readout_macs))
    backward = input_gradients + along + RECTIFIER_ADJOINT * decision.rectifications
    return (decision.work() + backward) * samples + ADAM_STEP * (parameters * optimizer_steps)


def three_factor_work(
    decision: OperationCounts,
    *,
    samples: float,
    worlds: float,
    parameters: int,
    hidden: int,
    feedback_columns: int,
) -> Work:
    """Operations of one update by the three-factor rule (E41–E47), as it is computed here.

    A sample: forward again, as the decision; each neuron's own derivative, an adjoint a tick; the third factor along
    ``hidden · feedback_columns`` feedback weights, a MAC each; and eligibilities, one operation for each event of the
    decision, twice: for the change and for the trace. A world: its trace of each parameter takes part in the change and
    decays, a MAC each. An update: :data:`ADAM_STEP` for each parameter, whose two MACs of clipping stand for the mean
    over the decisions. No error passes from one neuron to another.

    Args:
        decision: of :func:`count_decision`, with the critic in ``readout_macs``.
        samples: decisions of the rollout.
        worlds: B, each with traces of its own.
        parameters: numbers that are learnt.
        hidden: H.
        feedback_columns: A actions and a critic; 0 where no feedback reaches the hidden neurons.
    """
    events = AC * (decision.input_acs + decision.output_acs) + MAC * (decision.input_macs + decision.readout_macs)
    own = NEURON_ADJOINT * decision.neuron_updates + MAC * (hidden * feedback_columns)
    traces = MAC * (2 * parameters * worlds)
    return (decision.work() + own + events * 2) * samples + traces + ADAM_STEP * parameters
