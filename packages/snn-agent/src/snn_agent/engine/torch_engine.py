"""The fast engine in plain PyTorch: any device, an explicit forward and backward pass instead of a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn_agent import checks
from snn_agent.engine.contract import check_run
from snn_agent.engine.device import resolve_device
from snn_agent.engine.torch_kernels import Constants, Gradients, Trace, backward_ticks, forward_ticks
from snn_agent.errors import ConfigError
from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import SurrogateSpec, derivative_of
from snn_agent.types import LayerOutput, LIFState

CPU_BLOCK = 2**15  # elements a thread: the buffers of a block stay in its second-level cache over all ticks
COMPILED_BLOCK = 2**17  # elements: fused passes have fewer buffers, so more fit
GPU_BLOCK = 2**23  # elements: large enough to fill any GPU, small enough to bound the memory of a backward pass


class Inputs(NamedTuple):
    """The tensors that a run reads and that the gradient flows to."""

    drive: Tensor  # [B, H] or [T, B, H]
    v: Tensor  # [B, H]
    i: Tensor  # [B, H]
    level: Tensor  # [H], the thresholds
    projection: Tensor | None  # [H, P]


class Outputs(NamedTuple):
    """The tensors that a run returns."""

    counts: Tensor  # [B, H]
    v: Tensor  # [B, H]
    i: Tensor  # [B, H]
    projected: Tensor | None  # [T, B, P]
    spikes: Tensor | None  # [T, B, H]


class Kernels(NamedTuple):
    """The two passes, as they are or compiled, and the worlds × neurons they may take at once."""

    forward: Callable[..., Trace]
    backward: Callable[..., Gradients]
    block: int


class TorchEngine:
    """Keeps the contract of :class:`snn_agent.engine.contract.Engine` with an own pair of passes.

    Worlds are taken in blocks that fit the cache. The backward pass runs a block's ticks again instead of storing
    them in the forward pass, so memory does not grow with the ticks and a pass without gradient does no less or more.

    Args:
        device: where to run.
        compiled: let ``torch.compile`` fuse the passes, for any sizes of B, H and P. Faster, after a first call that
            takes up to a minute for each number of ticks; needs a C++ compiler. The engine is then called
            ``"torch-compile"``.
        inference_dtype: ``torch.bfloat16`` or ``torch.float16``: compute in it wherever no gradient is asked for.
            Results keep the dtype of the drive. A voltage is then off by up to ``2·T·ε·max(|v|, |i|)``, where
            ε = 2⁻⁸ or 2⁻¹¹; a neuron whose voltage comes that close to its threshold may spike at another tick.

    Raises:
        BackendUnavailable: the device is not there.
        ConfigError: PyTorch knows no such device, or the inference dtype is another one.
    """

    def __init__(
        self, device: torch.device | str = "cpu", *, compiled: bool = False, inference_dtype: torch.dtype | None = None
    ) -> None:
        self.device = resolve_device(device)
        self.name = "torch-compile" if checks.flag("compiled", compiled) else "torch"
        if inference_dtype not in (None, torch.bfloat16, torch.float16):
            raise ConfigError(f"inference_dtype must be None, torch.bfloat16 or torch.float16, got {inference_dtype}.")
        self.inference_dtype = inference_dtype
        self._forward: Callable[..., Trace] = forward_ticks
        self._backward: Callable[..., Gradients] = backward_ticks
        if compiled:
            self._forward = torch.compile(forward_ticks, dynamic=True)
            self._backward = torch.compile(backward_ticks, dynamic=True)

    def run(
        self,
        drive: Tensor,
        state: LIFState,
        ticks: int,
        parameters: LIFParameters,
        *,
        surrogate: SurrogateSpec,
        reset_gradient: bool,
        threshold: Tensor | None = None,
        projection: Tensor | None = None,
        record: bool = False,
    ) -> LayerOutput:
        """Run the layer; see :meth:`snn_agent.engine.contract.Engine.run`."""
        check_run(self.device, drive, state, ticks, threshold, projection)
        derivative_of(surrogate)
        constants = Constants(
            ticks=ticks,
            step=parameters.membrane_step,
            keep=1.0 - parameters.current_decay,
            leak=parameters.membrane_step * (parameters.v_leak - parameters.v_reset),
            v_reset=parameters.v_reset,
            surrogate=surrogate.name,
            slope=float(surrogate.slope),
            reset_gradient=reset_gradient,
            record=record,
            threshold_gradient=threshold is not None and threshold.requires_grad,
        )
        level = drive.new_full((drive.shape[-1],), parameters.v_th) if threshold is None else threshold
        inputs = Inputs(drive, state.v, state.i, level, projection)
        kernels = Kernels(self._forward, self._backward, self._block())
        if torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in inputs):
            outputs = Outputs(*_Layer.apply(*inputs, constants, kernels))  # type: ignore[no-untyped-call]
        elif self.inference_dtype is None:
            outputs = _forward(inputs, constants, kernels)
        else:
            outputs = _forward(Inputs(*_in_dtype(inputs, self.inference_dtype)), constants, kernels)
            outputs = Outputs(*_in_dtype(outputs, drive.dtype))
        return LayerOutput(outputs.counts, outputs.projected, LIFState(outputs.v, outputs.i), outputs.spikes)

    def _block(self) -> int:
        """Return how many elements of [B, H] the passes may take at once."""
        if self.device.type != "cpu":
            return GPU_BLOCK
        return COMPILED_BLOCK if self.name == "torch-compile" else CPU_BLOCK * torch.get_num_threads()


class _Layer(torch.autograd.Function):
    """:func:`_forward` as one node of the graph, whose tensors have to be arguments of their own."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor | None, ...]:
        *tensors, constants, kernels = arguments
        inputs = Inputs(*tensors)
        ctx.save_for_backward(*inputs)
        ctx.constants, ctx.kernels = constants, kernels
        ctx.set_materialize_grads(False)
        return tuple(_forward(inputs, constants, kernels))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        grad_counts, grad_v, grad_i, grad_projected, grad_spikes = grads
        drive, v, i, level, projection = ctx.saved_tensors
        constants: Constants = ctx.constants
        kernels: Kernels = ctx.kernels
        of_drive, of_v, of_i = torch.empty_like(drive), torch.empty_like(v), torch.empty_like(i)
        of_level = v.new_zeros(v.shape[-1])
        of_projection = torch.zeros_like(projection) if grad_projected is not None else None
        for rows in _blocks(v, kernels.block):
            columns = None if grad_projected is None else grad_projected[:, rows]
            of_spikes = None if grad_spikes is None else grad_spikes[:, rows]
            if columns is not None:
                product = columns @ projection.T
                of_spikes = product if of_spikes is None else product.add_(of_spikes)
            block = kernels.backward(
                drive[..., rows, :],
                v[rows],
                i[rows],
                level,
                constants,
                columns is not None,
                None if grad_counts is None else grad_counts[rows],
                of_spikes,
                None if grad_v is None else grad_v[rows],
                None if grad_i is None else grad_i[rows],
            )
            of_drive[..., rows, :] = block.drive
            of_v[rows], of_i[rows] = block.v, block.i
            of_level += block.threshold
            if columns is not None and of_projection is not None:
                for z, column in zip(block.spikes, columns, strict=True):
                    of_projection.addmm_(z.T, column)
        return of_drive, of_v, of_i, of_level if constants.threshold_gradient else None, of_projection, None, None


