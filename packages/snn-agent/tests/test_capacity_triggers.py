"""When the activity fills the layer, and when newborn promise more than the present neurons."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plasticity_cases import context_of, organism_of
from torch import Tensor

from snn_agent.errors import ConfigError
from snn_agent.network.activity import effective_rank, small_gram
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import Experience, StructuralContext
from snn_agent.plasticity.expected_gain import PARTS, GradientGrowth, expected_gain, newborn_share, unsaid
from snn_agent.plasticity.saturation import SaturationGrowth

PLAN = BirthPlan(size=2)


def grows(rule: SaturationGrowth | GradientGrowth, context: StructuralContext) -> bool:
    return rule.propose(rule.init(), context)[0] is not None


# --- the effective rank -----------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))
def test_effective_rank_equals_its_definition(seed: int, n: int, h: int, rank: int) -> None:
    """Of spike counts and of low-rank activity, by singular values."""
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 11, (n, h), generator=generator).double()
    low = torch.randn(n, rank, generator=generator).double() @ torch.randn(rank, h, generator=generator).double()
    for activity in (counts, low):
        sigma = torch.linalg.svdvals(activity)
        share = [float(s / sigma.sum()) for s in sigma if s > 1e-9 * sigma[0]]
        expected = math.exp(-sum(p * math.log(p) for p in share)) if share else 0.0
        assert effective_rank(activity) == pytest.approx(expected, rel=1e-4)


def test_the_smaller_gram_matrix_is_taken() -> None:
    assert small_gram(torch.ones(2, 5)).tolist() == [[5.0] * 2] * 2
    assert small_gram(torch.ones(5, 2)).tolist() == [[5.0] * 2] * 2


def test_an_activity_must_be_a_matrix() -> None:
    for wrong in (torch.ones(3), torch.ones(0, 4)):
        with pytest.raises(ConfigError, match="samples by neurons"):
            effective_rank(wrong)


# --- saturation -------------------------------------------------------------------------------------------------------


def saturated(copies: int) -> StructuralContext:
    """Six neurons of which so many are copies of one; half of a 12-input world is seen."""
    organism = organism_of(6, inputs=12, hidden_bias=0.4, incoming_scale=4.0)
    with torch.no_grad():
        organism.incoming[:, :copies] = organism.incoming[:, :1]
    return context_of(organism, observations=torch.rand(60, 12, generator=torch.Generator().manual_seed(3)))


def test_the_share_of_the_rank_decides() -> None:
    for copies in (1, 4, 6):
        context = saturated(copies)
        share = effective_rank(context.decide().counts) / 6
        assert grows(SaturationGrowth(threshold=share, plan=PLAN), context)
        assert not grows(SaturationGrowth(threshold=math.nextafter(share, 2.0), plan=PLAN), context)
    assert share == pytest.approx(1 / 6)  # six neurons that say the same
    assert grows(SaturationGrowth(plan=PLAN), saturated(1))


def test_few_decisions_are_compared_with_themselves() -> None:
    context = saturated(1)
    few = context_of(context.organism, observations=context.observations[:2])
    share = effective_rank(few.decide().counts) / 2
    assert share > 0.5
    assert grows(SaturationGrowth(threshold=share, plan=PLAN), few)


def test_a_silent_layer_is_not_saturated() -> None:
    organism = organism_of(6)
    with torch.no_grad():
        organism.incoming.zero_()
        organism.bias.zero_()
    assert not grows(SaturationGrowth(threshold=0.01, plan=PLAN), context_of(organism))


# --- the expected gain ------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(1, 3), st.integers(1, 4))
def test_the_gain_equals_its_definition(seed: int, n: int, actions: int, features: int) -> None:
    """Products of the mean gradients of every two different parts, one by one."""
    generator = torch.Generator().manual_seed(seed)
    delta = torch.randn(n, actions, generator=generator, dtype=torch.float64)
    phi = torch.randn(n, features, generator=generator, dtype=torch.float64)
    parts = min(PARTS, n)
    means = [sum(torch.outer(delta[i], phi[i]) for i in part) / len(part) for part in
             (range(k, n, parts) for k in range(parts))]  # fmt: skip
    products = [float((a * b).sum()) for a, b in itertools.combinations(means, 2)]
    found = expected_gain(delta, phi)
    assert found.mean == pytest.approx(sum(products) / len(products), abs=1e-12)
    assert found.error == pytest.approx(math.sqrt(sum(p * p for p in products)) / len(products), abs=1e-12)


def estimates(signal: float, times: int = 400) -> tuple[Tensor, Tensor]:
    """Gains and errors of samples whose true E[δᵀφ] is ``signal`` for one of 3·4 pairs, amid noise."""
    generator = torch.Generator().manual_seed(7)
    found = []
    for _ in range(times):
        delta, phi = torch.randn(64, 3, generator=generator), torch.randn(64, 4, generator=generator)
        delta[:, 0] += signal * phi[:, 0]
        found.append(expected_gain(delta, phi))
    return torch.tensor([gain.mean for gain in found]), torch.tensor([gain.error for gain in found])


@pytest.mark.parametrize("signal", [0.0, 0.5, 1.0])
def test_the_gain_is_unbiased(signal: float) -> None:
    mean, _ = estimates(signal)
    assert float(mean.mean()) == pytest.approx(signal**2, abs=4.0 * float(mean.std()) / math.sqrt(len(mean)))
    assert float(mean.std()) < 0.6


def test_its_error_is_that_of_noise() -> None:
    mean, error = estimates(0.0)
    assert float(mean.std()) == pytest.approx(float(error.square().mean().sqrt()), rel=0.15)
    assert float((mean > 2.0 * error).double().mean()) < 0.07


def test_too_few_decisions_promise_nothing() -> None:
    assert expected_gain(torch.ones(1, 2), torch.ones(1, 3)) == (0.0, 0.0)


@given(st.integers(0, 2**32), st.integers(1, 5))
def test_the_unsaid_is_what_no_readout_can_say(seed: int, hidden: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rates = torch.rand(40, hidden, generator=generator, dtype=torch.float64)
    rates = torch.cat([rates, rates[:, :1], torch.zeros(40, 1, dtype=torch.float64)], dim=1)  # a twin and a silent one
    inputs = torch.rand(40, 4, generator=generator, dtype=torch.float64)
    left = unsaid(inputs, rates)
    assert (rates.T @ left).abs().max() < 1e-6
    assert left.sum(dim=0).abs().max() < 1e-6
    readable = rates @ torch.randn(hidden + 2, 4, generator=generator, dtype=torch.float64) + 3.0
    assert unsaid(readable, rates).abs().max() < 1e-6
    torch.testing.assert_close(unsaid(inputs + readable, rates), left, atol=1e-6, rtol=0.0)


# --- growth by the gradient -------------------------------------------------------------------------------------------


def wanted(seen: tuple[int, ...], follow: int | None, seed: int = 0, n: int = 400) -> StructuralContext:
    """Binary inputs 0, 1, 2; one neuron for each that is seen, which fires if it is 1.

    Actions are drawn at random; those pay that follow the input named, 0 where it is 0 and 1 where it is 1. Without
    one the returns are noise.
    """
    organism = organism_of(len(seen), inputs=3, actions=2, hidden_bias=0.0, min_hidden=1)
    with torch.no_grad():
        organism.incoming.zero_()
        for neuron, feature in enumerate(seen):
            organism.incoming[feature, neuron] = 2.0
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 2, (n, 3), generator=generator).float()
    action = torch.randint(0, 2, (n,), generator=generator)
    noise = torch.randn(n, generator=generator)
    right = 0.0 if follow is None else torch.where(inputs[:, follow] == action, 1.0, -1.0)
    experience = Experience(inputs, action, noise + right, torch.zeros(n))
    return context_of(organism, seed=seed, observations=inputs, experience=experience)


def test_an_input_that_nobody_sees_calls_for_newborn() -> None:
    context = wanted(seen=(0, 1), follow=2)
    share = newborn_share(context)
    assert share is not None
    assert share > 0.9  # the present neurons could only gain by chance
    assert grows(GradientGrowth(threshold=share, plan=PLAN), context)


@pytest.mark.parametrize(("seen", "follow"), [((0, 1), 0), ((0, 1, 2), 2), ((0, 1, 2), 0)])
def test_what_the_present_can_say_does_not(seen: tuple[int, ...], follow: int) -> None:
    grew = [grows(GradientGrowth(plan=PLAN), wanted(seen, follow, seed)) for seed in range(20)]
    assert sum(grew) <= 1  # by chance


def test_noise_calls_for_nobody() -> None:
    grew = [grows(GradientGrowth(threshold=0.0, plan=PLAN), wanted((0, 1), None, seed)) for seed in range(60)]
    assert sum(grew) <= 7  # 2.3 % are beyond two standard errors of normal noise, products have longer tails


def test_the_present_neurons_share_of_the_gain() -> None:
    """Half of the pay follows an input that is seen, half one that is not."""
    seen, unseen = wanted((0, 1), 0, n=4000), wanted((0, 1), 2, n=4000)
    both = seen.experience()._replace(target=seen.experience().target + unseen.experience().target)
    share = newborn_share(seen._replace(experience=lambda: both))
    # By hand: the gradient's covariances with both inputs are equal, c. Unseen: x⊥ is x₂ − ½, E‖x‖² = 1.5, so c²/1.5.
    # Seen: rates are ρ·x, covariance ρ·c, and a mean square of ρ²·(½ + ½), so c².
    assert share == pytest.approx((1 / 1.5) / (1 / 1.5 + 1.0), abs=0.1)
    context = seen._replace(experience=lambda: both)
    assert grows(GradientGrowth(threshold=share, plan=PLAN), context)
    assert not grows(GradientGrowth(threshold=math.nextafter(share, 1.0), plan=PLAN), context)


def test_with_no_more_decisions_than_neurons_nothing_is_said() -> None:
    organism = organism_of(12, inputs=5)
    for seed in range(60):
        observations = torch.rand(13, 5, generator=torch.Generator().manual_seed(seed))
        assert newborn_share(context_of(organism, seed=seed, observations=observations)) is None


def test_bad_values_and_full_networks() -> None:
    for make in (lambda: SaturationGrowth(threshold=1.1), lambda: GradientGrowth(threshold=-0.1)):
        with pytest.raises(ConfigError, match="must be"):
            make()
    full = organism_of(2, inputs=3, actions=2, max_hidden=2)
    assert not grows(SaturationGrowth(threshold=0.0, plan=PLAN), context_of(full))
