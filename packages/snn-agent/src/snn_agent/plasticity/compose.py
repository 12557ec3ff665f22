"""Rules made of rules: when they are asked, and when they are heard.

Each function takes a rule and returns one, so they nest. The order matters: ``votes`` asks its rule at every vote, so
whatever counts events (``limit``, ``cool_down``) belongs around it, and ``every`` around all::

    every(limit(cool_down(votes(rule, 3), 500, "episodes"), 10), 100, "episodes")
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from snn_agent import checks
from snn_agent.config import INTERVAL_UNITS
from snn_agent.network.surgery import StructuralEdit
from snn_agent.plasticity.contract import StructuralContext, StructuralRule

Proposal = tuple[StructuralEdit | None, Any]


class Composed(NamedTuple):
    """A rule, as the pair of functions that it is."""

    name: str
    init: Callable[[], Any]
    propose: Callable[[Any, StructuralContext], Proposal]


class EveryState(NamedTuple):
    """How many multiples of the interval have been passed."""

    passed: int
    inner: Any


@dataclasses.dataclass(frozen=True)
class Every:
    """See :func:`every`."""

    rule: StructuralRule
    interval: int
    unit: str

    @property
    def name(self) -> str:
        """Its rule's."""
        return self.rule.name

    def init(self) -> EveryState:
        """Nothing has been passed."""
        return EveryState(0, self.rule.init())

    def propose(self, state: EveryState, context: StructuralContext) -> Proposal:
        """What its rule proposes, at the first look after each multiple."""
        passed = context.counter(self.unit) // self.interval
        if passed <= state.passed:
            return None, state
        edit, inner = self.rule.propose(state.inner, context)
        return edit, EveryState(passed, inner)


def every(rule: StructuralRule, interval: int, unit: str = "episodes") -> Every:
    """Asks the rule once when the counter has passed a new multiple of the interval since it was last looked at.

    Many worlds in step end many episodes at once, so the counter jumps; however many multiples it jumps over, the rule
    is asked once.

    Raises:
        ConfigError: the interval is not at least 1, or the unit is not one of INTERVAL_UNITS.
    """
    return Every(rule, checks.integer("interval", interval, 1), checks.choice("unit", unit, INTERVAL_UNITS))


class LimitState(NamedTuple):
    """How many edits there have been."""

    events: int
    inner: Any


def limit(rule: StructuralRule, max_events: int) -> StructuralRule:
    """Hears the rule until it has made ``max_events`` edits: a budget.

    Raises:
        ConfigError: ``max_events`` is negative.
    """
    checks.integer("max_events", max_events, 0)

    def propose(state: LimitState, context: StructuralContext) -> Proposal:
        if state.events >= max_events:
            return None, state
        edit, inner = rule.propose(state.inner, context)
        return edit, LimitState(state.events + (edit is not None), inner)

    return Composed(rule.name, lambda: LimitState(0, rule.init()), propose)


def until(rule: StructuralRule, progress: float) -> StructuralRule:
    """Asks the rule as long as no more than that share of the training is done.

    Who is born later costs energy for the rest of the training and has no time left to be worth it.

    Raises:
        ConfigError: the share is not in [0, 1].
    """
    checks.number("progress", progress, 0.0, 1.0)

    def propose(state: Any, context: StructuralContext) -> Proposal:
        return (None, state) if context.progress > progress else rule.propose(state, context)

    return Composed(rule.name, rule.init, propose)


class VotesState(NamedTuple):
    """How often in a row the rule has wanted the same."""

    votes: int
    grows: bool
    inner: Any


def votes(rule: StructuralRule, n: int) -> StructuralRule:
    """Lets an edit pass when the rule has wanted one ``n`` times in a row; then the count starts anew.

    A vote for births after one for deaths, or the reverse, is the first of a new row. Edits that do not pass are
    discarded, and with them what was drawn for them.

    Raises:
        ConfigError: ``n`` is not at least 1.
    """
    checks.integer("n", n, 1)

    def propose(state: VotesState, context: StructuralContext) -> Proposal:
        edit, inner = rule.propose(state.inner, context)
        if edit is None:
            return None, VotesState(0, False, inner)
        grows = edit.n_born > 0
        row = state.votes + 1 if grows == state.grows else 1
        if row < n:
            return None, VotesState(row, grows, inner)
        return edit, VotesState(0, False, inner)

    return Composed(rule.name, lambda: VotesState(0, False, rule.init()), propose)


class CoolDownState(NamedTuple):
    """Until which value of the counter the rule rests, and what its last birth was added to."""

    until: int
    size: int  # H before its last birth; 0 where its last edit was none
    times: int  # how many lengths it rests
    inner: Any


def cool_down(rule: StructuralRule, length: int, unit: str = "episodes") -> StructuralRule:
    """Does not ask the rule again until the counter has moved on by ``length`` since its last edit.

    Where that was a birth and the network is back at the size that it had before, another rule has undone it. The rest
    after the next birth is then twice as long, and so on, so growth and pruning that undo each other come to rest in a
    situation that stays the same. A birth that lasted brings the rest back to ``length``.

    Raises:
        ConfigError: the length is negative, or the unit is not one of INTERVAL_UNITS.
    """
    checks.integer("length", length, 0)
    checks.choice("unit", unit, INTERVAL_UNITS)

    def propose(state: CoolDownState, context: StructuralContext) -> Proposal:
        now = context.counter(unit)
        if now < state.until:
            return None, state
        edit, inner = rule.propose(state.inner, context)
        if edit is None:
            return None, state._replace(inner=inner)
        if edit.n_born <= edit.n_dying:
            return edit, CoolDownState(now + length, 0, 1, inner)
        size = context.organism.hidden
        times = 2 * state.times if size <= state.size else 1
        return edit, CoolDownState(now + length * times, size, times, inner)

    return Composed(rule.name, lambda: CoolDownState(0, 0, 1, rule.init()), propose)
