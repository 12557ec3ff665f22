"""The numba layer as operators of PyTorch, ``snn_agent::lif_layer`` and its adjoint, with autograd and shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from snn_agent.engine import numba_layer as kernels
from snn_agent.engine.numba_compile import running
from snn_agent.engine.numba_neuron import BAND, RESET_GRADIENT
from snn_agent.engine.pytorch_threads import side_by_side_with_pytorch
from snn_agent.engine.simd_types import LANES
from snn_agent.engine.threads import ranges

FORWARD_NS, BACKWARD_NS = 0.1, 0.5
"""About how long a neuron takes for a tick, to see whether threads pay."""


def flat(tensor: Tensor) -> npt.NDArray[Any]:
    """The numbers of a tensor in one row, shared where they lie in one row already."""
    array: npt.NDArray[Any] = tensor.detach().contiguous().numpy().reshape(-1)
    return array


def run_layer(
    drive: Tensor, v: Tensor, i: Tensor, threshold: Tensor, ticks: int, record: bool, constants: list[float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Run a layer whose sizes are whole vectors.

    Args:
        drive: ``[n]`` held, or ``[ticks, n]``.
        v: u, the voltage from the reset, ``[n]``; empty: at rest.
        i: current, ``[n]``; empty: none.
        threshold: from the reset, ``[period]``; repeated over the n neurons.
        ticks: T.
        record: whether spikes are returned.
        constants: of :meth:`NeuronConstants.array`.

    Returns:
        counts, u and i afterwards ``[n]``, spikes ``[ticks, n]`` or ``[0]``.
    """
    n = drive.shape[-1]
    counts, v_out, i_out = (drive.new_empty(n) for _ in range(3))
    spikes = drive.new_empty((ticks, n) if record else 0)
    with running("the spiking layer", drive.dtype):
        side_by_side_with_pytorch(
            kernels.layer_forward, ranges(n, LANES, n * ticks * FORWARD_NS), flat(drive), drive.dim() == 1, flat(v),
            flat(i), flat(threshold), len(threshold), np.array(constants, flat(drive).dtype), ticks, flat(counts),
            flat(v_out), flat(i_out), flat(spikes),
        )  # fmt: skip
    return counts, v_out, i_out, spikes


@torch.library.custom_op("snn_agent::lif_layer", mutates_args=(), device_types="cpu")
def lif_layer(
    drive: Tensor, v: Tensor, i: Tensor, threshold: Tensor, ticks: int, record: bool, constants: list[float], kind: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`run_layer`; ``kind`` is the number of the surrogate, for the adjoint."""
    del kind
    return run_layer(drive, v, i, threshold, ticks, record, constants)


@torch.library.custom_op("snn_agent::lif_layer_backward", mutates_args=(), device_types="cpu")
def lif_layer_backward(
    drive: Tensor, v: Tensor, i: Tensor, threshold: Tensor, ticks: int, constants: list[float], kind: int,
    of_counts: Tensor, of_v: Tensor, of_i: Tensor, of_spikes: Tensor, wants_threshold: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """The adjoint: gradients of drive, v, i (empty where it began at rest) and threshold (zeros if not wanted).

    ``of_spikes`` is ``[ticks, n]``, the others ``[n]``; what is zero is empty, ``[0]``.
    """
    n, dtype = drive.shape[-1], flat(drive).dtype
    of_drive, of_v_in, of_i_in = torch.empty_like(drive), torch.empty_like(v), torch.empty_like(i)
    cut, step = ranges(n, LANES, n * ticks * BACKWARD_NS), constants[0]
    period = len(threshold) if wants_threshold else 0
    of_threshold = [np.zeros(period, dtype) for _ in cut]  # parts meet in the same thresholds

    through_reset, narrow = constants[RESET_GRADIENT] > 0, constants[BAND] < np.inf
    plain = drive.dim() == 1 and through_reset and not (narrow or wants_threshold or len(of_spikes))

    def part(first: int, last: int) -> None:
        own = of_threshold[[start for start, _ in cut].index(first)]
        kernels.layer_backward(kind, plain)(
            first, last, flat(drive), drive.dim() == 1, flat(v), flat(i), flat(threshold), len(threshold),
            np.array(constants, dtype), ticks, flat(of_counts), flat(of_spikes), flat(of_v), flat(of_i),
            flat(of_drive), flat(of_v_in), flat(of_i_in), own,
        )  # fmt: skip

    with running("the spiking layer's gradient", drive.dtype):
        side_by_side_with_pytorch(part, cut)
    summed = torch.from_numpy(np.sum(of_threshold, axis=0)).div_(step) if period else torch.zeros_like(threshold)
    return of_drive, of_v_in.div_(step), of_i_in, summed


@lif_layer.register_fake
def _(
    drive: Tensor, v: Tensor, i: Tensor, threshold: Tensor, ticks: int, record: bool, constants: list[float], kind: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    del v, i, threshold, constants, kind
    n = drive.shape[-1]
    spikes = drive.new_empty((ticks, n) if record else 0)
    return drive.new_empty(n), drive.new_empty(n), drive.new_empty(n), spikes


@lif_layer_backward.register_fake
def _(
    drive: Tensor, v: Tensor, i: Tensor, threshold: Tensor, ticks: int, constants: list[float], kind: int,
    of_counts: Tensor, of_v: Tensor, of_i: Tensor, of_spikes: Tensor, wants_threshold: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    del ticks, constants, kind, of_counts, of_v, of_i, of_spikes, wants_threshold
    return torch.empty_like(drive), torch.empty_like(v), torch.empty_like(i), torch.empty_like(threshold)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    del output
    drive, v, i, threshold, ctx.ticks, _, ctx.constants, ctx.kind = inputs
    ctx.save_for_backward(drive, v, i, threshold)
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, *of_outputs: Tensor | None) -> tuple[Any, ...]:
    drive, v, i, threshold = ctx.saved_tensors
    of_counts, of_v, of_i, of_spikes = (drive.new_empty(0) if of is None else of for of in of_outputs)
    gradients = lif_layer_backward(
        drive, v, i, threshold, ctx.ticks, ctx.constants, ctx.kind, of_counts, of_v, of_i, of_spikes,
        ctx.needs_input_grad[3],
    )  # fmt: skip
    return *gradients, None, None, None, None


lif_layer.register_autograd(_backward, setup_context=_remember)
