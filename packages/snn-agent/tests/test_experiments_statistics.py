"""Statistics over seeds: cases worked by hand, resamples counted out, and how often intervals cover."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from snn_agent.errors import ConfigError
from snn_agent.experiments.statistics import (
    Row,
    band,
    bootstrap,
    difference,
    interquartile_mean,
    interquartile_means,
    interval,
    means,
    paired,
    ratio,
    resample,
    with_failures,
)

NUMBERS = st.lists(st.integers(-100, 100).map(float), min_size=1, max_size=12)
STATISTICS = (means, interquartile_means)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def exact_quantile(values: list[float], share: float) -> float:
    """Of equally likely values: the smallest below or at which at least this share lies."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered) - 1e-9) - 1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7.0], 7.0),
        ([0.0, 6.0, 12.0], (0.25 * 0.0 + 1.0 * 6.0 + 0.25 * 12.0) / 1.5),  # a quarter of each outer one counts
        ([4.0, 1.0, 3.0, 2.0], 2.5),  # the middle two
        ([100.0, 8.0, 4.0, 2.0, -50.0], (0.75 * 2.0 + 4.0 + 0.75 * 8.0) / 2.5),  # one and a quarter left out
        ([1.0, 2.0, 100.0, 3.0, 4.0, 5.0, 6.0, 0.0], 3.5),  # 2, 3, 4, 5
    ],
)
def test_interquartile_mean(values: list[float], expected: float) -> None:
    assert interquartile_mean(values) == pytest.approx(expected)


def test_interquartile_mean_takes_tasks_together() -> None:
    assert interquartile_mean([[1.0, 2.0], [3.0, 100.0]]) == 2.5


@given(st.lists(st.integers(-100, 100).map(float), min_size=1, max_size=4).map(lambda some: some * 4))
def test_interquartile_mean_of_whole_quarters_is_the_trimmed_mean(values: list[float]) -> None:
    assert interquartile_mean(values) == pytest.approx(scipy.stats.trim_mean(values, 0.25))


@given(NUMBERS, st.floats(0.1, 10.0), st.floats(-10.0, 10.0), st.randoms(use_true_random=False))
def test_interquartile_mean_goes_along_with_scale_and_shift_and_knows_no_order(
    values: list[float], scale: float, shift: float, random: object
) -> None:
    shuffled = [scale * value + shift for value in values]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert interquartile_mean(shuffled) == pytest.approx(scale * interquartile_mean(values) + shift, abs=1e-9)


def test_a_failed_seed_counts_with_the_worst_score() -> None:
    scores = np.array([[4.0, math.nan], [math.nan, 2.0]])
    assert with_failures(scores, 0.5).tolist() == [[4.0, 0.5], [0.5, 2.0]]
    assert np.isnan(scores).sum() == 2, "the scores that were given stay as they are"


