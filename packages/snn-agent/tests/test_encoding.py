"""Encodings: what is held, and what is drawn."""

from __future__ import annotations

import pytest
import torch

from snn_agent.errors import ConfigError
from snn_agent.neurons.encoding import constant, poisson


def test_constant_is_the_observation_as_floats() -> None:
    observation = torch.tensor([[0, 1, 1]], dtype=torch.uint8)
    assert torch.equal(constant(observation), torch.tensor([[0.0, 1.0, 1.0]]))


def test_poisson_spikes_at_the_rate_of_the_observation() -> None:
    observation = torch.tensor([[0.0, 0.1, 0.5, 1.0]])
    spikes = poisson(observation, 20_000, torch.Generator().manual_seed(0))
    assert spikes.shape == (20_000, 1, 4)
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    rates = spikes.mean(0)
    assert rates[0, 0] == 0
    assert rates[0, 3] == 1
    # Four standard errors of a Bernoulli mean: 4·√(0.25/20000) = 0.014.
    torch.testing.assert_close(rates, observation, atol=0.014, rtol=0)


def test_poisson_draws_from_its_generator_only() -> None:
    observation = torch.full((3, 5), 0.5)
    before = torch.get_rng_state()
    draws = [poisson(observation, 4, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_poisson_refuses_what_is_no_probability(value: float) -> None:
    with pytest.raises(ConfigError, match=r"poisson encoding needs observations in \[0, 1\]"):
        poisson(torch.tensor([[0.5, value]]), 3, torch.Generator())


def test_poisson_refuses_no_ticks() -> None:
    with pytest.raises(ConfigError, match="ticks must be an integer at least 1, got 0"):
        poisson(torch.tensor([[0.5]]), 0, torch.Generator())
