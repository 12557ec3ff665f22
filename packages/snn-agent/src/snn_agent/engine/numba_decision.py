"""Whole decisions on arrays: weights made ready for the kernels, forward, and the explicit backward pass.

This is the layer between PyTorch's tensors and :mod:`snn_agent.engine.numba_network`. Nothing here knows autograd; the
operator in :mod:`snn_agent.engine.numba_network_op` adds it, and a learner that knows its own gradient needs none.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from snn_agent.engine import numba_network as kernels
from snn_agent.engine.numba_compile import kernel, running
from snn_agent.engine.numba_layer_op import BACKWARD_NS, FORWARD_NS, flat
from snn_agent.engine.numba_network import BYTE, SAMPLES
from snn_agent.engine.numba_neuron import NEVER, NeuronConstants
from snn_agent.engine.numba_readout import readout_backward
from snn_agent.engine.simd import GROUP
from snn_agent.engine.simd_types import LANES
from snn_agent.engine.threads import ranges, side_by_side

Array = npt.NDArray[Any]
Counting = Literal["each", "sum", "none"]


class Sizes(NamedTuple):
    """D, H and A, and the last two padded."""

    D: int
    H: int
    Hp: int
    A: int
    Ap: int

    @classmethod
    def of(cls, D: int, H: int, A: int) -> Sizes:
        """The sizes of a network."""
        return cls(D, H, H + -H % LANES, A, A + -A % GROUP)


class Cells(NamedTuple):
    """What is the same for every decision of a network, of whatever weights."""

    constants: NeuronConstants
    output_threshold: float
    readout: int
    ticks: int


class Weights(NamedTuple):
    """A network's weights as the kernels read them, padded; they share memory where nothing had to be moved."""

    sizes: Sizes
    incoming: Array  # [D·Hp], [0] where observations are dense
    bias: Array  # [Hp]
    threshold: Array  # [Hp], from the reset
    critic: Array  # [Hp]
    outgoing: Array  # [Ap·Hp], a row an action
    output_bias: Array  # [Ap]
    table: Array  # [Ap/4 · 256 · Hp/8 · 4], see outgoing_table


class Inputs(NamedTuple):
    """Observations as the kernels read them: events, or the drive they make."""

    rows: Array  # int64 [B], which of them
    offsets: Array  # int64
    events: Array  # int32, which inputs
    values: Array  # empty: all 1
    drive: Array  # [N·Hp]; empty where there are events


class States(NamedTuple):
    """Membranes as the kernels read them, all empty where each decision begins at rest. Voltages from the reset."""

    v: Array  # [N·Hp]
    i: Array  # [N·Hp]
    ov: Array  # [Bp·Ap]
    oi: Array  # [Bp·Ap]


class Decided(NamedTuple):
    """What the kernels found, padded."""

    evidence: Array  # [Bp·Ap]
    tally: Array  # [B], critic weights times spikes
    counts: Array  # [B·Hp], or empty
    output_counts: Array  # [Bp·Ap]
    states: States
    projected: Array  # [ticks·Bp·Ap]


class Adjoint(NamedTuple):
    """Gradients, padded."""

    drive: Array  # [B·Hp], or empty
    incoming: Array  # [D·Hp], or empty
    bias: Array  # [Hp]
    outgoing: Array  # [Ap·Hp]
    critic: Array  # [Hp]
    output_bias: Array  # [Ap]


def _padded(tensor: Tensor, *shape: int, value: float = 0.0) -> Tensor:
    """The tensor with its axes filled up to ``shape``."""
    if tuple(tensor.shape) == shape:
        return tensor
    amounts: list[int] = []
    for have, want in zip(reversed(tensor.shape), reversed(shape), strict=True):
        amounts += [0, want - have]
    return torch.nn.functional.pad(tensor, amounts, value=value)


@kernel
def outgoing_table(rows, table, groups, n_bytes):  # type: ignore[no-untyped-def]
    """All sums of eight rows: ``table[g, s, c] = Σ rows[g, j, c]`` over the bits j of s, for the neurons 8c + j.

    Args:
        rows: ``[groups, 8, n_bytes · 4]``.
        table: ``[groups, 256, n_bytes · 4]``, written.
        groups: of four actions.
        n_bytes: groups of eight neurons.
    """
    width = n_bytes * 4
    for g in range(groups):
        table[g, 0, :] = 0.0
        for j in range(8):
            for lower in range(1 << j):
                upper = lower + (1 << j)
                for c in range(width):
                    table[g, upper, c] = table[g, lower, c] + rows[g, j, c]


def ready(
    incoming: Tensor | None,
    bias: Tensor,
    threshold: Tensor,
    outgoing: Tensor,
    critic: Tensor,
    output_bias: Tensor,
    v_reset: float,
    D: int,
) -> Weights:
    """Weights made ready, float32 or float64 alike; ``incoming`` None where observations are dense."""
    sizes = Sizes.of(D, *outgoing.shape)
    Hp, Ap = sizes.Hp, sizes.Ap
    whole = _padded(outgoing.detach(), Hp, Ap)
    groups, n_bytes = Ap // GROUP, Hp // 8
    rows = whole.reshape(n_bytes, 8, groups, GROUP).permute(2, 1, 0, 3).reshape(groups, 8, n_bytes * GROUP)
    table = np.empty((groups, BYTE, n_bytes * GROUP), whole.numpy().dtype)
    with running("the table of outgoing weights", table.dtype):
        outgoing_table(rows.numpy(), table, groups, n_bytes)
    return Weights(
        sizes=sizes,
        incoming=flat(whole[:0] if incoming is None else _padded(incoming, D, Hp)),
        bias=flat(_padded(bias, Hp)),
        threshold=flat(_padded(threshold - v_reset if v_reset else threshold, Hp, value=NEVER)),
        critic=flat(_padded(critic, Hp)),
        outgoing=flat(whole.T),
        output_bias=flat(_padded(output_bias, Ap)),
        table=table.reshape(-1),
    )


