"""Optimizer steps without autograd: decide, the objective's gradient, the network's adjoint, Adam.

The readable step is in :mod:`snn_agent.learning.reinforce`; this is the same step on the kernels of the numba engine,
and the tests hold the two equal up to rounding.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from snn_agent.config import LearningConfig
from snn_agent.engine.numba_decision import Array, adjoint, decide
from snn_agent.engine.numba_layer_op import flat
from snn_agent.learning.consolidation import NOTHING, Consolidation
from snn_agent.learning.fused_adam import FusedAdam
from snn_agent.learning.neuron_adam import AdamState
from snn_agent.learning.newborn import paces
from snn_agent.learning.objective_kernel import (
    CLIPPED,
    ENTROPY,
    KL,
    POLICY_LOSS,
    VALUE_LOSS,
    Objective,
    Targets,
    objective_gradient,
)
from snn_agent.learning.protection import Movable
from snn_agent.learning.samples import Samples
from snn_agent.network.fused import FusedNetwork
from snn_agent.network.organism import GrowingSparseSNN


class FusedLearner:
    """Learns from the decisions of one rollout, a minibatch at a time; organism and state change in place.

    Args:
        organism: on the numba engine.
        adam: the optimizer's state.
        samples: the decisions.
        config: how to learn.
        past: what earlier tasks ask of the weights.
    """

    def __init__(
        self,
        organism: GrowingSparseSNN,
        adam: AdamState,
        samples: Samples,
        config: LearningConfig,
        past: Consolidation = NOTHING,
    ) -> None:
        self.organism, self.samples, self.config, self.past = organism, samples, config, past
        self.network = FusedNetwork(organism)
        self.adam = FusedAdam(adam, organism.learnt(), neuron_lr=paces(adam, config))
        self.movable = Movable.of(organism)
        self.targets = Targets(
            flat(samples.action),
            *(flat(tensor) for tensor in (samples.log_prob, samples.advantage, samples.target, samples.weight)),
        )
        self.objective = Objective.of(config)

    def gradients(self, rows: Tensor) -> tuple[dict[str, Array], dict[str, float]]:
        """Gradients of all that is learnt from the decisions ``rows``, int64 [B], as arrays; and what is reported."""
        network, before = self.network, self.samples.state
        cells, weights, sizes, B = network.cells, network.weights, network.weights.sizes, len(rows)
        inputs, seen = network.inputs(self.samples.observation, rows)
        states = network.states(None if before is None else before.map(lambda tensor: tensor[rows]), B)
        decided = decide(cells, weights, inputs, states, "none")
        of_evidence, of_tally, of_gain, of_critic_bias, sums = objective_gradient(
            rows.numpy(), sizes.A, sizes.Ap, decided.evidence, decided.tally, network.gain, network.critic_bias,
            cells.ticks, self.targets, self.objective,
        )  # fmt: skip
        back = adjoint(cells, weights, inputs, states, decided, of_evidence, of_tally)
        D, H, A = sizes.D, sizes.H, sizes.A
        if seen is None:
            of_incoming, of_bias = back.incoming.reshape(D, sizes.Hp)[:, :H], back.bias[:H]
        else:
            of_drive = torch.from_numpy(back.drive.reshape(B, sizes.Hp)[:, :H])
            of_incoming, of_bias = (seen.T @ of_drive).numpy(), of_drive.sum(dim=0).numpy()
        dtype = of_bias.dtype
        found = {
            "incoming": np.ascontiguousarray(of_incoming),
            "bias": of_bias,
            "outgoing": np.ascontiguousarray(back.outgoing.reshape(sizes.Ap, sizes.Hp)[:A, :H].T),
            "critic": back.critic[:H],
            "output_bias": back.output_bias[:A],
            "critic_bias": np.array(of_critic_bias, dtype),
            "gain": np.array(of_gain, dtype),
        }
        told = sums.tolist()  # plain numbers, which do not warn of infinity
        value_loss = told[VALUE_LOSS] if self.config.baseline == "critic" else 0.0
        numbers = {
            "loss": told[POLICY_LOSS] + self.config.value_weight * value_loss,
            "policy_loss": told[POLICY_LOSS],
            "value_loss": value_loss,
            "entropy": told[ENTROPY],
            "approx_kl": told[KL],
            "clip_fraction": told[CLIPPED],
        }
        if self.past.pulls:
            penalty, pulls = self.past.penalty(network.learnt)
            numbers["loss"] += float(penalty)
            for name, pull in pulls.items():
                found[name] += pull.numpy()
        if self.movable is not None:
            for name, where in self.movable._asdict().items():
                found[name] *= where.numpy()
        return found, numbers

    def step(self, rows: Tensor, learning_rate: float) -> dict[str, float]:
        """One optimizer step; returns what is reported.

        A gradient that is not finite changes nothing: look at ``loss`` and ``gradient_norm``.
        """
        gradients, numbers = self.gradients(rows)
        norm = math.sqrt(sum(float(np.vdot(array, array)) for array in gradients.values()))
        numbers["gradient_norm"] = norm
        if math.isfinite(norm) and math.isfinite(numbers["loss"]):
            scale = min(1.0, self.config.max_grad_norm / (norm + 1e-6))
            self.adam.step(gradients, learning_rate, scale)
            self.network.refresh()
        return numbers
