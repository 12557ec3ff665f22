"""A whole update as one kernel: all passes and minibatches over a rollout, in several threads.

It is the loop of :mod:`snn_agent.learning.reinforce` without Python between its steps. A thread owns some samples of
each minibatch on the way forward, and some neurons on the way back and in the optimizer; between the two it waits for
the others (three times a minibatch). Whatever is summed over neurons or samples is summed in an order that does not
depend on the number of threads, so neither do the weights.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from snn_agent.engine.barrier import wait_for
from snn_agent.engine.numba_compile import inlined, kernel
from snn_agent.engine.numba_network import BYTE, SAMPLES, hidden_backward, network_forward
from snn_agent.engine.numba_readout import readout_backward
from snn_agent.engine.simd import GROUP, fma, load, load4, ones_like, splat, square_root, store, total
from snn_agent.engine.simd_types import LANES
from snn_agent.learning.fused_adam import adam_rows
from snn_agent.learning.objective_kernel import N_SUMS, objective_rows, of_scalars, weight_of

GAIN, CRITIC_BIAS = range(2)
"""Places of the scalars that are learnt."""
LOSS_IS_FINITE, NORM = range(N_SUMS, N_SUMS + 2)
N_REPORTED: Final = N_SUMS + 2
"""Reported of a minibatch: the sums of the objective, whether all was finite (1), and the gradient's norm."""


