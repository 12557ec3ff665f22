"""What an organism does where one task ends and another begins."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from snn_agent import checks
from snn_agent.config.learning import LearningConfig
from snn_agent.config.network import NetworkConfig
from snn_agent.errors import ConfigError

BOUNDARIES: Final = ("given", "detected", "ignored")
HEADS: Final = ("shared", "task")
CONSOLIDATIONS: Final = ("none", "ewc", "online_ewc")
DETECTORS: Final = ("reward", "novelty")
FALSE_ALARM_UPDATES: Final = (2.0 * (math.expm1(1.166) - 1.166), 1e12)
"""Mean numbers of updates between false alarms that can be asked for. A detector that is alarmed by the least surprise,
threshold h = 0, has the first (E55, k = 0.5), and nobody could check what is beyond the second:
:func:`snn_agent.metrics.change.threshold_for` would refuse both, but only when the detector is made."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContinualConfig:
    """What an organism does where one task ends and another begins; as it is, nothing.

    Each part composes with the others and with every :class:`~snn_agent.config.StructureConfig`.

    Attributes:
        boundaries: how it knows that another task begins: it is told, and which one (``"given"``); it notices a change
            by itself (``"detected"``); or it does not know (``"ignored"``).
        heads: whether all tasks have the same readout and critic (``"shared"``), or each its own (``"task"``), which is
            put away when the task ends and taken up when it comes back.
        consolidation: what holds weights that mattered to earlier tasks: ``"none"``, ``"ewc"`` (a quadratic penalty
            for each task that ended) or ``"online_ewc"`` (one that fades).
        ewc_strength: λ of the penalty.
        ewc_decay: γ of ``"online_ewc"``, what is left of earlier tasks' importance at each task's end.
        fisher_samples: states of the task that ends on which importance is measured, at most.
        protect: share of the utility of the unprotected neurons whose bearers are protected when a task ends: 0
            nobody, 1 everybody. The incoming weights, biases and thresholds of the protected stay as they are for good.
        column_size: neurons born when a task begins that was never met, as many of them as there is room for.
        detector: what is watched: the ``"reward"`` per step, which falls, or the critic's surprise (``"novelty"``),
            which rises.
        false_alarm_updates: mean number of updates between two false alarms, ARL0, from 2.09; what it assumes is said
            at :class:`snn_agent.metrics.change.Cusum`.

    Raises:
        ConfigError: a value is out of its range, or something is to be done at boundaries that are ignored.
    """

    boundaries: str = "given"
    heads: str = "shared"
    consolidation: str = "none"
    ewc_strength: float = 1.0
    ewc_decay: float = 0.9
    fisher_samples: int = 1024
    protect: float = 0.0
    column_size: int = 0
    detector: str = "reward"
    false_alarm_updates: float = 10_000.0

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "boundaries": checks.choice("boundaries", self.boundaries, BOUNDARIES),
            "heads": checks.choice("heads", self.heads, HEADS),
            "consolidation": checks.choice("consolidation", self.consolidation, CONSOLIDATIONS),
            "ewc_strength": checks.number("ewc_strength", self.ewc_strength, 0.0),
            "ewc_decay": checks.number("ewc_decay", self.ewc_decay, 0.0, 1.0),
            "fisher_samples": checks.integer("fisher_samples", self.fisher_samples, 1),
            "protect": checks.number("protect", self.protect, 0.0, 1.0),
            "column_size": checks.integer("column_size", self.column_size, 0),
            "detector": checks.choice("detector", self.detector, DETECTORS),
            "false_alarm_updates": checks.number(
                "false_alarm_updates",
                self.false_alarm_updates,
                *FALSE_ALARM_UPDATES,
                "The first is what a detector has that is alarmed by the least surprise. Ask for more, such as 1000.",
            ),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.boundaries == "ignored" and self.acts:
            raise ConfigError(
                f'boundaries="ignored" leaves no moment for {", ".join(self.acts)}. Use boundaries="given" or '
                f'"detected", or leave that out.'
            )

    @property
    def acts(self) -> tuple[str, ...]:
        """What is done at a boundary, as it was asked for; empty: nothing."""
        asked = {
            f"heads={self.heads!r}": self.heads != "shared",
            f"consolidation={self.consolidation!r}": self.consolidation != "none",
            f"protect={self.protect:g}": self.protect > 0.0,
            f"column_size={self.column_size}": self.column_size > 0,
        }
        return tuple(name for name, is_asked in asked.items() if is_asked)

    def refuse_unfit(self, learning: LearningConfig, network: NetworkConfig) -> None:
        """Raise ConfigError where this cannot work with how weights change or with what the network is."""
        needing = [name for name in self.acts if not name.startswith("column_size")]
        if learning.rule != "reinforce" and needing:
            raise ConfigError(
                f"rule={learning.rule!r} can neither hold weights nor change its readout, but {', '.join(needing)} "
                f'asks for it. Use rule="reinforce", or leave that out.'
            )
        if self.boundaries == "detected" and self.detector == "novelty" and learning.baseline != "critic":
            raise ConfigError(
                f'detector="novelty" watches the critic, but with baseline={learning.baseline!r} none learns. Use '
                f'baseline="critic", or detector="reward".'
            )
        if self.consolidation != "none" and (network.encoding == "poisson" or network.carry_state):
            raise ConfigError(
                f"consolidation={self.consolidation!r} needs decisions that depend on what is seen alone, but the "
                f"network has encoding={network.encoding!r} and carry_state={network.carry_state}. Use "
                f'encoding="constant" and carry_state=False.'
            )


METHODS: Final[Mapping[str, ContinualConfig]] = MappingProxyType(
    {
        "plain": ContinualConfig(),
        "ewc": ContinualConfig(consolidation="ewc"),
        "online_ewc": ContinualConfig(consolidation="online_ewc"),
        "progressive": ContinualConfig(heads="task", protect=1.0, column_size=64),
        "isolate": ContinualConfig(protect=0.7),
    }
)
"""Methods by name, told where tasks begin; ``dataclasses.replace`` makes others of them.

``plain`` does nothing. ``ewc``, ``online_ewc``: Kirkpatrick et al., PNAS 114:3521, 2017, and Schwarz et al., *Progress
& Compress*, ICML 2018. ``progressive``: a column of new neurons and a head for each task, the old ones frozen, after
Rusu et al., *Progressive Neural Networks*, arXiv 1606.04671, 2016; with one hidden layer the lateral connections are
the new head's to the old columns. ``isolate``: the neurons that carry a task keep what they have learnt, after Mallya &
Lazebnik, *PackNet*, CVPR 2018; there is one head, and whom a later task needs beside them learns or is born.
"""
