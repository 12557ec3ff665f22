"""A constant to compare returns with, where there is no critic: their exponential moving average."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from snn_agent.errors import ConfigError


@dataclass(frozen=True)
class EmaState:
    """State of an :class:`EmaBaseline`: the moving average before its bias correction, and the updates it has seen."""

    average: float
    count: int


@dataclass(frozen=True)
class EmaBaseline:
    """The original system's baseline: ``m ← β·m + (1−β)·mean(G)``, read as ``m / (1 − β^n)``.

    The correction (Kingma & Ba, arXiv 1412.6980, section 3) makes the value after one update the mean itself, not a
    (1−β)th of it. Where this baseline is used its value stands for V *everywhere*, also where a return bootstraps:
    a truncated episode then goes on at the average. So returns and baseline have the same scale.

    Args:
        decay: β in [0, 1).
    """

    decay: float = 0.99

    def __post_init__(self) -> None:
        if not 0.0 <= self.decay < 1.0:
            raise ConfigError(f"the decay of the moving-average baseline must lie in [0, 1), got {self.decay!r}.")

    def init(self) -> EmaState:
        """No return seen; the value is 0."""
        return EmaState(0.0, 0)

    def update(self, state: EmaState, returns: Tensor) -> EmaState:
        """The state after one more batch of returns, any shape; an empty batch changes nothing."""
        if returns.numel() == 0:
            return state
        mean = float(returns.double().mean())
        return EmaState(self.decay * state.average + (1.0 - self.decay) * mean, state.count + 1)

    def value(self, state: EmaState) -> float:
        """The baseline, in the returns' unit."""
        return state.average / (1.0 - self.decay**state.count) if state.count else 0.0
