"""The layer of the contract as kernels: any drive, state, threshold; spikes on request. Equations E1–E6.

Everything is flat and padded to whole vectors; neuron n of the flat layer has the threshold ``threshold[n % period]``.
The backward pass runs the ticks again, with the same instructions and so the same spikes, and keeps the voltages of one
vector only; memory does not grow with the ticks. Its equations are those of
:func:`snn_agent.engine.torch_kernels.backward_ticks`, with all adjoints of voltages in units of 1/a.
"""

from __future__ import annotations

import numpy as np

from snn_agent.engine.numba_compile import kernel, per_surrogate
from snn_agent.engine.numba_neuron import BAND, KEEP, LEAK, RESET_GRADIENT, SLOPE, STEP
from snn_agent.engine.numba_surrogate import derivative
from snn_agent.engine.simd import absolute, fma, load, ones_like, select, splat, store, zeros_like
from snn_agent.engine.simd_types import LANES


@kernel
def layer_forward(first, last, drive, held, v, i, threshold, period, constants, ticks, counts, v_out, i_out, spikes):
    """Run all ticks of the neurons ``first`` to ``last``; see the module."""
    step, keep, leak = splat(constants[STEP]), splat(constants[KEEP]), splat(constants[LEAK])
    one, zero = ones_like(step), zeros_like(step)
    rest = leak * (one - keep)  # what the leak adds to j a tick
    n, record = v.size, spikes.size > 0
    for k in range(first, last, LANES):
        level = load(threshold, k % period)
        u, j, decay = load(v, k), fma(leak, keep, load(i, k)), one
        count = zero
        x = load(drive, k) + rest
        for t in range(ticks):
            if not held:
                x = load(drive, t * n + k) + rest
            j = fma(j, decay, x)  # E3 of the last tick and E1
            before = fma(step, j - u, u)  # E2
            spike = before > level  # E4
            u = select(spike, zero, before)  # E5
            z = select(spike, one, zero)
            count = count + z
            if record:
                store(spikes, t * n + k, z)
            decay = keep
        store(counts, k, count)
        store(v_out, k, u)
        store(i_out, k, (j - leak) * keep)


@per_surrogate
def layer_backward(kind):
    """The adjoint of :func:`layer_forward`. ``of_v_in`` and ``of_threshold`` (added to) are in units of a."""

    def of_kind(
        first, last, drive, held, v, i, threshold, period, constants, ticks,
        of_counts, of_spikes, of_v, of_i, of_drive, of_v_in, of_i_in, of_threshold,
    ):  # fmt: skip
        step, keep, leak = splat(constants[STEP]), splat(constants[KEEP]), splat(constants[LEAK])
        slope, through_reset = splat(constants[SLOPE]), splat(constants[RESET_GRADIENT])
        band, narrow = splat(constants[BAND]), constants[BAND] < np.inf
        one, zero = ones_like(step), zeros_like(step)
        rest, remains = leak * (one - keep), one - step
        n, from_spikes = v.size, of_spikes.size > 0
        voltages = np.empty(ticks * LANES, v.dtype)
        for k in range(first, last, LANES):
            level = load(threshold, k % period)
            offset = zero - slope * level
            u, j, decay = load(v, k), fma(leak, keep, load(i, k)), one
            x = load(drive, k) + rest
            for t in range(ticks):
                if not held:
                    x = load(drive, t * n + k) + rest
                j = fma(j, decay, x)
                before = fma(step, j - u, u)
                store(voltages, t * LANES, before)
                u = select(before > level, zero, before)
                decay = keep
            count = load(of_counts, k) * step
            adjoint_v, adjoint_x = load(of_v, k) * step, load(of_i, k)
            sum_x, sum_s = zero, zero
            for t in range(ticks - 1, -1, -1):
                before = load(voltages, t * LANES)
                g = count
                if from_spikes:
                    g = fma(load(of_spikes, t * n + k), step, count)
                s = derivative(kind, fma(slope, before, offset)) * (g - through_reset * adjoint_v * before)
                if narrow:
                    s = select(absolute(before - level) > band, zero, s)
                sum_s = sum_s - s
                adjoint_v = select(before > level, s, adjoint_v + s)
                adjoint_x = fma(keep, adjoint_x, adjoint_v)
                adjoint_v = adjoint_v * remains
                sum_x = sum_x + adjoint_x
                if not held:
                    store(of_drive, t * n + k, adjoint_x)
            if held:
                store(of_drive, k, sum_x)
            store(of_v_in, k, adjoint_v)
            store(of_i_in, k, adjoint_x)
            store(of_threshold, k % period, load(of_threshold, k % period) + sum_s)

    return of_kind
