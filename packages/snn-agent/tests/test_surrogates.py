"""Each surrogate is the derivative of a smooth step, 1 at the threshold."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from snn_agent import SurrogateSpec
from snn_agent.errors import ConfigError
from snn_agent.neurons.surrogate import SURROGATE_DERIVATIVES, derivative_of, spike

# The smooth steps S(x) whose derivatives they are, from the papers' definitions.
STEPS: dict[str, Callable[[Tensor], Tensor]] = {
    "superspike": lambda x: x / (1 + x.abs()),  # the fast sigmoid of Zenke & Ganguli
    "triangle": lambda x: torch.where(x.abs() < 1, x - 0.5 * x * x.abs(), 0.5 * x.sign()),
    "arctan": torch.atan,
    "sigmoid": lambda x: 4 * torch.sigmoid(x),
}


@pytest.mark.parametrize("name", SURROGATE_DERIVATIVES)
def test_derivative_of_its_step(name: str) -> None:
    x = torch.linspace(-4.05, 4.05, 162, dtype=torch.float64).requires_grad_()
    (expected,) = torch.autograd.grad(STEPS[name](x).sum(), x)
    torch.testing.assert_close(SURROGATE_DERIVATIVES[name](x.detach()), expected)


@pytest.mark.parametrize("name", SURROGATE_DERIVATIVES)
def test_one_at_the_threshold_even_and_falling(name: str) -> None:
    x = torch.linspace(0, 50, 501)
    values = SURROGATE_DERIVATIVES[name](x)
    assert values[0] == 1
    assert bool((values.diff() <= 0).all())
    assert bool((values >= 0).all())
    assert torch.equal(values, SURROGATE_DERIVATIVES[name](-x))
    assert torch.equal(x, torch.linspace(0, 50, 501))  # the argument is left alone


@pytest.mark.parametrize("name", SURROGATE_DERIVATIVES)
def test_slope_stretches(name: str) -> None:
    distance = torch.tensor([-0.2, -0.01, 0.0, 0.05, 0.3], dtype=torch.float64).requires_grad_()
    spikes = spike(distance, SurrogateSpec(name, 5.0))
    assert spikes.tolist() == [0, 0, 0, 1, 1]  # a voltage exactly at the threshold does not spike
    (gradient,) = torch.autograd.grad(spikes.sum(), distance)
    torch.testing.assert_close(gradient, SURROGATE_DERIVATIVES[name](5.0 * distance.detach()))


def test_superspike_by_hand() -> None:
    distance = torch.tensor([0.1], requires_grad=True)
    (gradient,) = torch.autograd.grad(spike(distance, SurrogateSpec("superspike", 10.0)).sum(), distance)
    assert math.isclose(float(gradient), 1 / (1 + 10 * 0.1) ** 2, rel_tol=1e-6)


@pytest.mark.parametrize("wrong", [SurrogateSpec("super"), SurrogateSpec(slope=0.0), SurrogateSpec(slope=-1.0)])
def test_refused(wrong: SurrogateSpec) -> None:
    with pytest.raises(ConfigError, match="surrogate"):
        derivative_of(wrong)
