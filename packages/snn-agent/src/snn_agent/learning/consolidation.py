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
from snn_agent.network.surgery import StructuralEdit
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

    def held(self, synapses: Tensor) -> int:
        """How many weights are pulled at in each optimizer step, whatever their importance, added up over the terms.

        Args:
            synapses: not 0 where there are input synapses, [D, H]; elsewhere there is no weight to pull at.
        """
        if not self.pulls:
            return 0
        absent = int((synapses == 0).sum())
        numbers = [tensor.numel() for memory in self.memories for tensor in memory.fisher.values()]
        return sum(numbers) - absent * sum("incoming" in memory.fisher for memory in self.memories)

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

    def resize(self, keep: Tensor, n_new: int, edit: StructuralEdit | None = None) -> Consolidation:
        """For the neurons ``keep`` followed by ``n_new`` newborn ones.

        What keeps a policy is done to the old tasks' policies alike, each with its own weights θ*, so that nothing
        pulls it back. Neurons that divide do so in every term (:func:`divided`). Where the dying are made up for, it is
        in the anchor too: ``c* ← c* + Σ rate·V*`` (E59), with the rates of late, which are all that is known. Other
        newborn are pulled by nothing: no old task knew them.

        What changes a policy is not followed, for it is just what an old task asks back: incoming weights that
        homeostasis scales (``incoming_factor``), thresholds, and weights that shrink and are perturbed.

        Args:
            keep: indices of the survivors, int64.
            n_new: how many are born.
            edit: what did it; None: nobody divided, and nothing made up for those who died.
        """
        past = self
        if edit is not None:
            past = self._replace(memories=tuple(compensated(memory, edit) for memory in self.memories))
            if edit.shares is not None:
                return past._replace(memories=tuple(divided(memory, keep, edit) for memory in past.memories))
        return past._map(
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


def compensated(memory: Memory, edit: StructuralEdit) -> Memory:
    """The term once the anchor's output bias makes up for the mean effect of the dying, by the anchor's own weights; as
    it is where the edit does not say what they do on average, or outgoing weights are not held.
    """
    anchor = memory.anchor
    if edit.dying is None or edit.dying_rate is None or "outgoing" not in anchor:
        return memory
    outgoing = anchor["outgoing"]
    lost = edit.dying_rate.to(outgoing) @ outgoing[edit.dying.to(outgoing.device)]
    return memory._replace(anchor={**anchor, "output_bias": anchor["output_bias"] + lost})


def divided(memory: Memory, keep: Tensor, edit: StructuralEdit) -> Memory:
    """The term for the survivors and then the newborn, each of which took a share of its parent's outgoing weights.

    It is the term that the old task would have left, had its network been divided already (E58). Parent and child spike
    as the parent did, and the outputs hear a share a of each: the anchors of incoming weights and biases are the
    parent's, those of outgoing weights a times the parent's. Their Fisher information is that of the divided network,
    exactly: ∂ ln π/∂V = Σ z·ε knows no share, so outgoing weights keep F (V' = a·V is not V in another unit, whose F
    would be F/a², for the rest of V is not gone but with the twin); what reaches the drive is a times as much, so
    incoming weights and biases have a²·F.

    The child is held as its parent is, unlike other newborn: it carries a part of what the old task needs. On the
    weights of both together the penalty is Σa² times what it was, and 0 where it was 0; it is less, for that they spike
    together is not on the diagonal.
    """
    assert edit.parents is not None
    assert edit.outgoing_factor is not None
    assert edit.shares is not None
    source = torch.cat([keep.cpu(), edit.parents.cpu()])
    share = torch.cat([edit.outgoing_factor.cpu()[keep.cpu()], edit.shares.cpu()])

    def of(part: Mapping[str, Tensor], factors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = {}
        for name, tensor in part.items():
            axis = NEURON_AXIS[name]
            own = tensor if axis is None else tensor.index_select(axis, source.to(tensor.device))
            if name in factors:
                shape = [-1 if at == axis else 1 for at in range(own.dim())]
                own = own * factors[name].to(own).reshape(shape)
            found[name] = own.clone()
        return found

    fisher = of(memory.fisher, {"incoming": share.square(), "bias": share.square()})
    return Memory(fisher, of(memory.anchor, {"outgoing": share}))


NOTHING: Final = Consolidation()
"""No task is over yet."""
