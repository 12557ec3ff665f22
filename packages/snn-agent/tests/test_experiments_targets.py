"""The three targets, on both sides of their goals, by arms whose numbers are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from snn_agent.errors import ConfigError
from snn_agent.experiments.targets import Fed, auto_size, frontier, thrift

SEEDS = np.linspace(0.8, 1.2, 10)  # mean 1


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("area", "reached", "clear"),
    [
        ([0.06] * 10, True, True),
        ([0.049] * 10, False, False),
        ([0.01, 0.11] * 5, True, False),  # above zero for sure, above 5 % on average
        ([-0.5, 0.8] * 5, False, False),  # 15 % on average, but it may be below zero
        ([0.06] * 9 + [-1.0], False, False),  # one failed
    ],
)
def test_frontier(area: list[float], reached: bool, clear: bool) -> None:
    found = frontier(area, generator())
    assert (found.reached, found.clear) == (reached, clear)
    assert found.estimate.value == pytest.approx(np.mean(area))


@pytest.mark.parametrize(("share", "reached"), [(1.1, True), (0.951, True), (0.949, False)])
def test_auto_size_is_beside_the_best_size(share: float, reached: bool) -> None:
    found = auto_size(share * 80.0 * SEEDS, {64: 60.0 * SEEDS, 256: 80.0 * SEEDS, 512: 79.0 * SEEDS}, generator())
    assert found.estimate == pytest.approx((share,) * 3), "all sizes have their good and bad seeds together"
    assert (found.reached, found.clear, found.against) == (reached, reached, "fixed-256")


def test_each_resample_has_its_own_best_size() -> None:
    arm, small, large = np.array([2.0, 4.0, 3.0]), np.array([1.0, 6.0, 2.0]), np.array([5.0, 1.0, 2.0])
    rows = [list(chosen) for chosen in itertools.product(range(3), repeat=3)]
    every = np.sort(arm[rows].mean(axis=1) / np.maximum(small[rows].mean(axis=1), large[rows].mean(axis=1)))
    found = auto_size(arm, {1: small, 2: large}, generator(), draws=40_000).estimate
    assert found.value == 1.0
    assert (found.low, found.high) == pytest.approx((every[0], every[-1]))  # 1 of 27 is more than a tail


def test_a_best_size_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="got none"):
        auto_size(SEEDS, {}, generator())
    with pytest.raises(ConfigError, match="above 0"):
        auto_size(SEEDS, {64: SEEDS - 0.8}, generator())
    with pytest.raises(ConfigError, match="same seeds"):
        auto_size(SEEDS, {64: SEEDS[1:]}, generator())


FIXED = {
    512: Fed(90.0 * SEEDS, 40.0 * SEEDS),
    64: Fed(50.0 * SEEDS, 4.0 * SEEDS),
    256: Fed(80.0 * SEEDS, 16.0 * SEEDS),
}


@pytest.mark.parametrize(
    ("food", "joules", "against", "value"),
    [
        (80.0, 8.5, "fixed-256", (8.5 / 80.0) / (16.0 / 80.0)),  # 0.53
        (80.0, 7.5, "fixed-256", (7.5 / 80.0) / (16.0 / 80.0)),  # 0.47
        (83.0, 7.5, "fixed-256", (7.5 / 83.0) / (16.0 / 80.0)),  # 80 is less than 5 % below 83
        (85.0, 7.5, "fixed-512", (7.5 / 85.0) / (40.0 / 90.0)),  # and more than that below 85
        (40.0, 2.0, "fixed-64", (2.0 / 40.0) / (4.0 / 50.0)),
    ],
)
def test_thrift_is_beside_the_smallest_size_of_the_same_score(
    food: float, joules: float, against: str, value: float
) -> None:
    found = thrift(Fed(food * SEEDS, joules * SEEDS), FIXED, generator())
    assert found.against == against
    assert found.estimate == pytest.approx((value,) * 3)
    assert (found.reached, found.clear) == (value <= 0.5, value <= 0.5)


def test_joules_per_item_are_of_all_seeds_together() -> None:
    """4 J for 4 items, whoever ate them; the mean of 3/1 and 1/3 would be more."""
    found = thrift(Fed([1.0, 3.0], [3.0, 1.0]), {64: Fed([2.0, 2.0], [4.0, 4.0])}, generator())
    assert found.estimate.value == pytest.approx(0.5)
    assert found.reached
    assert not found.clear, "a resample of the first seed alone pays 3 J for an item"
    assert found.estimate[1:] == pytest.approx(((1.0 / 3.0) / 2.0, 3.0 / 2.0))


def test_thrift_without_an_equal_is_not_reached() -> None:
    found = thrift(Fed(100.0 * SEEDS, SEEDS), FIXED, generator())
    assert (found.reached, found.clear) == (False, False)
    assert str(found).startswith("thrift: not reached: there is no fixed size with the same score;")
    assert thrift(Fed(100.0 * SEEDS, SEEDS), FIXED, generator(), tolerance=0.1).against == "fixed-512"


def test_food_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="random reference"):
        thrift(Fed(SEEDS - 0.8, SEEDS), FIXED, generator())


def test_a_target_says_itself() -> None:
    assert str(frontier([0.0625] * 4, generator())) == (
        "frontier: reached, with its whole interval: 0.0625 (95 % interval 0.0625 to 0.0625) against the envelope of "
        "fixed sizes; goal: mean area of at least +0.05, its interval above 0."
    )
