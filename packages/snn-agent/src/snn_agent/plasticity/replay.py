"""Births and deaths on a schedule that is given, such as another run's, whoever they befall.

A run that grows and prunes as often and as much as another one, but loses neurons by lot, tells what choosing them was
worth, apart from their number at each time (a *yoked* control).
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from typing import NamedTuple

import torch

from snn_agent import checks
from snn_agent.network.surgery import StructuralEdit
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import StructuralContext
from snn_agent.plasticity.pruning import propose_deaths

Schedule = tuple[tuple[int, int, int], ...]
"""(environment step, born, died) of each event, steps ascending, as in :class:`~snn_agent.StructureConfig`."""


class ReplayState(NamedTuple):
    """How many events of the schedule have been due."""

    passed: int


def newly_due(schedule: Schedule, state: ReplayState, context: StructuralContext) -> tuple[Schedule, ReplayState]:
    """The events whose step has been reached since the last look, and the state after them."""
    passed = bisect_right(schedule, context.env_step, lo=state.passed, key=lambda event: event[0])
    return schedule[state.passed : passed], ReplayState(passed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplayGrowth:
    """As many births as the schedule has, at the first look at or after each of its steps.

    Those for whom there is no room are not made up for later.

    Attributes:
        schedule: what happens when; deaths are not read.
        plan: how the newborn are made; its size is not read.
        name: of the rule.
    """

    schedule: Schedule
    plan: BirthPlan = dataclasses.field(default_factory=BirthPlan)
    name: str = "replay_growth"

    def init(self) -> ReplayState:
        """Nothing has been due."""
        return ReplayState(0)

    def propose(self, state: ReplayState, context: StructuralContext) -> tuple[StructuralEdit | None, ReplayState]:
        """The births that are due."""
        due, state = newly_due(self.schedule, state, context)
        n = sum(born for _, born, _ in due)
        if n == 0:
            return None, state
        reason = f"the schedule has {n} births by step {due[-1][0]}"
        return dataclasses.replace(self.plan, size=n).propose(self.name, reason, context), state


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplayPruning:
    """As many deaths as the schedule has, at the first look at or after each of its steps, by lot among the mature.

    Where fewer are mature, or the floor allows fewer, the others' deaths are not made up for later.

    Attributes:
        schedule: what happens when; births are not read.
        maturity_updates: neurons younger than this are immune.
        compensate: whether the biases make up for the mean effect of the dying.
        name: of the rule.
    """

    schedule: Schedule
    maturity_updates: int = 100
    compensate: bool = True
    name: str = "replay_pruning"

    def __post_init__(self) -> None:
        checks.integer("maturity_updates", self.maturity_updates, 0)

    def init(self) -> ReplayState:
        """Nothing has been due."""
        return ReplayState(0)

    def propose(self, state: ReplayState, context: StructuralContext) -> tuple[StructuralEdit | None, ReplayState]:
        """The deaths that are due."""
        due, state = newly_due(self.schedule, state, context)
        n = sum(died for *_, died in due)
        mature = torch.nonzero(context.mature(self.maturity_updates)).squeeze(1).cpu()
        room = max(0, context.organism.hidden - context.organism.config.min_hidden)
        if min(n, room, len(mature)) == 0:
            return None, state  # before a lot is drawn
        lots = torch.randperm(len(mature), generator=context.generator)[:n]
        reason = f"the schedule has {n} deaths by step {due[-1][0]}, by lot among {len(mature)} mature neurons"
        victims = mature[lots].to(context.age.device)
        return propose_deaths(self.name, reason, context, victims, self.compensate), state
