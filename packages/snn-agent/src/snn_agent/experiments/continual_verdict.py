"""Whether an arm learns for life: it keeps, comes back fast, is cheap, and beats EWC. A rule fixed before the runs."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.experiments.rules import BootstrapRule, percent
from snn_agent.experiments.statistics import Estimate, bootstrap, difference, means, paired, ratio, scores_table


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContinualRule(BootstrapRule):
    """When an arm has reached the goal of learning for life. The bounds of intervals decide, not means.

    Attributes:
        forgetting: share of each task that may be lost while it is away.
        recovery: share of the scratch learner's steps in which the score must be back on the return to the first task.
        level: the score is back at this share of what it was when the task was left.
    """

    forgetting: float = 0.05
    recovery: float = 0.10
    level: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        self._take(
            forgetting=checks.positive("forgetting", self.forgetting, below=1.0),
            recovery=checks.positive("recovery", self.recovery),
            level=checks.positive("level", self.level, below=1.0),
        )

    def __str__(self) -> str:
        share = percent(self.confidence)
        return (
            f"Rule: an arm keeps if, for each task, the upper bound of the {share} interval of what was lost of it "
            f"while it was away, over what was known of it when it was left, is below {percent(self.forgetting)}; it "
            f"recovers if on the return to the first task every seed comes back to stay at {percent(self.level)} of "
            f"the score with which it had left, and the upper bound of the interval of its steps until then over those "
            f"of the same arm learning the task from scratch to the same score is below {percent(self.recovery)}; it "
            f"is cheaper if the upper bounds of the intervals of its cumulative energy over fixed-512's and over "
            f"progressive's are below 1; it is better than ewc if the lower bound of the interval of the difference in "
            f"average performance is above 0. The goal is reached if all four, over at least {self.seeds} seeds. "
            f"{self.intervals}. A failed seed counts as having lost all, never come back, scored as acting "
            f"at random does, and with the energy that it spent. Where scratch never reached the score, its steps are "
            f"those of its whole run."
        )


RULE = ContinualRule()
"""The rule of the continual study."""


class Lifetimes(NamedTuple):
    """What the runs of an arm came to, by seed; failed seeds filled in."""

    forgetting: npt.ArrayLike  # [tasks, seeds] relative, of each task that was ever away
    recovery_steps: npt.ArrayLike  # [seeds] on the return to the first task; infinite where it did not come back
    scratch_steps: npt.ArrayLike  # [seeds] of the same arm's scratch run to the same level, or its whole length
    joules: npt.ArrayLike  # [seeds] cumulative
    performance: npt.ArrayLike  # [seeds] average performance, normalised


class References(NamedTuple):
    """What the arm is held against: runs of the same seeds in the same order."""

    fixed_joules: npt.ArrayLike  # [seeds] of fixed-512
    progressive_joules: npt.ArrayLike  # [seeds]
    ewc_performance: npt.ArrayLike  # [seeds]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContinualVerdict:
    """What the rule says of an arm; as a string, in sentences and the rule.

    Attributes:
        rule: which decided.
        arm: its name.
        seeds: how many it had.
        forgetting: mean relative loss of each task that was away.
        recovery: mean steps to recover over the scratch learner's; where seeds did not recover, of those that did
            (NaN if none).
        unrecovered: seeds that did not come back.
        fixed_ratio: mean joules over fixed-512's.
        progressive_ratio: mean joules over progressive's.
        difference: mean average performance less ewc's.
    """

    rule: ContinualRule
    arm: str
    seeds: int
    forgetting: tuple[Estimate, ...]
    recovery: Estimate
    unrecovered: int
    fixed_ratio: Estimate
    progressive_ratio: Estimate
    difference: Estimate

    @property
    def keeps(self) -> bool:
        """Whether it was shown to forget little of each task."""
        return all(loss.high < self.rule.forgetting for loss in self.forgetting)

    @property
    def recovers(self) -> bool:
        """Whether it was shown to come back fast."""
        return self.unrecovered == 0 and self.recovery.high < self.rule.recovery

    @property
    def cheaper(self) -> bool:
        """Whether it was shown to take less energy than both."""
        return self.fixed_ratio.high < 1.0 and self.progressive_ratio.high < 1.0

    @property
    def better(self) -> bool:
        """Whether it was shown to perform better than ewc."""
        return self.difference.low > 0.0

    @property
    def decided(self) -> bool:
        """Whether there are as many seeds as the rule asks for."""
        return self.seeds >= self.rule.seeds

    @property
    def holds(self) -> bool:
        """Whether the goal is reached."""
        return self.decided and self.keeps and self.recovers and self.cheaper and self.better

    def __str__(self) -> str:
        lost = ", ".join(map(self._told, self.forgetting))
        stayed_away = f"; {self.unrecovered} of {self.seeds} seeds did not come back" if self.unrecovered else ""
        recovered = f"share of scratch's steps {self._told(self.recovery)}; bound {self.rule.recovery:g}{stayed_away}"
        dear = f"{self._told(self.fixed_ratio)} to fixed-512 and {self._told(self.progressive_ratio)} to progressive"
        found = [
            f"{self.arm} {_shown(self.keeps)} to keep each task (lost share {lost}; bound {self.rule.forgetting:g})",
            f"{_shown(self.recovers)} to recover fast ({recovered})",
            f"{_shown(self.cheaper)} to be cheaper (energy ratio {dear}; bound 1)",
            f"{_shown(self.better)} to perform better than ewc (difference {self._told(self.difference)}; bound 0)",
        ]
        goal = f"The goal is {'reached' if self.holds else 'not reached'} on {self.seeds} seeds"
        if not self.decided:
            goal = f"The goal is undecided on {self.seeds} of the {self.rule.seeds} seeds that it takes"
        return f"{'; '.join(found)}. {goal}.\n{self.rule}"

    def _told(self, estimate: Estimate) -> str:
        share = percent(self.rule.confidence)
        return f"{estimate.value:.4g} ({share} interval {estimate.low:.4g} to {estimate.high:.4g})"


def judge(
    lived: Lifetimes, references: References, *, arm: str = "the arm", rule: ContinualRule = RULE
) -> ContinualVerdict:
    """Apply the rule to the runs of an arm and of its references, of the same seeds in the same order.

    Args:
        lived: what the arm's runs came to.
        references: what it is held against.
        arm: its name.
        rule: the study's, or one of a trial.

    Raises:
        ConfigError: if shapes differ, a number is not finite (but for recovery), steps are below 0, or energy or the
            scratch learner's steps are not above 0.
    """
    joules = paired(lived.joules, references.fixed_joules, references.progressive_joules)
    if (joules <= 0.0).any():
        raise ConfigError(f"every run spends energy, got {joules.min():g} J. Give what was spent, of failed runs too.")
    performance = paired(lived.performance, references.ewc_performance)
    lost = scores_table("forgetting", lived.forgetting)
    steps = np.asarray(lived.recovery_steps, dtype=np.float64)
    if np.isnan(steps).any() or (steps < 0.0).any():
        raise ConfigError("recovery_steps must be 0 or more, infinite where a seed did not come back.")
    back = np.isfinite(steps)
    came = paired(np.where(back, steps, 0.0), lived.scratch_steps)[:, 0]
    counts = {table.shape[-1] for table in (joules, performance, lost, came)}
    if len(counts) > 1 or joules.shape[1] > 1 or performance.shape[1] > 1:
        raise ConfigError(f"all numbers must be of the same seeds, one each, got {sorted(counts)} seeds.")
    generator = np.random.default_rng(rule.generator_seed)

    def over(these: npt.ArrayLike, those: npt.ArrayLike) -> Estimate:
        return ratio(these, those, generator, draws=rule.draws, confidence=rule.confidence)

    return ContinualVerdict(
        rule=rule,
        arm=arm,
        seeds=counts.pop(),
        forgetting=tuple(
            bootstrap(task, means, generator, draws=rule.draws, confidence=rule.confidence) for task in lost
        ),
        recovery=over(came[0][back], came[1][back]) if back.any() else Estimate(math.nan, math.nan, math.nan),
        unrecovered=int((~back).sum()),
        fixed_ratio=over(joules[0], joules[1]),
        progressive_ratio=over(joules[0], joules[2]),
        difference=difference(performance[0], performance[1], generator, draws=rule.draws, confidence=rule.confidence),
    )


def _shown(shown: bool) -> str:
    return "was shown" if shown else "was not shown"