@inlined
def rebuild_table(first, last, outgoing, table, rows, Hp, Ap):
    """The table of :func:`snn_agent.engine.numba_decision.outgoing_table` for the neurons ``first`` to ``last``.

    ``rows`` [8 · Hp/8 · 4] is room to work in.
    """
    n_bytes = Hp // 8
    zero = load4(rows, 0) - load4(rows, 0)
    for g in range(Ap // GROUP):
        base = g * BYTE * n_bytes
        for c in range(first // 8, last // 8):
            for j in range(8):
                for a in range(GROUP):
                    rows[(j * n_bytes + c) * GROUP + a] = outgoing[(g * GROUP + a) * Hp + c * 8 + j]
            store(table, (base + c) * GROUP, zero)
        for j in range(8):
            for lower in range(1 << j):
                below, above = base + lower * n_bytes, base + (lower + (1 << j)) * n_bytes
                for c in range(first // 8, last // 8):
                    row = load4(rows, (j * n_bytes + c) * GROUP)
                    store(table, (above + c) * GROUP, load4(table, (below + c) * GROUP) + row)


@inlined
def squares(array, k, n_rows, width):
    """The sum of the squares of 32 columns from ``k`` on."""
    sums = load(array, k)
    sums = sums * sums
    for r in range(1, n_rows):
        x = load(array, r * width + k)
        sums = fma(x, x, sums)
    return total(sums)


@inlined
def adam_columns(first, last, theta, gradient, mean, square, n_rows, width, step, root, scale, beta1, beta2, epsilon):
    """:func:`snn_agent.learning.fused_adam.adam_rows` for whole vectors of columns."""
    scale, beta1, beta2, epsilon = splat(scale), splat(beta1), splat(beta2), splat(epsilon)
    one = ones_like(scale)
    for r in range(n_rows):
        for k in range(first, last, LANES):
            q = r * width + k
            g, m = load(gradient, q) * scale, load(mean, q)
            m = fma(g - m, one - beta1, m)
            v = fma(load(square, q), beta2, g * g * (one - beta2))
            store(mean, q, m)
            store(square, q, v)
            x = load(theta, q)
            store(theta, q, fma(m, load(step, k) / (square_root(v) / load(root, k) + epsilon), x))


@cache
def update_kernel(kind, through_reset, narrow, wide):
    """The kernel for a kind of neurons, see :func:`snn_agent.engine.numba_network.hidden_backward`."""
    of_hidden, of_readout = hidden_backward(kind, through_reset, narrow, wide), readout_backward[kind]

    def run(
        part, _, parts, counter, order, bounds, offsets, columns, values, action, log_prob, advantage, target, weight,
        constants, output_threshold, readout, ticks, D, Hp, A, Ap, threshold, table, movable, pace,
        incoming, bias, critic, outgoing, output_bias, scalars,
        of_incoming, of_bias, of_critic, of_outgoing, of_output_bias, of_the_scalars,
        m_incoming, m_bias, m_critic, m_outgoing, m_output_bias, m_scalars,
        q_incoming, q_bias, q_critic, q_outgoing, q_output_bias, q_scalars,
        in_decay1, in_decay2, out_decay1, out_decay2, other_decay1, other_decay2, beta1, beta2, epsilon, learning_rate,
        max_norm, clip_ratio, entropy_weight, value_weight, norms, partial, reported,
        evidence, tally, output_counts, projected, of_evidence, of_tally, of_projected,
    ):  # fmt: skip
        nothing = np.empty(0, bias.dtype)
        number = bias.dtype.type
        vectors, share = Hp // LANES, 1.0 / ticks
        first, last = vectors * part // parts * LANES, vectors * (part + 1) // parts * LANES
        in_step, in_root = np.zeros(Hp, bias.dtype), np.ones(Hp, bias.dtype)  # of what drives a neuron
        out_step, out_root = np.zeros(Hp, bias.dtype), np.ones(Hp, bias.dtype)  # of what it drives
        other_step, other_root = np.zeros(Ap, bias.dtype), np.ones(Ap, bias.dtype)
        rows_of_eight, goal = np.zeros(Hp * GROUP, bias.dtype), 0
        for m in range(bounds.size - 1):
            rows = order[bounds[m] : bounds[m + 1]]
            B = rows.size
            blocks = (B + SAMPLES - 1) // SAMPLES
            Bp = blocks * SAMPLES
            # Forward: own samples.
            begin, end = blocks * part // parts * SAMPLES, blocks * (part + 1) // parts * SAMPLES
            outputs, n = ticks * Bp * Ap, Bp * Ap
            for b in range(max(begin, B), end):  # samples that only fill the last vector up
                for t in range(ticks):
                    projected[(t * Bp + b) * Ap : (t * Bp + b + 1) * Ap] = 0.0
            network_forward(
                begin, end, rows, offsets, columns, values, nothing, incoming, bias, threshold, critic, table,
                output_bias, nothing, nothing, nothing, nothing, constants, output_threshold, readout, ticks, Hp, Ap,
                Bp, projected[:outputs], tally, nothing, False, nothing, nothing, evidence[:n], output_counts[:n],
                nothing, nothing,
            )  # fmt: skip
            partial[part, :] = 0.0
            of_evidence[begin * Ap : end * Ap] = 0.0
            objective_rows(
                begin, min(end, B), rows, weight_of(rows, weight), A, Ap, evidence, tally, scalars[GAIN],
                scalars[CRITIC_BIAS], share, action, log_prob, advantage, target, weight, clip_ratio, entropy_weight,
                value_weight, of_evidence, of_tally, partial[part],
            )  # fmt: skip
            of_readout(
                begin * Ap, end * Ap, readout, projected[:outputs], nothing, nothing, constants, output_threshold,
                ticks, of_evidence[:n], of_projected[:outputs],
            )  # fmt: skip
            goal += parts
            wait_for(counter, goal)
            # Backward: own neurons; the first thread adds up what belongs to none.
            of_hidden(
                first, last, rows, offsets, columns, values, nothing, incoming, bias, threshold, critic, outgoing,
                nothing, nothing, constants, ticks, D, Hp, Ap, Bp, of_projected[:outputs], of_tally, nothing,
                of_incoming, of_bias, of_outgoing, of_critic,
            )  # fmt: skip
            if movable.size > 0:  # no gradient where there is no synapse, and none into protected neurons
                for k in range(first, last, LANES):
                    store(of_bias, k, load(of_bias, k) * load(movable, D * Hp + k))
                for d in range(D):
                    for k in range(first, last, LANES):
                        q = d * Hp + k
                        store(of_incoming, q, load(of_incoming, q) * load(movable, q))
            for k in range(first, last, LANES):
                own = squares(of_incoming, k, D, Hp) + squares(of_outgoing, k, Ap, Hp)
                norms[k // LANES] = own + squares(of_bias, k, 1, Hp) + squares(of_critic, k, 1, Hp)
            if part == 0:
                of_output_bias[:] = 0.0
                for r in range(ticks * Bp):
                    for a in range(Ap):
                        of_output_bias[a] += of_projected[r * Ap + a]
                of_gain, of_critic_bias = of_scalars(B, A, Ap, evidence, scalars[GAIN], share, of_evidence, of_tally)
                of_the_scalars[GAIN], of_the_scalars[CRITIC_BIAS] = of_gain, of_critic_bias
                norms[vectors] = of_gain * of_gain + of_critic_bias * of_critic_bias
                for a in range(Ap):
                    norms[vectors] += of_output_bias[a] * of_output_bias[a]
            goal += parts
            wait_for(counter, goal)
            # Optimizer: own neurons.
            squared, loss = 0.0, 0.0
            for k in range(vectors + 1):
                squared += norms[k]
            for other in range(parts):
                for s in range(N_SUMS):
                    loss += partial[other, s]
            norm = np.sqrt(squared)
            finite = np.isfinite(norm) and np.isfinite(loss)
            if part == 0:
                for s in range(N_SUMS):
                    reported[m, s] = 0.0
                    for other in range(parts):
                        reported[m, s] += partial[other, s]
                reported[m, LOSS_IS_FINITE], reported[m, NORM] = finite, norm
            if not finite:
                return  # all threads come to the same end, and nothing has been changed
            scale = number(min(1.0, max_norm / (norm + 1e-6)))
            for k in range(first, last):
                in_decay1[k] *= beta1
                in_decay2[k] *= beta2
                out_decay1[k] *= beta1
                out_decay2[k] *= beta2
                in_step[k] = -learning_rate * pace[k] / (1.0 - in_decay1[k])
                in_root[k] = np.sqrt(1.0 - in_decay2[k])
                out_step[k] = -learning_rate * pace[k] / (1.0 - out_decay1[k])
                out_root[k] = np.sqrt(1.0 - out_decay2[k])
            adam_columns(
                first, last, incoming, of_incoming, m_incoming, q_incoming, D, Hp, in_step, in_root, scale,
                number(beta1), number(beta2), number(epsilon),
            )  # fmt: skip
            adam_columns(
                first, last, outgoing, of_outgoing, m_outgoing, q_outgoing, Ap, Hp, out_step, out_root, scale,
                number(beta1), number(beta2), number(epsilon),
            )  # fmt: skip
            adam_columns(
                first, last, bias, of_bias, m_bias, q_bias, 1, Hp, in_step, in_root, scale, number(beta1),
                number(beta2), number(epsilon),
            )  # fmt: skip
            adam_columns(
                first, last, critic, of_critic, m_critic, q_critic, 1, Hp, out_step, out_root, scale, number(beta1),
                number(beta2), number(epsilon),
            )  # fmt: skip
            rebuild_table(first, last, outgoing, table, rows_of_eight, Hp, Ap)
            if part == 0:
                for k in range(other_decay1.size):
                    other_decay1[k] *= beta1
                    other_decay2[k] *= beta2
                other_step[:] = -learning_rate / (1.0 - other_decay1[0])
                other_root[:] = np.sqrt(1.0 - other_decay2[0])
                shape = (1, Ap)
                adam_rows(
                    0, 1, output_bias.reshape(shape), of_output_bias.reshape(shape), m_output_bias.reshape(shape),
                    q_output_bias.reshape(shape), other_step, other_root, scale, number(beta1), number(beta2),
                    number(epsilon),
                )  # fmt: skip
                for k in range(2):
                    other_step[k] = -learning_rate / (1.0 - other_decay1[1 + k])
                    other_root[k] = np.sqrt(1.0 - other_decay2[1 + k])
                shape = (1, 2)
                adam_rows(
                    0, 1, scalars.reshape(shape), of_the_scalars.reshape(shape), m_scalars.reshape(shape),
                    q_scalars.reshape(shape), other_step[:2], other_root[:2], scale, number(beta1), number(beta2),
                    number(epsilon),
                )  # fmt: skip
            goal += parts
            wait_for(counter, goal)

    return kernel(run, (kind, through_reset, narrow, wide))
