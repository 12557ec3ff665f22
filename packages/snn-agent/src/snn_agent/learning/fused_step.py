"""One optimizer step without autograd: decide, the objective's gradient, the network's adjoint, Adam.

The readable step is in :mod:`snn_agent.learning.reinforce`; this is the same step on the kernels of the numba engine,
and the tests hold the two equal up to rounding.
"""

from __future__ import annotations

import math
import numpy as np
import torch
from torch import Tensor

from snn_agent.config import LearningConfig
from snn_agent.engine.numba_decision import adjoint, decide
from snn_agent.engine.numba_layer_op import flat
from snn_agent.engine.numba_network_op import unpadded
from snn_agent.learning import fused_adam
from snn_agent.learning.neuron_adam import AdamState
from snn_agent.learning.policy_gradient import Batch, objective_gradient
from snn_agent.learning.samples import Samples
from snn_agent.network.fused import FusedNetwork
from snn_agent.network.organism import GrowingSparseSNN


class FusedLearner:
    """Learns from the decisions of one rollout, a minibatch at a time; the organism changes in place.

    Args:
        organism: on the numba engine.
        samples: the decisions.
        config: how to learn.
    """

    def __init__(self, organism: GrowingSparseSNN, samples: Samples, config: LearningConfig) -> None:
        self.organism, self.samples, self.config = organism, samples, config
        self.arrays = Batch(
            *(flat(tensor) for tensor in (
                samples.action, samples.log_prob, samples.advantage, samples.target, samples.weight
            ))
        )  # fmt: skip
        self.clip_ratio = config.clip_ratio if config.reuse_epochs * config.minibatches > 1 else None

    def gradients(self, rows: Tensor) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Gradients of everything that is learnt from the decisions ``rows``, int64 [B], and what is reported."""
        organism, config = self.organism, self.config
        network = FusedNetwork(organism)
        cells, weights, learnt, gain = network.cells, network.weights, network.learnt, network.gain
        sizes, B = weights.sizes, len(rows)
        inputs, seen = network.inputs(self.samples.observation, rows)
        before = self.samples.state
        states = network.states(None if before is None else before.map(lambda tensor: tensor[rows]), B)
        decided = decide(cells, weights, inputs, states, "none")
        evidence = decided.evidence.reshape(-1, sizes.Ap)[:B, : sizes.A]
        found = objective_gradient(
            gain * evidence,
            decided.tally * decided.tally.dtype.type(1 / cells.ticks) + network.critic_bias,
            Batch(*(array[rows.numpy()] for array in self.arrays)),
            self.clip_ratio,
            config.entropy_weight,
            config.value_weight if config.baseline == "critic" else 0.0,
        )
        of_evidence = np.zeros_like(decided.evidence)
        of_evidence.reshape(-1, sizes.Ap)[:B, : sizes.A] = gain * found.of_logits
        of_tally = (found.of_value / cells.ticks).astype(evidence.dtype)
        back = adjoint(cells, weights, inputs, states, decided, of_evidence, of_tally)
        incoming, bias, drive = learnt["incoming"], learnt["bias"], torch.from_numpy(inputs.drive)
        of_drive, of_incoming, of_bias, *rest = unpadded(back, sizes, incoming, bias, drive, B)
        if seen is not None:
            of_incoming, of_bias = seen.T @ of_drive, of_drive.sum(dim=0)
        of_gain = (found.of_logits * evidence).sum()
        scalars = (torch.as_tensor(number, dtype=bias.dtype) for number in (found.of_value.sum(), of_gain))
        value_loss = found.value_loss if config.baseline == "critic" else 0.0
        numbers = found._asdict() | {
            "value_loss": value_loss,
            "loss": found.policy_loss + config.value_weight * value_loss,
        }
        names = ("incoming", "bias", "outgoing", "critic", "output_bias", "critic_bias", "gain")
        return dict(zip(names, (of_incoming, of_bias, *rest, *scalars), strict=True)), numbers

    def step(self, adam: AdamState, rows: Tensor, learning_rate: float) -> tuple[AdamState, dict[str, float]]:
        """One optimizer step; the numbers are reported, ``gradient_norm`` among them.

        A gradient that is not finite changes nothing: look at ``loss`` and ``gradient_norm``.
        """
        gradients, numbers = self.gradients(rows)
        squares = (float(np.dot(array, array)) for array in map(flat, gradients.values()))
        norm = math.sqrt(sum(squares))
        numbers["gradient_norm"] = norm
        if math.isfinite(norm) and math.isfinite(numbers["loss"]):
            scale = min(1.0, self.config.max_grad_norm / (norm + 1e-6))
            adam = fused_adam.update(gradients, adam, dict(self.organism.learnt()), lr=learning_rate, scale=scale)
        return adam, numbers
