"""What an agent does where one task ends and another begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from snn_agent.config import ContinualConfig
from snn_agent.errors import ConfigError
from snn_agent.learning.contract import LearnerState
from snn_agent.network import heads
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.surgery import StructuralEdit
from snn_agent.network.topology import fresh_neurons
from snn_agent.training.accounting import account_fisher
from snn_agent.training.agent import Agent
from snn_agent.types import Events

State = TypeVar("State", bound="ConsolidatingState")
COLUMN: Final = "column"
"""The rule's name in the event log."""


@runtime_checkable
class ConsolidatingState(LearnerState, Protocol):
    """What a learner remembers, where it can also hold on to a task and go on with another head."""

    def consolidate(
        self: State,
        organism: GrowingSparseSNN,
        observations: Tensor | Events,
        *,
        mode: str,
        strength: float,
        decay: float,
        generator: torch.Generator,
        shared_head: bool = True,
    ) -> State:
        """The state that holds on to the task which ends now."""
        ...

    def for_new_head(self: State) -> State:
        """The state where another head is put on."""
        ...


class Crossing(NamedTuple):
    """What a boundary did."""

    protected: int  # neurons that are from now on
    recruited: int  # neurons born for the new task
    sharing: float  # of the ended task's utility, what went through neurons that were protected before it began


def begin_first(organism: GrowingSparseSNN, task: int) -> None:
    """Begin a life with a task; the organism may have learnt something before, but not in tasks that have numbers.

    Raises:
        ConfigError: it has.
    """
    if heads.known(organism) or int(organism.task) or bool(organism.birth_task.any()):
        raise ConfigError(
            "the organism has lived through a sequence of tasks already, whose numbers would be taken for those of "
            "this one. Resume its run, or begin with an organism that has not."
        )
    organism.task.fill_(task)
    organism.birth_task.fill_(task)


def cross(
    agent: Agent,
    task: int,
    config: ContinualConfig,
    *,
    is_new: bool,
    observations: Callable[[], Tensor],
    generator: torch.Generator,
    operate: Callable[[StructuralEdit], None],
) -> Crossing:
    """End the task that the organism lives in, and begin another one.

    In this order: the old task is consolidated, while its head is on and its neurons are as they were; its bearers are
    protected; its head is put away; neurons are born for a task that was never met; and its head, or a fresh one that
    reads them too, is put on. Where the task stays the same nothing is done.

    Args:
        agent: changed in place.
        task: number of the task that begins.
        config: what is done.
        is_new: whether that task was never met before.
        observations: asked for states of the task that ends, [N, D], if they are needed.
        generator: for all that is drawn.
        operate: carries out the birth.

    Raises:
        ConfigError: the learner cannot do what is asked.
    """
    organism = agent.organism
    sharing = sharing_of(agent)
    if task == int(organism.task):
        return Crossing(int(organism.protected.sum()), 0, sharing)
    if config.consolidation != "none":
        seen = observations()
        agent.learner = consolidating(agent.learner).consolidate(
            organism,
            seen,
            mode=config.consolidation,
            strength=config.ewc_strength,
            decay=config.ewc_decay,
            generator=generator,
            shared_head=config.heads == "shared",
        )
        if config.ewc_strength > 0.0:  # else nothing was measured
            agent.ledger = account_fisher(agent.ledger, organism, seen)
    organism.protected |= bearers(agent.statistics.utility, organism.protected, config.protect)
    if config.heads == "task":
        heads.put_away(organism, int(organism.task))
    organism.task.fill_(task)
    recruited = _grow_column(organism, config.column_size, generator, operate) if is_new else 0
    if config.heads == "task":
        if task in heads.known(organism):
            heads.take_up(organism, task)
        else:
            heads.fresh(organism, generator)
        agent.learner = consolidating(agent.learner).for_new_head()
    return Crossing(int(organism.protected.sum()), recruited, sharing)


def consolidating(learner: LearnerState) -> ConsolidatingState:
    """The same state, known to be one that can consolidate.

    Raises:
        ConfigError: it cannot.
    """
    if not isinstance(learner, ConsolidatingState):
        raise ConfigError(
            f"{type(learner).__name__} can neither hold on to a task nor go on with another head. Use a learning rule "
            f'that can, such as "reinforce", or heads="shared" and consolidation="none".'
        )
    return learner


def bearers(utility: Tensor, protected: Tensor, share: float) -> Tensor:
    """The fewest unprotected neurons that carry a share of the utility of all unprotected ones, bool [H].

    With 1 it is all of them, those that carry nothing too; otherwise those are left out.

    Args:
        utility: [H], see :class:`~snn_agent.metrics.statistics.NeuronStatistics`.
        protected: bool [H].
        share: in [0, 1].
    """
    if share == 1.0:
        return ~protected
    worth = utility.double().masked_fill(protected, 0.0)
    order = worth.argsort(descending=True, stable=True)
    before = worth[order].cumsum(dim=0) - worth[order]  # what the more useful ones carry already
    found = torch.zeros_like(protected)
    found[order] = before < share * worth.sum()
    return found & (worth > 0.0)


def sharing_of(agent: Agent) -> float:
    """Share of the utility, Σ |rate| · Σ|outgoing|, that protected neurons have; 0 where nobody has any."""
    utility = agent.statistics.utility.double()
    total = float(utility.sum())
    return float(utility[agent.organism.protected].sum()) / total if total > 0.0 else 0.0


def _grow_column(
    organism: GrowingSparseSNN, size: int, generator: torch.Generator, operate: Callable[[StructuralEdit], None]
) -> int:
    """Let neurons be born for the present task, no more than there is room for; returns how many.

    They are fresh ones whose outgoing weights are 0, so that a shared head's policy does not change.
    """
    n = min(size, organism.config.max_hidden - organism.hidden)
    if n <= 0:
        return 0
    weights = fresh_neurons(organism.config, n, generator)
    weights = weights._replace(outgoing=torch.zeros_like(weights.outgoing))
    wanted = "" if n == size else f", as many of {size} as there is room for"
    reason = f"task {int(organism.task)} begins, which was never met{wanted}"
    operate(StructuralEdit(rule=COLUMN, reason=reason, newborn=weights))
    return n
