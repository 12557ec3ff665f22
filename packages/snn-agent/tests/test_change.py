"""Change detection: run lengths by an exact oracle and by simulation, delays, and what learning does to both."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from snn_agent.errors import ConfigError
from snn_agent.metrics.change import Cusum, CusumState, normal_score, run_length, threshold_for
from snn_agent.plasticity.contract import state_from_json, state_to_json

Row = npt.NDArray[np.float64]


def exact_run_length(threshold: float, k: float, states: int = 400) -> float:
    """Brook & Evans (Biometrika 59, 1972): the sum as a Markov chain over narrow bins of [0, h]."""
    width = 2.0 * threshold / (2 * states - 1)  # the first bin is half as wide, around 0
    middle = width * np.arange(states)
    upper = scipy.stats.norm.cdf(middle[None, :] + 0.5 * width - middle[:, None] + k)
    step = np.diff(upper, axis=1, prepend=0.0)  # from each bin (row) to each
    return float(np.linalg.solve(np.eye(states) - step, np.ones(states))[0])


def first_order(n: int, phi: float, seed: int) -> Row:
    """A stationary first-order process of standard deviation 1, which any mean and spread may be given."""
    noise = np.random.default_rng(seed).standard_normal(n)
    found = list(itertools.accumulate(noise, lambda last, new: phi * last + math.sqrt(1.0 - phi**2) * new))
    return np.array(found)


def watch(detector: Cusum, values: Iterable[float]) -> list[int]:
    """How many values were taken before each alarm, from the one before."""
    state, since, found = detector.init(), 0, []
    for value in values:
        since += 1
        state, alarm = detector.update(state, value)
        if alarm:
            found.append(since)
            since = 0
    return found


def mean_run(detector: Cusum, values: Row) -> float:
    """Values looked at after warm-up for each alarm, the last and unfinished stretch counted in."""
    alarms = watch(detector, values)
    return (len(values) - detector.warm_up * (len(alarms) + 1)) / max(len(alarms), 1)


@pytest.mark.parametrize(("k", "within"), [(0.25, 0.01), (0.5, 0.02), (1.0, 0.1)])
@pytest.mark.parametrize("threshold", [2.0, 4.0, 6.0])
def test_the_run_length_is_close_to_the_exact_one(k: float, within: float, threshold: float) -> None:
    assert run_length(threshold, k) == pytest.approx(exact_run_length(threshold, k), rel=within)


@given(st.floats(20.0, 1e9), st.floats(0.2, 1.0))
def test_thresholds_give_the_run_length_that_is_wanted(arl: float, k: float) -> None:
    assert run_length(threshold_for(arl, k), k) == pytest.approx(arl, rel=1e-6)


def test_a_run_length_too_long_to_count_is_infinite() -> None:
    assert run_length(1e6, 0.5) == math.inf


@pytest.mark.parametrize("dof", [5.0, 20.0, 99.0])
@pytest.mark.parametrize("t", [-5.0, -2.0, -0.3, 0.0, 1.0, 3.0])
def test_normal_scores_have_the_probability_of_students_t(t: float, dof: float) -> None:
    assert normal_score(t, dof) == pytest.approx(scipy.stats.norm.ppf(scipy.stats.t.cdf(t, dof)), abs=0.03)


@pytest.mark.parametrize(("phi", "low", "high"), [(0.0, 1.0, 1.7), (0.4, 0.7, 1.4), (0.8, 0.45, 1.0)])
def test_false_alarms_are_as_rare_as_stated_whatever_the_unit(phi: float, low: float, high: float) -> None:
    """About 300 alarms each, so the measured mean has a standard error of 6 %."""
    stream = 7.0 + 0.01 * first_order(80_000, phi, seed=1)
    assert low < mean_run(Cusum.for_run_length(200.0), stream) / 200.0 < high


def test_correlation_that_is_not_taken_off_would_be_called_changes() -> None:
    """The same streams, if only the spread were known: what the prediction from the last value is for."""
    stream, detector = first_order(40_000, 0.4, seed=2), Cusum.for_run_length(200.0)
    total, alarms = 0.0, 0
    for value in stream.tolist():
        total = max(0.0, total - value - detector.k)
        if total > detector.threshold:
            total, alarms = 0.0, alarms + 1
    assert len(stream) / alarms < 0.5 * mean_run(detector, stream)


@pytest.mark.parametrize(("shift", "most"), [(3.0, 5.0), (5.0, 3.0)])
@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_shift_is_found_within_a_few_updates(direction: str, shift: float, most: float) -> None:
    detector, sign = Cusum.for_run_length(1000.0, direction=direction), 1.0 if direction == "up" else -1.0
    delays, early = [], 0
    for seed in range(100):
        values = first_order(140, 0.0, seed)
        values[100:] += sign * shift
        alarms = watch(detector, values)
        early += bool(alarms) and alarms[0] <= 100
        delays += [alarms[0] - 100] if alarms and alarms[0] > 100 else []
    assert len(delays) + early == 100, "none is missed"
    assert early <= 15
    assert sum(delays) / len(delays) < most


@pytest.mark.parametrize("direction", ["down", "up"])
def test_the_other_direction_is_no_alarm(direction: str) -> None:
    values = first_order(200, 0.0, seed=3)
    values[100:] += 20.0 if direction == "down" else -20.0
    assert watch(Cusum.for_run_length(1e6, direction=direction), values) == []


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_there_is_no_alarm_in_warm_up(values: list[float]) -> None:
    assert watch(Cusum(threshold=0.0), values) == []
    with_nothing = [each for value in values for each in (value, math.nan, math.inf)]
    assert watch(Cusum(threshold=0.0), with_nothing) == [], "what is no value does not end the warm-up"


@pytest.mark.parametrize("nothing", [math.nan, math.inf, -math.inf])
def test_what_is_no_value_leaves_the_state_as_it_is(nothing: float) -> None:
    detector, state = Cusum.for_run_length(1000.0), CusumState()
    for value in (1.0, 3.0, 2.0):
        assert detector.update(state, nothing) == (state, False)
        state, _ = detector.update(state, value)


@given(st.lists(st.floats(-100.0, 100.0), min_size=2, max_size=25), st.floats(2.0, 100.0))
def test_the_state_is_made_of_weighted_means_of_all_that_was_seen(values: list[float], memory: float) -> None:
    """Each written out: weights β to the power of how long ago."""
    beta = 1.0 - 1.0 / memory

    def mean(terms: list[float]) -> float:
        return float(np.average(terms, weights=beta ** np.arange(len(terms))[::-1]))

    deviations = [value - mean(values[:index]) for index, value in enumerate(values) if index]
    before = [0.0, *deviations[:-1]]
    left = []
    for index, (deviation, last) in enumerate(zip(deviations, before, strict=True)):
        square = mean([d * d for d in deviations[:index]]) if index else 0.0
        product = mean([d * b for d, b in zip(deviations[:index], before, strict=False)]) if index else 0.0
        left.append(deviation - (min(max(product / square, 0.0), 0.9) if square > 0.0 else 0.0) * last)
    state, detector = CusumState(), Cusum(threshold=5.0, memory=memory)
    for value in values:
        state, _ = detector.update(state, value)
    assert state == (
        len(values),
        pytest.approx(mean(values), abs=1e-9),
        pytest.approx(deviations[-1], abs=1e-9),
        pytest.approx(mean([d * d for d in deviations]), rel=1e-6, abs=1e-9),
        pytest.approx(mean([d * b for d, b in zip(deviations, before, strict=True)]), rel=1e-6, abs=1e-6),
        pytest.approx(mean([each * each for each in left]), rel=1e-4, abs=1e-6),
        0.0,
    )


def test_after_an_alarm_it_begins_anew() -> None:
    detector = Cusum.for_run_length(1e6)
    values = [*first_order(60, 0.0, seed=4), *(-10.0 + first_order(200, 0.0, seed=5))]
    state, after = detector.init(), None
    for value in values:
        state, alarm = detector.update(state, value)
        after = state if alarm else after
    assert after == CusumState()
    assert len(watch(detector, values)) == 1, "the new level is the usual one by and by"


@pytest.mark.parametrize("phi", [0.0, 0.4])
def test_learning_makes_false_alarms_no_more_frequent(phi: float) -> None:
    """A reward that rises by 40 standard deviations, fast at first, and an error that falls so."""
    rise = 40.0 * (1.0 - np.exp(-np.arange(600) / 150.0))
    for direction, sign in (("down", 1.0), ("up", -1.0)):
        detector = Cusum.for_run_length(200.0, direction=direction)
        lives = [sign * rise + first_order(600, phi, seed) for seed in range(60)]
        alarms = sum(len(watch(detector, life)) for life in lives)
        watched = 60 * 600 - detector.warm_up * (60 + alarms)
        assert alarms < watched / 200.0


def test_a_real_fall_is_found_while_the_reward_still_rises() -> None:
    detector, found = Cusum.for_run_length(1000.0), 0
    for seed in range(40):
        life = 40.0 * (1.0 - np.exp(-np.arange(400) / 150.0)) + first_order(400, 0.4, seed)
        life[300:] -= 20.0
        found += any(300 < total <= 305 for total in itertools.accumulate(watch(detector, life)))
    assert found >= 38


def test_where_nothing_ever_varied_the_first_difference_says_nothing_and_the_second_does() -> None:
    detector, state = Cusum.for_run_length(1000.0), Cusum.for_run_length(1000.0).init()
    for _ in range(100):
        state, alarm = detector.update(state, 0.1)
        assert (alarm, state.total) == (False, 0.0)
    state, alarm = detector.update(state, 0.0)
    assert not alarm
    assert detector.update(state, 0.0)[1]


@given(st.floats(-50.0, 50.0), st.floats(0.1, 50.0))
def test_alarms_do_not_depend_on_the_unit(level: float, scale: float) -> None:
    stream = first_order(300, 0.3, seed=6)
    stream[200:] -= 4.0
    detector = Cusum.for_run_length(200.0)
    assert watch(detector, level + scale * stream) == watch(detector, stream) != []


def test_a_stream_may_be_put_away_and_taken_up() -> None:
    detector, values = Cusum.for_run_length(200.0), first_order(500, 0.3, seed=7).tolist()
    state, whole = detector.init(), watch(detector, values)
    since, found = 0, []
    for value in values:
        state, alarm = detector.update(
            state_from_json(detector.init(), json.loads(json.dumps(state_to_json(state)))), value
        )
        since += 1
        if alarm:
            found, since = [*found, since], 0
    assert found == whole != []


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"threshold": -1.0}, "threshold"),
        ({"threshold": 1.0, "direction": "both"}, "direction"),
        ({"threshold": 1.0, "k": 0.0}, "k must"),
        ({"threshold": 1.0, "warm_up": 2}, "no spread to judge by"),
        ({"threshold": 1.0, "memory": 1.0}, "memory must be above 1"),
    ],
)
def test_detectors_that_make_no_sense_are_refused(wrong: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        Cusum(**wrong)  # type: ignore[arg-type]


def test_a_run_length_that_no_threshold_gives_is_refused() -> None:
    with pytest.raises(ConfigError, match="even a threshold of 0"):
        Cusum.for_run_length(2.0)
