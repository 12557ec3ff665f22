"""Curves on common grids, and when runs had learnt so much, by hand and by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn_agent.errors import ConfigError
from snn_agent.experiments.curves import Curve, at, mean_at, mean_size, reach, reached

NAN = math.nan


def curve(score: list[float], steps: list[float] | None = None) -> Curve:
    """By joules ten, by seconds a hundred times as far as by steps."""
    x = np.arange(1.0, len(score) + 1.0) if steps is None else np.array(steps)
    return Curve(x, 10.0 * x, 5.0 * x, 100.0 * x, np.array(score), np.full(len(x), 64.0))


@pytest.mark.parametrize(("by", "unit"), [("steps", 1.0), ("joules", 10.0), ("seconds", 100.0)])
def test_curves_are_straight_between_points_and_unknown_outside(by: str, unit: float) -> None:
    grid = unit * np.array([0.5, 1.0, 1.5, 3.0, 4.0, 4.5])
    found = at(curve([2.0, 4.0, NAN, 8.0]), by, grid)
    np.testing.assert_array_equal(found, [NAN, 2.0, 3.0, 6.0, 8.0, NAN])


def test_a_run_without_a_score_is_nowhere() -> None:
    assert np.isnan(at(curve([NAN, NAN]), "steps", np.array([1.0, 2.0]))).all()


def test_the_mean_is_where_all_have_been_and_failures_count() -> None:
    runs, grid = [curve([2.0, 4.0, 6.0]), curve([4.0, 8.0])], np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(mean_at(runs, "steps", grid), [3.0, 6.0, NAN])
    np.testing.assert_array_equal(mean_at(runs, "steps", grid, failed=2, worst=1.0), [2.0, 3.5, NAN])


def test_mean_size_weighs_neurons_by_the_steps_they_lived() -> None:
    grown = curve([1.0, 2.0, 3.0], steps=[10.0, 20.0, 50.0])._replace(neurons=np.array([32.0, 64.0, 128.0]))
    assert mean_size(grown) == pytest.approx((10 * 32 + 10 * 64 + 30 * 128) / 50)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ([0.0, 4.0, 12.0], 2.75),  # three quarters of the way from 4 to 12
        ([0.0, 10.0, 12.0], 2.0),  # a point at the level is there
        ([0.0, 20.0, 5.0, 15.0], 3.5),  # it fell below and came back
        ([0.0, 20.0, 10.0, 15.0], 1.5),  # to touch it is not to fall below
        ([11.0, 12.0], 1.0),  # there before anything was known
        ([NAN, 11.0, 12.0], 2.0),
        ([0.0, 20.0, 9.0], math.inf),  # it did not stay
        ([0.0, 9.0], math.inf),
        ([NAN, NAN], math.inf),
        ([], math.inf),
    ],
)
def test_reach_is_where_the_curve_came_to_stay(score: list[float], expected: float) -> None:
    assert reach(curve(score), "steps", 10.0) == pytest.approx(expected)
    assert reach(curve(score), "joules", 10.0) == pytest.approx(10.0 * expected)


@given(st.lists(st.integers(0, 9).map(float), min_size=2, max_size=9), st.floats(0.5, 8.5))
def test_reach_is_the_first_place_of_the_curve_with_nothing_below_it_after(score: list[float], level: float) -> None:
    run = curve(score)
    grid = np.linspace(1.0, len(score), 100 * (len(score) - 1) + 1)
    below = grid[at(run, "steps", grid) < level - 1e-9]
    found = reach(run, "steps", level)
    if not len(below):
        assert found == 1.0
    elif below[-1] == grid[-1]:
        assert found == math.inf
    else:
        assert below[-1] < found <= below[-1] + 0.01 + 1e-6
        assert at(run, "steps", np.array([found]))[0] == pytest.approx(level)


def test_reached_counts_every_seed() -> None:
    runs = [curve([0.0, 10.0, 20.0]), curve([0.0, 20.0, 40.0])]
    found = reached(runs, "steps", 40.0)
    assert found.levels.tolist() == [10.0, 20.0, 30.0]
    assert found.places.tolist() == [[2.0, 1.5], [3.0, 2.0], [math.inf, 2.5]]
    assert found.share.tolist() == [1.0, 1.0, 0.5]
    assert found.median.tolist() == [1.75, 2.5, math.inf]
    with_failed = reached(runs, "steps", 40.0, [0.25], failed=1)
    assert with_failed.share.tolist() == pytest.approx([2.0 / 3.0])
    assert with_failed.median.tolist() == [2.0], "a failed run is later than any other"


def test_wrong_curves_are_refused() -> None:
    with pytest.raises(ConfigError, match="must not fall"):
        at(curve([1.0, 2.0], steps=[2.0, 1.0]), "steps", np.array([1.0]))
    with pytest.raises(ConfigError, match="by must be one of"):
        reach(curve([1.0]), "score", 1.0)
    with pytest.raises(ConfigError, match="oracle"):
        reached([curve([1.0])], "steps", 0.0)
    with pytest.raises(ConfigError, match="got none"):
        reached([], "steps", 1.0)
    with pytest.raises(ConfigError, match="got none"):
        mean_at([], "steps", np.array([1.0]), failed=3)
