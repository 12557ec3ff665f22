"""Values that pass between the layers: named tuples of tensors.

Shape letters: ``B`` worlds, ``T`` ticks, ``H`` hidden neurons, ``A`` actions, ``D`` inputs, ``P`` projected columns.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Events:
    """Observations of which most numbers are zero, by those that are not: N rows of D features (compressed rows).

    Attributes:
        offsets: row n has the entries ``offsets[n]`` to ``offsets[n + 1]``, int64 ``[N + 1]``.
        columns: which feature, int32 ``[E]``, ascending in each row.
        values: the number, ``[E]``; empty: all are 1.
        features: D.
    """

    offsets: Tensor  # [N + 1]
    columns: Tensor  # [E]
    values: Tensor  # [E] or [0]
    features: int

    def __len__(self) -> int:  # rows, as a tensor's
        return len(self.offsets) - 1

    def dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The same observations as a tensor, [N, D]."""
        table = torch.zeros((len(self), self.features), dtype=dtype, device=self.columns.device)
        row = torch.repeat_interleave(torch.diff(self.offsets))
        table[row, self.columns.long()] = self.values.to(dtype) if len(self.values) else 1.0
        return table

    def take(self, rows: Tensor) -> Events:
        """Some of the observations, int64 [M], in that order."""
        lengths = torch.diff(self.offsets)[rows]
        offsets = torch.zeros(len(rows) + 1, dtype=torch.int64, device=self.offsets.device)
        torch.cumsum(lengths, 0, out=offsets[1:])
        entries = torch.repeat_interleave(self.offsets[rows] - offsets[:-1], lengths)
        entries += torch.arange(len(entries), device=entries.device)
        return Events(
            offsets, self.columns[entries], self.values[entries] if len(self.values) else self.values, self.features
        )

    def to(self, device: torch.device | str) -> Events:
        """The events on another device."""
        return Events(self.offsets.to(device), self.columns.to(device), self.values.to(device), self.features)

    @classmethod
    def join(cls, parts: Sequence[Events]) -> Events:
        """Observations one after the other."""
        starts = [0, *itertools.accumulate(len(part.columns) for part in parts)]
        offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts, strict=False)]
        device = parts[0].offsets.device
        weighted = any(len(part.values) for part in parts)
        values = [part.values if len(part.values) else torch.ones(len(part.columns), device=device) for part in parts]
        return cls(
            torch.cat([*offsets, torch.tensor([starts[-1]], device=device)]),
            torch.cat([part.columns for part in parts]),
            torch.cat(values) if weighted else parts[0].values[:0],
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
        """Return neurons at rest: the voltage at ``v_leak``, no current; ``shape`` is usually ``(B, H)``."""
        v = torch.full(shape, v_leak, device=device, dtype=dtype)
        return cls(v, torch.zeros_like(v))


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

    def last_observation(self) -> Tensor:
        """What was seen before the last step, [B, D]."""
        if isinstance(self.observation, Tensor):
            return self.observation[-1]
        n, B = len(self.observation), self.action.shape[1]
        return self.observation.take(torch.arange(n - B, n, device=self.action.device)).dense()
