"""Learning rates over a run, as functions of the progress: the share of the planned training that is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from snn_agent.errors import ConfigError

Schedule = Callable[[float, float], float]
"""``(initial learning rate, progress) -> learning rate``."""


def constant(initial: float, progress: float) -> float:
    """The initial rate throughout."""
    _done(progress)
    return initial


def linear_to_zero(initial: float, progress: float) -> float:
    """``initial · (1 − progress)``; the last rollout may pass the end, where the rate stays 0."""
    return initial * (1.0 - _done(progress))


SCHEDULES: Mapping[str, Schedule] = MappingProxyType({"constant": constant, "linear_to_zero": linear_to_zero})
"""All schedules by the name that a configuration gives."""


def _done(progress: float) -> float:
    if not progress >= 0.0:  # also catches NaN
        raise ConfigError(f"progress is the share of the training that is done and starts at 0, got {progress!r}.")
    return min(progress, 1.0)
