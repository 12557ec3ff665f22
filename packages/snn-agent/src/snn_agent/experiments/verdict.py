"""Whether an arm forages as well as its reference with less energy: a rule fixed before the runs, and its verdict."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.experiments.rules import BootstrapRule, percent
from snn_agent.experiments.statistics import Estimate, difference, means, paired, ratio


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule(BootstrapRule):
    """When the hypothesis holds. Means are compared, not interquartile means, from which a failed seed is left out.

    Attributes:
        margin: an arm may score less than the reference by this share of it.
    """

    margin: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        self._take(margin=checks.number("margin", self.margin, 0.0, 1.0))

    def __str__(self) -> str:
        share = percent(self.confidence)
        return (
            f"Rule: an arm is non-inferior if the lower bound of the {share} interval of (arm − reference) is above "
            f"−{percent(self.margin)} of the reference's mean score, and cheaper if the upper bound of the {share} "
            "interval of the energy ratio arm / reference is below 1; the hypothesis holds if both, over at least "
            f"{self.seeds} seeds. {self.intervals}; failed seeds count with the worst score."
        )


RULE = Rule()
"""The rule of the experiment."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the rule says of an arm; as a string, in two sentences and the rule.

    Attributes:
        rule: which decided.
        arm: its name.
        reference: name of what it was held against.
        seeds: how many each of them had.
        reference_score: mean score of the reference.
        difference: mean score of the arm less that of the reference.
        energy_ratio: mean joules of the arm over those of the reference.
        non_inferior: whether the arm was shown to score as well, but for the margin.
        cheaper: whether it was shown to take less energy.
        adapts_better: the same of adaptation, decided elsewhere; None: untested.
    """

    rule: Rule
    arm: str
    reference: str
    seeds: int
    reference_score: float
    difference: Estimate
    energy_ratio: Estimate
    non_inferior: bool
    cheaper: bool
    adapts_better: bool | None

    @property
    def decided(self) -> bool:
        """Whether there are as many seeds as the rule asks for."""
        return self.seeds >= self.rule.seeds

    @property
    def holds(self) -> bool:
        """Whether the hypothesis holds, in what was tested of it."""
        return self.decided and self.non_inferior and self.cheaper and self.adapts_better is not False

    def __str__(self) -> str:
        share, score, energy = percent(self.rule.confidence), self.difference, self.energy_ratio
        bound = -self.rule.margin * self.reference_score
        measured = (
            f"{self.arm} is {'' if self.non_inferior else 'not shown to be '}non-inferior to {self.reference} "
            f"(score {score.value:+.4g} beside {self.reference_score:.4g}, {share} interval {score.low:+.4g} to "
            f"{score.high:+.4g}, bound {bound:+.4g}) and {'' if self.cheaper else 'not shown to be '}cheaper (energy "
            f"ratio {energy.value:.4g}, {share} interval {energy.low:.4g} to {energy.high:.4g}, bound 1)."
        )
        found = f"The hypothesis {'holds' if self.holds else 'does not hold'} on {self.seeds} seeds"
        if not self.decided:
            found = f"The hypothesis is undecided on {self.seeds} of the {self.rule.seeds} seeds that it takes"
        adapting = {None: "is untested", True: "was shown", False: "was not shown"}[self.adapts_better]
        return f"{measured} {found}; that {self.arm} adapts better {adapting}.\n{self.rule}"


def judge(
    *,
    score: npt.ArrayLike,
    reference_score: npt.ArrayLike,
    joules: npt.ArrayLike,
    reference_joules: npt.ArrayLike,
    arm: str = "the arm",
    reference: str = "the reference",
    rule: Rule = RULE,
    adapts_better: bool | None = None,
) -> Verdict:
    """Apply the rule to runs of an arm and of its reference, of the same seeds in the same order.

    Args:
        score: final scores of the arm, [seeds] or [tasks, seeds], failed seeds filled in.
        reference_score: the same of the reference, of which the mean is above 0.
        joules: spent on acting and learning over the run, of a failed one too.
        reference_joules: the same of the reference.
        arm: its name.
        reference: its name.
        rule: the experiment's, or one of a trial.
        adapts_better: whether the arm was shown to adapt better; None: not tested.

    Raises:
        ConfigError: if shapes differ, a number is not finite, energy is not above 0, or the reference's mean is not.
    """
    scores, prices = paired(score, reference_score), paired(joules, reference_joules)
    if scores.shape != prices.shape:
        raise ConfigError(
            f"scores and joules must be of the same runs, got {list(scores.shape[1:])} and {list(prices.shape[1:])} "
            "[tasks, seeds]."
        )
    if (prices <= 0.0).any():
        raise ConfigError(f"every run spends energy, got {prices.min():g} J. Give what was spent, of failed runs too.")
    mean = checks.positive("the reference's mean score", means(scores[1].ravel()), hint="A share of it is the margin.")
    generator = np.random.default_rng(rule.generator_seed)
    apart = difference(scores[0], scores[1], generator, draws=rule.draws, confidence=rule.confidence)
    cost = ratio(prices[0], prices[1], generator, draws=rule.draws, confidence=rule.confidence)
    return Verdict(
        rule=rule,
        arm=arm,
        reference=reference,
        seeds=scores.shape[-1],
        reference_score=mean,
        difference=apart,
        energy_ratio=cost,
        non_inferior=apart.low > -rule.margin * mean,
        cheaper=cost.high < 1.0,
        adapts_better=adapts_better,
    )
