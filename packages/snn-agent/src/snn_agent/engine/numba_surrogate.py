"""The surrogate derivatives of :mod:`snn_agent.neurons.surrogate` in vectors."""

from __future__ import annotations

from snn_agent.engine.numba_compile import inlined
from snn_agent.engine.simd import absolute, exponential, fma, ones_like, reciprocal, select, zeros_like


@inlined
def derivative(kind, x):
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
def damped_derivative(kind, x, remains, root):
    """``remains`` times the surrogate derivative; for kind 0, x and 1 come multiplied by ``root = 1/√remains``."""
    if kind == 0:
        u = absolute(x) + root
        return reciprocal(u * u)
    return derivative(kind, x) * remains
