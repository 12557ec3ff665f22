"""The whole network as an operator of PyTorch, ``snn_agent::decide``, and its adjoint, with autograd and shapes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from snn_agent.engine.numba_decision import (
    Adjoint,
    Array,
    Cells,
    Decided,
    Inputs,
    Sizes,
    States,
    Weights,
    adjoint,
    decide,
    padded_batch,
    ready,
)
from snn_agent.engine.numba_layer_op import flat
from snn_agent.engine.numba_neuron import NeuronConstants
from snn_agent.types import Events


class Parameters(NamedTuple):
    """A network's tensors as its owner has them; the first two are empty where observations are dense."""

    incoming: Tensor  # [D, H]
    bias: Tensor  # [H]
    threshold: Tensor  # [H]
    outgoing: Tensor  # [H, A]
    critic: Tensor  # [H]
    output_bias: Tensor  # [A]


class Membranes(NamedTuple):
    """Hidden and output neurons' voltages and currents; empty where each decision begins at rest."""

    v: Tensor  # [B, H]
    i: Tensor  # [B, H]
    ov: Tensor  # [B, A]
    oi: Tensor  # [B, A]


def weights_of(parameters: Parameters, v_reset: float, features: int) -> Weights:
    """Parameters made ready for the kernels; ``features`` is D, 0 where observations are dense."""
    incoming = parameters.incoming if features else None
    bias = parameters.bias if features else torch.zeros_like(parameters.threshold)
    return ready(incoming, bias, *parameters[2:], v_reset=v_reset, D=features)


def events_of(events: Events | None, dtype: npt.DTypeLike) -> tuple[Array, Array, Array]:
    """Offsets, columns and values of events, or of none."""
    if events is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, dtype)
    return events.offsets, events.columns, events.values.astype(dtype, copy=False)


def drive_for_kernels(drive: Tensor, sizes: Sizes) -> Array:
    """A drive ``[N, H]`` with its rows filled up to whole vectors."""
    return flat(torch.nn.functional.pad(drive, (0, sizes.Hp - sizes.H)) if sizes.Hp != sizes.H else drive)


def states_of(membranes: Membranes, sizes: Sizes, v_reset: float) -> States:
    """Membranes made ready for the kernels."""
    if not membranes.v.numel():
        return States(*(flat(tensor)[:0] for tensor in membranes))
    B = len(membranes.v)
    hidden = [torch.nn.functional.pad(t, (0, sizes.Hp - sizes.H)) for t in (membranes.v - v_reset, membranes.i)]
    outputs = [
        torch.nn.functional.pad(t, (0, sizes.Ap - sizes.A, 0, padded_batch(B) - B))
        for t in (membranes.ov - v_reset, membranes.oi)
    ]
    return States(*(flat(tensor) for tensor in (*hidden, *outputs)))


def table_of(array: Array, rows: int, columns: int, padded: int) -> Tensor:
    """The upper left part of a flat table whose rows are ``padded`` long."""
    return torch.from_numpy(array).reshape(-1, padded)[:rows, :columns].contiguous()


def _cells(readout: int, ticks: int, constants: list[float], kind: int, v_th: float) -> Cells:
    whole = NeuronConstants(*constants, kind)  # type: ignore[arg-type, call-arg]  # constants are all but kind
    return Cells(whole, v_th - whole.v_reset, readout, ticks)


