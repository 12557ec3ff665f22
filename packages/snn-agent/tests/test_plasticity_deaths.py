"""Deaths: who dies, and what their death changes."""

from __future__ import annotations

import copy

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from plasticity_cases import context_of, on_a_grid, organism_of
from torch import Tensor

from snn_agent.errors import ConfigError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.prices import ENERGY_MODELS
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.plasticity.contract import NoState
from snn_agent.plasticity.pruning import LowRatePruning, LowUtilityPruning, propose_deaths
from snn_agent.plasticity.scores import joules_per_decision
from snn_agent.training.costs import InputActivity, decision_cost


def deaths(rule: LowRatePruning | LowUtilityPruning, hidden: int, **changes: Tensor | int) -> list[int]:
    """Who dies of that many neurons, at a floor of ``min_hidden`` or 2."""
    floor = changes.pop("min_hidden", 2)
    organism = organism_of(hidden, max_hidden=200, min_hidden=floor)
    edit, _ = rule.propose(rule.init(), context_of(organism, **changes))
    return [] if edit is None else edit.dying.tolist()


def rates(*values: float) -> Tensor:
    return torch.tensor(values)


# --- the original's thresholds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("quiet", "dies"), [(29, False), (30, False), (31, True)])
def test_more_than_30_percent_must_be_quiet(quiet: int, dies: bool) -> None:
    rate = torch.full((100,), 0.1)
    rate[:quiet] = 0.004
    assert deaths(LowRatePruning(), 100, rate=rate) == (list(range(quiet)) if dies else [])


