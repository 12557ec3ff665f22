"""When neurons are born. Where the network is full, growth rules propose nothing."""

from __future__ import annotations

import dataclasses

from snn_agent import checks
from snn_agent.network.surgery import StructuralEdit
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import NoState, StructuralContext


@dataclasses.dataclass(frozen=True, kw_only=True)
class LowRateGrowth:
    """Grows while the mean rate is below a threshold: the original's rule.

    Beware: quiet newborns lower the mean, which asks for more of them, up to the maximum. :func:`~snn_agent.plasticity
    .births.calibrate` and a budget (:func:`~snn_agent.plasticity.compose.limit`) hold against it.

    Attributes:
        threshold: spikes/tick.
        plan: how many, and how.
        name: of the rule.
    """

    threshold: float = 0.05
    plan: BirthPlan = dataclasses.field(default_factory=BirthPlan)
    name: str = "low_rate_growth"

    def __post_init__(self) -> None:
        checks.number("threshold", self.threshold, 0.0)

    def init(self) -> NoState:
        """Nothing to remember."""
        return NoState()

    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        """A birth if the mean rate is below the threshold."""
        if not is_quiet(context, self.threshold):
            return None, state
        reason = f"mean rate {context.mean_rate():.4f} spikes/tick is below {self.threshold:g}"
        return self.plan.propose(self.name, reason, context), state


@dataclasses.dataclass(frozen=True, kw_only=True)
class PeriodicGrowth:
    """Grows whenever it is asked; :func:`~snn_agent.plasticity.compose.every` gives it its period."""

    plan: BirthPlan = dataclasses.field(default_factory=BirthPlan)
    name: str = "periodic_growth"

    def init(self) -> NoState:
        """Nothing to remember."""
        return NoState()

    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        """A birth."""
        return self.plan.propose(self.name, "the schedule says so", context), state


def is_quiet(context: StructuralContext, threshold: float) -> bool:
    """Whether the mean rate is below a threshold in spikes/tick, compared in the precision of the rates."""
    mean = context.mean_rate()
    return mean is not None and bool(context.rate.new_tensor(mean) < threshold)
