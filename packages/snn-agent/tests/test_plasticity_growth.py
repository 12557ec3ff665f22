"""When neurons are born, and the original's heuristic between growing and pruning."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plasticity_cases import context_of, organism_of

from snn_agent.errors import ConfigError
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.growth import LowRateGrowth, PeriodicGrowth
from snn_agent.plasticity.heuristic import AdaptiveHeuristic
from snn_agent.plasticity.plateau import relative_improvement
from snn_agent.plasticity.pruning import LowRatePruning, LowUtilityPruning

PLAN = BirthPlan(size=4)


def born(rate: torch.Tensor, threshold: float = 0.05) -> int:
    rule = LowRateGrowth(threshold=threshold, plan=PLAN)
    edit, _ = rule.propose(rule.init(), context_of(organism_of(len(rate), max_hidden=200), rate=rate))
    return 0 if edit is None else edit.n_born


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.7, 0.1])
@pytest.mark.parametrize("hidden", [1, 6, 7, 100])
def test_a_mean_of_exactly_the_threshold_is_not_low(threshold: float, hidden: int) -> None:
    at = torch.full((hidden,), threshold)
    assert born(at, threshold) == 0
    assert born(torch.nextafter(at, torch.zeros(hidden)), threshold) == 4
    assert born(torch.nextafter(at, torch.ones(hidden)), threshold) == 0


def test_the_mean_decides_not_the_share() -> None:
    assert born(torch.tensor([0.0, 0.0, 0.0, 0.3])) == 0
    assert born(torch.tensor([0.04, 0.04, 0.04, 0.04])) == 4


def test_newborns_unseen_so_far_do_not_ask_for_more() -> None:
    rule = LowRateGrowth(plan=PLAN)
    rate, age = torch.tensor([0.06, 0.06, 0.0, 0.0, 0.0, 0.0]), torch.tensor([5, 5, 0, 0, 0, 0])
    context = context_of(organism_of(6), rate=rate)
    assert rule.propose(rule.init(), context)[0] is not None
    assert rule.propose(rule.init(), context._replace(age=age))[0] is None
    assert rule.propose(rule.init(), context._replace(age=torch.zeros(6, dtype=torch.int64)))[0] is None


def test_periodic_growth_always_grows_until_full() -> None:
    rule = PeriodicGrowth(plan=PLAN)
    for hidden, n in ((6, 4), (14, 2), (16, 0)):
        edit, _ = rule.propose(rule.init(), context_of(organism_of(hidden), rate=torch.ones(hidden)))
        assert (0 if edit is None else edit.n_born) == n


# --- the adaptive heuristic -------------------------------------------------------------------------------------------


def test_relative_improvement_by_hand() -> None:
    assert relative_improvement((1.0, 3.0, 2.0, 4.0), 2) == 0.5  # from 2 to 3
    assert relative_improvement((9.0, 1.0, 3.0, 2.0, 4.0), 2) == 0.5  # older returns do not matter
    assert relative_improvement((-4.0, -3.0), 1) == 0.25  # up is better below zero too
    assert relative_improvement((4.0, 3.0), 1) == -0.25
    assert relative_improvement((0.0, 0.0), 1) == 0.0
    assert relative_improvement((1.0, 1.0, 1.0), 2) is None


@given(st.lists(st.floats(0.1, 100), min_size=4, max_size=12), st.floats(0.01, 100))
def test_improvement_does_not_depend_on_the_unit_of_reward(returns: list[float], unit: float) -> None:
    scaled = tuple(unit * value for value in returns)
    assert relative_improvement(scaled, 2) == pytest.approx(relative_improvement(tuple(returns), 2), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("rate", "returns", "outcome"),
    [
        ("low", (4.0, 4.0), "grow"),
        ("low", (4.0, 3.0), "grow"),
        ("low", (4.0, 4.9), "grow"),
        ("low", (4.0, 5.0), "prune"),  # exactly the tolerance is no plateau
        ("low", (4.0, 9.0), "prune"),
        ("low", (4.0,), "rest"),
        ("high", (4.0, 4.0), "rest"),
        ("high", (4.0, 9.0), "rest"),
    ],
)
def test_the_heuristic_table(rate: str, returns: tuple[float, ...], outcome: str) -> None:
    rates = torch.tensor([0.0, 0.1, 0.1, 0.1, 0.0, 0.1]) * (0.5 if rate == "low" else 2.0)
    rule = AdaptiveHeuristic(window=1, tolerance=0.25, growth=PeriodicGrowth(plan=PLAN))
    edit, state = rule.propose(rule.init(), context_of(organism_of(6), rate=rates, recent_returns=returns))
    assert state == rule.init()
    if outcome == "rest":
        assert edit is None
    else:
        assert edit.rule == "adaptive"
        assert edit.n_born == (4 if outcome == "grow" else 0)
        assert edit.n_dying == (2 if outcome == "prune" else 0)


def test_bad_values_are_refused() -> None:
    for make in (
        lambda: LowRateGrowth(threshold=-0.1),
        lambda: LowRatePruning(threshold=float("nan")),
        lambda: LowRatePruning(quiet_share=1.5),
        lambda: LowRatePruning(maturity_updates=-1),
        lambda: LowUtilityPruning(share=2.0),
        lambda: LowUtilityPruning(maturity_updates=1.5),
        lambda: AdaptiveHeuristic(window=0),
        lambda: AdaptiveHeuristic(tolerance=float("inf")),
    ):
        with pytest.raises(ConfigError, match="must be"):
            make()
