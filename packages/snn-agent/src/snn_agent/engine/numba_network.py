"""A whole decision as two kernels: first layer, hidden neurons, readout and critic, and the adjoint of all that.

*Forward*, sample by sample: a neuron's drive is gathered from the rows of the incoming weights whose inputs are not
zero (or read, where the observation is dense), its ticks run in registers, and what comes out of 32 neurons and a tick
is one word of 32 bits. The spikes meet the outgoing weights eight at a time, through a table of all sums of eight rows:
no product, no branch, whatever the rate.

*Backward*, neuron by neuron: 32 neurons take all samples in turn, with their weights and the gradients of these at
hand. The ticks are run again instead of stored. As no two threads share a neuron, the gradients are the same bits for
any number of threads.

``rows`` says which observations are meant, so nobody has to copy a minibatch together; all else is in their order.
Sizes: ``Hp`` and ``Ap`` are H and A padded to whole vectors and groups; ``Bp`` samples are padded so that the readout
has whole vectors. All arrays are flat; ``size 0`` means absent.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from snn_agent.engine.numba_compile import inlined, kernel
from snn_agent.engine.numba_neuron import BAND, KEEP, LEAK, SKIP, SLOPE, STEP
from snn_agent.engine.numba_readout import readout_forward
from snn_agent.engine.numba_surrogate import damped_derivative
from snn_agent.engine.simd import (
    GROUP,
    absolute,
    bits_of,
    fma,
    item,
    load,
    load4,
    negative,
    ones_like,
    select,
    splat,
    store,
    total,
    zeros_like,
)
from snn_agent.engine.simd_types import LANES

SAMPLES: Final = LANES // GROUP
"""Samples whose outputs fill a vector of the readout; batches are padded to a multiple of it."""
BYTE: Final = 256
EVERY_LANE: Final = 2**LANES - 1
CACHE_LINE: Final = 64


@inlined
def aligned(n, like):
    """Room for n numbers at the beginning of a cache line: a vector across two lines takes twice as long."""
    room = np.empty(n + CACHE_LINE // 4, like.dtype)
    first = -room.ctypes.data % CACHE_LINE // like.itemsize
    return room[first : first + n]


@inlined
def _hidden_forward(
    first, last, rows, offsets, index, values, drive, incoming, bias, threshold, critic, table, output_bias, v, i,
    constants, ticks, Hp, Ap, Bp, projected, tally, counts, summed, v_out, i_out,
):  # fmt: skip
    step, keep, leak = splat(constants[STEP]), splat(constants[KEEP]), splat(constants[LEAK])
    one, zero = ones_like(step), zeros_like(step)
    rest, remains, unit = leak * (one - keep), one - step, splat(constants.dtype.type(1.0) / constants[STEP])
    carried, dense, weighted = v.size > 0, drive.size > 0, values.size > 0
    # A neuron at rest that is driven by x is at leak + x·r_t before its first spike; r grows from tick to tick.
    skip, r, current_r = constants[SKIP] > 0 and not carried, constants.dtype.type(0.0), constants.dtype.type(0.0)
    for _ in range(ticks):
        current_r = constants[KEEP] * current_r + constants[STEP]
        r = (constants.dtype.type(1.0) - constants[STEP]) * r + current_r
    soonest, furthest, margin = step, splat(r), splat(constants.dtype.type(1e-4))
    n_words, n_bytes = Hp // LANES, Hp // 8
    words = np.empty(ticks * n_words, np.uint32)
    spikes = words.view(np.uint8)
    for b in range(first, last):
        row = item(rows, b)
        value = zero
        for k in range(0, Hp, LANES):
            if dense:
                x = load(drive, row * Hp + k)
            else:  # E7, here and below; a function for it would count references to its arrays, at half the speed
                x = load(bias, k)
                for event in range(item(offsets, row), item(offsets, row + 1)):
                    weight = load(incoming, item(index, event) * Hp + k)
                    x = fma(splat(item(values, event)), weight, x) if weighted else x + weight
            level, decay, count = load(threshold, k), one, zero
            if skip:
                height = (level - leak) - absolute(level - leak) * margin
                if bits_of(x * furthest > height) == 0 and bits_of(x * soonest > height) == 0:
                    for t in range(ticks):
                        words[t * n_words + k // LANES] = 0
                    if counts.size > 0 and not summed:
                        store(counts, b * Hp + k, zero)
                    continue
            x = (x + rest) * step
            u, current = leak, leak * keep * step  # at rest: v = v_leak
            if carried:
                u, current = load(v, b * Hp + k), fma(leak, keep, load(i, b * Hp + k)) * step
            for t in range(ticks):
                current = fma(current, decay, x)
                before = fma(remains, u, current)
                spike = before > level
                u = select(spike, zero, before)
                count = select(spike, count + one, count)
                words[t * n_words + k // LANES] = bits_of(spike)
                decay = keep
            value = fma(count, load(critic, k), value)
            if summed:  # all samples of this part into its first row
                store(counts, first * Hp + k, load(counts, first * Hp + k) + count)
            elif counts.size > 0:
                store(counts, b * Hp + k, count)
            if carried:
                store(v_out, b * Hp + k, u)
                store(i_out, b * Hp + k, (current * unit - leak) * keep)
        tally[b] = total(value)
        for group in range(Ap // GROUP):
            base = group * BYTE * n_bytes
            for t in range(ticks):
                at = t * n_bytes
                a0, a1 = (
                    load4(output_bias, group * GROUP),
                    load4(table, (base + item(spikes, at + 1) * n_bytes + 1) * GROUP),
                )
                a2 = load4(table, (base + item(spikes, at + 2) * n_bytes + 2) * GROUP)
                a3 = load4(table, (base + item(spikes, at + 3) * n_bytes + 3) * GROUP)
                a0 = a0 + load4(table, (base + item(spikes, at) * n_bytes) * GROUP)
                for c in range(4, n_bytes, 4):
                    a0 = a0 + load4(table, (base + item(spikes, at + c) * n_bytes + c) * GROUP)
                    a1 = a1 + load4(table, (base + item(spikes, at + c + 1) * n_bytes + c + 1) * GROUP)
                    a2 = a2 + load4(table, (base + item(spikes, at + c + 2) * n_bytes + c + 2) * GROUP)
                    a3 = a3 + load4(table, (base + item(spikes, at + c + 3) * n_bytes + c + 3) * GROUP)
                store(projected, (t * Bp + b) * Ap + group * GROUP, (a0 + a1) + (a2 + a3))


@kernel
def network_forward(
    first, last, rows, offsets, index, values, drive, incoming, bias, threshold, critic, table, output_bias, v, i, ov,
    oi, constants, output_threshold, readout, ticks, Hp, Ap, Bp,
    projected, tally, counts, summed, v_out, i_out, evidence, output_counts, ov_out, oi_out,
):  # fmt: skip
    """Decide in the samples ``rows[first:last]``; ``first`` and ``last`` are multiples of SAMPLES. See the module."""
    _hidden_forward(
        first, min(last, rows.size), rows, offsets, index, values, drive, incoming, bias, threshold, critic, table,
        output_bias, v, i, constants, ticks, Hp, Ap, Bp, projected, tally, counts, summed, v_out, i_out,
    )  # fmt: skip
    readout_forward(
        first * Ap, last * Ap, readout, projected, ov, oi, constants, output_threshold, ticks, evidence,
        output_counts, ov_out, oi_out,
    )  # fmt: skip


@cache
def hidden_backward(kind, through_reset, narrow, wide):
    """The kernel for the adjoint of the hidden part, for the neurons ``first`` to ``last``: from the gradients of
    ``projected`` and ``tally`` to those of the weights (or the drive). ``outgoing`` and its gradient lie as [Ap, Hp].

    What is settled for a whole run is settled when the kernel is compiled: a choice in the innermost loop costs up to a
    third of it.

    Args:
        kind: number of the surrogate.
        through_reset: whether the gradient flows through the reset.
        narrow: whether it is confined to the band.
        wide: whether there are more than four actions.
    """

    def of_these(
        first, last, rows, offsets, index, values, drive, incoming, bias, threshold, critic, outgoing, v, i, constants,
        ticks, D, Hp, Ap, Bp, of_projected, of_tally, of_drive, of_incoming, of_bias, of_outgoing, of_critic,
    ):  # fmt: skip
        step, keep, leak = splat(constants[STEP]), splat(constants[KEEP]), splat(constants[LEAK])
        slope, band = splat(constants[SLOPE]), splat(constants[BAND])
        one, zero = ones_like(step), zeros_like(step)
        rest, remains = leak * (one - keep), one - step
        root = splat(constants.dtype.type(1.0) / np.sqrt(constants.dtype.type(1.0) - constants[STEP]))
        slope = slope * root if kind == 0 else slope
        carried, events, weighted = v.size > 0, drive.size == 0, values.size > 0
        own = aligned(D * LANES if events else 0, constants)  # weights of these neurons, side by side
        of_own = aligned(D * LANES if events else 0, constants)
        voltages = aligned(ticks * LANES, constants)
        echo = np.empty(ticks, constants.dtype)  # what a unit of current in all ticks up to t still is in tick t
        echo[0] = constants.dtype.type(1.0)
        for t in range(1, ticks):
            echo[t] = echo[0] + constants[KEEP] * echo[t - 1]
        for t in range(ticks):
            echo[t] = echo[t] / (constants.dtype.type(1.0) - constants[STEP])
        for k in range(first, last, LANES):
            if events:
                for d in range(D):
                    store(own, d * LANES, load(incoming, d * Hp + k))
                    store(of_own, d * LANES, zero)
            own_bias, level, of_value = load(bias, k), load(threshold, k), load(critic, k) * step
            offset = zero - slope * level
            w0, w1 = load(outgoing, k) * step, load(outgoing, Hp + k) * step
            w2, w3 = load(outgoing, 2 * Hp + k) * step, load(outgoing, 3 * Hp + k) * step
            g0, g1, g2, g3 = zero, zero, zero, zero
            sum_critic, sum_bias = zero, zero
            for a in range(GROUP, Ap if wide else GROUP):
                store(of_outgoing, a * Hp + k, zero)
            for b in range(rows.size):
                row = item(rows, b)
                if events:
                    x = own_bias
                    for event in range(item(offsets, row), item(offsets, row + 1)):
                        weight = load(own, item(index, event) * LANES)
                        x = fma(splat(item(values, event)), weight, x) if weighted else x + weight
                else:
                    x = load(drive, row * Hp + k)
                x = (x + rest) * step
                u, current, decay = leak, leak * keep * step, one
                if carried:
                    u, current = load(v, b * Hp + k), fma(leak, keep, load(i, b * Hp + k)) * step
                nearest = band + one
                for t in range(ticks):
                    current = fma(current, decay, x)
                    before = fma(remains, u, current)
                    store(voltages, t * LANES, before)
                    u = select(before > level, zero, before)
                    decay = keep
                    if narrow:
                        distance = select(before > level, zero, level - before)  # spikes have weights, however far
                        nearest = select(nearest > distance, distance, nearest)
                if narrow and bits_of(nearest > band) == EVERY_LANE:
                    if not events:
                        store(of_drive, b * Hp + k, zero)
                    continue
                # As backward_ticks does, in units of 1/a, with the adjoint of a tick as a linear function of that of
                # the next: λ = (1 − a)·λ_v' obeys
                #   λ_t = ((1 − a)·(1 − z) − (1 − a)·d·u')·λ_{t+1} + (1 − a)·d·g,   d the surrogate derivative,
                # so that one multiply-add is all that waits for it. Σ_t λ_x is Σ_t echo_t·λ_t.
                tally = splat(item(of_tally, b))
                constant = of_value * tally
                count, adjoint, sum_x = zero, zero, zero
                for t in range(ticks - 1, -1, -1):
                    before = load(voltages, t * LANES)
                    spike = before > level
                    at = (t * Bp + b) * Ap
                    p0, p1 = splat(item(of_projected, at)), splat(item(of_projected, at + 1))
                    p2, p3 = splat(item(of_projected, at + 2)), splat(item(of_projected, at + 3))
                    g = fma(p0, w0, fma(p1, w1, fma(p2, w2, fma(p3, w3, constant))))
                    for a in range(GROUP, Ap if wide else GROUP):
                        g = fma(splat(item(of_projected, at + a)), load(outgoing, a * Hp + k) * step, g)
                    d = damped_derivative(kind, fma(slope, before, offset), remains, root)
                    if narrow:
                        d = select(absolute(before - level) > band, zero, d)
                    passes = select(spike, zero, remains)
                    if through_reset:
                        passes = fma(negative(d), before, passes)
                    adjoint = fma(passes, adjoint, d * g)
                    sum_x = fma(splat(item(echo, t)), adjoint, sum_x)
                    count = select(spike, count + one, count)
                    g0, g1 = select(spike, g0 + p0, g0), select(spike, g1 + p1, g1)
                    g2, g3 = select(spike, g2 + p2, g2), select(spike, g3 + p3, g3)
                    for a in range(GROUP, Ap if wide else GROUP):
                        q = a * Hp + k
                        of_a = load(of_outgoing, q)
                        store(of_outgoing, q, select(spike, of_a + splat(item(of_projected, at + a)), of_a))
                sum_critic = fma(count, tally, sum_critic)
                sum_bias = sum_bias + sum_x
                if not events:
                    store(of_drive, b * Hp + k, sum_x)
                elif weighted:
                    for event in range(item(offsets, row), item(offsets, row + 1)):
                        q = item(index, event) * LANES
                        store(of_own, q, fma(splat(item(values, event)), sum_x, load(of_own, q)))
                else:
                    for event in range(item(offsets, row), item(offsets, row + 1)):
                        q = item(index, event) * LANES
                        store(of_own, q, load(of_own, q) + sum_x)
            if events:
                for d in range(D):
                    store(of_incoming, d * Hp + k, load(of_own, d * LANES))
            store(of_bias, k, sum_bias)
            store(of_critic, k, sum_critic)
            store(of_outgoing, k, g0)
            store(of_outgoing, Hp + k, g1)
            store(of_outgoing, 2 * Hp + k, g2)
            store(of_outgoing, 3 * Hp + k, g3)

    return kernel(of_these, (kind, through_reset, narrow, wide))
