"""Values that pass between the layers, most of them named tuples of tensors.

Shape letters: ``B`` worlds, ``T`` ticks, ``H`` hidden neurons, ``A`` actions, ``D`` inputs, ``P`` projected columns.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array: TypeAlias = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Events:
    """Observations of which most numbers are zero, by those that are not: N rows of D features (compressed rows).

    They are what the environment gave, so they live on the CPU, as arrays.

    Attributes:
        offsets: row n has the entries ``offsets[n]`` to ``offsets[n + 1]``, int64 ``[N + 1]``.
        columns: which feature, int32 ``[E]``, ascending in each row.
        values: the number, float32 ``[E]``; empty: all are 1.
        features: D.
    """

    offsets: Array  # [N + 1]
    columns: Array  # [E]
    values: Array  # [E] or [0]
    features: int

    def __len__(self) -> int:  # rows, as a tensor's
        return len(self.offsets) - 1

    def dense(self) -> Tensor:
        """The same observations as a tensor, float32 [N, D]."""
        table = np.zeros((len(self), self.features), np.float32)
        rows = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        table[rows, self.columns] = self.values if self.values.size else 1.0
        return torch.from_numpy(table)

    def take(self, rows: Array) -> Events:
        """Some of the observations, int64 [M], in that order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        entries = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        values = self.values[entries] if self.values.size else self.values
        return Events(offsets, self.columns[entries], values, self.features)

    @classmethod
    def join(cls, parts: Sequence[Events]) -> Events:
        """Observations one after the other."""
        starts = np.concatenate([[0], np.cumsum([part.columns.size for part in parts])])
        offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts[:-1], strict=True)]
        weighted = any(part.values.size for part in parts)
        values = [part.values if part.values.size else np.ones(part.columns.size, np.float32) for part in parts]
        return cls(
            np.concatenate([*offsets, starts[-1:]]),
            np.concatenate([part.columns for part in parts]),
            np.concatenate(values) if weighted else parts[0].values[:0],
            parts[0].features,
        )


class LIFState(NamedTuple):
    """What a layer of LIF neurons remembers between ticks.

    Attributes:
        v: membrane voltage after the reset (E5), in the unit of the threshold, ``[B, H]``.
        i: synaptic current after its decay (E3), in the unit of the voltage, ``[B, H]``.
    """

    v: Tensor  # [B, H]
    i: Tensor  # [B, H]

    @classmethod
    def at_rest(
        cls,
        shape: tuple[int, ...],
        v_leak: float = 0.0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> LIFState:
        """Return neurons at rest: the voltage at ``v_leak``, no current; ``shape`` is usually ``(B, H)``.

        All share one number, so they take no memory; :meth:`is_at_rest` knows them by that.
        """
        v = torch.full((), v_leak, device=device, dtype=dtype)
        return cls(v.expand(shape), torch.zeros_like(v).expand(shape))

    def is_at_rest(self, v_leak: float) -> bool:
        """Whether :meth:`at_rest` made these (for nobody who wants a gradient); others may rest without being known."""
        numbers = [tensor for tensor in self if tensor.numel() and not any(tensor.stride())]
        if len(numbers) < 2 or self.v.requires_grad or self.i.requires_grad:
            return False
        return float(self.v.flatten()[0]) == v_leak and float(self.i.flatten()[0]) == 0.0


class LayerOutput(NamedTuple):
    """What a layer of LIF neurons did during ``T`` ticks.

    Attributes:
        counts: spikes of each neuron over the ticks, ``[B, H]``.
        projected: ``z[t] @ projection`` for each tick, ``[T, B, P]``; ``None`` if no projection was asked for.
        state: where the neurons are now.
        spikes: ``z[t]``, 0 or 1, ``[T, B, H]``; ``None`` unless a record was asked for.
    """

    counts: Tensor  # [B, H]
    projected: Tensor | None  # [T, B, P]
    state: LIFState
    spikes: Tensor | None  # [T, B, H]


class OrganismState(NamedTuple):
    """What a whole network remembers between decisions."""

    hidden: LIFState  # [B, H]
    output: LIFState  # [B, A]

    def map(self, change: Callable[[Tensor], Tensor]) -> OrganismState:
        """The state with each of its four tensors changed."""
        return OrganismState(*(LIFState(*(change(tensor) for tensor in layer)) for layer in self))

    def where(self, worlds: Tensor, other: OrganismState) -> OrganismState:
        """The state with that of ``other`` in some worlds, bool [B]."""
        rows = worlds[:, None]
        return OrganismState(
            *(
                LIFState(torch.where(rows, new.v, old.v), torch.where(rows, new.i, old.i))
                for new, old in zip(other, self, strict=True)
            )
        )


class PolicyOutput(NamedTuple):
    """One decision of B worlds."""

    logits: Tensor  # [B, A] unnormalised log-probabilities of the actions
    value: Tensor  # [B] the critic's estimate of the discounted return
    counts: Tensor  # [B, H] spikes of the hidden neurons
    output_counts: Tensor | None  # [B, A] spikes of the output neurons; None for readouts without


class Rollout(NamedTuple):
    """L steps of B worlds under one policy. Time comes first; all is data, nothing holds gradients."""

    observation: Tensor | Events  # [L, B, D] features as the environment gave them, unscaled; or events of L·B rows
    action: Tensor  # [L, B] int64
    log_prob: Tensor  # [L, B] of the action, when it was chosen
    value: Tensor  # [L, B] the critic's estimate before the step
    next_value: Tensor  # [L, B] and after it, of the same episode
    reward: Tensor  # [L, B]
    terminated: Tensor  # [L, B] bool
    truncated: Tensor  # [L, B] bool
    valid: Tensor  # [L, B] bool; False where a step was an environment's own reset step
    counts: Tensor  # [H] spikes of each hidden neuron, summed over all decisions
    state: OrganismState | None  # [L, B, …] before each decision, where it is carried from one to the next

    def last_observation(self) -> Tensor | Events:
        """What was seen before the last step, [B, D] or B rows."""
        if isinstance(self.observation, Tensor):
            return self.observation[-1]
        n, B = len(self.observation), self.action.shape[1]
        return self.observation.take(np.arange(n - B, n))


@dataclasses.dataclass(frozen=True, kw_only=True)
class StructuralEvent:
    """What a structural edit did, as the event log tells it; see :mod:`snn_agent.metrics.genealogy`.

    Attributes:
        update: the run's update after which it happened.
        env_step: environment steps lived until then.
        episode: episodes ended until then.
        rule: name of the rule that proposed it.
        reason: the rule's, one sentence.
        size_before: hidden neurons before it.
        size_after: and after it.
        born: ids of the newborn, ascending.
        died: ids of the dead, ascending.
        parents: ids of the newborn's parents, one each, or none where they descend from nobody.
        synapses_ended: input synapses of living neurons that ended.
        synapses_begun: and that began.
    """

    update: int
    env_step: int
    episode: int
    rule: str
    reason: str
    size_before: int
    size_after: int
    born: tuple[int, ...]
    died: tuple[int, ...]
    parents: tuple[int, ...] = ()
    synapses_ended: int = 0
    synapses_begun: int = 0
