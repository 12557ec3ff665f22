"""What the kernels must know of a neuron, and how they count.

Voltages count from the reset, u = v − v_reset, so that the reset is a zero (E5). Currents carry the leak with them,
j = i + (v_leak − v_reset), so that E2 is ``u' = u + a·(j − u)`` whatever the leak, with a = dt/τ_mem.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import SurrogateSpec

KINDS: Final = ("superspike", "triangle", "arctan", "sigmoid")
"""Surrogates by the number under which kernels know them."""

STEP, KEEP, LEAK, SLOPE, RESET_GRADIENT, BAND, V_RESET, INVERSE_TICKS, SKIP, KIND = range(10)
"""Where a kernel finds its constants: a = dt/τ_mem, 1 − dt/τ_syn, v_leak − v_reset, α, 0 or 1, the reach of gradients,
v_reset, 1/T, whether silent neurons are skipped (0 or 1); behind them, no number among them, which surrogate."""

NEVER: Final = 1e6
"""Threshold of the neurons that only fill a vector up."""


class NeuronConstants(NamedTuple):
    """Everything about a run that is neither size nor tensor, hashable; kernels get it as an array."""

    step: float
    keep: float
    leak: float
    slope: float
    reset_gradient: float
    band: float
    v_reset: float
    inverse_ticks: float
    skip: float
    kind: int

    @classmethod
    def of(
        cls,
        parameters: LIFParameters,
        surrogate: SurrogateSpec,
        reset_gradient: bool,
        ticks: int,
        band: float = np.inf,
        skip: bool = False,
    ) -> NeuronConstants:
        """The constants of a run.

        ``band``: no gradient flows through a spike decision whose voltage was further away; ``skip``: neurons that
        cannot reach their threshold are passed over.
        """
        return cls(
            step=parameters.membrane_step,
            keep=1.0 - parameters.current_decay,
            leak=parameters.v_leak - parameters.v_reset,
            slope=float(surrogate.slope),
            reset_gradient=float(reset_gradient),
            band=band,
            v_reset=parameters.v_reset,
            inverse_ticks=1.0 / ticks,
            skip=float(skip),
            kind=KINDS.index(surrogate.name),
        )

    def array(self, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """The constants in the order of :data:`STEP` and the others."""
        return np.array(self[:KIND], dtype=dtype)
