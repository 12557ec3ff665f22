"""The leaky integrate-and-fire neuron, readable: the truth that every engine is held against.

One tick of ``dt``::

    E1  i ← i + x                                   the input x makes the current jump
    E2  v' = v + dt/τ_mem · ((v_leak − v) + i)      the membrane leaks and integrates the current
    E3  i ← i − dt/τ_syn · i                        the current decays
    E4  z = 1 if v' > v_th else 0                   a spike
    E5  v ← (1 − z)·v' + z·v_reset                  the reset
    E6  dz/dv' := surrogate(v' − v_th)              for learning only

These are the equations of Norse's feed-forward LIF step (github.com/norse/norse), which is the reference
implementation in the tests. A constant input x thus drives the current towards x·τ_syn/dt, not towards x.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from snn_agent.config import NeuronConfig
from snn_agent.neurons.surrogate import DEFAULT_SURROGATE, SurrogateSpec, spike
from snn_agent.types import LIFState


class LIFParameters(NamedTuple):
    """The constants of E1–E5; :meth:`from_config` takes them from a validated :class:`NeuronConfig`.

    Attributes:
        dt_s: length of a tick, seconds.
        tau_mem_s: membrane time constant, seconds.
        tau_syn_s: synaptic time constant, seconds.
        v_th: threshold.
        v_leak: resting voltage, in the unit of the threshold.
        v_reset: voltage after a spike, in the unit of the threshold.
    """

    dt_s: float = 0.001
    tau_mem_s: float = 0.02
    tau_syn_s: float = 0.01
    v_th: float = 1.0
    v_leak: float = 0.0
    v_reset: float = 0.0

    @classmethod
    def from_config(cls, config: NeuronConfig) -> LIFParameters:
        """Return the constants that ``config`` holds."""
        return cls(**{name: getattr(config, name) for name in cls._fields})

    @property
    def membrane_step(self) -> float:
        """dt/τ_mem, the share of the way to its target that the voltage goes in a tick (E2)."""
        return self.dt_s / self.tau_mem_s

    @property
    def current_decay(self) -> float:
        """dt/τ_syn, the share of the current that is lost in a tick (E3)."""
        return self.dt_s / self.tau_syn_s

    def to_norse(self) -> dict[str, float]:
        """Return the keyword arguments of Norse's ``LIFParameters``, with inverse time constants in 1/s.

        This is the only place that converts. Norse's documentation says 1/ms, but its default tick of 0.001 makes
        its unit 1/s: 20 ms are ``tau_mem_inv = 50``. The tick, ``dt_s``, is an argument of its own in Norse.
        """
        return {
            "tau_mem_inv": 1.0 / self.tau_mem_s,
            "tau_syn_inv": 1.0 / self.tau_syn_s,
            "v_leak": self.v_leak,
            "v_th": self.v_th,
            "v_reset": self.v_reset,
        }


def lif_step(
    x: Tensor,
    state: LIFState,
    parameters: LIFParameters,
    surrogate: SurrogateSpec = DEFAULT_SURROGATE,
    *,
    reset_gradient: bool = True,
    threshold: Tensor | None = None,
) -> tuple[Tensor, LIFState]:
    """Return the spikes of one tick, 0 or 1, and the next state (E1–E6); differentiable by autograd.

    Args:
        x: input, a jump of the current, ``[B, H]``.
        state: voltage and current before the tick, ``[B, H]`` each.
        parameters: constants of the neurons.
        surrogate: the derivative of a spike by the voltage.
        reset_gradient: whether the gradient also flows through the spikes in E5.
        threshold: of each neuron, ``[H]``; ``None``: ``parameters.v_th``.

    Raises:
        ConfigError: the surrogate is unknown or its slope is not positive.
    """
    v, i = state
    i = i + x  # E1
    v = v + parameters.membrane_step * ((parameters.v_leak - v) + i)  # E2
    i = i - parameters.current_decay * i  # E3
    z = spike(v - (parameters.v_th if threshold is None else threshold), surrogate)  # E4, E6
    reset = z if reset_gradient else z.detach()
    v = (1 - reset) * v + reset * parameters.v_reset  # E5
    return z, LIFState(v, i)