@torch.library.custom_op("snn_agent::decide", mutates_args=(), device_types="cpu")
def decide_op(
    drive: Tensor, offsets: Tensor, columns: Tensor, values: Tensor, incoming: Tensor, bias: Tensor, threshold: Tensor,
    outgoing: Tensor, critic: Tensor, output_bias: Tensor, v: Tensor, i: Tensor, ov: Tensor, oi: Tensor,
    readout: int, ticks: int, v_th: float, constants: list[float], kind: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Decide for B observations.

    ``drive`` is ``[B, H]``, or empty: then the events ``offsets``, ``columns``, ``values`` (see
    :class:`snn_agent.types.Events`) make it with ``incoming`` ``[D, H]`` and ``bias`` ``[H]``, else empty.
    The next four tensors are those of :class:`Parameters`, the last four those of :class:`Membranes`; then come the
    number of the readout, T, the threshold of the output neurons, and what :class:`NeuronConstants` holds.

    Returns:
        evidence ``[B, A]``, tally ``[B]`` (spikes times critic weights), hidden counts ``[B, H]``, output counts
        ``[B, A]``, v, i, ov, oi afterwards (empty as before), and ``projected``, which the adjoint needs.
    """
    parameters = Parameters(incoming, bias, threshold, outgoing, critic, output_bias)
    membranes = Membranes(v, i, ov, oi)
    cells, weights, inputs, states = _arguments(
        drive, offsets, columns, values, parameters, membranes, readout, ticks, v_th, constants, kind
    )
    B, sizes, v_reset = len(inputs.rows), weights.sizes, cells.constants.v_reset
    decided = decide(cells, weights, inputs, states, counting="each")
    after_v, after_i, after_ov, after_oi = (tensor.clone() for tensor in membranes)
    if v.numel():
        hidden = [table_of(array, B, sizes.H, sizes.Hp) for array in decided.states[:2]]
        outputs = [table_of(array, B, sizes.A, sizes.Ap) for array in decided.states[2:]]
        after_v, after_i, after_ov, after_oi = hidden[0] + v_reset, hidden[1], outputs[0] + v_reset, outputs[1]
    return (
        table_of(decided.evidence, B, sizes.A, sizes.Ap),
        torch.from_numpy(decided.tally),
        table_of(decided.counts, B, sizes.H, sizes.Hp),
        table_of(decided.output_counts, B, sizes.A, sizes.Ap),
        after_v,
        after_i,
        after_ov,
        after_oi,
        torch.from_numpy(decided.projected),
    )


def _arguments(
    drive: Tensor, offsets: Tensor, columns: Tensor, values: Tensor, parameters: Parameters, membranes: Membranes,
    readout: int, ticks: int, v_th: float, constants: list[float], kind: int,
) -> tuple[Cells, Weights, Inputs, States]:  # fmt: skip
    cells = _cells(readout, ticks, constants, kind, v_th)
    v_reset = cells.constants.v_reset
    dense = offsets.numel() == 0
    weights = weights_of(parameters, v_reset, 0 if dense else len(parameters.incoming))
    rows = np.arange(len(drive) if dense else len(offsets) - 1)
    driven = drive_for_kernels(drive, weights.sizes) if dense else flat(drive)
    inputs = Inputs(rows, flat(offsets), flat(columns), flat(values), driven)
    return cells, weights, inputs, states_of(membranes, weights.sizes, v_reset)


@torch.library.custom_op("snn_agent::decide_backward", mutates_args=(), device_types="cpu")
def decide_backward_op(
    drive: Tensor, offsets: Tensor, columns: Tensor, values: Tensor, incoming: Tensor, bias: Tensor, threshold: Tensor,
    outgoing: Tensor, critic: Tensor, output_bias: Tensor, v: Tensor, i: Tensor, ov: Tensor, oi: Tensor,
    readout: int, ticks: int, v_th: float, constants: list[float], kind: int, projected: Tensor, of_evidence: Tensor,
    of_tally: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """The adjoint: gradients of drive, incoming, bias, outgoing, critic and output bias, shaped as these."""
    parameters = Parameters(incoming, bias, threshold, outgoing, critic, output_bias)
    cells, weights, inputs, states = _arguments(
        drive, offsets, columns, values, parameters, Membranes(v, i, ov, oi), readout, ticks, v_th, constants, kind
    )
    B, sizes = len(inputs.rows), weights.sizes
    nothing = flat(bias)[:0]
    decided = Decided(nothing, nothing, nothing, nothing, states, flat(projected))
    padding = (0, sizes.Ap - sizes.A, 0, padded_batch(B) - B)
    evidence = flat(torch.nn.functional.pad(of_evidence, padding))
    found = adjoint(cells, weights, inputs, states, decided, evidence, flat(of_tally))
    return unpadded(found, sizes, incoming, bias, drive, B)


def unpadded(
    found: Adjoint, sizes: Sizes, incoming: Tensor, bias: Tensor, drive: Tensor, B: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients as tensors of the shapes of what they belong to."""
    events = found.drive.size == 0 and not drive.numel()
    return (
        torch.empty_like(drive) if events else table_of(found.drive, B, sizes.H, sizes.Hp),
        table_of(found.incoming, sizes.D, sizes.H, sizes.Hp) if events else torch.empty_like(incoming),
        torch.from_numpy(found.bias[: sizes.H].copy()) if events else torch.empty_like(bias),
        table_of(found.outgoing, sizes.A, sizes.H, sizes.Hp).T.contiguous(),
        torch.from_numpy(found.critic[: sizes.H].copy()),
        torch.from_numpy(found.output_bias[: sizes.A].copy()),
    )


@decide_op.register_fake
def _(
    drive: Tensor, offsets: Tensor, columns: Tensor, values: Tensor, incoming: Tensor, bias: Tensor, threshold: Tensor,
    outgoing: Tensor, critic: Tensor, output_bias: Tensor, v: Tensor, i: Tensor, ov: Tensor, oi: Tensor,
    readout: int, ticks: int, v_th: float, constants: list[float], kind: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    del columns, values, incoming, bias, threshold, output_bias, readout, v_th, constants, kind
    B = len(drive) if offsets.numel() == 0 else len(offsets) - 1
    H, A = outgoing.shape
    sizes = Sizes.of(0, H, A)
    return (
        critic.new_empty((B, A)), critic.new_empty(B), critic.new_empty((B, H)), critic.new_empty((B, A)),
        torch.empty_like(v), torch.empty_like(i), torch.empty_like(ov), torch.empty_like(oi),
        critic.new_empty(ticks * padded_batch(B) * sizes.Ap),
    )  # fmt: skip


@decide_backward_op.register_fake
def _(
    drive: Tensor, offsets: Tensor, columns: Tensor, values: Tensor, incoming: Tensor, bias: Tensor, threshold: Tensor,
    outgoing: Tensor, critic: Tensor, output_bias: Tensor, v: Tensor, i: Tensor, ov: Tensor, oi: Tensor,
    readout: int, ticks: int, v_th: float, constants: list[float], kind: int, projected: Tensor, of_evidence: Tensor,
    of_tally: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    del offsets, columns, values, threshold, v, i, ov, oi, readout, ticks, v_th, constants, kind, projected
    del of_evidence, of_tally
    return (
        torch.empty_like(drive), torch.empty_like(incoming), torch.empty_like(bias), torch.empty_like(outgoing),
        torch.empty_like(critic), torch.empty_like(output_bias),
    )  # fmt: skip


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    ctx.save_for_backward(*inputs[:14], output[-1])
    ctx.settings = inputs[14:]
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, of_evidence: Tensor | None, of_tally: Tensor | None, *others: Tensor | None) -> tuple[Any, ...]:
    del others  # counts and membranes are data
    *tensors, projected = ctx.saved_tensors
    critic, output_bias, B = tensors[8], tensors[9], len(tensors[0]) or len(tensors[1]) - 1
    of_evidence = critic.new_zeros((B, len(output_bias))) if of_evidence is None else of_evidence.contiguous()
    of_tally = critic.new_zeros(B) if of_tally is None else of_tally.contiguous()
    drive, incoming, bias, outgoing, of_critic, of_output_bias = decide_backward_op(
        *tensors, *ctx.settings, projected, of_evidence, of_tally
    )
    none = [None] * 3
    return drive, *none, incoming, bias, None, outgoing, of_critic, of_output_bias, *[None] * 9


decide_op.register_autograd(_backward, setup_context=_remember)
