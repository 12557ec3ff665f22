"""Whole updates by :mod:`snn_agent.learning.update_kernel`: what goes into the kernel, and back."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
import torch

from snn_agent.config import LearningConfig
from snn_agent.engine.numba_compile import running
from snn_agent.engine.numba_decision import hidden_variant, padded_batch
from snn_agent.engine.numba_layer_op import flat
from snn_agent.engine.numba_network_op import events_of
from snn_agent.engine.simd_types import LANES
from snn_agent.engine.threads import ranges, side_by_side
from snn_agent.learning.neuron_adam import AdamState
from snn_agent.learning.newborn import paces
from snn_agent.learning.objective_kernel import CLIPPED, ENTROPY, KL, N_SUMS, POLICY_LOSS, VALUE_LOSS, Objective
from snn_agent.learning.protection import Movable
from snn_agent.learning.samples import Samples
from snn_agent.learning.update_kernel import LOSS_IS_FINITE, N_REPORTED, NORM, update_kernel
from snn_agent.network.events import find_events
from snn_agent.network.fused import FusedNetwork
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.types import Array, Events

MOST_DENSE = 64
"""Features up to which a dense observation is as fast told as events."""
BETAS, EPSILON = (0.9, 0.999), 1e-8
COUNTED_ALIKE = (("incoming", "bias"), ("outgoing", "critic"))
"""Parameters on either side of a neuron, whose steps the kernel counts as one."""
SAMPLE_NS, DECISION_TICK_NS = 100.0, 0.5
"""About how long the objective takes a decision, and a decision a neuron and tick, to see whether threads pay."""
MEETINGS_NS = 10_000
"""About how long threads wait for each other in a minibatch, which is how much work it must have for each."""


def suits_kernel(organism: GrowingSparseSNN, adam: AdamState, samples: Samples) -> bool:
    """Whether the kernel can do it: few inputs at a time, no membranes carried, and one age a neuron's side."""
    few = isinstance(samples.observation, Events) or organism.config.input_features <= MOST_DENSE
    counts = [(adam.count[one], adam.count[other]) for one, other in COUNTED_ALIKE]
    return few and samples.state is None and all(torch.equal(*pair) for pair in counts)


