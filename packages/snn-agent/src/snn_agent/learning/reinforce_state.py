"""What ``"reinforce"`` remembers between updates."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.learning import neuron_adam
from snn_agent.learning.baseline import EmaState
from snn_agent.learning.consolidation import MODES, NOTHING, Consolidation
from snn_agent.learning.fisher import fisher
from snn_agent.network.heads import PARTS as HEAD
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.surgery import StructuralEdit
from snn_agent.types import Events

CONSOLIDATION: Final = "consolidation."


class ReinforceState(NamedTuple):
    """Adam's moments and counts, the running mean return where that is the baseline, and what old tasks ask for."""

    adam: neuron_adam.AdamState
    baseline: EmaState
    consolidation: Consolidation = NOTHING

    def resize(self, keep: Tensor, n_new: int, edit: StructuralEdit | None = None) -> ReinforceState:
        """The state for the neurons ``keep`` followed by ``n_new`` newborn ones."""
        adam = neuron_adam.resize(self.adam, keep, n_new)
        return self._replace(adam=adam, consolidation=self.consolidation.resize(keep, n_new, edit))

    def forget(self, synapses: Tensor) -> ReinforceState:
        """The state without moments of some input synapses, bool [D, H], and without pull on them."""
        adam = neuron_adam.forget(self.adam, "incoming", synapses)
        return self._replace(adam=adam, consolidation=self.consolidation.forget(synapses))

    def for_new_episodes(self) -> ReinforceState:
        """The state: it remembers no episodes."""
        return self

    def for_new_head(self) -> ReinforceState:
        """The state where another head is put on: the head's moments and counts are zero, and nothing pulls it."""
        return self._replace(adam=neuron_adam.restart(self.adam, HEAD), consolidation=self.consolidation.without(HEAD))

    def consolidate(
        self,
        organism: GrowingSparseSNN,
        observations: Tensor | Events,
        *,
        mode: str,
        strength: float,
        decay: float,
        generator: torch.Generator,
        shared_head: bool = True,
    ) -> ReinforceState:
        """The state that holds on to the task which ends now (:mod:`snn_agent.learning.consolidation`).

        Args:
            organism: as it is at the task's end, with the head of that task.
            observations: states of that task, [N, D] as the environment gave them, or N events.
            mode: ``"ewc"`` or ``"online_ewc"``.
            strength: λ >= 0; with 0 nothing is done and no number drawn.
            decay: γ in [0, 1] of ``"online_ewc"``.
            generator: for the actions that are drawn.
            shared_head: whether the next task uses the same outgoing weights, output bias and gain, so that they are
                held too; False: only incoming weights and bias are.

        Raises:
            ConfigError: a value is out of range, or the organism is not one whose Fisher information can be computed.
            NonFiniteError: a gradient is not finite.
        """
        checks.choice("mode", mode, MODES)
        if checks.number("strength", strength, 0.0) == 0.0:
            return self
        found = fisher(organism, observations, generator)
        if not shared_head:
            found = {name: tensor for name, tensor in found.items() if name not in HEAD}
        consolidation = self.consolidation.remember(
            found, dict(organism.learnt()), mode=mode, strength=strength, decay=decay
        )
        return self._replace(consolidation=consolidation)

    def held(self, synapses: Tensor) -> int:
        """See :meth:`snn_agent.learning.consolidation.Consolidation.held`."""
        return self.consolidation.held(synapses)

    def tensors(self) -> dict[str, Tensor]:
        """Everything worth saving, by name."""
        adam = self.adam
        named = {f"mean.{name}": tensor for name, tensor in adam.mean.items()}
        named |= {f"square.{name}": tensor for name, tensor in adam.square.items()}
        named |= {f"count.{name}": tensor for name, tensor in adam.count.items()}
        named["baseline.average"] = torch.tensor(self.baseline.average, dtype=torch.float64)
        named["baseline.count"] = torch.tensor(self.baseline.count)
        return named | {CONSOLIDATION + name: tensor for name, tensor in self.consolidation.tensors().items()}

    def from_tensors(self, tensors: dict[str, Tensor]) -> ReinforceState:
        """The state that :meth:`tensors` described; those saved by versions without consolidation have none."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {name: tensors[f"{prefix}.{name}"].clone() for name in self.adam.mean}

        adam = neuron_adam.AdamState(mean=part("mean"), square=part("square"), count=part("count"), axes=self.adam.axes)
        average, count = tensors["baseline.average"], tensors["baseline.count"]
        past = {
            name.removeprefix(CONSOLIDATION): tensor
            for name, tensor in tensors.items()
            if name.startswith(CONSOLIDATION)
        }
        return ReinforceState(adam, EmaState(float(average), int(count)), Consolidation.from_tensors(past))
