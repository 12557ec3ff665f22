"""The original's adaptive heuristic: a quiet network grows when learning stands still, and is tidied when it moves."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from snn_agent import checks
from snn_agent.network.surgery import StructuralEdit
from snn_agent.plasticity.contract import StructuralContext, StructuralRule
from snn_agent.plasticity.growth import PeriodicGrowth, is_quiet
from snn_agent.plasticity.plateau import relative_improvement
from snn_agent.plasticity.pruning import LowRatePruning


class AdaptiveState(NamedTuple):
    """The states of the two rules."""

    growth: Any
    pruning: Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdaptiveHeuristic:
    """While the mean rate is low: grow if the returns are on a plateau, else prune.

    The original only sketches it and leaves the plateau open. Here it is ``relative_improvement < tolerance``, so
    getting worse is a plateau too. As long as there are fewer than two windows of returns, nothing is proposed.

    Attributes:
        threshold: the network is quiet below this mean rate, spikes/tick.
        window: episodes.
        tolerance: relative improvement below which learning stands still.
        growth: who is born then.
        pruning: who dies otherwise; by default all quiet neurons, however few.
        name: of the rule.
    """

    threshold: float = 0.05
    window: int = 50
    tolerance: float = 0.02
    growth: StructuralRule = dataclasses.field(default_factory=PeriodicGrowth)
    pruning: StructuralRule = dataclasses.field(default_factory=lambda: LowRatePruning(quiet_share=0.0))
    name: str = "adaptive"

    def __post_init__(self) -> None:
        checks.number("threshold", self.threshold, 0.0)
        checks.integer("window", self.window, 1)
        checks.number("tolerance", self.tolerance)

    def init(self) -> AdaptiveState:
        """The first states of the two rules."""
        return AdaptiveState(self.growth.init(), self.pruning.init())

    def propose(self, state: AdaptiveState, context: StructuralContext) -> tuple[StructuralEdit | None, AdaptiveState]:
        """What the growth rule or the pruning rule proposes, or neither."""
        improvement = relative_improvement(context.recent_returns, self.window)
        if improvement is None or not is_quiet(context, self.threshold):
            return None, state
        if improvement < self.tolerance:
            edit, growth = self.growth.propose(state.growth, context)
            state = state._replace(growth=growth)
        else:
            edit, pruning = self.pruning.propose(state.pruning, context)
            state = state._replace(pruning=pruning)
        if edit is not None:
            reason = f"mean rate below {self.threshold:g} and returns improved by {improvement:.2%}: {edit.reason}"
            edit = dataclasses.replace(edit, rule=self.name, reason=reason)
        return edit, state