def _counts(counting: Counting, B: int, Hp: int, dtype: npt.DTypeLike) -> Array:
    if counting == "none":
        return np.empty(0, dtype)
    return (np.zeros if counting == "sum" else np.empty)(B * Hp, dtype)


def padded_batch(n: int) -> int:
    """Bp, the samples among which n fill whole vectors of the readout."""
    return n + -n % SAMPLES


def decide(cells: Cells, weights: Weights, inputs: Inputs, states: States, counting: Counting) -> Decided:
    """Run the network for the observations ``inputs.rows``.

    Args:
        cells: its neurons.
        weights: its weights.
        inputs: what it sees.
        states: its membranes before.
        counting: whose spikes are counted: of ``"each"`` sample, of all in ``"sum"`` (``counts`` is then [Hp]), or
            ``"none"``.
    """
    sizes, dtype, B = weights.sizes, weights.bias.dtype, len(inputs.rows)
    Bp = padded_batch(B)
    carried = states.v.size > 0
    projected = (np.empty if Bp == B else np.zeros)(cells.ticks * Bp * sizes.Ap, dtype)
    outputs, n_hidden = Bp * sizes.Ap, B * sizes.Hp
    found = Decided(
        evidence=np.empty(outputs, dtype),
        tally=np.empty(B, dtype),
        counts=_counts(counting, B, sizes.Hp, dtype),
        output_counts=np.empty(outputs, dtype),
        states=States(*(np.empty(n if carried else 0, dtype) for n in (n_hidden, n_hidden, outputs, outputs))),
        projected=projected,
    )
    if B == 0:
        return found
    after = found.states
    if carried and cells.readout == 1:  # outputs without neurons: what they had they keep
        after.ov[:], after.oi[:] = states.ov, states.oi
    cut, summed = ranges(Bp, SAMPLES, B * sizes.Hp * cells.ticks * FORWARD_NS), counting == "sum"
    with running("the network", dtype):
        side_by_side(
            kernels.network_forward, cut, inputs.rows, inputs.offsets, inputs.events, inputs.values, inputs.drive,
            weights.incoming, weights.bias, weights.threshold, weights.critic, weights.table, weights.output_bias,
            *states, cells.constants.array(dtype), dtype.type(cells.output_threshold), cells.readout, cells.ticks,
            sizes.Hp, sizes.Ap, Bp, projected, found.tally, found.counts, summed, after.v, after.i, found.evidence,
            found.output_counts, after.ov, after.oi,
        )  # fmt: skip
    if summed:
        rows = found.counts.reshape(B, sizes.Hp)
        return found._replace(counts=np.sum([rows[first] for first, _ in cut], axis=0))
    return found


def hidden_variant(cells: Cells, sizes: Sizes) -> tuple[int, bool, bool, bool]:
    """Which of the kernels of :func:`snn_agent.engine.numba_network.hidden_backward` a network needs."""
    constants = cells.constants
    return constants.kind, constants.reset_gradient > 0, constants.band < np.inf, sizes.Ap > GROUP


def adjoint(
    cells: Cells,
    weights: Weights,
    inputs: Inputs,
    states: States,
    decided: Decided,
    of_evidence: Array,
    of_tally: Array,
) -> Adjoint:
    """Gradients of the weights from those of the evidence [Bp·Ap] and the tally [B]."""
    sizes, dtype, B = weights.sizes, weights.bias.dtype, len(inputs.rows)
    Bp, events = padded_batch(B), inputs.drive.size == 0
    found = Adjoint(
        drive=np.empty(0 if events else B * sizes.Hp, dtype),
        incoming=np.empty(sizes.D * sizes.Hp if events else 0, dtype),
        bias=np.empty(sizes.Hp, dtype),
        outgoing=np.empty(sizes.Ap * sizes.Hp, dtype),
        critic=np.empty(sizes.Hp, dtype),
        output_bias=np.empty(0, dtype),
    )
    of_projected = np.empty_like(decided.projected)
    outputs, array, level = Bp * sizes.Ap, cells.constants.array(dtype), dtype.type(cells.output_threshold)
    variant = hidden_variant(cells, sizes)
    with running(f"the network's gradient, variant {variant}", dtype):
        readout_backward[cells.constants.kind](
            0, outputs, cells.readout, decided.projected, states.ov, states.oi, array, level,
            cells.ticks, of_evidence, of_projected,
        )  # fmt: skip
        side_by_side(
            kernels.hidden_backward(*variant),
            ranges(sizes.Hp, LANES, B * sizes.Hp * cells.ticks * BACKWARD_NS), inputs.rows, inputs.offsets,
            inputs.events, inputs.values, inputs.drive, weights.incoming, weights.bias, weights.threshold,
            weights.critic, weights.outgoing, states.v, states.i, array, cells.ticks, sizes.D, sizes.Hp, sizes.Ap, Bp,
            of_projected, of_tally, found.drive, found.incoming, found.bias, found.outgoing, found.critic,
        )  # fmt: skip
    # Short rows would be added ten times slower.
    lanes = of_projected.reshape(-1, SAMPLES * sizes.Ap).sum(axis=0)
    return found._replace(output_bias=lanes.reshape(SAMPLES, sizes.Ap).sum(axis=0))
