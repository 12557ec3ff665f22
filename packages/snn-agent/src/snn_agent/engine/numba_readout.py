"""The readouts of :mod:`snn_agent.network.readout` as kernels, over a flat range of outputs (samples × actions).

``projected`` [ticks, n] is the drive of the outputs (E8); evidence is what the gain multiplies (E9).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from snn_agent.engine.numba_compile import inlined, per_surrogate
from snn_agent.engine.numba_neuron import (
    BAND,
    INVERSE_TICKS,
    KEEP,
    LEAK,
    RESET_GRADIENT,
    SLOPE,
    STEP,
    V_RESET,
)
from snn_agent.engine.numba_surrogate import derivative
from snn_agent.engine.simd import absolute, fma, load, ones_like, select, splat, store, zeros_like
from snn_agent.engine.simd_types import LANES

KERNEL_READOUTS: Final = ("rate", "drive", "membrane", "first_spike")
"""Readouts by the number under which kernels know them."""
RATE, DRIVE, MEMBRANE, FIRST_SPIKE = range(4)


@inlined
def _mean_drive(first, last, projected, share, ticks, evidence):
    n = projected.size // ticks
    for k in range(first, last, LANES):
        sum_x = load(projected, k)
        for t in range(1, ticks):
            sum_x = sum_x + load(projected, t * n + k)
        store(evidence, k, sum_x * share)


@inlined
def readout_forward(
    first, last, readout, projected, ov, oi, constants, threshold, ticks, evidence, output_counts, ov_out, oi_out
):
    """What the outputs ``first`` to ``last`` say; their state is read and written where ``ov`` is not empty."""
    step, keep, leak = splat(constants[STEP]), splat(constants[KEEP]), splat(constants[LEAK])
    share, one, zero = splat(constants[INVERSE_TICKS]), ones_like(step), zeros_like(step)
    level, reset, rest = splat(threshold), splat(constants[V_RESET]), leak * (one - keep)
    n, carried = projected.size // ticks, ov.size > 0
    if readout == DRIVE:
        _mean_drive(first, last, projected, share, ticks, evidence)
        return
    for k in range(first, last, LANES):
        u, j, decay = leak, leak * keep, one
        if carried:
            u, j = load(ov, k), fma(leak, keep, load(oi, k))
        count, latency, waiting = zero, zero, one
        for t in range(ticks):
            j = fma(j, decay, load(projected, t * n + k) + rest)
            u = fma(step, j - u, u)
            if readout != MEMBRANE:
                spike = u > level
                u = select(spike, zero, u)
                count = count + select(spike, one, zero)
                waiting = select(spike, zero, waiting)
                latency = latency + waiting
            decay = keep
        if readout == RATE:
            store(evidence, k, count * share)
        elif readout == FIRST_SPIKE:
            store(evidence, k, zero - latency * share)
        else:
            store(evidence, k, u + reset)
        store(output_counts, k, count)
        if carried:
            store(ov_out, k, u)
            store(oi_out, k, (j - leak) * keep)


@per_surrogate
def readout_backward(kind):
    """The adjoint of :func:`readout_forward` with respect to ``projected``."""

    def of_kind(first, last, readout, projected, ov, oi, constants, threshold, ticks, of_evidence, of_projected):
        step, keep, leak = splat(constants[STEP]), splat(constants[KEEP]), splat(constants[LEAK])
        share, one, zero = splat(constants[INVERSE_TICKS]), ones_like(step), zeros_like(step)
        level, rest, remains = splat(threshold), leak * (one - keep), one - step
        slope, through_reset = splat(constants[SLOPE]), splat(constants[RESET_GRADIENT])
        band, narrow = splat(constants[BAND]), constants[BAND] < np.inf
        offset = zero - slope * level
        n, carried = projected.size // ticks, ov.size > 0
        voltages, waits = np.empty(ticks * LANES, projected.dtype), np.empty(ticks * LANES, projected.dtype)
        for k in range(first, last, LANES):
            of_k = load(of_evidence, k)
            if readout == DRIVE:
                for t in range(ticks):
                    store(of_projected, t * n + k, of_k * share)
                continue
            adjoint_v, adjoint_x = zero, zero
            if readout == MEMBRANE:
                adjoint_v = of_k * step  # in units of 1/a, as in the layer
                for t in range(ticks - 1, -1, -1):
                    adjoint_x = fma(keep, adjoint_x, adjoint_v)
                    adjoint_v = adjoint_v * remains
                    store(of_projected, t * n + k, adjoint_x)
                continue
            u, j, decay = leak, leak * keep, one
            if carried:
                u, j = load(ov, k), fma(leak, keep, load(oi, k))
            waiting = one
            for t in range(ticks):
                j = fma(j, decay, load(projected, t * n + k) + rest)
                before = fma(step, j - u, u)
                store(voltages, t * LANES, before)
                store(waits, t * LANES, waiting)
                u = select(before > level, zero, before)
                waiting = select(before > level, zero, waiting)
                decay = keep
            per_spike = of_k * share * step
            following = zero  # Σ over later ticks of Π (1 − z): what one more silent tick now would still lead to
            for t in range(ticks - 1, -1, -1):
                before = load(voltages, t * LANES)
                spike = before > level
                g = per_spike
                if readout == FIRST_SPIKE:
                    following = following + one
                    g = per_spike * load(waits, t * LANES) * following
                    following = select(spike, zero, following)
                s = derivative(kind, fma(slope, before, offset)) * (g - through_reset * adjoint_v * before)
                if narrow:
                    s = select(absolute(before - level) > band, zero, s)
                adjoint_v = select(spike, s, adjoint_v + s)
                adjoint_x = fma(keep, adjoint_x, adjoint_v)
                adjoint_v = adjoint_v * remains
                store(of_projected, t * n + k, adjoint_x)

    return of_kind
