"""When returns stand still, and when the critic is surprised."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plasticity_cases import context_of, fires, organism_of

from snn_agent.errors import ConfigError
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import Experience, StructuralContext
from snn_agent.plasticity.novelty import DECAY, HIGHEST, LOWEST, NoveltyGrowth, critic_error
from snn_agent.plasticity.plateau import FORGETTING, PlateauGrowth

PLAN = BirthPlan(size=2)
ORGANISM = organism_of()
BASE = context_of(ORGANISM)


# --- plateau ----------------------------------------------------------------------------------------------------------


def looks(means: list[float], episodes: int = 4, born_after: int | None = None) -> list[StructuralContext]:
    """One context a look: so many more episodes have ended, all with that return; ages as if born after a look."""
    life = []
    for look, mean in enumerate(means):
        age = torch.full((6,), 1000 + look)
        if born_after is not None and look > born_after:
            age[-1] = look - born_after
        life.append(
            BASE._replace(update=1000 + look, episode=episodes * (look + 1), recent_returns=(mean,) * 100, age=age)
        )
    return life


def plateaus(means: list[float], tolerance: float = 0.1, **options: int) -> list[bool]:
    return fires(PlateauGrowth(window=4, tolerance=tolerance, plan=PLAN), looks(means, **options))


def test_the_plateau_table() -> None:
    assert plateaus([10.0, 10.0, 10.0]) == [False, True, True]  # nothing to compare with at first
    assert plateaus([8.0, 9.0, 10.125], tolerance=0.125) == [False, False, False]  # exactly the tolerance has risen
    assert plateaus([10.0, 10.9]) == [False, True]
    assert plateaus([10.0, 5.0]) == [False, True]  # getting worse is standing still
    assert plateaus([-10.0, -9.0, -9.0]) == [False, False, True]  # up is better below zero too
    assert plateaus([10.0, 10.6, 11.05, 11.8]) == [False, True, False, True]  # slow progress adds up, from 10 here


@given(st.lists(st.floats(0.11, 3.0), min_size=1, max_size=10), st.floats(0.1, 100.0))
def test_steady_progress_is_no_plateau(rises: list[float], start: float) -> None:
    means = start * np.cumprod([1.0, *(1.0 + rise for rise in rises)])
    assert not any(plateaus(means.tolist()))


@given(st.lists(st.sampled_from([-3.0, 0.0, 1.0, 1.05, 1.3, 8.0]), max_size=8), st.sampled_from([0.25, 2.0, 1024.0]))
def test_a_plateau_does_not_depend_on_the_unit_of_reward(means: list[float], unit: float) -> None:
    assert plateaus(means) == plateaus([unit * mean for mean in means])


def test_the_same_episodes_are_looked_at_once() -> None:
    """256 worlds in step: the 100 last episodes are of one moment, and stay what they are until the next one."""
    moments = [context._replace(episode=256 * (n // 10), update=n) for n, context in enumerate(looks([7.0] * 40))]
    found = fires(PlateauGrowth(window=50, plan=PLAN), moments)
    assert [n for n, fired in enumerate(found) if fired] == [20, 30]  # the first look, at 10, has nothing to compare


def test_a_window_is_as_long_as_it_says() -> None:
    rule = PlateauGrowth(window=3, tolerance=0.1, plan=PLAN)
    first = BASE._replace(episode=3, recent_returns=(99.0, 1.0, 2.0, 3.0))
    _, state = rule.propose(rule.init(), first)
    assert state.reference == 2.0
    assert rule.propose(state, first._replace(episode=5))[1].reference == 2.0
    assert rule.propose(state, first._replace(episode=6, recent_returns=()))[0] is None
    assert rule.propose(state, first._replace(episode=6, recent_returns=(2.1, 2.1)))[0] is not None


def test_what_was_reached_in_another_world_is_forgotten() -> None:
    """From 80 to 20 and up again by a fifth a look: that is progress long before 80 is reached."""
    climb = [20.0 * 1.2**n for n in range(8)]
    found = plateaus([80.0, *climb])
    reference, expected = 80.0, [False]
    for mean in climb:  # the definition once more
        rises = mean >= 1.1 * reference
        expected.append(not rises)
        reference = mean if rises else reference + FORGETTING * min(0.0, mean - reference)
    assert found == expected
    assert not any(found[-3:])
    assert climb[-3] < 50.0


def test_a_standstill_has_one_birth() -> None:
    assert plateaus([5.0] * 6, born_after=2) == [False, True, True, False, False, False]
    assert plateaus([5.0, 5.0, 5.0, 9.0, 9.0], born_after=1) == [False, True, False, False, True]
    assert plateaus([5.0] * 3, born_after=0) == [False, False, False]  # at the update of the first look


# --- novelty ----------------------------------------------------------------------------------------------------------


def surprised(target: torch.Tensor, value: torch.Tensor) -> StructuralContext:
    n = len(target)
    seen = Experience(torch.zeros(n, 5), torch.zeros(n, dtype=torch.int64), target, value)
    return BASE._replace(experience=lambda: seen)


def with_error(share: float) -> StructuralContext:
    """Targets ±1 of which the critic leaves that share of the variance unexplained."""
    target = torch.tensor([1.0, -1.0] * 8, dtype=torch.float64)
    return surprised(target, target * (1.0 - math.sqrt(share)))


def test_the_critics_error_by_hand() -> None:
    target = torch.tensor([1.0, 3.0, 5.0, 7.0])  # deviation √5
    assert critic_error(target, target) == 0.0
    assert critic_error(target, torch.full((4,), 4.0)) == pytest.approx(1.0)
    assert critic_error(target, target - 2.0) == pytest.approx(2.0 / math.sqrt(5.0))
    assert math.isnan(critic_error(torch.ones(3), torch.zeros(3)))
    assert math.isnan(critic_error(torch.zeros(0), torch.zeros(0)))


@given(st.integers(0, 2**32), st.floats(0.01, 1e3))
def test_the_critics_error_does_not_depend_on_the_unit(seed: int, unit: float) -> None:
    target, value = torch.randn(2, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert critic_error(unit * target, unit * value) == pytest.approx(critic_error(target, value))


@given(st.lists(st.floats(1e-4, 1e4), min_size=1, max_size=20), st.sampled_from([1.1, 1.5, 3.0]))
def test_surprise_is_measured_by_the_weighted_geometric_mean(errors: list[float], threshold: float) -> None:
    found = fires(NoveltyGrowth(threshold=threshold, plan=PLAN), [with_error(error) for error in errors])
    logs = np.log(np.clip(errors, LOWEST, HIGHEST))
    for n, fired in enumerate(found):
        if n == 0:
            assert not fired
            continue
        weights = DECAY ** np.arange(n - 1, -1, -1.0)
        ratio = logs[n] - float(weights @ logs[:n] / weights.sum()) - math.log(threshold)
        if abs(ratio) > 1e-6:
            assert fired == (ratio > 0)


def test_a_sudden_error_surprises_for_a_while_only() -> None:
    found = fires(NoveltyGrowth(plan=PLAN), [with_error(0.3)] * 20 + [with_error(0.9)] * 40)
    assert not any(found[:20])
    assert found[20]
    first_calm = found.index(False, 20)
    assert 22 < first_calm < 40
    assert not any(found[first_calm:])


def test_noise_surprises_nobody_but_a_change_of_rewards_does() -> None:
    """A critic that explains half of the variance, seen through 256 decisions at a time; then food becomes poison."""
    generator = torch.Generator().manual_seed(0)
    value = torch.randn(201, 256, generator=generator)
    target = value + torch.randn(201, 256, generator=generator)
    target[200] *= -1.0
    found = fires(NoveltyGrowth(plan=PLAN), [surprised(*pair) for pair in zip(target, value, strict=True)])
    assert found == [False] * 200 + [True]


def test_where_nothing_is_to_be_predicted_nothing_is_remembered() -> None:
    rule = NoveltyGrowth(plan=PLAN)
    for empty in (surprised(torch.ones(4), torch.zeros(4)), surprised(torch.zeros(0), torch.zeros(0))):
        assert rule.propose(rule.init(), empty) == (None, rule.init())


# --- both -------------------------------------------------------------------------------------------------------------


def test_a_full_network_does_not_grow() -> None:
    full = organism_of(6, max_hidden=6)
    for rule, life in (
        (PlateauGrowth(window=4, plan=PLAN), looks([1.0] * 3)),
        (NoveltyGrowth(plan=PLAN), [with_error(0.1), with_error(0.9)]),
    ):
        assert fires(rule, life)[-1]
        assert not any(fires(rule, [context._replace(organism=full) for context in life]))


def test_bad_values_are_refused() -> None:
    for make in (
        lambda: PlateauGrowth(window=0),
        lambda: PlateauGrowth(tolerance=float("nan")),
        lambda: NoveltyGrowth(threshold=-1.0),
    ):
        with pytest.raises(ConfigError, match="must be"):
            make()
