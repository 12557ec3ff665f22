"""Rectified linear neurons behind the contract of the spiking ones: the same network without spikes and time."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_agent.engine.contract import check_run
from snn_agent.engine.device import resolve_device
from snn_agent.errors import ConfigError
from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import SurrogateSpec
from snn_agent.types import LayerOutput, LIFState


class ReLUEngine:
    """Runs E48, ``a = max(0, x)``, for a layer of ReLU neurons (Nair & Hinton, ICML 2010) in a single tick.

    The activation ``a`` stands where an engine of spiking neurons has the count of spikes, and ``a @ projection`` where
    it has the tick's projection. There are no membranes: the state is handed back as it came, and nothing of the
    neurons' constants is read. Of the laws of :class:`snn_agent.engine.contract.Engine` hold permutation, held drive,
    no side effect and one path; there is no second tick that could follow the first.

    Args:
        device: where to run.

    Raises:
        BackendUnavailable: the device is not there.
        ConfigError: PyTorch knows no such device.
    """

    name = "relu"

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = resolve_device(device)

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
        """Rectify the drive, [B, H] or [1, B, H]; ``surrogate`` and ``reset_gradient`` are not read.

        Raises:
            ConfigError: arguments do not fit together; or what only spiking neurons have is asked for: several ticks,
                a record of spikes, or thresholds other than the common one.
        """
        del surrogate, reset_gradient
        check_run(self.device, drive, state, ticks, threshold, projection)
        if ticks != 1:
            raise ConfigError(f"ReLU neurons decide in one tick, but ticks is {ticks}. Use ticks=1.")
        if record:
            raise ConfigError(
                "ReLU neurons make no spikes, so there is no record of any. Traces, the viewer and the learning rule "
                '"three_factor" need the spiking neurons of NeuronConfig(model="lif").'
            )
        if threshold is not None and bool((threshold != parameters.v_th).any()):
            raise ConfigError(
                "ReLU neurons have no thresholds that could be regulated; their bias is learnt. Use "
                'homeostasis_rate=None, or the spiking neurons of NeuronConfig(model="lif").'
            )
        activation = torch.relu(drive if drive.dim() == 2 else drive[0])
        projected = None if projection is None else (activation @ projection)[None]
        return LayerOutput(activation, projected, state, None)