@pytest.mark.parametrize("hidden", [10, 20, 50, 70, 110])
def test_exactly_30_percent_is_not_more(hidden: int) -> None:
    rate = torch.full((hidden,), 0.1)
    rate[: 3 * hidden // 10] = 0.0
    assert deaths(LowRatePruning(), hidden, rate=rate) == []
    rate[3 * hidden // 10] = 0.0
    assert len(deaths(LowRatePruning(), hidden, rate=rate)) == 3 * hidden // 10 + 1


def test_a_rate_of_exactly_the_threshold_is_not_quiet() -> None:
    just_below = float(torch.nextafter(torch.tensor(0.005), torch.tensor(0.0)))
    assert deaths(LowRatePruning(), 4, rate=rates(0.005, 0.005, 0.1, 0.1)) == []
    assert deaths(LowRatePruning(), 4, rate=rates(0.005, just_below, just_below, 0.1)) == [1, 2]


def test_the_quietest_die_first_and_the_floor_holds() -> None:
    rate = rates(0.004, 0.001, 0.003, 0.1, 0.002, 0.0)
    assert deaths(LowRatePruning(), 6, rate=rate, min_hidden=4) == [1, 5]
    assert deaths(LowRatePruning(), 6, rate=rate, min_hidden=3) == [1, 4, 5]
    assert deaths(LowRatePruning(), 6, rate=rate, min_hidden=6) == []
    assert deaths(LowRatePruning(), 6, rate=rate, min_hidden=9) == []  # born with fewer than the floor


def test_the_immature_neither_die_nor_count() -> None:
    rate, age = rates(0.0, 0.0, 0.0, 0.1, 0.1), torch.tensor([9, 10, 10, 10, 10])
    assert deaths(LowRatePruning(), 5, rate=rate, age=age) == [0, 1, 2]
    assert deaths(LowRatePruning(maturity_updates=10), 5, rate=rate, age=age) == [1, 2]
    assert deaths(LowRatePruning(maturity_updates=10, quiet_share=0.4), 5, rate=rate, age=age) == []
    assert deaths(LowRatePruning(), 5, rate=rate, age=torch.tensor([0, 0, 1, 1, 1]), min_hidden=1) == []


# --- utility ----------------------------------------------------------------------------------------------------------


def test_the_least_useful_die_at_most_a_share() -> None:
    utility = rates(0.5, 0.1, 0.4, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9, 1.0)
    for share, dying in ((0.0, []), (0.09, []), (0.1, [1]), (0.29, [1, 3]), (0.3, [1, 3, 4])):
        assert deaths(LowUtilityPruning(share=share), 10, utility=utility) == dying
    assert deaths(LowUtilityPruning(share=1.0), 10, utility=utility, min_hidden=7) == [1, 3, 4]
    assert len(deaths(LowUtilityPruning(share=0.29), 100, utility=torch.rand(100))) == 29  # 0.29 * 100 < 29 in floats


def test_the_least_useful_are_sought_among_the_mature() -> None:
    utility, age = rates(0.0, 0.1, 0.2, 0.3), torch.tensor([99, 100, 99, 100])
    assert deaths(LowUtilityPruning(share=0.5), 4, utility=utility, age=age) == [1, 3]
    assert deaths(LowUtilityPruning(share=0.5, maturity_updates=101), 4, utility=utility, age=age) == []


def test_the_elder_die_first_among_equals_and_nan_is_not_low() -> None:
    assert deaths(LowUtilityPruning(share=0.5), 6, utility=torch.zeros(6)) == [0, 1, 2]
    utility = rates(float("nan"), 0.2, 0.1, float("nan"))
    assert deaths(LowUtilityPruning(share=0.5), 4, utility=utility) == [1, 2]
    assert deaths(LowUtilityPruning(share=1.0), 4, utility=utility, min_hidden=1) == [1, 2]


# --- other scores -----------------------------------------------------------------------------------------------------


def cost(organism: GrowingSparseSNN, observations: Tensor, rate: Tensor) -> float:
    """Joules of the mean decision, by the ledger."""
    operations = decision_cost(
        organism, InputActivity.of(organism, observations), rate * organism.config.ticks, reads_critic=False
    )
    return ENERGY_MODELS["45nm_fp32"].joules(operations.work())


@given(
    seed=st.integers(0, 2**16),
    inputs=st.sampled_from(["binary", "real", "standardised", "poisson"]),
    density=st.sampled_from([1.0, 0.5]),
    ticks=st.integers(1, 12),
)
def test_a_death_saves_the_joules_that_the_score_says(seed: int, inputs: str, density: float, ticks: int) -> None:
    """Brute force: the energy of the network with and without the neuron."""
    generator = torch.Generator().manual_seed(seed)
    scaling = "standardise" if inputs == "standardised" else "none"
    encoding = "poisson" if inputs == "poisson" else "constant"
    organism = organism_of(
        5, seed=seed, ticks=ticks, input_density=density, encoding=encoding, input_scaling=scaling, min_hidden=1
    )
    observations = torch.rand(20, 5, generator=generator) * (torch.rand(20, 5, generator=generator) < 0.6)
    observations = observations.ceil() if inputs == "binary" else observations
    organism.see(observations)
    with torch.no_grad():
        organism.outgoing.mul_(torch.rand(5, 3, generator=generator) < 0.7)
    rate = torch.rand(5, generator=generator)
    context = context_of(organism, observations=observations, rate=rate)
    joules = joules_per_decision(context, ENERGY_MODELS["45nm_fp32"])
    for neuron in range(5):
        without = copy.deepcopy(organism)
        operate(StructuralEdit(rule="test", reason="", dying=torch.tensor([neuron])), without)
        others = rate[torch.arange(5) != neuron]
        saved = cost(organism, observations, rate) - cost(without, observations, others)
        assert float(joules[neuron]) == pytest.approx(saved, rel=1e-5)


@given(seed=st.integers(0, 2**16), share=st.sampled_from([0.2, 0.5, 0.8]), immature=st.sets(st.integers(0, 9)))
def test_scores_order_deaths_as_the_book_says(seed: int, share: float, immature: set[int]) -> None:
    """Each score written out as loops over neurons, synapses, ticks and observations."""
    generator = torch.Generator().manual_seed(seed)
    organism = organism_of(10, seed=seed, input_density=0.6, max_hidden=20)
    observations = (torch.rand(20, 5, generator=generator) < 0.4).float()
    context = context_of(organism, observations=observations, rate=torch.rand(10, generator=generator))
    context = context._replace(age=torch.tensor([99 if h in immature else 100 for h in range(10)]))
    incoming, outgoing = organism.incoming.tolist(), organism.outgoing.tolist()
    magnitude = [sum(abs(weight) for weight in outgoing[h]) for h in range(10)]
    utility = [float(context.rate[h]) * magnitude[h] for h in range(10)]
    active = [sum(row[d] for row in observations.tolist()) / 20 for d in range(5)]
    additions = [
        sum(active[d] for d in range(5) if incoming[d][h]) + float(context.rate[h]) * 10 * 3 + 10 * 4 for h in range(10)
    ]
    joules = [0.9 * additions[h] + 4.6 * 10 * 2 for h in range(10)]
    per_joule = [utility[h] / joules[h] for h in range(10)]
    expected = {"low_utility": utility, "utility_per_joule": per_joule, "magnitude": magnitude}
    for score, values in expected.items():
        edit, _ = LowUtilityPruning(score=score, share=share).propose(NoState(), context)
        mature = sorted((h for h in range(10) if h not in immature), key=values.__getitem__)
        worst = sorted(mature[: round(share * 10)][:8])  # at least two must live
        assert ([] if edit is None else edit.dying.tolist()) == worst


def test_a_costly_neuron_dies_before_a_cheap_one_of_equal_use() -> None:
    organism = organism_of(4)
    with torch.no_grad():
        organism.incoming[:, 2] = 0.0  # it has no synapses
    utility = torch.ones(4)
    rate = torch.tensor([0.1, 0.9, 0.1, 0.2])
    context = context_of(organism, utility=utility, rate=rate)
    for n, dying in ((1, [1]), (2, [1, 3])):
        edit, _ = LowUtilityPruning(score="utility_per_joule", share=n / 4).propose(NoState(), context)
        assert edit.dying.tolist() == dying


def test_unknown_scores_are_refused() -> None:
    with pytest.raises(ConfigError, match="score must be one of"):
        LowUtilityPruning(score="beauty")


# --- compensation -----------------------------------------------------------------------------------------------------


def network(seed: int, ticks: int = 10) -> GrowingSparseSNN:
    config = {"readout": "drive", "incoming_scale": 1.0, "hidden_bias": 0.6, "min_hidden": 1, "ticks": ticks}
    return on_a_grid(organism_of(8, seed=seed, **config))


def whole_numbers(n: int, seed: int) -> Tensor:
    return torch.randint(-1, 4, (n, 5), generator=torch.Generator().manual_seed(seed)).float()


@given(seed=st.integers(0, 2**16), n=st.integers(1, 7), ticks=st.integers(1, 15))
def test_the_death_of_steady_neurons_changes_nothing(seed: int, n: int, ticks: int) -> None:
    """On observations that are all the same, every neuron does the same each time: its mean is all there is to it."""
    organism = network(seed, ticks)
    observation = whole_numbers(1, seed).expand(9, 5)
    context = context_of(organism, observations=observation)
    before = organism(observation)[0]
    victims = torch.randperm(8, generator=torch.Generator().manual_seed(seed))[:n]
    operate(propose_deaths("test", "", context, victims, compensate=True), organism)
    after = organism(observation)[0]
    assert organism.hidden == 8 - n
    torch.testing.assert_close(after.logits, before.logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(after.value, before.value, rtol=0, atol=1e-6)


def test_without_compensation_it_does_change_something() -> None:
    organism = network(3)
    observation = torch.ones(4, 5)
    context = context_of(organism, observations=observation)
    before = organism(observation)[0]
    edit = propose_deaths("test", "", context, torch.arange(6), compensate=False)
    assert edit.output_shift is None
    assert edit.critic_shift is None
    operate(edit, organism)
    after = organism(observation)[0]
    assert ((after.logits - before.logits).abs() > 0.1).any()
    assert ((after.value - before.value).abs() > 0.1).all()


@given(seed=st.integers(0, 2**16), n=st.integers(1, 7))
def test_a_death_changes_only_what_deviated_from_the_mean(seed: int, n: int) -> None:
    """It adds gain · Σ_dying (mean rate - rate) · w to the logits: zero on average, bounded for each observation."""
    organism = network(seed)
    observations = whole_numbers(40, seed)
    context = context_of(organism, observations=observations)
    with torch.no_grad():
        before = organism(observations)[0]
        victims = torch.randperm(8, generator=torch.Generator().manual_seed(seed))[:n]
        deviation = (before.counts / organism.config.ticks - context.rate)[:, victims].abs()
        bound = organism.gain * deviation @ organism.outgoing[victims].abs()
        bound_of_value = deviation @ organism.critic[victims].abs()
        operate(propose_deaths("test", "", context, victims, compensate=True), organism)
        after = organism(observations)[0]
    torch.testing.assert_close(after.logits.mean(0), before.logits.mean(0), rtol=0, atol=2e-5)
    torch.testing.assert_close(after.value.mean(), before.value.mean(), rtol=0, atol=1e-5)
    assert ((after.logits - before.logits).abs() <= bound + 1e-4).all()
    assert ((after.value - before.value).abs() <= bound_of_value + 1e-5).all()


def test_deaths_list_the_victims_in_ascending_order() -> None:
    edit = propose_deaths("test", "", context_of(organism_of(6)), torch.tensor([5, 0, 3]), compensate=True)
    assert isinstance(edit, StructuralEdit)
    assert edit.dying.tolist() == [0, 3, 5]
    assert propose_deaths("test", "", context_of(organism_of(6)), torch.tensor([], dtype=torch.int64), True) is None
