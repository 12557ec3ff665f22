"""Metrics of a life of many tasks: by hand, and by what must hold whatever the scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snn_agent.errors import ConfigError
from snn_agent.experiments.continual import (
    average_performance,
    common_areas,
    forgetting,
    forward_transfer,
    neurons_carrying,
    plasticity_retention,
    recovery,
)
from snn_agent.experiments.curves import Curve

NAN = math.nan
ABCA = (0, 1, 2, 0)
#         A    B    C
R = [
    [0.8, 0.1, 0.0],  # after A
    [0.6, 0.5, 0.1],  # after B
    [0.2, 0.4, 0.9],  # after C
    [0.7, 0.6, 0.3],  # after A again
]
MATRICES = arrays(np.float64, (4, 3), elements=st.floats(0.125, 8.0, width=32))


def curve(score: list[float], steps: list[float] | None = None) -> Curve:
    """A joule every two steps."""
    x = np.arange(float(len(score))) if steps is None else np.array(steps)
    unknown = np.full(len(x), NAN)
    return Curve(x, 0.5 * x, unknown, unknown, np.array(score), unknown)


def test_average_performance_is_the_mean_of_the_last_row() -> None:
    assert average_performance(R) == pytest.approx((0.7 + 0.6 + 0.3) / 3)
    assert average_performance([[0.25]]) == 0.25


def test_forgetting_is_what_was_lost_while_a_task_was_away() -> None:
    found = forgetting(R, ABCA)
    assert found.absolute == pytest.approx([0.8 - 0.2, 0.5 - 0.6, 0.9 - 0.3]), "A is judged before it comes back"
    assert found.relative == pytest.approx([0.6 / 0.8, -0.1 / 0.5, 0.6 / 0.9])


def test_without_a_return_it_is_that_of_continual_world() -> None:
    found = forgetting(R[:3], (0, 1, 2))
    assert found.absolute == pytest.approx([0.8 - 0.2, 0.5 - 0.4, NAN], nan_ok=True), "nothing followed the last task"


def test_a_task_that_was_away_twice_lost_the_mean() -> None:
    table = [[0.8, 0.0], [0.4, 0.5], [1.0, 0.2], [0.9, 0.6]]
    found = forgetting(table, (0, 1, 0, 1))
    assert found.absolute == pytest.approx([((0.8 - 0.4) + (1.0 - 0.9)) / 2, 0.5 - 0.2])
    assert found.relative == pytest.approx([(0.5 + 0.1) / 2, 0.6])


def test_a_task_that_goes_on_was_not_away() -> None:
    found = forgetting([[0.9, 0.0], [0.5, 0.0], [0.4, 0.3]], (0, 0, 1))
    assert found.absolute == pytest.approx([0.5 - 0.4, NAN], nan_ok=True)


def test_one_phase_loses_nothing_that_could_be_known() -> None:
    found = forgetting([[0.9]], (0,))
    assert np.isnan(found.absolute).all()
    assert np.isnan(found.relative).all()


@pytest.mark.parametrize("floor", [0.1, 0.2])
def test_of_what_was_never_known_no_share_can_be_lost(floor: float) -> None:
    found = forgetting([[0.1, 0.0], [-0.2, 0.4]], (0, 1), floor)
    assert found.absolute[0] == pytest.approx(0.3)
    assert math.isnan(found.relative[0])


@given(st.floats(-5.0, 5.0), st.permutations([0, 1, 2, 0]))
def test_who_never_changes_forgets_nothing(score: float, tasks: list[int]) -> None:
    found = forgetting(np.full((4, 3), score), tasks)
    assert np.nansum(np.abs(found.absolute)) == 0.0
    assert np.nansum(np.abs(found.relative)) == 0.0


@given(MATRICES, st.floats(-4.0, 4.0), st.floats(0.25, 4.0))
def test_forgetting_under_other_units(matrix: np.ndarray, shift: float, scale: float) -> None:
    """Losses scale with the unit, shares do not depend on it if the floor is told in it too."""
    here, there = forgetting(matrix, ABCA), forgetting(shift + scale * matrix, ABCA, floor=shift)
    np.testing.assert_allclose(there.absolute, scale * here.absolute, atol=1e-9)
    np.testing.assert_allclose(there.relative, here.relative, atol=1e-6)


@given(MATRICES, st.permutations([0, 1, 2]))
def test_names_of_tasks_do_not_matter(matrix: np.ndarray, order: list[int]) -> None:
    renamed = forgetting(matrix[:, order], [order.index(task) for task in ABCA])
    np.testing.assert_array_equal(renamed.absolute, forgetting(matrix, ABCA).absolute[order])


def test_areas_are_over_the_steps_that_both_lived() -> None:
    late = curve([0.5, 0.5, 1.0], steps=[10.0, 20.0, 30.0])
    scratch = curve([0.0, 0.4, 0.4, 99.0], steps=[0.0, 20.0, 25.0, 1000.0])
    area, alone = common_areas(late, scratch)
    assert area == pytest.approx((0.5 * 10 + 0.75 * 10) / 20)
    rise = 98.6 / 975.0  # a step, from 25 on
    assert alone == pytest.approx((0.3 * 10 + 0.4 * 5 + (0.4 + 2.5 * rise) * 5) / 20)


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=9), st.integers(2, 9))
def test_an_area_is_the_integral_of_the_lines(score: list[float], n: int) -> None:
    fine = np.linspace(0.0, min(len(score), n) - 1.0, 20_001)
    area, _ = common_areas(curve(score), curve([0.0] * n))
    assert area == pytest.approx(float(np.interp(fine, np.arange(len(score)), score).mean()), abs=1e-3)


def test_transfer_and_retention_by_hand() -> None:
    late, scratch = curve([0.4, 0.8]), curve([0.0, 0.8])  # areas 0.6 and 0.4
    assert forward_transfer(late, scratch) == pytest.approx(0.2 / 0.6)
    assert forward_transfer(scratch, late) == pytest.approx(-0.2 / 0.4)
    assert plasticity_retention(late, scratch) == pytest.approx(1.5)


@given(st.lists(st.floats(0.01, 0.9), min_size=2, max_size=6), st.floats(0.1, 10.0))
def test_a_newborn_carries_nothing_over_and_has_lost_nothing(score: list[float], scale: float) -> None:
    own = curve(score)
    assert forward_transfer(own, own) == 0.0
    assert plasticity_retention(own, own) == 1.0
    assert forward_transfer(curve([1.0] * len(score)), own) == pytest.approx(1.0)
    double = curve([2.0 * scale * each for each in score])
    assert plasticity_retention(double, curve([scale * each for each in score])) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("score", "steps"),
    [
        ([0.9, 0.9], 0.0),  # it never forgot
        ([0.0, 1.0], 0.5),
        ([0.8, 0.2, 0.6], 1.75),  # the switch hurt after a while
        ([0.0, 1.0, 0.4, 0.6], 2.5),  # it has to stay
    ],
)
def test_recovery_is_when_the_score_came_back_to_stay(score: list[float], steps: float) -> None:
    assert recovery(curve(score), 0.5) == pytest.approx((steps, True))
    assert recovery(curve(score), 0.5, by="joules") == pytest.approx((0.5 * steps, True))


@pytest.mark.parametrize("score", [[0.0, 0.1, 0.4], [0.0, 0.9, 0.4]])
def test_who_does_not_recover_took_longer_than_was_seen(score: list[float]) -> None:
    assert recovery(curve(score), 0.5) == (2.0, False)
    assert recovery(curve(score), 0.5, by="joules") == (1.0, False)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_lower_level_is_reached_no_later(score: list[float], one: float, other: float) -> None:
    low, high = (recovery(curve(score), level) for level in sorted((one, other)))
    assert low.value <= high.value
    assert low.recovered >= high.recovered


@pytest.mark.parametrize(
    ("utility", "share", "expected"),
    [
        ([5.0, 1.0, 4.0], 0.5, 1),  # 5 of 10 is half
        ([5.0, 1.0, 4.0], 0.51, 2),
        ([5.0, 1.0, 4.0], 0.95, 3),
        ([0.0, 3.0, 0.0], 1.0, 1),
        ([1.0] * 100, 0.95, 95),
        ([1.0] * 100, 0.55, 55),  # the product is a little above 55
        ([0.0, 0.0], 0.95, 0),
        ([], 0.95, 0),
    ],
)
def test_neurons_that_carry_a_share(utility: list[float], share: float, expected: int) -> None:
    assert neurons_carrying(utility, share) == expected


@given(arrays(np.int64, st.integers(1, 7), elements=st.integers(0, 9)), st.integers(1, 20))
def test_no_smaller_set_of_neurons_carries_as_much(utility: np.ndarray, twentieths: int) -> None:
    share = twentieths / 20
    sizes = [
        bin(members).count("1")
        for members in range(2 ** len(utility))
        if 20 * sum(int(u) for k, u in enumerate(utility) if members >> k & 1) >= twentieths * int(utility.sum())
    ]
    assert neurons_carrying(utility, share) == min(sizes)


def test_what_has_no_answer_is_refused() -> None:
    with pytest.raises(ConfigError, match="R must be finite"):
        average_performance([0.5, 0.5])
    with pytest.raises(ConfigError, match="R must be finite"):
        forgetting([[NAN]], (0,))
    with pytest.raises(ConfigError, match="a row for each of 3 phases"):
        forgetting(R, (0, 1, 2))
    with pytest.raises(ConfigError, match=r"tasks\[3\]"):
        forgetting(R, (0, 1, 2, 3))
    with pytest.raises(ConfigError, match="no steps in common"):
        common_areas(curve([0.1]), curve([0.1, 0.2]))
    with pytest.raises(ConfigError, match="without a known score"):
        common_areas(curve([NAN, NAN]), curve([0.1, 0.2]))
    with pytest.raises(ConfigError, match="scratch area below 1"):
        forward_transfer(curve([0.1, 0.2]), curve([1.0, 1.0]))
    with pytest.raises(ConfigError, match="scratch area above 0"):
        plasticity_retention(curve([0.1, 0.2]), curve([0.0, 0.0]))
    with pytest.raises(ConfigError, match="without a known score"):
        recovery(curve([NAN]), 0.5)
    with pytest.raises(ConfigError, match="by must be one of"):
        recovery(curve([0.5]), 0.5, by="seconds")
    with pytest.raises(ConfigError, match="nothing below 0"):
        neurons_carrying([-1.0])
