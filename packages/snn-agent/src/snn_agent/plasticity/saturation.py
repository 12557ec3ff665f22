"""Growth when the activity fills the layer."""

from __future__ import annotations

import dataclasses

from snn_agent import checks
from snn_agent.network.activity import effective_rank
from snn_agent.network.surgery import StructuralEdit
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import NoState, StructuralContext


@dataclasses.dataclass(frozen=True, kw_only=True)
class SaturationGrowth:
    """Grows where the neurons say nearly as many different things as there are neurons (E23).

    The effective rank of the spike counts [N, H] on recent decisions, over min(N, H), is near 1 where no neuron
    repeats another, and small where a few directions carry all. The idea is NORTH*'s (Maile et al., *When, where, and
    how to add new neurons to ANNs*, AutoML 2022), which grows while the activations stay independent.

    What can be said is bounded by what is seen, so the share falls as the layer grows and growth ends by itself:
    in short runs in foraging worlds it was 0.63 to 0.87 with 64 neurons, 0.54 to 0.73 with 256 and mostly 0.43 to 0.54
    with 512 (1,024 decisions), hence the threshold of 0.6. A silent layer has rank 0, and does not grow. N must be
    well above H, or the share is that of the sample.

    Attributes:
        threshold: share from which the layer is saturated.
        plan: how many are born, and how.
        name: of the rule.
    """

    threshold: float = 0.6
    plan: BirthPlan = dataclasses.field(default_factory=BirthPlan)
    name: str = "saturation_growth"

    def __post_init__(self) -> None:
        checks.number("threshold", self.threshold, 0.0, 1.0)

    def init(self) -> NoState:
        """Nothing to remember."""
        return NoState()

    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        """A birth if the share is at or above the threshold."""
        if len(context.observations) == 0:
            return None, state
        counts = context.decide().counts
        rank, most = effective_rank(counts), min(counts.shape)
        if rank / most < self.threshold:
            return None, state
        reason = f"the activity has an effective rank of {rank:.1f} of {most}"
        return self.plan.propose(self.name, reason, context), state
