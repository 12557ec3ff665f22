"""The continual study's rule around its thresholds, with intervals that have no width where that is wanted."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from snn_agent.errors import ConfigError
from snn_agent.experiments.continual_verdict import (
    RULE,
    ContinualRule,
    ContinualVerdict,
    Lifetimes,
    References,
    judge,
)

N = 11
VARIED = np.linspace(0.5, 1.5, N)
GOOD: dict[str, Any] = {
    "forgetting": np.array([[0.04] * N, [-0.1] * N, [0.01] * N]),
    "recovery_steps": 0.09 * VARIED,
    "scratch_steps": VARIED,
    "joules": 0.9 * VARIED,
    "performance": 0.1 + VARIED,
    "fixed_joules": VARIED,
    "progressive_joules": 1.1 * VARIED,
    "ewc_performance": VARIED,
}


def verdict(rule: ContinualRule = RULE, **changed: npt.ArrayLike) -> ContinualVerdict:
    given = GOOD | changed
    lived = Lifetimes(**{name: given[name] for name in Lifetimes._fields})
    references = References(**{name: given[name] for name in References._fields})
    return judge(lived, references, arm="isolate", rule=rule)


def parts(found: ContinualVerdict) -> tuple[bool, bool, bool, bool]:
    return found.keeps, found.recovers, found.cheaper, found.better


def test_numbers_by_hand() -> None:
    found = verdict()
    assert [loss.value for loss in found.forgetting] == pytest.approx([0.04, -0.1, 0.01])
    assert found.recovery == pytest.approx((0.09,) * 3)
    assert found.fixed_ratio == pytest.approx((0.9,) * 3)
    assert found.progressive_ratio == pytest.approx((0.9 / 1.1,) * 3)
    assert found.difference == pytest.approx((0.1,) * 3)
    assert parts(found) == (True,) * 4
    assert (found.seeds, found.unrecovered, found.holds) == (N, 0, True)


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        (0, {"forgetting": np.array([[0.0] * N, [0.051] * N])}),  # one task is enough
        (1, {"recovery_steps": 0.101 * VARIED}),
        (2, {"joules": 1.01 * VARIED}),  # dearer than fixed-512 only
        (2, {"progressive_joules": 0.89 * VARIED}),  # dearer than progressive only
        (3, {"performance": VARIED - 0.001}),
    ],
)
def test_each_part_denies_by_itself(part: int, changed: dict[str, npt.ArrayLike]) -> None:
    found = verdict(**changed)
    assert parts(found) == tuple(index != part for index in range(4))
    assert not found.holds


def test_on_the_threshold_is_not_beyond_it() -> None:
    whole = np.full(N, 64.0)
    rule = ContinualRule(forgetting=0.0625, recovery=0.125)
    found = verdict(
        rule,
        forgetting=np.full((1, N), 0.0625),
        recovery_steps=whole / 8,
        scratch_steps=whole,
        joules=whole,
        fixed_joules=whole,
        progressive_joules=whole,
        performance=whole,
        ewc_performance=whole,
    )
    assert parts(found) == (False,) * 4


def test_bounds_decide_and_not_means() -> None:
    unsure = np.array([1.0, -1.0] * 5 + [0.0])
    found = verdict(
        forgetting=[0.03 + 0.2 * unsure],
        recovery_steps=(0.08 + 0.08 * unsure) * VARIED,
        joules=(0.95 + 0.5 * unsure) * VARIED,
        performance=VARIED + 0.01 + unsure,
    )
    assert found.forgetting[0].value < RULE.forgetting
    assert found.recovery.value < RULE.recovery
    assert found.fixed_ratio.value < 1.0
    assert found.difference.value > 0.0
    assert parts(found) == (False,) * 4
    unsure_joules = (0.95 + 0.5 * unsure) * VARIED
    assert not verdict(joules=unsure_joules, progressive_joules=9.0 * VARIED).cheaper
    assert not verdict(joules=unsure_joules, fixed_joules=9.0 * VARIED, progressive_joules=VARIED).cheaper


def test_one_seed_that_never_comes_back_denies_whatever_the_others_took() -> None:
    found = verdict(recovery_steps=[math.inf, *[0.0] * (N - 1)])
    assert found.recovery == (0.0, 0.0, 0.0)
    assert (found.unrecovered, found.recovers) == (1, False)
    assert "1 of 11 seeds did not come back" in str(found)
    none = verdict(recovery_steps=[math.inf] * N)
    assert math.isnan(none.recovery.value)
    assert (none.unrecovered, none.recovers) == (N, False)


def test_few_seeds_decide_nothing() -> None:
    few = {name: np.asarray(values)[..., :4] for name, values in GOOD.items()}
    found = verdict(**few)
    assert parts(found) == (True,) * 4
    assert not found.holds
    assert "undecided on 4 of the 10 seeds" in str(found)
    assert verdict(ContinualRule(seeds=4), **few).holds


def test_seeds_are_paired() -> None:
    """What differs between seeds and not between arms is no doubt."""
    order = np.random.default_rng(0).permutation(N)
    assert verdict(performance=0.01 + 100.0 * VARIED, ewc_performance=100.0 * VARIED).better
    assert not verdict(performance=0.01 + 100.0 * VARIED, ewc_performance=100.0 * VARIED[order]).better


def test_it_says_itself_and_the_rule() -> None:
    words, rule = str(verdict(joules=2.0 * VARIED)).split("\n")
    assert words.startswith("isolate was shown to keep each task (lost share 0.04 (95 % interval 0.04 to 0.04), -0.1")
    assert "was not shown to be cheaper (energy ratio 2 (95 % interval 2 to 2) to fixed-512 and 1.818" in words
    assert words.endswith("The goal is not reached on 11 seeds.")
    assert rule == str(RULE)
    for said in ("below 5 %", "stay at 90 %", "below 10 %", "below 1;", "above 0.", "at least 10 seeds"):
        assert said in rule


def test_the_rule_decides_as_it_says() -> None:
    assert verdict(ContinualRule(forgetting=0.2), forgetting=[[0.15] * N]).keeps
    assert verdict(ContinualRule(recovery=0.5), recovery_steps=0.4 * VARIED).recovers
    noisy = 1.2 + np.sin(np.arange(float(N)))
    sure, unsure = (verdict(ContinualRule(confidence=share), performance=noisy).difference for share in (0.5, 0.99))
    assert unsure.low < sure.low < sure.high < unsure.high
    first, same, other = (verdict(ContinualRule(generator_seed=seed), performance=noisy) for seed in (0, 0, 1))
    assert first == same
    assert first.difference != other.difference


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"joules": VARIED[1:]}, "same seeds"),
        ({"performance": VARIED[1:], "ewc_performance": VARIED[1:]}, "same seeds, one each"),
        ({"forgetting": [[0.0] * (N - 1)]}, "same seeds, one each"),
        ({"forgetting": [[math.nan] * N]}, "forgetting must be finite"),
        ({"joules": 0.0 * VARIED}, "spends energy"),
        ({"recovery_steps": [math.nan] * N}, "recovery_steps"),
        ({"recovery_steps": -VARIED}, "recovery_steps"),
        ({"scratch_steps": 0.0 * VARIED}, "above zero"),
    ],
)
def test_runs_that_decide_nothing_are_refused(wrong: dict[str, npt.ArrayLike], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        verdict(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"forgetting": 0.0}, {"recovery": 0.0}, {"level": 1.0}, {"confidence": 1.0}, {"seeds": 0}, {"draws": 0}]
)
def test_rules_are_validated(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ContinualRule(**wrong)


def test_the_rule_was_fixed_before() -> None:
    """The numbers of the protocol; who changes them afterwards changes the experiment."""
    assert dataclasses.asdict(RULE) == {
        "forgetting": 0.05, "recovery": 0.10, "level": 0.9, "confidence": 0.95, "seeds": 10, "draws": 10_000,
        "generator_seed": 0,
    }  # fmt: skip
