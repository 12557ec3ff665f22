"""What rules that are fixed before an experiment have in common: how sure they want to be, and of how many seeds."""

from __future__ import annotations

import dataclasses

from snn_agent import checks
from snn_agent.experiments.statistics import DRAWS


@dataclasses.dataclass(frozen=True, kw_only=True)
class BootstrapRule:
    """A rule that decides by bootstrap intervals of means over paired seeds.

    Attributes:
        confidence: share of the resamples that the intervals span.
        seeds: fewer than this decide nothing.
        draws: resamples of the bootstrap.
        generator_seed: of the bootstrap's generator: the same runs give the same verdict, always.

    Raises:
        ConfigError: a value is out of its range.
    """

    confidence: float = 0.95
    seeds: int = 10
    draws: int = DRAWS
    generator_seed: int = 0

    def __post_init__(self) -> None:
        self._take(
            confidence=checks.positive("confidence", self.confidence, below=1.0),
            seeds=checks.integer("seeds", self.seeds, 1),
            draws=checks.integer("draws", self.draws, 1),
            generator_seed=checks.integer("generator_seed", self.generator_seed, 0),
        )

    def _take(self, **checked: float) -> None:
        """Take up what was checked."""
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def intervals(self) -> str:
        """How the intervals are made, in words."""
        return (
            f"Intervals: bootstrap of the means over paired seeds, percentile method, {self.draws} draws, generator "
            f"seed {self.generator_seed}"
        )


def percent(share: float) -> str:
    """A share in words."""
    return f"{100.0 * share:g} %"
