"""The fast engine on the CPU: the ticks of a layer in registers, forward and backward."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.engine.contract import check_run
from snn_agent.engine.device import resolve_device
from snn_agent.engine.numba_layer_op import lif_layer, run_layer
from snn_agent.engine.numba_neuron import KIND, NEVER, NeuronConstants
from snn_agent.engine.numba_readout import KERNEL_READOUTS
from snn_agent.engine.simd_types import LANES
from snn_agent.errors import ConfigError
from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import SurrogateSpec, derivative_of
from snn_agent.types import LayerOutput, LIFState


class NumbaEngine:
    """Keeps the contract of :class:`snn_agent.engine.contract.Engine` with kernels that numba compiles.

    They are compiled once per number type, whatever the sizes, and kept on disk, so a growing network never waits.
    Threads follow ``torch.get_num_threads()``.

    Args:
        device: must be the CPU.
        gradient_band: no gradient flows through a spike decision whose voltage was further than this from its
            threshold, in volts (Perez-Nieves & Goodman, *Sparse Spiking Gradient Descent*, NeurIPS 2021). None: all do.
            32 neurons side by side that all stay outside are passed over on the way back.
        skip_silent: pass over 32 neurons side by side whose drives cannot take them to their thresholds within T ticks
            (in closed form, so the result is exactly the same). It pays where most neurons are silent; where a quarter
            of them spike in a decision, hardly ever are 32 neighbours silent.

    Raises:
        BackendUnavailable: the device is not there.
        ConfigError: the device is not the CPU, or the band is not positive.
    """

    name = "numba"

    def __init__(
        self, device: torch.device | str = "cpu", *, gradient_band: float | None = None, skip_silent: bool = False
    ) -> None:
        self.device = resolve_device(device)
        if self.device.type != "cpu":
            raise ConfigError(
                f'engine "numba" runs on the CPU only, but the device is {str(self.device)!r}. Use engine="torch", or '
                f'engine="auto", which chooses by the device.'
            )
        self.gradient_band = None if gradient_band is None else checks.positive("gradient_band", gradient_band)
        self.skip_silent = checks.flag("skip_silent", skip_silent)

    def constants(
        self, parameters: LIFParameters, surrogate: SurrogateSpec, reset_gradient: bool, ticks: int
    ) -> NeuronConstants:
        """What the kernels must know of the neurons.

        Raises:
            ConfigError: there is no such surrogate.
        """
        derivative_of(surrogate)
        band = float("inf") if self.gradient_band is None else self.gradient_band
        return NeuronConstants.of(parameters, surrogate, reset_gradient, ticks, band, self.skip_silent)

    @staticmethod
    def numbers(constants: NeuronConstants) -> tuple[list[float], int]:
        """The constants as the operators take them."""
        return list(constants[:KIND]), constants.kind

    @staticmethod
    def readout_number(readout: str) -> int:
        """A readout as the kernels know it."""
        return KERNEL_READOUTS.index(readout)

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
        constants = self.constants(parameters, surrogate, reset_gradient, ticks)
        B, H = state.v.shape
        v_reset = parameters.v_reset
        if threshold is None:  # nobody needs to know where a row ends
            level = drive.new_full((LANES,), parameters.v_th - v_reset)
            rows, width = 1, B * H
        else:
            level = _padded(threshold - v_reset if v_reset else threshold, -H % LANES, NEVER)
            rows, width = B, H
        padded = -width % LANES

        def flat(tensor: Tensor) -> Tensor:
            return _padded(tensor.reshape(*tensor.shape[:-2], rows, width), padded).flatten(-2)

        def unpadded(tensor: Tensor) -> Tensor:
            table = tensor.reshape(*tensor.shape[:-1], rows, width + padded)
            return (table[..., :width] if padded else table).reshape(*tensor.shape[:-1], B, H)

        if state.is_at_rest(parameters.v_leak):
            v = i = drive.new_empty(0)
        else:
            v, i = flat(state.v - v_reset if v_reset else state.v), flat(state.i)
        wants_spikes = record or projection is not None
        tensors, numbers = (flat(drive), v, i, level), self.numbers(constants)
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
            counts, v, i, spikes = lif_layer(*tensors, ticks, wants_spikes, *numbers)
        else:
            counts, v, i, spikes = run_layer(*tensors, ticks, wants_spikes, numbers[0])
        z = unpadded(spikes) if wants_spikes else None
        after = unpadded(v)
        return LayerOutput(
            counts=unpadded(counts),
            projected=None if projection is None or z is None else z @ projection,
            state=LIFState(after + v_reset if v_reset else after, unpadded(i)),
            spikes=z if record else None,
        )


def _padded(tensor: Tensor, amount: int, value: float = 0.0) -> Tensor:
    """The tensor with its last axis made longer."""
    return torch.nn.functional.pad(tensor, (0, amount), value=value) if amount else tensor
