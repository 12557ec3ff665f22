"""What every engine does, the same way: run a layer of LIF neurons for some ticks."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import SurrogateSpec
from snn_agent.types import LayerOutput, LIFState


class Engine(Protocol):
    """Runs E1–E6 of :mod:`snn_agent.neurons.lif` for ``H`` neurons in ``B`` worlds over ``T`` ticks.

    Laws, which the tests hold every engine to (equal: up to rounding, and but for spikes within it of the threshold):

    1. *Truth*: equal to a loop over :func:`snn_agent.neurons.lif.lif_step`, in numbers and in gradients.
    2. *Composition*: ``run(T1 + T2)`` is ``run(T1)`` followed by ``run(T2)`` from its state: counts add,
       ``projected`` and ``spikes`` follow each other. The only memory is the state, which is passed in and out.
    3. *Permutation*: neurons do not know each other; permuting them (drive, state, threshold, rows of the
       projection) permutes the results. The same holds for worlds.
    4. *Held drive*: ``[B, H]`` is the same as its ``T`` copies, ``[T, B, H]``.
    5. *No side effect*: no argument is changed, nothing is remembered between calls, nothing is random.
    6. *One path*: results with and without autograd are the same bits.
    """

    @property
    def name(self) -> str:
        """The concrete name under which the engine was chosen; never ``"auto"``."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it runs; all tensors must live there."""
        ...

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
        """Return what the neurons do in the next ``ticks`` ticks.

        The gradient flows from everything that is returned to ``drive``, ``state``, ``threshold`` and ``projection``;
        the constants in ``parameters`` have none.

        Args:
            drive: x of E1, held over the ticks ``[B, H]`` or one for each tick ``[T, B, H]``; float32 or float64.
            state: where the neurons are, ``[B, H]`` each.
            ticks: T, at least 1.
            parameters: constants of the neurons.
            surrogate: the derivative of a spike (E6).
            reset_gradient: whether the gradient also flows through the reset (E5).
            threshold: of each neuron ``[H]``; ``None``: ``parameters.v_th`` for all.
            projection: weights ``[H, P]`` that each tick's spikes are multiplied with, so that a readout never
                needs the spikes themselves; ``None``: no such product.
            record: whether the spikes of each tick are returned too, ``[T, B, H]``.

        Raises:
            ConfigError: a shape, dtype or device does not fit, or the surrogate is unknown.
        """
        ...


def check_run(
    device: torch.device,
    drive: Tensor,
    state: LIFState,
    ticks: int,
    threshold: Tensor | None,
    projection: Tensor | None,
) -> None:
    """Raise ConfigError unless the arguments of :meth:`Engine.run` fit together and live on ``device``."""
    checks.integer("ticks", ticks, 1)
    if drive.dim() not in (2, 3):
        raise ConfigError(f"drive must have the shape [B, H] or [T, B, H], got {list(drive.shape)}.")
    if drive.dtype not in (torch.float32, torch.float64):
        raise ConfigError(
            f"drive must be float32 or float64, got {drive.dtype}. For inference in half precision give float32 to "
            f"TorchEngine(inference_dtype=...)."
        )
    if drive.device.type != device.type or (device.index is not None and drive.device.index != device.index):
        raise ConfigError(
            f"drive is on {drive.device}, but this engine runs on {device}. Use drive.to({str(device)!r})."
        )
    if drive.dim() == 3 and drive.shape[0] != ticks:
        raise ConfigError(
            f"drive has {drive.shape[0]} ticks, but ticks is {ticks}. Give one drive a tick, or one [B, H] for all."
        )
    B, H = drive.shape[-2:]
    checks.shape("state.v", state.v, (B, H), "[B, H]")
    checks.shape("state.i", state.i, (B, H), "[B, H]")
    checks.alike("state.v", state.v, "drive", drive)
    checks.alike("state.i", state.i, "drive", drive)
    if threshold is not None:
        checks.shape("threshold", threshold, (H,), "[H]")
        checks.alike("threshold", threshold, "drive", drive)
    if projection is not None:
        checks.shape("projection", projection, (H, None), "[H, P]")
        checks.alike("projection", projection, "drive", drive)
