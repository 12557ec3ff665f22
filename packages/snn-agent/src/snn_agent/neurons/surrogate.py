"""The derivative that a spike is given for learning (E6), by name.

A spike is a step of the voltage, so its true derivative is zero almost everywhere. Learning uses another one that
is 1 at the threshold and falls off to both sides; the slope α says how fast. All are normalised to 1 at the
threshold, so one can be exchanged for another without a new learning rate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from snn_agent import checks

Derivative = Callable[[Tensor], Tensor]


class SurrogateSpec(NamedTuple):
    """Which surrogate derivative, and how steep.

    Attributes:
        name: a key of :data:`SURROGATE_DERIVATIVES`.
        slope: α > 0, in 1 / unit of the voltage.
    """

    name: str = "superspike"
    slope: float = 10.0


DEFAULT_SURROGATE: Final = SurrogateSpec()


# Each takes x = α(v' − v_th) of any shape and returns a new tensor of that shape. Only their own temporary is changed
# in place: they are the dearest part of a backward pass.


def superspike(x: Tensor) -> Tensor:
    """1 / (1 + |x|)², from Zenke & Ganguli, *SuperSpike*, Neural Computation 30 (2018), section 3.3.2."""
    return x.abs().add_(1.0).pow_(-2.0)


def triangle(x: Tensor) -> Tensor:
    """max(0, 1 − |x|), from Bellec et al., *Long short-term memory in networks of spiking neurons* (2018)."""
    return x.abs().neg_().add_(1.0).clamp_(min=0.0)


def arctan(x: Tensor) -> Tensor:
    """1 / (1 + x²), the derivative of an arcus tangens, from Fang et al., *PLIF neurons*, ICCV (2021)."""
    return x.square().add_(1.0).reciprocal_()


def sigmoid(x: Tensor) -> Tensor:
    """4σ(1 − σ) with σ = 1 / (1 + exp(−x)), the derivative of a logistic step, scaled to a peak of 1."""
    return x.mul(0.5).tanh_().square_().neg_().add_(1.0)  # 4σ(1 − σ) = 1 − tanh²(x / 2), which cannot overflow


SURROGATE_DERIVATIVES: Final[Mapping[str, Derivative]] = MappingProxyType(
    {"superspike": superspike, "triangle": triangle, "arctan": arctan, "sigmoid": sigmoid}
)


def derivative_of(surrogate: SurrogateSpec) -> Derivative:
    """Return the derivative that ``surrogate`` names, a function of α(v' − v_th).

    Raises:
        ConfigError: there is none of that name, or the slope is not positive.
    """
    checks.positive("surrogate.slope", surrogate.slope)
    return SURROGATE_DERIVATIVES[checks.choice("surrogate.name", surrogate.name, SURROGATE_DERIVATIVES)]


def spike(distance: Tensor, surrogate: SurrogateSpec) -> Tensor:
    """Return 1 where ``distance`` = v' − v_th is above 0 and 0 elsewhere (E4), with the surrogate derivative (E6).

    The shape and dtype are those of ``distance``. A voltage exactly at the threshold does not spike.

    Raises:
        ConfigError: see :func:`derivative_of`.
    """
    spikes: Tensor = _Spike.apply(distance, derivative_of(surrogate), surrogate.slope)  # type: ignore[no-untyped-call]
    return spikes


class _Spike(torch.autograd.Function):
    """A step forward, a surrogate derivative backward."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor, derivative: Derivative, slope: float) -> Tensor:
        ctx.save_for_backward(distance)
        ctx.derivative, ctx.slope = derivative, slope
        return (distance > 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, grad_spikes: Tensor) -> tuple[Tensor, None, None]:
        (distance,) = ctx.saved_tensors
        return grad_spikes * ctx.derivative(distance * ctx.slope), None, None