def _threads(work_ns: float, steps: int) -> int:
    """How many threads serve an update of ``steps`` minibatches that take one of them ``work_ns`` each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = max(1, min(torch.get_num_threads(), cores, int(work_ns // MEETINGS_NS)))
    return len(ranges(most, 1, steps * work_ns))


class _Learnt(NamedTuple):
    """What is learnt (or its gradient, or a moment), as the kernel has it."""

    incoming: Array  # [D·Hp]
    bias: Array  # [Hp]
    critic: Array  # [Hp]
    outgoing: Array  # [Ap·Hp], a row an action
    output_bias: Array  # [Ap]
    scalars: Array  # [2], gain and critic's bias


class FusedUpdate:
    """One update of an organism on the numba engine; organism and optimizer state change in place.

    Args:
        organism: who learns.
        adam: its optimizer's state.
        samples: the decisions.
        config: how to learn.
    """

    def __init__(self, organism: GrowingSparseSNN, adam: AdamState, samples: Samples, config: LearningConfig) -> None:
        self.organism, self.adam, self.samples, self.config = organism, adam, samples, config
        self.network = FusedNetwork(organism)
        self.sizes = self.network.weights.sizes

    def run(self, order: Array, bounds: Array, learning_rate: float) -> tuple[Array, int]:
        """All minibatches, one after the other.

        Args:
            order: int64, the decisions of all minibatches.
            bounds: int64 [M + 1], where each begins and the last ends.
            learning_rate: Adam's.

        Returns:
            What is reported of each, float64 [M, N_REPORTED], and how many were learnt from: fewer than M if a gradient
            was not finite, which then has changed nothing.
        """
        sizes, network, config, samples = self.sizes, self.network, self.config, self.samples
        weights, cells = network.weights, network.cells
        dtype = weights.bias.dtype
        learnt = {name: parameter.detach() for name, parameter in self.organism.learnt().items()}
        theta, mean, square = (self._padded(part) for part in (learnt, self.adam.mean, self.adam.square))
        gradient = _Learnt(*(np.zeros_like(array) for array in theta))
        events = samples.observation
        if not isinstance(events, Events):
            events = find_events(self.organism.scale(events).numpy())
        largest, steps = int(np.diff(bounds).max()), len(bounds) - 1
        Bp = padded_batch(largest)
        n_outputs = Bp * sizes.Ap
        room = [np.empty(n, dtype) for n in (n_outputs, Bp, n_outputs, cells.ticks * n_outputs, n_outputs, Bp)]
        room.append(np.empty(cells.ticks * n_outputs, dtype))
        sides = [self.adam.count[name].numpy().astype(np.float64) for name, _ in COUNTED_ALIKE]
        counts = [np.pad(count, (0, sizes.Hp - sizes.H)) for count in sides]
        counts.append(np.array([float(self.adam.count[name]) for name in ("output_bias", "gain", "critic_bias")]))
        decays = [beta**count for count in counts for beta in BETAS]
        reported = np.zeros((steps, N_REPORTED))
        work = largest * (SAMPLE_NS + sizes.Hp * cells.ticks * DECISION_TICK_NS)
        parts = _threads(work, steps)
        own_rates = paces(self.adam, config)
        pace = np.ones(sizes.Hp)
        if own_rates is not None:
            pace[: sizes.H] = own_rates.numpy()
        where, movable = Movable.of(self.organism), weights.bias[:0]
        if where is not None:
            rows = torch.cat([where.incoming, where.bias[None]]).to(learnt["bias"].dtype)
            movable = flat(torch.nn.functional.pad(rows, (0, sizes.Hp - sizes.H)))
        constants = cells.constants
        variant = hidden_variant(cells, sizes)
        with running(f"the update, variant {variant}", dtype):
            side_by_side(
                update_kernel(*variant), [(part, part + 1) for part in range(parts)], parts, np.zeros(1, np.int64),
                order, bounds, *events_of(events, dtype), flat(samples.action), flat(samples.log_prob),
                flat(samples.advantage), flat(samples.target), flat(samples.weight), constants.array(dtype),
                dtype.type(cells.output_threshold), cells.readout, cells.ticks, sizes.D, sizes.Hp, sizes.A,
                sizes.Ap, weights.threshold, weights.table, movable, pace, *theta, *gradient, *mean, *square, *decays,
                *BETAS, EPSILON, learning_rate, config.max_grad_norm, *Objective.of(config),
                np.zeros(sizes.Hp // LANES + 1), np.zeros((parts, N_SUMS)), reported, *room,
            )  # fmt: skip
        done = steps if reported[:, LOSS_IS_FINITE].all() else int(np.argmin(reported[:, LOSS_IS_FINITE]))
        for part, arrays in ((learnt, theta), (self.adam.mean, mean), (self.adam.square, square)):
            self._give_back(dict(part), arrays)
        for number in self.adam.count.values():
            number.add_(done)
        return reported, done

    def _padded(self, part: Any) -> _Learnt:
        """Parameters (or moments) by name as the kernel has them; shared where they have that form already."""
        _, H, Hp, A, Ap = self.sizes

        def filled(tensor: torch.Tensor, *amounts: int) -> Array:
            return flat(torch.nn.functional.pad(tensor, amounts) if any(amounts) else tensor)

        return _Learnt(
            incoming=filled(part["incoming"], 0, Hp - H),
            bias=filled(part["bias"], 0, Hp - H),
            critic=filled(part["critic"], 0, Hp - H),
            outgoing=filled(part["outgoing"].T, 0, Hp - H, 0, Ap - A),
            output_bias=filled(part["output_bias"], 0, Ap - A),
            scalars=flat(torch.stack([part["gain"], part["critic_bias"]])),
        )

    def _give_back(self, part: dict[str, torch.Tensor], arrays: _Learnt) -> None:
        """Write what the kernel has into the tensors it came from."""
        D, H, Hp, A, Ap = self.sizes
        found = {
            "incoming": arrays.incoming.reshape(D, Hp)[:, :H],
            "bias": arrays.bias[:H],
            "critic": arrays.critic[:H],
            "outgoing": arrays.outgoing.reshape(Ap, Hp)[:A, :H].T,
            "output_bias": arrays.output_bias[:A],
            "gain": arrays.scalars[0],
            "critic_bias": arrays.scalars[1],
        }
        for name, array in found.items():
            own = part[name].detach().numpy()
            if not np.shares_memory(own, array):
                own[...] = array

    def describe(self, reported: Array) -> dict[str, float]:
        """What one minibatch reports, by name."""
        told = reported.tolist()  # plain numbers, which do not warn of infinity
        value_loss = told[VALUE_LOSS] if self.config.baseline == "critic" else 0.0
        return {
            "loss": told[POLICY_LOSS] + self.config.value_weight * value_loss,
            "policy_loss": told[POLICY_LOSS],
            "value_loss": value_loss,
            "entropy": told[ENTROPY],
            "approx_kl": told[KL],
            "clip_fraction": told[CLIPPED],
            "gradient_norm": told[NORM],
        }
