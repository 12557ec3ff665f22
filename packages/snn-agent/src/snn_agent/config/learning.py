"""How the weights change."""

from __future__ import annotations

import dataclasses
from typing import Final

from snn_agent import checks
from snn_agent.errors import ConfigError

RULE_NAMES: Final = ("reinforce", "three_factor")
FEEDBACKS: Final = ("symmetric", "random", "none")
BASELINES: Final = ("critic", "ema")
SCHEDULE_NAMES: Final = ("constant", "linear_to_zero")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningConfig:
    """How the weights change.

    ``three_factor`` does not read ``max_grad_norm``, ``reuse_epochs``, ``clip_ratio``, ``minibatches``,
    ``normalise_advantages`` and ``ema_decay``: nothing in its step is global but the modulator, and it learns from each
    rollout once, so it wants short ones (``TrainingConfig.rollout_steps``). Its traces decay by ``gamma · lam`` a step.

    Attributes:
        rule: ``"reinforce"`` (a gradient through the network, optionally several passes over the same rollout), or
            ``"three_factor"`` (reward-modulated plasticity with eligibility traces, E41–E47).
        feedback: how the third factor reaches the hidden neurons in ``three_factor``: along the outgoing weights
            (``"symmetric"``), along fixed random ones (``"random"``), or not but as the modulator (``"none"``).
        baseline: ``"critic"`` (a linear readout of the hidden rates), or ``"ema"`` (a running mean of the returns).
        gamma: discount a step.
        lam: λ of the λ-returns.
        learning_rate: Adam's, at the start.
        schedule: ``"constant"`` or ``"linear_to_zero"`` over the training.
        entropy_weight: weight of the policy's entropy in the objective.
        value_weight: weight of the critic's loss.
        max_grad_norm: gradients are clipped to this norm.
        reuse_epochs: passes over each rollout.
        clip_ratio: the importance ratio of a reused decision is clipped to ``1 ± clip_ratio``.
        minibatches: parts of a rollout that are learnt from one after the other.
        normalise_advantages: whether advantages get mean 0 and standard deviation 1 over the rollout.
        newborn_pace: the learning rate of newborn neurons is multiplied with this (``reinforce``).
        newborn_steps: and is so for their first so many steps of the optimizer.
        ema_decay: decay of the ``"ema"`` baseline an update.

    Raises:
        ConfigError: a value is out of its range, or ``three_factor`` has another baseline than the critic.
    """

    rule: str = "reinforce"
    feedback: str = "symmetric"
    baseline: str = "critic"
    gamma: float = 0.9
    lam: float = 0.9
    learning_rate: float = 3e-3
    schedule: str = "linear_to_zero"
    entropy_weight: float = 0.01
    value_weight: float = 0.5
    max_grad_norm: float = 0.5
    reuse_epochs: int = 4
    clip_ratio: float = 0.2
    minibatches: int = 8
    normalise_advantages: bool = True
    newborn_pace: float = 1.0
    newborn_steps: int = 20_000
    ema_decay: float = 0.99

    def __post_init__(self) -> None:
        checked = {
            "rule": checks.choice("rule", self.rule, RULE_NAMES),
            "feedback": checks.choice("feedback", self.feedback, FEEDBACKS),
            "baseline": checks.choice("baseline", self.baseline, BASELINES),
            "gamma": checks.number("gamma", self.gamma, 0.0, 1.0),
            "lam": checks.number("lam", self.lam, 0.0, 1.0),
            "learning_rate": checks.positive("learning_rate", self.learning_rate),
            "schedule": checks.choice("schedule", self.schedule, SCHEDULE_NAMES),
            "entropy_weight": checks.number("entropy_weight", self.entropy_weight, 0.0),
            "value_weight": checks.number("value_weight", self.value_weight, 0.0),
            "max_grad_norm": checks.positive("max_grad_norm", self.max_grad_norm),
            "reuse_epochs": checks.integer("reuse_epochs", self.reuse_epochs, 1),
            "clip_ratio": checks.positive("clip_ratio", self.clip_ratio),
            "minibatches": checks.integer("minibatches", self.minibatches, 1),
            "normalise_advantages": checks.flag("normalise_advantages", self.normalise_advantages),
            "newborn_pace": checks.positive("newborn_pace", self.newborn_pace),
            "newborn_steps": checks.integer("newborn_steps", self.newborn_steps, 0),
            "ema_decay": checks.number("ema_decay", self.ema_decay, 0.0, 1.0),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.rule == "three_factor" and self.baseline != "critic":
            raise ConfigError(
                f'rule="three_factor" compares the reward with what each state lets expect, which baseline='
                f'{self.baseline!r} does not know. Use baseline="critic".'
            )
