"""Growth when learning stands still."""

from __future__ import annotations

import dataclasses
from typing import Final, NamedTuple

from snn_agent import checks
from snn_agent.network.surgery import StructuralEdit
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import StructuralContext

FORGETTING: Final = 0.25
"""Share of the way that the reference goes towards lower returns at each look."""


def relative_change(now: float, before: float) -> float:
    """``(now − before) / max(|before|, 1e-8)``: how much better than before, in the unit of before."""
    return (now - before) / max(abs(before), 1e-8)


def relative_improvement(returns: tuple[float, ...], window: int) -> float | None:
    """How much better the last window of returns is than the one before: ``(m₁ - m₀) / max(|m₀|, 1e-8)``.

    m₁ is the mean of the last ``window`` returns, m₀ that of the ``window`` before. None if there are fewer than two
    windows.
    """
    if len(returns) < 2 * window:
        return None
    recent = sum(returns[-window:]) / window
    before = sum(returns[-2 * window : -window]) / window
    return relative_change(recent, before)


class PlateauState(NamedTuple):
    """What is remembered between two looks at the returns."""

    episode: int = 0  # episodes that had ended at the last look
    update: int = 0  # when the rule was last asked
    reference: float | None = None  # the best mean return lately; None before the first look
    tried: bool = False  # somebody was born since returns last rose


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlateauGrowth:
    """Grows when returns stand still, once a standstill (E21).

    The rule looks whenever ``window`` more episodes have ended since its last look, and takes the mean m of the last
    ``window`` of those known. Returns have risen if ``(m − b) / |b| >= tolerance`` over the reference b, the best mean
    lately; then ``b ← m``. Else they stand still, and getting worse is standing still too. b does not follow a rise
    below the tolerance, so slow progress adds up until it is one. It follows a fall by a quarter at each look: what
    was reached in a world that is no more is forgotten, and progress in the new one is seen.

    Two windows within the known returns, as in the original's heuristic, are no good where many worlds live in step:
    their episodes end at the same moment, so both windows would be of one policy. Hence the memory.

    A standstill that outlasts a birth is not one of size, so there is one birth until returns rise again. Without
    this, growth and pruning would take turns for ever where nothing more is to be learnt. Births are seen by neurons
    younger than the last question; whoever was born and died again in between is not seen, so the newborn must be
    immune (``maturity_updates``) for longer than the cool-down and the time to the next question.

    Attributes:
        window: episodes.
        tolerance: relative rise below which learning stands still.
        plan: how many are born, and how.
        name: of the rule.
    """

    window: int = 50
    tolerance: float = 0.02
    plan: BirthPlan = dataclasses.field(default_factory=BirthPlan)
    name: str = "plateau_growth"

    def __post_init__(self) -> None:
        checks.integer("window", self.window, 1)
        checks.number("tolerance", self.tolerance)

    def init(self) -> PlateauState:
        """Nothing has been seen."""
        return PlateauState()

    def propose(self, state: PlateauState, context: StructuralContext) -> tuple[StructuralEdit | None, PlateauState]:
        """A birth if returns have not risen since the last look, and nobody was born since they last did."""
        youngest = int(context.age.min())
        tried = state.tried or (state.reference is not None and youngest <= context.update - state.update)
        state = state._replace(update=context.update, tried=tried)
        returns = context.recent_returns[-self.window :]
        if context.episode - state.episode < self.window or not returns:
            return None, state
        mean, best = sum(returns) / len(returns), state.reference
        state = state._replace(episode=context.episode)
        if best is None:
            return None, state._replace(reference=mean)
        rise = relative_change(mean, best)
        if rise >= self.tolerance:
            return None, state._replace(reference=mean, tried=False)
        state = state._replace(reference=best + FORGETTING * min(0.0, mean - best))
        if tried:
            return None, state
        reason = f"mean return {mean:.4g} after {best:.4g}, a change of {rise:.2%}"
        return self.plan.propose(self.name, reason, context), state
