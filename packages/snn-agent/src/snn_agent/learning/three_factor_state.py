"""What the three-factor rule remembers: moments, the eligibility traces of all worlds, and its random feedback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from snn_agent.learning import neuron_adam
from snn_agent.network.surgery import StructuralEdit
from snn_agent.network.topology import NEURON_AXIS


class Feedback(NamedTuple):
    """Fixed random weights along which the third factor reaches the hidden neurons; H rows, none unless random."""

    weight: Tensor  # [H, A + 1], the last column for the critic; or [H, 0]
    std: float
    seed: int
    drawn: int  # rows so far, so that every newborn has its own

    def resize(self, keep: Tensor, n_new: int) -> Feedback:
        """Rows of the survivors, then fresh ones."""
        kept = self.weight.index_select(0, keep.to(self.weight.device))
        return self._replace(weight=kept).grow(n_new)

    def grow(self, n_new: int) -> Feedback:
        """With ``n_new`` rows more, each drawn by its own number; on the CPU, whatever the device."""
        columns, drawn = self.weight.shape[1], self.drawn + n_new
        fresh = np.empty((n_new, columns))
        for place, row in enumerate(range(self.drawn, drawn)):
            fresh[place] = np.random.default_rng([self.seed, row]).normal(scale=self.std, size=columns)
        return self._replace(weight=torch.cat([self.weight, torch.from_numpy(fresh).to(self.weight)]), drawn=drawn)


class ThreeFactorState(NamedTuple):
    """Adam's moments and counts, the traces of all worlds, and the random feedback.

    A trace is as large as what is learnt, in every world: 4·B·(D·H + …) bytes.
    """

    adam: neuron_adam.AdamState
    traces: Mapping[str, Tensor]  # [B, *shape of the parameter]; B is 0 before the first update
    feedback: Feedback

    def for_worlds(self, n: int) -> ThreeFactorState:
        """The state itself; if its traces are of another number of worlds, one with zero traces."""
        if len(self.traces["gain"]) == n:
            return self
        return self._replace(traces={name: old.new_zeros(n, *old.shape[1:]) for name, old in self.traces.items()})

    def recall(self, modulator: Tensor) -> dict[str, Tensor]:
        """Sum over the worlds of modulator × trace, [B] -> the shape of each parameter."""
        return {
            name: (modulator @ old.reshape(len(old), -1)).reshape(old.shape[1:]) for name, old in self.traces.items()
        }

    def remember(self, fresh: Mapping[str, Tensor], factor: Tensor) -> None:
        """E45, in place: traces × a factor a world, [B], plus what is new, [B, *shape] each."""
        for name, trace in self.traces.items():
            trace.mul_(factor.to(trace).reshape(-1, *[1] * (trace.dim() - 1))).add_(fresh[name])

    def resize(self, keep: Tensor, n_new: int, edit: StructuralEdit | None = None) -> ThreeFactorState:
        """The state for the neurons ``keep`` followed by ``n_new`` newborn ones, whose traces are zero."""
        del edit  # it remembers no weights
        traces = {}
        for name, trace in self.traces.items():
            axis = NEURON_AXIS[name]
            if axis is not None:
                kept = trace.index_select(axis + 1, keep.to(trace.device))
                born = list(kept.shape)
                born[axis + 1] = n_new
                trace = torch.cat([kept, kept.new_zeros(born)], dim=axis + 1)
            traces[name] = trace
        return ThreeFactorState(neuron_adam.resize(self.adam, keep, n_new), traces, self.feedback.resize(keep, n_new))

    def forget(self, synapses: Tensor) -> ThreeFactorState:
        """The state without moments and traces of some input synapses, bool [D, H]."""
        there = self.traces["incoming"]
        traces = {**self.traces, "incoming": there.masked_fill(synapses.to(there.device), 0.0)}
        return self._replace(adam=neuron_adam.forget(self.adam, "incoming", synapses), traces=traces)

    def for_new_episodes(self) -> ThreeFactorState:
        """The state without traces."""
        return self.for_worlds(0)

    def held(self, synapses: Tensor) -> int:
        """None: it holds on to no task."""
        del synapses
        return 0

    def tensors(self) -> dict[str, Tensor]:
        """Everything worth saving, by name."""
        named = {f"trace.{name}": trace for name, trace in self.traces.items()}
        for part in ("mean", "square", "count"):
            named |= {f"{part}.{name}": tensor for name, tensor in getattr(self.adam, part).items()}
        named["feedback.weight"] = self.feedback.weight
        named["feedback.origin"] = torch.tensor([self.feedback.seed, self.feedback.drawn])
        return named

    def from_tensors(self, tensors: dict[str, Tensor]) -> ThreeFactorState:
        """The state that :meth:`tensors` described."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {name: tensors[f"{prefix}.{name}"].clone() for name in self.adam.mean}

        adam = neuron_adam.AdamState(mean=part("mean"), square=part("square"), count=part("count"), axes=self.adam.axes)
        seed, drawn = tensors["feedback.origin"].tolist()
        feedback = self.feedback._replace(weight=tensors["feedback.weight"].clone(), seed=seed, drawn=drawn)
        return ThreeFactorState(adam, part("trace"), feedback)
