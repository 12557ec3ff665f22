"""Which neurons are born and die, and when."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from snn_agent import checks

GROWTH_NAMES: Final = ("none", "low_rate", "periodic", "adaptive")
PRUNING_NAMES: Final = ("none", "low_rate", "low_utility")
BIRTH_NAMES: Final = ("zero_out", "kaiming_noise")
INTERVAL_UNITS: Final = ("episodes", "updates", "env_steps")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StructureConfig:
    """Which neurons are born and die, and when; the sizes they stay within are in :class:`NetworkConfig`.

    Attributes:
        growth: ``"none"``, ``"low_rate"``, ``"periodic"``, or ``"adaptive"`` (the original's, which also prunes).
        birth: ``"zero_out"`` (the policy does not change) or ``"kaiming_noise"`` (the original's).
        growth_size: neurons born at a time.
        growth_rate_threshold: growth below this mean rate, spikes/tick (``low_rate``, ``adaptive``).
        grow_interval: growth is considered this often.
        grow_votes: and happens when it was wanted this often in a row.
        grow_cool_down: growth rests this long after a birth.
        max_growth_events: growth ends after so many edits; None: never.
        newborn_target_share: share of recent observations on which a newborn is made to spike; None: as drawn.
        pruning: ``"none"``, ``"low_rate"`` or ``"low_utility"``.
        prune_interval: pruning is considered this often.
        prune_rate_threshold: a neuron below this rate is quiet, spikes/tick (``low_rate``, ``adaptive``).
        prune_quiet_share: the quiet die once they are more than this share of the living (``low_rate``).
        prune_share: at most this share of the living die at once (``low_utility``).
        maturity_updates: neurons younger than this do not die; the original has 0.
        compensate: whether the biases make up for the mean effect of the dying.
        interval_unit: of intervals and cool-down: ``"episodes"``, ``"updates"`` or ``"env_steps"``.
        plateau_window: the means of two windows of so many episodes are compared (``adaptive``).
        plateau_tolerance: learning stands still below this relative improvement (``adaptive``).
    """

    growth: str = "low_rate"
    birth: str = "zero_out"
    growth_size: int = 32
    growth_rate_threshold: float = 0.05
    grow_interval: int = 100
    grow_votes: int = 1
    grow_cool_down: int = 0
    max_growth_events: int | None = None
    newborn_target_share: float | None = None
    pruning: str = "low_rate"
    prune_interval: int = 50
    prune_rate_threshold: float = 0.005
    prune_quiet_share: float = 0.3
    prune_share: float = 0.05
    maturity_updates: int = 50
    compensate: bool = True
    interval_unit: str = "episodes"
    plateau_window: int = 50
    plateau_tolerance: float = 0.02

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "growth": checks.choice("growth", self.growth, GROWTH_NAMES),
            "birth": checks.choice("birth", self.birth, BIRTH_NAMES),
            "pruning": checks.choice("pruning", self.pruning, PRUNING_NAMES),
            "interval_unit": checks.choice("interval_unit", self.interval_unit, INTERVAL_UNITS),
            "compensate": checks.flag("compensate", self.compensate),
            "plateau_tolerance": checks.number("plateau_tolerance", self.plateau_tolerance),
        }
        for name in ("growth_size", "grow_interval", "grow_votes", "prune_interval", "plateau_window"):
            checked[name] = checks.integer(name, getattr(self, name), 1)
        for name in ("grow_cool_down", "maturity_updates"):
            checked[name] = checks.integer(name, getattr(self, name), 0)
        for name in ("growth_rate_threshold", "prune_rate_threshold", "prune_quiet_share", "prune_share"):
            checked[name] = checks.number(name, getattr(self, name), 0.0, 1.0)
        if self.max_growth_events is not None:
            checked["max_growth_events"] = checks.integer("max_growth_events", self.max_growth_events, 0)
        if self.newborn_target_share is not None:
            share = checks.number("newborn_target_share", self.newborn_target_share, 0.0, 1.0)
            checked["newborn_target_share"] = checks.positive("newborn_target_share", share)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