def _forward(inputs: Inputs, constants: Constants, kernels: Kernels) -> Outputs:
    """Run the layer block by block."""
    drive, v, i, level, projection = inputs
    B, T = v.shape[0], constants.ticks
    counts, v_out, i_out = torch.empty_like(v), torch.empty_like(v), torch.empty_like(i)
    projected = None if projection is None else v.new_empty((T, B, projection.shape[1]))
    spikes = v.new_empty((T, *v.shape)) if constants.record else None
    keep_spikes = projected is not None or spikes is not None
    for rows in _blocks(v, kernels.block):
        trace = kernels.forward(drive[..., rows, :], v[rows], i[rows], level, constants, keep_spikes, False)
        counts[rows], v_out[rows], i_out[rows] = trace.counts, trace.v, trace.i
        for t, z in enumerate(trace.spikes):
            if projected is not None and projection is not None:
                torch.mm(z, projection, out=projected[t, rows])
            if spikes is not None:
                spikes[t, rows] = z
    return Outputs(counts, v_out, i_out, projected, spikes)


def _in_dtype(tensors: tuple[Tensor | None, ...], dtype: torch.dtype) -> tuple[Any, ...]:
    """Return the tensors in ``dtype``; what is None stays None."""
    return tuple(None if tensor is None else tensor.to(dtype) for tensor in tensors)


def _blocks(v: Tensor, block: int) -> Iterator[slice]:
    """Yield slices of the worlds of ``v`` [B, H] that hold about ``block`` elements each."""
    B, H = v.shape
    size = max(1, block // max(H, 1))
    for first in range(0, B, size):
        yield slice(first, min(first + size, B))
