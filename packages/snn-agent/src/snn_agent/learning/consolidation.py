"""Elastic weight consolidation: what earlier tasks ask of the weights.

While a new task is learnt, each weight is pulled back to where it was when an old one ended, the harder the more it
matters to the old policy: to the loss is added ``λ/2 · Σ_k Σ_i F_ki·(θ_i − θ*_ki)²`` (Kirkpatrick et al., PNAS
114:3521, 2017, eq. 3), with a term k for each old task, F from :mod:`snn_agent.learning.fisher` and θ* the weights at
that task's end. ``online_ewc`` has one term, whatever the number of tasks: ``F ← γ·F + F_new`` around the newest
weights (Schwarz et al., *Progress & Compress*, ICML 2018, eq. 9).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.learning.neuron_adam import resized
from snn_agent.network.topology import NEURON_AXIS

MODES: Final = ("ewc", "online_ewc")


class Memory(NamedTuple):
    """One term of the penalty; both mappings have the same names, of the parameters that it holds."""

    fisher: Mapping[str, Tensor]  # F >= 0, the parameters' shapes
    anchor: Mapping[str, Tensor]  # θ*


class Consolidation(NamedTuple):
    """All terms; without any, or with strength 0, nothing is pulled."""

    strength: float = 0.0  # λ
    memories: tuple[Memory, ...] = ()

    @property
    def pulls(self) -> bool:
        """Whether there is a penalty at all."""
        return self.strength > 0.0 and len(self.memories) > 0

    @torch.no_grad()
    def penalty(self, parameters: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """``λ/2 · Σ_k F_k·(θ − θ*_k)²``, a scalar, and its gradient ``λ · Σ_k F_k·(θ − θ*_k)`` for each parameter it
        holds.
        """
        total, gradients = torch.zeros(()), dict[str, Tensor]()
        for memory in self.memories:
            for name, fisher in memory.fisher.items():
                away = parameters[name] - memory.anchor[name]
                pull = self.strength * fisher * away
                total = total.to(pull) + 0.5 * (pull * away).sum()
                gradients[name] = gradients[name] + pull if name in gradients else pull
        return total, gradients

    def remember(
        self,
        fisher: Mapping[str, Tensor],
        parameters: Mapping[str, Tensor],
        *,
        mode: str,
        strength: float,
        decay: float,
    ) -> Consolidation:
        """With the task that has just ended.

        Args:
            fisher: F of the parameters that are to be held.
            parameters: the weights now; copied.
            mode: ``"ewc"`` (a term more), or ``"online_ewc"`` (into the one term).
            strength: λ >= 0, from now on for all terms.
            decay: γ in [0, 1] of ``"online_ewc"``; 1 forgets nothing.

        Raises:
            ConfigError: a value is out of range, or ``"online_ewc"`` meets the terms of several tasks.
        """
        checks.choice("mode", mode, MODES)
        strength, decay = checks.number("strength", strength, 0.0), checks.number("decay", decay, 0.0, 1.0)
        before, total = self.memories, dict(fisher)
        if mode == "online_ewc":
            if len(before) > 1:
                raise ConfigError(
                    f'"online_ewc" keeps one term, but this learner has {len(before)}, of "ewc". Go on with "ewc".'
                )
            for memory in before:
                old = memory.fisher
                total = {name: decay * old[name] + new if name in old else new for name, new in fisher.items()}
            before = ()
        anchor = {name: parameters[name].detach().clone() for name in total}
        return Consolidation(strength, (*before, Memory(total, anchor)))

    def resize(self, keep: Tensor, n_new: int) -> Consolidation:
        """For the neurons ``keep`` followed by ``n_new`` newborn ones, whom nothing pulls: no old task knew them."""
        return self._map(
            lambda part: {name: resized(tensor, NEURON_AXIS[name], keep, n_new) for name, tensor in part.items()}
        )

    def forget(self, synapses: Tensor) -> Consolidation:
        """Without pull on some input synapses, bool [D, H]: those that end or begin are not those of the old task."""

        def without(fisher: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {**fisher, "incoming": fisher["incoming"].masked_fill(synapses.to(fisher["incoming"].device), 0.0)}

        return self._replace(memories=tuple(memory._replace(fisher=without(memory.fisher)) for memory in self.memories))

    def without(self, names: Collection[str]) -> Consolidation:
        """Without pull on some parameters."""
        return self._map(lambda part: {name: tensor for name, tensor in part.items() if name not in names})

    def _map(self, change: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]) -> Consolidation:
        """With every mapping changed, of Fisher terms and of anchors."""
        return self._replace(memories=tuple(Memory(*(change(part) for part in memory)) for memory in self.memories))

    def tensors(self) -> dict[str, Tensor]:
        """Everything worth saving, by name; nothing where no task is remembered."""
        if not self.memories:
            return {}
        named = {
            f"{k}.{part}.{name}": tensor
            for k, memory in enumerate(self.memories)
            for part, values in memory._asdict().items()
            for name, tensor in values.items()
        }
        return named | {"strength": torch.tensor(self.strength, dtype=torch.float64)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Consolidation:
        """What :meth:`tensors` described."""
        if not tensors:
            return cls()
        found: dict[int, Memory] = {}
        for key, tensor in tensors.items():
            if key != "strength":
                k, part, name = key.split(".")
                getattr(found.setdefault(int(k), Memory({}, {})), part)[name] = tensor.clone()
        return cls(float(tensors["strength"]), tuple(found[k] for k in sorted(found)))


NOTHING: Final = Consolidation()
"""No task is over yet."""
