"""How the weights change."""

from __future__ import annotations

import dataclasses
from typing import Final

from snn_agent import checks

BASELINES: Final = ("critic", "ema")
SCHEDULE_NAMES: Final = ("constant", "linear_to_zero")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningConfig:
    """How the weights change: REINFORCE with a baseline, optionally several passes over the same rollout.

    Attributes:
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
        ema_decay: decay of the ``"ema"`` baseline an update.
    """

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
    ema_decay: float = 0.99

    def __post_init__(self) -> None:
        checked = {
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
            "ema_decay": checks.number("ema_decay", self.ema_decay, 0.0, 1.0),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
