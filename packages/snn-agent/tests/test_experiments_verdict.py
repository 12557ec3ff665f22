"""The rule around its thresholds: arms whose intervals have no width stand exactly where they are put."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from snn_agent.errors import ConfigError
from snn_agent.experiments.verdict import RULE, Rule, Verdict, judge

REFERENCE = np.linspace(80.0, 120.0, 11)  # mean 100, so that the bound is −5
JOULES = np.linspace(1.0, 3.0, 11)


def verdict(apart: float = 0.0, cost: float = 0.5, **others: Any) -> Verdict:
    """Of an arm that scores so much more than the reference on each seed, for so many times the energy."""
    arguments: dict[str, Any] = {
        "score": REFERENCE + apart,
        "reference_score": REFERENCE,
        "joules": cost * JOULES,
        "reference_joules": JOULES,
        **others,
    }
    return judge(**arguments)


@pytest.mark.parametrize(
    ("apart", "non_inferior"), [(3.0, True), (0.0, True), (-4.9, True), (-5.1, False), (-50.0, False)]
)
@pytest.mark.parametrize(("cost", "cheaper"), [(0.5, True), (0.99, True), (1.01, False), (2.0, False)])
def test_truth_table(apart: float, non_inferior: bool, cost: float, cheaper: bool) -> None:
    found = verdict(apart, cost)
    assert found.difference == pytest.approx((apart,) * 3, abs=1e-9)
    assert found.energy_ratio == pytest.approx((cost,) * 3)
    assert (found.non_inferior, found.cheaper) == (non_inferior, cheaper)
    assert found.holds == (non_inferior and cheaper)


def test_on_the_threshold_is_not_beyond_it() -> None:
    whole = np.full(10, 100.0)  # of which every sum is exact
    found = judge(score=whole - 5.0, reference_score=whole, joules=whole, reference_joules=whole)
    assert (found.difference.low, found.energy_ratio.high) == (-5.0, 1.0)
    assert (found.non_inferior, found.cheaper) == (False, False)


def test_bounds_decide_and_not_means() -> None:
    unsure = np.array([40.0, -40.0] * 5 + [0.0])
    found = verdict(0.0, score=REFERENCE + unsure, joules=JOULES * (0.9 + unsure / 100.0))
    assert found.difference.value == pytest.approx(0.0, abs=1e-9)
    assert found.energy_ratio.value < 1.0
    assert (found.non_inferior, found.cheaper) == (False, False)


def test_one_failed_seed_is_seen() -> None:
    """An interquartile mean would leave it out."""
    score = REFERENCE.copy()
    score[0] = 0.0
    found = verdict(score=score)
    assert found.difference.value == pytest.approx(-80.0 / 11.0)
    assert not found.non_inferior


@pytest.mark.parametrize(
    ("adapts", "holds", "words"),
    [(None, True, "is untested"), (True, True, "was shown"), (False, False, "was not shown")],
)
def test_adapting_better_is_told_and_denies(adapts: bool | None, holds: bool, words: str) -> None:
    found = verdict(adapts_better=adapts)
    assert found.holds == holds
    assert f"the arm adapts better {words}." in str(found)


def test_few_seeds_decide_nothing() -> None:
    few = np.arange(1.0, 5.0)
    given = {"score": few, "reference_score": few, "joules": few, "reference_joules": 2.0 * few}
    found = judge(**given)
    assert (found.non_inferior, found.cheaper, found.decided, found.holds) == (True, True, False, False)
    assert "undecided on 4 of the 10 seeds" in str(found)
    assert judge(**given, rule=Rule(seeds=4)).holds


def test_the_rule_decides_as_it_says() -> None:
    wide = Rule(margin=0.2)
    assert not verdict(-15.0).non_inferior
    assert verdict(-15.0, rule=wide).non_inferior
    noisy = REFERENCE + 6.0 * np.sin(np.arange(11.0))  # no two resamples have the same mean
    sure, unsure = (verdict(score=noisy, rule=Rule(confidence=share)).difference for share in (0.5, 0.99))
    assert unsure.low < sure.low < sure.high < unsure.high
    first, same, other = (verdict(score=noisy, rule=Rule(generator_seed=seed)).difference for seed in (0, 0, 1))
    assert first == same != other


def test_it_says_itself_in_two_sentences_and_the_rule() -> None:
    words, rule = str(verdict(-7.0, 0.5, arm="grow", reference="fixed-512")).split("\n")
    assert words == (
        "grow is not shown to be non-inferior to fixed-512 (score -7 beside 100, 95 % interval -7 to -7, bound -5) and "
        "cheaper (energy ratio 0.5, 95 % interval 0.5 to 0.5, bound 1). The hypothesis does not hold on 11 seeds; that "
        "grow adapts better is untested."
    )
    assert rule == str(RULE)
    assert "lower bound of the 95 % interval of (arm − reference) is above −5 %" in rule


def test_tasks_are_strata() -> None:
    tasks = np.stack([REFERENCE, REFERENCE + 100.0])
    found = judge(score=tasks, reference_score=tasks, joules=tasks, reference_joules=2.0 * tasks)
    assert (found.seeds, found.reference_score) == (11, pytest.approx(150.0))
    assert found.holds


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"score": REFERENCE[1:]}, "same seeds"),
        ({"score": np.append(REFERENCE[1:], math.nan)}, "Failed seeds count"),
        ({"joules": JOULES[1:], "reference_joules": JOULES[1:]}, "same runs"),
        ({"joules": np.append(JOULES[1:], 0.0)}, "spends energy"),
        ({"reference_score": REFERENCE - 100.0}, "mean score must be"),
    ],
)
def test_runs_that_decide_nothing_are_refused(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        verdict(**wrong)


@pytest.mark.parametrize("wrong", [{"margin": -0.1}, {"confidence": 1.0}, {"seeds": 0}, {"draws": 0}])
def test_rules_are_validated(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Rule(**wrong)


def test_the_rule_was_fixed_before() -> None:
    """The numbers of the protocol; who changes them afterwards changes the experiment."""
    assert dataclasses.asdict(RULE) == {
        "margin": 0.05, "confidence": 0.95, "seeds": 10, "draws": 10_000, "generator_seed": 0,
    }  # fmt: skip
