"""Score against energy: areas between straight lines in closed form, envelopes by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn_agent.errors import ConfigError
from snn_agent.experiments.curves import Curve
from snn_agent.experiments.frontier import budgets, envelope, pareto, relative_area, standing

NAN = math.nan


def curve(joules: list[float], score: list[float]) -> Curve:
    x = np.array(joules)
    return Curve(x, x, x, x, np.array(score), np.full(len(x), 64.0))


def line(slope: float, end: float, offset: float = 0.0) -> Curve:
    return curve([0.0, end], [offset, offset + slope * end])


def test_an_arm_a_tenth_above_the_envelope_everywhere_is_worth_a_tenth() -> None:
    fixed = [{0: line(2.0, 10.0), 1: line(4.0, 10.0)}, {0: line(1.0, 10.0), 1: line(1.0, 10.0)}]
    arm = {1: line(4.4, 10.0), 0: line(1.0, 10.0)}
    found = standing(fixed, arm)
    # Each seed has the envelope of its own fixed runs, whatever the order of the seeds.
    assert found.area == pytest.approx([0.1, -0.5])
    assert found.ratio == pytest.approx(np.array([[1.1] * 25, [0.5] * 25]))


def test_area_between_straight_lines() -> None:
    """Of a + b·x over c·x the ratio is b/c + a/(c·x); over budgets p·q^k the reciprocals are a geometric series."""
    a, b, c, first, last, points = 3.0, 0.9, 1.5, 1.0, 20.0, 8
    fixed, arm = [{0: line(c, last)}], {0: line(b, last, offset=a)}
    grid = budgets(fixed, arm, points)
    q = (last / 2.0) ** (1.0 / (points - 1))  # from a tenth of the cheapest life
    reciprocals = (1.0 - q**-points) / (1.0 - 1.0 / q) / 2.0
    assert grid[0] == pytest.approx(2.0)
    assert standing(fixed, arm, grid).area == pytest.approx([b / c + a / c * reciprocals / points - 1.0])
    # And with ever more budgets it is the integral over the logarithm.
    fine = np.geomspace(first, last, 20_001)
    integral = b / c + a / c * (1.0 / first - 1.0 / last) / math.log(last / first)
    assert relative_area(a + b * fine, c * fine) + 1.0 == pytest.approx(integral, rel=1e-3)


@given(st.lists(st.floats(0.5, 2.0), min_size=2, max_size=9), st.floats(0.1, 10.0))
def test_area_is_relative(ratio: list[float], scale: float) -> None:
    below = scale * np.arange(1.0, len(ratio) + 1.0)
    assert relative_area(np.array(ratio) * below, below) == pytest.approx(np.mean(ratio) - 1.0)


def test_area_leaves_out_where_either_has_not_been() -> None:
    assert relative_area([[NAN, 3.0, 9.0], [2.0, 2.0, 2.0]], [[1.0, 2.0, NAN], [1.0, 1.0, 2.0]]) == pytest.approx(
        [0.5, 2.0 / 3.0]
    )


def test_envelope_is_the_best_size_at_each_budget() -> None:
    small, large = curve([1.0, 2.0, 4.0], [6.0, 8.0, 9.0]), curve([2.0, 4.0, 8.0], [NAN, 4.0, 20.0])
    found = envelope([small, large], np.array([0.5, 1.0, 3.0, 4.0, 5.0, 8.0, 9.0]))
    # The small one's life ends at 4 J with 9; the large one crosses it at 5.25 J; after 8 J nothing changes any more.
    np.testing.assert_allclose(found, [NAN, 6.0, 8.5, 9.0, 9.0, 20.0, 20.0])


def test_budgets_go_from_where_all_know_a_score_to_where_the_first_ends() -> None:
    cheap, dear = curve([1.0, 30.0], [1.0, 2.0]), curve([1.0, 100.0], [1.0, 3.0])
    late, early = curve([1.0, 4.0, 90.0], [NAN, 1.0, 2.0]), curve([1.0, 50.0], [1.0, 2.0])
    assert budgets([{0: cheap}, {0: dear}], {0: early})[[0, -1]] == pytest.approx([3.0, 50.0])  # a tenth of 30
    assert budgets([{0: cheap}], {0: early})[[0, -1]] == pytest.approx([3.0, 30.0])
    grid = budgets([{0: cheap}, {0: dear}], {0: late}, 4)
    assert grid == pytest.approx(4.0 * (90.0 / 4.0) ** (np.arange(4) / 3.0))


def test_runs_that_cannot_be_compared_are_refused() -> None:
    run = line(1.0, 10.0, offset=1.0)
    with pytest.raises(ConfigError, match="seed 1 is missing"):
        budgets([{0: run}], {1: run})
    with pytest.raises(ConfigError, match="no known score"):
        budgets([{0: run}], {0: curve([1.0, 2.0], [NAN, NAN])})
    with pytest.raises(ConfigError, match="no budget"):
        budgets([{0: run}], {0: line(1.0, 0.5)})
    with pytest.raises(ConfigError, match="above zero"):
        relative_area([1.0, 1.0], [0.0, 1.0])
    with pytest.raises(ConfigError, match="no budget"):
        relative_area([[1.0, NAN], [1.0, 1.0]], [NAN, 1.0])


def test_pareto_keeps_what_no_arm_beats() -> None:
    score, joules = [50.0, 80.0, 90.0, 70.0, 90.0, 80.0], [1.0, 2.0, 4.0, 2.0, 5.0, 2.0]
    assert pareto(score, joules).tolist() == [True, True, True, False, False, True]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8))
def test_pareto_by_brute_force(arms: list[tuple[int, int]]) -> None:
    expected = [not any(other != arm and other[0] >= arm[0] and other[1] <= arm[1] for other in arms) for arm in arms]
    assert pareto(*zip(*arms, strict=True)).tolist() == expected
