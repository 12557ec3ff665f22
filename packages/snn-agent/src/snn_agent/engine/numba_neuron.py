"""One neuron's arithmetic in vectors: the surrogate, and what the kernels agree on.

Voltages count from the reset, u = v − v_reset, so that the reset is a zero (E5). Currents carry the leak with them,
j = i + (v_leak − v_reset), so that E2 is ``u' = u + a·(j − u)`` whatever the leak, with a = dt/τ_mem.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from snn_agent.engine.numba_compile import inlined
from snn_agent.engine.simd import absolute, exponential, fma, ones_like, reciprocal, select, zeros_like
from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import SurrogateSpec

KINDS: Final = ("superspike", "triangle", "arctan", "sigmoid")
"""Surrogates by the number under which kernels know them."""

STEP, KEEP, LEAK, SLOPE, RESET_GRADIENT, BAND, V_RESET, INVERSE_TICKS, KIND = range(9)
"""Where a kernel finds its constants: a = dt/τ_mem, 1 − dt/τ_syn, v_leak − v_reset, α, 0 or 1, the reach of gradients,
v_reset, 1/T; behind them, no number among them, which surrogate."""

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
    kind: int

    @classmethod
    def of(
        cls,
        parameters: LIFParameters,
        surrogate: SurrogateSpec,
        reset_gradient: bool,
        ticks: int,
        band: float = np.inf,
    ) -> NeuronConstants:
        """The constants of a run; ``band``: no gradient flows through a spike whose voltage was further away."""
        return cls(
            step=parameters.membrane_step,
            keep=1.0 - parameters.current_decay,
            leak=parameters.v_leak - parameters.v_reset,
            slope=float(surrogate.slope),
            reset_gradient=float(reset_gradient),
            band=band,
            v_reset=parameters.v_reset,
            inverse_ticks=1.0 / ticks,
            kind=KINDS.index(surrogate.name),
        )

    def array(self, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """The constants in the order of :data:`STEP` and the others."""
        return np.array(self[:KIND], dtype=dtype)


@inlined
def derivative(kind, x):  # type: ignore[no-untyped-def]
    """The surrogate derivative (E6) at x = α(v' − v_th)."""
    one = ones_like(x)
    if kind == 0:
        u = absolute(x) + one
        return reciprocal(u * u)
    if kind == 1:
        u = one - absolute(x)
        return select(u > zeros_like(x), u, zeros_like(x))
    if kind == 2:
        return reciprocal(fma(x, x, one))
    e = exponential(zeros_like(x) - absolute(x))  # 4σ(1 − σ) = 4e/(1 + e)², e = exp(−|x|), which cannot overflow
    u = one + e
    two = one + one
    return two * two * e * reciprocal(u * u)


@inlined
def damped_derivative(kind, x, remains, root):  # type: ignore[no-untyped-def]
    """``remains`` times the surrogate derivative; for the first kind x and 1 come multiplied by ``root = 1/√remains``."""
    if kind == 0:
        u = absolute(x) + root
        return reciprocal(u * u)
    return derivative(kind, x) * remains
