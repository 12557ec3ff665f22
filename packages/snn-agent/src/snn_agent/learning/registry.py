"""All learning rules by the name that a configuration gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from snn_agent.config import LearningConfig
from snn_agent.learning.contract import LearningRule
from snn_agent.learning.reinforce import Reinforce
from snn_agent.learning.three_factor import ThreeFactor

RULES: Mapping[str, Callable[[LearningConfig], LearningRule]] = MappingProxyType(
    {rule.name: rule for rule in (Reinforce, ThreeFactor)}
)


def make_rule(config: LearningConfig) -> LearningRule:
    """The rule that ``config.rule`` names."""
    return RULES[config.rule](config)
