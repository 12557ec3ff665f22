"""The layer of the contract as kernels: any drive, state, threshold; spikes on request. Equations E1–E6.

Everything is flat and padded to whole vectors; neuron n of the flat layer has the threshold ``threshold[n % period]``.
The backward pass runs the ticks again, with the same instructions and so the same spikes, and keeps the voltages of one
vector only; memory does not grow with the ticks. Its equations are those of
:func:`snn_agent.engine.torch_kernels.backward_ticks`, with all adjoints of voltages in units of 1/a.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from snn_agent.engine.numba_compile import kernel
from snn_agent.engine.numba_neuron import BAND, KEEP, LEAK, RESET_GRADIENT, SLOPE, STEP
from snn_agent.engine.numba_surrogate import damped_derivative
from snn_agent.engine.simd import absolute, fma, load, negative, ones_like, select, splat, store, zeros_like
from snn_agent.engine.simd_types import LANES


@kernel
def layer_forward(first, last, drive, held, v, i, threshold, period, constants, ticks, counts, v_out, i_out, spikes):
    """Run all ticks of the neurons ``first`` to ``last``; they begin at rest where ``v`` and ``i`` are empty."""
    step, keep, leak = splat(constants[STEP]), splat(constants[KEEP]), splat(constants[LEAK])
    one, zero = ones_like(step), zeros_like(step)
    remains, unit = one - step, splat(constants.dtype.type(1.0) / constants[STEP])
    rest = leak * (one - keep)  # what the leak adds to the current a tick
    n, record, resting = counts.size, spikes.size > 0, v.size == 0
    for k in range(first, last, LANES):
        level, decay, count = load(threshold, k % period), one, zero
        u, current = leak, leak * keep * step
        if not resting:
            u, current = load(v, k), fma(leak, keep, load(i, k)) * step
        x = (load(drive, k) + rest) * step
        for t in range(ticks):
            if not held:
                x = (load(drive, t * n + k) + rest) * step
            current = fma(current, decay, x)  # E3 of the last tick and E1, times a
            before = fma(remains, u, current)  # E2
            spike = before > level  # E4
            u = select(spike, zero, before)  # E5
            count = select(spike, count + one, count)
            if record:
                store(spikes, t * n + k, select(spike, one, zero))
            decay = keep
        store(counts, k, count)
        store(v_out, k, u)
        store(i_out, k, (current * unit - leak) * keep)


@cache
def layer_backward(kind, plain):
    """The kernel for the adjoint of :func:`layer_forward`.

    ``plain`` is compiled for a held drive and gradients of counts and states alone that flow through the reset and know
    no band, the usual case: choices in the innermost loop would double its time.

    Gradients that are zero come empty, and so does what nobody wants to know. ``of_v_in`` and ``of_threshold`` (which
    is added to) are in units of a.
    """

    def of_kind(
        first, last, drive, held, v, i, threshold, period, constants, ticks,
        of_counts, of_spikes, of_v, of_i, of_drive, of_v_in, of_i_in, of_threshold,
    ):  # fmt: skip
        step, keep, leak = splat(constants[STEP]), splat(constants[KEEP]), splat(constants[LEAK])
        slope, band = splat(constants[SLOPE]), splat(constants[BAND])
        narrow = False if plain else constants[BAND] < np.inf
        through_reset, wants_threshold, from_spikes = True, False, False
        if not plain:
            through_reset, wants_threshold = constants[RESET_GRADIENT] > 0, of_threshold.size > 0
            from_spikes = of_spikes.size > 0
        one, zero = ones_like(step), zeros_like(step)
        rest, remains = leak * (one - keep), one - step
        root = splat(constants.dtype.type(1.0) / np.sqrt(constants.dtype.type(1.0) - constants[STEP]))
        undamped = splat(constants.dtype.type(1.0) / (constants.dtype.type(1.0) - constants[STEP]))
        slope = slope * root if kind == 0 else slope
        n, resting = drive.size if plain or held else drive.size // ticks, v.size == 0
        voltages = np.empty(ticks * LANES, constants.dtype)
        for k in range(first, last, LANES):
            level = load(threshold, k % period)
            offset, decay = zero - slope * level, one
            u, current = leak, leak * keep * step
            if not resting:
                u, current = load(v, k), fma(leak, keep, load(i, k)) * step
            x = (load(drive, k) + rest) * step
            for t in range(ticks):
                if not plain and not held:
                    x = (load(drive, t * n + k) + rest) * step
                current = fma(current, decay, x)
                before = fma(remains, u, current)
                store(voltages, t * LANES, before)
                u = select(before > level, zero, before)
                decay = keep
            # As in numba_network: one multiply-add from the adjoint of a tick to that of the one before.
            count = zero
            if of_counts.size > 0:
                count = load(of_counts, k) * step
            adjoint, adjoint_x, sum_x, sum_s = zero, zero, zero, zero
            if of_v.size > 0:
                adjoint = load(of_v, k) * step
            if of_i.size > 0:
                adjoint_x = load(of_i, k)
            for t in range(ticks - 1, -1, -1):
                before = load(voltages, t * LANES)
                spike = before > level
                g = count
                if not plain and from_spikes:
                    g = fma(load(of_spikes, t * n + k), step, count)
                d = damped_derivative(kind, fma(slope, before, offset), remains, root)
                if not plain and narrow:
                    d = select(absolute(before - level) > band, zero, d)
                passes = select(spike, zero, remains)
                if not plain and wants_threshold:
                    sum_s = sum_s + select(spike, zero, adjoint)
                if plain or through_reset:
                    passes = fma(negative(d), before, passes)
                adjoint = fma(passes, adjoint, d * g)
                of_before = adjoint * undamped
                if not plain and wants_threshold:
                    sum_s = sum_s - of_before
                adjoint_x = fma(keep, adjoint_x, of_before)
                sum_x = sum_x + adjoint_x
                if not plain and not held:
                    store(of_drive, t * n + k, adjoint_x)
            if plain or held:
                store(of_drive, k, sum_x)
            if of_v_in.size > 0:
                store(of_v_in, k, adjoint)
                store(of_i_in, k, adjoint_x)
            if not plain and wants_threshold:
                store(of_threshold, k % period, load(of_threshold, k % period) + sum_s)

    return kernel(of_kind, (kind, plain))
