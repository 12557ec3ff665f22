"""The ticks of a layer and their adjoint, written out for speed: few passes over memory, no graph.

Voltages here count from the reset, u = v − v_reset, which makes the reset a product (E5: u ← u' − z·u'). Spikes are
floats: PyTorch compares into floats several times faster than into booleans.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from snn_agent.neurons.surrogate import SURROGATE_DERIVATIVES


class Constants(NamedTuple):
    """Everything about a run that is no tensor.

    Attributes:
        ticks: T.
        step: dt/τ_mem (E2).
        keep: 1 − dt/τ_syn (E3).
        leak: dt/τ_mem · (v_leak − v_reset), what the leak adds a tick.
        v_reset: where voltages count from.
        surrogate: name of the surrogate derivative (E6).
        slope: its α.
        reset_gradient: whether the gradient flows through E5.
        record: whether the caller wants every tick's spikes.
        threshold_gradient: whether the caller wants the gradient of the threshold.
    """

    ticks: int
    step: float
    keep: float
    leak: float
    v_reset: float
    surrogate: str
    slope: float
    reset_gradient: bool
    record: bool
    threshold_gradient: bool


class Trace(NamedTuple):
    """What the ticks did to a block of ``N`` worlds."""

    counts: Tensor  # [N, H]
    v: Tensor  # [N, H] afterwards
    i: Tensor  # [N, H] afterwards
    spikes: list[Tensor]  # [N, H] of each tick; empty if they were not to be kept
    membrane: list[Tensor]  # [N, H] of each tick, u' before the reset (E2); empty if it was not to be kept


class Gradients(NamedTuple):
    """Adjoints of the arguments of :func:`forward_ticks`, and the spikes that another adjoint needs."""

    drive: Tensor  # [N, H] or [T, N, H]
    v: Tensor  # [N, H]
    i: Tensor  # [N, H]
    threshold: Tensor  # [H], summed over the worlds
    spikes: list[Tensor]  # [N, H] of each tick; empty if they were not to be kept


def forward_ticks(
    drive: Tensor, v: Tensor, i: Tensor, threshold: Tensor, c: Constants, keep_spikes: bool, keep_membrane: bool
) -> Trace:
    """Run E1–E5 for all ticks.

    Args:
        drive: ``[N, H]`` or ``[T, N, H]``.
        v: voltage, ``[N, H]``.
        i: current, ``[N, H]``.
        threshold: ``[H]``.
        c: constants.
        keep_spikes: whether each tick's spikes are kept.
        keep_membrane: whether each tick's voltage before the reset is kept.
    """
    u, level, current = v - c.v_reset, threshold - c.v_reset, i.clone()
    counts = torch.zeros_like(u, dtype=torch.promote_types(u.dtype, torch.float32))  # bfloat16 counts to 256 only
    spikes, membrane = [], []
    for t in range(c.ticks):
        x = drive if drive.dim() == 2 else drive[t]
        torch.add(x, current, alpha=c.keep if t else 1.0, out=current)  # E3 of the last tick and E1 in one pass
        before = torch.lerp(u, current, c.step)  # E2 for a leak towards the reset …
        if c.leak:
            before.add_(c.leak)  # … and towards anywhere else
        z = torch.gt(before, level, out=torch.empty_like(before))  # E4
        torch.addcmul(before, before, z, value=-1.0, out=u)  # E5
        counts.add_(z)
        if keep_spikes:
            spikes.append(z)
        if keep_membrane:
            membrane.append(before)
    return Trace(counts, u.add_(c.v_reset), current.mul_(c.keep), spikes, membrane)


def backward_ticks(
    drive: Tensor,
    v: Tensor,
    i: Tensor,
    threshold: Tensor,
    c: Constants,
    keep_spikes: bool,
    grad_counts: Tensor | None,
    grad_spikes: Tensor | None,
    grad_v: Tensor | None,
    grad_i: Tensor | None,
) -> Gradients:
    """Run the ticks again, then their adjoint, the ticks in reverse.

    With λ_v, λ_i the adjoints of the state after a tick and g that of its spikes, E1–E6 give, in u = v − v_reset::

        s    = surrogate(v' − v_th) · (g − λ_v·u')      the second term only with the reset's gradient
        λ_v' = (1 − z)·λ_v + s                          of v'
        λ_th ← λ_th − s                                 of the threshold
        λ_x  = (1 − b)·λ_i + a·λ_v'                     of the input, and of i before the tick; b = dt/τ_syn
        λ_v  ← (1 − a)·λ_v'                             of v before the tick; a = dt/τ_mem

    All adjoints of voltages and spikes are kept in a unit of b/a, which turns the fourth line into one ``lerp``, and
    λ_v' is kept for the next tick instead of λ_v, which saves the pass of the fifth.

    Args:
        drive: as in :func:`forward_ticks`, like the next five.
        v: voltage before.
        i: current before.
        threshold: of the neurons.
        c: constants.
        keep_spikes: whether the spikes are returned.
        grad_counts: adjoint of the counts ``[N, H]``, or None for zeros.
        grad_spikes: adjoint of each tick's spikes ``[T, N, H]``, or None for zeros.
        grad_v: adjoint of the voltage afterwards ``[N, H]``, or None for zeros.
        grad_i: adjoint of the current afterwards ``[N, H]``, or None for zeros.
    """
    trace = forward_ticks(drive, v, i, threshold, c, keep_spikes, True)
    held = drive.dim() == 2
    derivative, leaves, remains = SURROGATE_DERIVATIVES[c.surrogate], 1.0 - c.keep, 1.0 - c.step
    unit = leaves / c.step
    level = threshold - c.v_reset
    offset = level * -c.slope
    zeros = torch.zeros_like(v)
    of_counts = zeros if grad_counts is None else grad_counts / unit
    of_v = zeros.clone() if grad_v is None else grad_v / (unit * remains)
    of_x = zeros.clone() if grad_i is None else grad_i.clone()
    of_level = zeros.clone()
    of_drive = zeros.clone() if held else torch.empty_like(drive)
    silent = torch.empty_like(zeros)
    for t in reversed(range(c.ticks)):
        before = trace.membrane[t]
        s = derivative(torch.add(offset, before, alpha=c.slope))
        g = of_counts if grad_spikes is None else torch.add(of_counts, grad_spikes[t], alpha=1.0 / unit)
        s.mul_(torch.addcmul(g, of_v, before, value=-remains) if c.reset_gradient else g)
        if c.threshold_gradient:
            of_level.sub_(s)
        torch.le(before, level, out=silent)  # 1 − z
        torch.addcmul(s, of_v, silent, value=remains, out=of_v)
        of_x.lerp_(of_v, leaves)
        if held:
            of_drive.add_(of_x)
        else:
            of_drive[t].copy_(of_x)
    return Gradients(of_drive, of_v.mul_(unit * remains), of_x, of_level.sum(0).mul_(unit), trace.spikes)
