"""The reference engine: a plain loop over Norse's own step, with autograd."""

from __future__ import annotations

import warnings
from types import ModuleType

import torch
from torch import Tensor

from snn_agent.engine.contract import check_run
from snn_agent.engine.device import resolve_device
from snn_agent.errors import BackendUnavailable
from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import SurrogateSpec, derivative_of, spike
from snn_agent.types import LayerOutput, LIFState


class NorseEngine:
    """Keeps the contract of :class:`snn_agent.engine.contract.Engine` with Norse 1.1's functions.

    Where Norse has the surrogate that is asked for (:func:`norse_method`) and the gradient flows through the reset,
    all of E1–E6 is Norse's ``lif_feed_forward_step``. Norse cannot do the rest — its ``super`` ignores its slope, and
    its feed-forward step always lets the gradient through the reset —, so there Norse's leaky integrator computes
    E1–E3 and this engine adds E4–E6 in the words of :mod:`snn_agent.neurons.lif`. The numbers are Norse's in both
    cases; only derivatives differ.

    Args:
        device: where to run.

    Raises:
        BackendUnavailable: Norse is not installed, or the device is not there.
        ConfigError: PyTorch knows no such device.
    """

    name = "norse"

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = resolve_device(device)
        self._lif, self._integrator = _norse_modules()

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
        derivative_of(surrogate)  # a bad name is to be refused here as everywhere, also where Norse has one of its own
        native = norse_method(surrogate) if reset_gradient else None
        spikes = []
        for t in range(ticks):
            x = drive if drive.dim() == 2 else drive[t]
            if native is not None:
                z, state = self._native_step(x, state, parameters, native, threshold)
            else:
                z, state = self._integrated_step(x, state, parameters, surrogate, reset_gradient, threshold)
            spikes.append(z)
        return LayerOutput(
            counts=torch.stack(spikes).sum(0),
            projected=None if projection is None else torch.stack([z @ projection for z in spikes]),
            state=state,
            spikes=torch.stack(spikes) if record else None,
        )

    def _native_step(
        self, x: Tensor, state: LIFState, parameters: LIFParameters, native: tuple[str, float], threshold: Tensor | None
    ) -> tuple[Tensor, LIFState]:
        """Return spikes and state after a tick that is Norse's alone."""
        method, alpha = native
        constants = self._lif.LIFParameters(**parameters.to_norse(), method=method, alpha=alpha)
        if threshold is not None:
            constants = constants._replace(v_th=threshold)
        before = self._lif.LIFFeedForwardState(v=state.v, i=state.i)
        z, after = self._lif.lif_feed_forward_step(x, before, constants, dt=parameters.dt_s)
        return z, LIFState(after.v, after.i)

    def _integrated_step(
        self,
        x: Tensor,
        state: LIFState,
        parameters: LIFParameters,
        surrogate: SurrogateSpec,
        reset_gradient: bool,
        threshold: Tensor | None,
    ) -> tuple[Tensor, LIFState]:
        """Return spikes and state after a tick whose E1–E3 are Norse's."""
        norse = parameters.to_norse()
        constants = self._integrator.LIParameters(norse["tau_syn_inv"], norse["tau_mem_inv"], norse["v_leak"])
        before = self._integrator.LIState(v=state.v, i=state.i)
        v, after = self._integrator.li_feed_forward_step(x, before, constants, dt=parameters.dt_s)
        z = spike(v - (parameters.v_th if threshold is None else threshold), surrogate)
        reset = z if reset_gradient else z.detach()
        return z, LIFState((1 - reset) * v + reset * parameters.v_reset, after.i)


def norse_method(surrogate: SurrogateSpec) -> tuple[str, float] | None:
    """Return Norse's name and parameter of a surrogate, or ``None`` if Norse 1.1 has none that is equal."""
    name, slope = surrogate
    if name == "sigmoid":
        return "tanh", slope / 2  # 4σ(αx)(1 − σ(αx)) = 1 − tanh²(αx / 2)
    if name == "superspike" and slope == 1.0:
        return "super", 1.0
    if name == "triangle" and slope == 1.0:
        return "triangle", 1.0  # Norse's parameter is the height, its width is fixed
    return None


def _norse_modules() -> tuple[ModuleType, ModuleType]:
    """Return Norse's LIF and leaky integrator modules, or raise BackendUnavailable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Norse 1.1 scripts parts of itself with torch.jit
            import norse.torch.functional.leaky_integrator as integrator
            import norse.torch.functional.lif as lif
    except ImportError as error:
        raise BackendUnavailable(
            f"engine 'norse' needs the package norse, which cannot be imported: {error}. Install it with "
            f"'pip install norse>=1.1', or use engine 'torch', which needs PyTorch only."
        ) from error
    return lif, integrator
