"""Comparisons of whole distributions: pairs and runs counted by hand, and against SciPy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from snn_agent.errors import ConfigError
from snn_agent.experiments.comparison import performance_profile, probability_of_improvement

SCORES = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=8)


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_improvement_counts_pairs_and_halves_ties() -> None:
    # Of the six pairs, one of 2 with 2 in the first row of x, another in the second: two halves.
    assert probability_of_improvement([1.0, 2.0, 2.0], [2.0, 3.0], generator()).value == pytest.approx(1.0 / 6.0)


def test_improvement_is_averaged_over_tasks() -> None:
    x, y = [[1.0, 2.0, 2.0], [8.0, 9.0, 7.0]], [[2.0, 3.0], [1.0, 6.0]]
    assert probability_of_improvement(x, y, generator()).value == pytest.approx((1.0 / 6.0 + 1.0) / 2.0)


@given(SCORES, SCORES)
def test_improvement_is_the_statistic_of_mann_and_whitney(x: list[float], y: list[float]) -> None:
    found = probability_of_improvement(x, y, generator(), draws=1).value
    if len({*x, *y}) == 1:
        assert found == 0.5  # where SciPy divides by zero
    else:
        expected = scipy.stats.mannwhitneyu(x, y, method="asymptotic").statistic / (len(x) * len(y))
        assert found == pytest.approx(expected)


@given(SCORES, SCORES)
def test_improvement_knows_ranks_only_and_both_sides_make_one(x: list[float], y: list[float]) -> None:
    found = probability_of_improvement(x, y, generator(), draws=1).value
    assert probability_of_improvement(y[::-1], x, generator(), draws=1).value == pytest.approx(1.0 - found)
    assert probability_of_improvement(np.exp(x) - 7.0, np.exp(y) - 7.0, generator(), draws=1).value == found


def test_interval_of_improvement_is_that_of_all_resamples() -> None:
    x, y = [0.0, 2.0, 4.0], [1.0, 3.0]
    every = np.sort(
        [
            np.mean([one > other for one in ours for other in theirs])
            for ours in itertools.product(x, repeat=3)
            for theirs in itertools.product(y, repeat=2)
        ]
    )
    found = probability_of_improvement(x, y, generator(), draws=40_000, confidence=0.9)
    for end, share in ((found.low, 0.05), (found.high, 0.95)):
        place = share * len(every)
        assert every[int(place) - 1] == every[int(place) + 1], "not at a step of the exact distribution"
        assert end == pytest.approx(every[int(place)])


def test_arms_that_never_meet_leave_no_doubt() -> None:
    assert probability_of_improvement([5.0, 6.0, 7.0], [1.0, 2.0], generator()) == pytest.approx((1.0, 1.0, 1.0))
    won_and_lost = probability_of_improvement([[5.0, 6.0], [1.0, 2.0]], [[1.0, 2.0], [5.0, 6.0]], generator())
    assert won_and_lost == pytest.approx((0.5, 0.5, 0.5))


def test_improvement_needs_the_same_tasks() -> None:
    with pytest.raises(ConfigError, match="same tasks"):
        probability_of_improvement([[1.0], [2.0]], [1.0], generator())
    with pytest.raises(ConfigError, match="finite"):
        probability_of_improvement([1.0, math.nan], [1.0], generator())


def test_profile_counts_runs_above() -> None:
    found = performance_profile([[1.0, 2.0], [2.0, 5.0]], [0.0, 1.0, 2.0, 4.9, 5.0], generator())
    assert found.value.tolist() == [1.0, 0.75, 0.25, 0.25, 0.0]
    assert (found.low[0], found.high[0], found.low[-1], found.high[-1]) == (1.0, 1.0, 0.0, 0.0)


def test_band_of_a_profile_is_binomial() -> None:
    # Each of the eight drawn runs is above τ with the share that is: their number is binomial.
    scores = np.arange(8.0)
    found = performance_profile(scores, [0.5, 3.5, 5.5], generator(), draws=40_000)
    for low, high, share in zip(found.low, found.high, [7 / 8, 0.5, 0.25], strict=True):
        assert low == scipy.stats.binom.ppf(0.025, 8, share) / 8
        assert high == scipy.stats.binom.ppf(0.975, 8, share) / 8


@given(SCORES, st.floats(-3.0, 3.0))
def test_profile_falls_and_goes_along_with_a_shift(scores: list[float], shift: float) -> None:
    grid = np.linspace(-0.25, 5.25, 9)
    found = performance_profile(scores, grid, generator(), draws=20)
    assert all((np.diff(row) <= 0.0).all() for row in found)
    moved = performance_profile(np.array(scores) + shift, grid + shift, generator(), draws=20)
    assert moved.low.tolist() == found.low.tolist()