@pytest.mark.parametrize(
    ("scores", "worst", "match"),
    [([1.0, math.inf], 0.0, "scores must be finite"), ([1.0, math.nan], math.nan, "worst must be")],
)
def test_what_is_not_a_failure_is_not_filled_in(scores: list[float], worst: float, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        with_failures(scores, worst)


def test_resamples_of_two_values_are_as_frequent_as_they_must() -> None:
    drawn = resample([0.0, 1.0], generator(), 40_000).mean(axis=-1)
    for value, probability in ((0.0, 0.25), (0.5, 0.5), (1.0, 0.25)):
        tolerance = 4.0 * math.sqrt(probability * (1.0 - probability) / 40_000)
        assert (drawn == value).mean() == pytest.approx(probability, abs=tolerance)


def test_resampling_stays_within_a_task_and_pairs_arms() -> None:
    tasks = np.array([[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]])
    drawn = resample(np.stack([tasks, tasks + 100.0]), generator(), 50)
    assert drawn.shape == (50, 2, 6)
    assert (drawn[:, 0, :3] < 10.0).all()
    assert (drawn[:, 0, 3:] >= 10.0).all()
    assert (drawn[:, 1] - drawn[:, 0] == 100.0).all()
    assert (drawn[:, 0, 3:] - drawn[:, 0, :3] != 10.0).any(), "tasks are drawn by themselves"


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("confidence", [0.3, 0.6, 0.8, 0.9, 0.95])
def test_interval_of_three_values_is_that_of_all_their_resamples(
    statistic: Callable[[Row], Row], confidence: float
) -> None:
    values = [0.0, 1.0, 5.0]
    every = [float(statistic(np.array(chosen))) for chosen in itertools.product(values, repeat=3)]
    found = bootstrap(values, statistic, generator(), draws=40_000, confidence=confidence)
    tail = (1.0 - confidence) / 2.0
    assert found.value == statistic(np.array(values))
    # No tail here is within 0.01 of a step of the exact distribution, four standard errors of these draws.
    assert found.low == pytest.approx(exact_quantile(every, tail))
    assert found.high == pytest.approx(exact_quantile(every, 1.0 - tail))


def test_tasks_that_differ_do_not_widen_an_interval() -> None:
    assert bootstrap([[0.0, 0.0], [9.0, 9.0]], means, generator()) == (4.5, 4.5, 4.5)
    assert bootstrap([0.0, 0.0, 9.0, 9.0], means, generator()).low < 4.5


def test_a_statistic_of_many_numbers_has_a_band() -> None:
    found = band([1.0, 3.0], lambda values: np.stack([values.min(axis=-1), values.max(axis=-1)], axis=-1), generator())
    assert found.value.tolist() == [1.0, 3.0]
    assert (found.low.tolist(), found.high.tolist()) == ([1.0, 1.0], [3.0, 3.0])


@pytest.mark.parametrize("n", [10, 40])
def test_interval_covers_the_mean_as_often_as_theory_says(n: int) -> None:
    random, trials, covered = generator(1), 1500, 0
    for _ in range(trials):
        found = bootstrap(random.normal(3.0, 2.0, size=n), means, random, draws=600)
        covered += found.low <= 3.0 <= found.high
    # The bootstrap's deviation is the sample's over n, not over n − 1, and knows nothing of Student's t.
    bound = scipy.stats.norm.ppf(0.975) * math.sqrt((n - 1) / n)
    expected = 2.0 * scipy.stats.t.cdf(bound, n - 1) - 1.0
    assert covered / trials == pytest.approx(expected, abs=4.0 * math.sqrt(expected * (1.0 - expected) / trials))


@given(NUMBERS, st.floats(0.1, 10.0), st.floats(-10.0, 10.0))
def test_intervals_go_along_with_scale_and_shift(values: list[float], scale: float, shift: float) -> None:
    plain = bootstrap(values, interquartile_means, generator(), draws=50)
    moved = bootstrap(scale * np.array(values) + shift, interquartile_means, generator(), draws=50)
    assert moved == pytest.approx([scale * end + shift for end in plain], abs=1e-9)


def test_interval_of_a_table_is_the_same_each_time() -> None:
    values = np.geomspace(1.0, 2.0, 15).tolist()
    assert interval(values) == interval(np.array(values)) != interval(values, seed=1)
    assert interval([3.0] * 5) == (3.0, 3.0)


def test_paired_arms_have_no_more_noise_than_their_difference() -> None:
    reference = np.array([[10.0, 50.0, 90.0], [1.0, 2.0, 60.0]])
    assert difference(reference + 2.0, reference, generator()) == pytest.approx((2.0, 2.0, 2.0))
    assert ratio(0.5 * reference, reference, generator()) == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_intervals_of_pairs_are_those_of_all_their_resamples(statistic: Callable[[Row], Row]) -> None:
    arm, reference = np.array([2.0, 3.0, 9.0]), np.array([1.0, 4.0, 4.5])
    rows = [list(chosen) for chosen in itertools.product(range(3), repeat=3)]
    ours, theirs = statistic(arm[rows]), statistic(reference[rows])
    for compare, every in ((difference, ours - theirs), (ratio, ours / theirs)):
        found = compare(arm, reference, generator(), statistic=statistic, draws=40_000, confidence=0.9)
        expected = [exact_quantile(every.tolist(), share) for share in (0.05, 0.95)]
        assert found[1:] == pytest.approx(expected)


def test_ratio_is_of_means_and_not_the_mean_of_ratios() -> None:
    assert ratio([2.0, 6.0], [1.0, 7.0], generator()).value == 1.0


def test_the_generator_alone_decides_the_draws() -> None:
    values = [1.0, 2.0, 4.0, 8.0]
    first, same, other = (bootstrap(values, means, generator(seed), draws=51) for seed in (0, 0, 1))
    assert first == same != other


@pytest.mark.parametrize("scores", [[], [[], []], 3.0, [1.0, math.nan], [1.0, math.inf]])
def test_scores_that_say_nothing_are_refused(scores: object) -> None:
    with pytest.raises(ConfigError, match="scores must be"):
        bootstrap(scores, means, generator())  # type: ignore[arg-type]


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(ConfigError, match="confidence"):
        bootstrap([1.0, 2.0], means, generator(), confidence=confidence)


def test_pairs_need_the_same_seeds() -> None:
    with pytest.raises(ConfigError, match="same seeds"):
        difference([1.0, 2.0], [1.0, 2.0, 3.0], generator())
    with pytest.raises(ConfigError, match=r"\[seeds\]"):
        paired(np.ones((2, 2, 2)))
    with pytest.raises(ConfigError, match="above zero"):
        ratio([1.0, 2.0], [1.0, 0.0], generator())
