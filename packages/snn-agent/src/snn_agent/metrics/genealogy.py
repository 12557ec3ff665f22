"""Who was ever alive: the structural event log (``events.jsonl``) read back, checked and told as lives.

The log holds who was born and who died, by name. Founders are named 0 … n − 1 and each newborn takes the next name, so
a log that lost, repeated or changed an event contradicts itself, at that event or at the next one.
"""

from __future__ import annotations

import dataclasses
import json
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snn_agent import checks
from snn_agent.errors import CheckpointError, ConfigError
from snn_agent.types import StructuralEvent

EVENTS_FILE = "events.jsonl"
"""Name of the log in a run directory."""

TEXTS, IDS = ("rule", "reason"), ("born", "died", "parents")
"""Fields of an event that hold words, and those that hold ids; each of the others holds one number."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeuronLife:
    """The life of one neuron; what is None has not happened.

    Attributes:
        id: its name.
        born_update: update after which it was born; 0 for founders.
        born_env_step: environment steps lived by then; 0 for founders.
        born_by: rule that made it; None for founders.
        born_because: the rule's reason.
        parent: id of the neuron that it descends from, if of any.
        died_update: update after which it died.
        died_env_step: environment steps lived by then.
        died_by: rule that ended it.
        died_because: the rule's reason.
    """

    id: int
    born_update: int = 0
    born_env_step: int = 0
    born_by: str | None = None
    born_because: str | None = None
    parent: int | None = None
    died_update: int | None = None
    died_env_step: int | None = None
    died_by: str | None = None
    died_because: str | None = None

    @property
    def age_at_death(self) -> int | None:
        """Updates it lived through, from its birth to its death."""
        return None if self.died_update is None else self.died_update - self.born_update


@dataclasses.dataclass(frozen=True, kw_only=True)
class Genealogy:
    """All neurons of a run that were ever alive.

    Attributes:
        lives: one a neuron, by id: ``lives[i].id == i``.
        env_steps: environment steps lived at each event, ascending.
        sizes: living neurons at the beginning and after each event, one more than ``env_steps``.
    """

    lives: tuple[NeuronLife, ...]
    env_steps: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def survivors(self) -> tuple[NeuronLife, ...]:
        """Those who live at the end of the log."""
        return tuple(life for life in self.lives if life.died_update is None)

    def size_at(self, env_step: int) -> int:
        """Living neurons after so many environment steps, the events of that very step included.

        Raises:
            ConfigError: ``env_step`` is negative.
        """
        return self.sizes[bisect_right(self.env_steps, checks.integer("env_step", env_step, 0))]

    def lifespans(self) -> dict[int, int]:
        """Updates that each of the dead lived through, by id."""
        return {life.id: life.age_at_death for life in self.lives if life.age_at_death is not None}


def read_events(path: Path | str) -> list[StructuralEvent]:
    """The events of a run directory, or of a log file, in the order in which they were written.

    A last line without an end, as a killed run leaves it, is left out; resuming the run cuts it off as well.

    Raises:
        ConfigError: there is no such file.
        CheckpointError: another line is no event.
    """
    file = Path(path) / EVENTS_FILE if Path(path).is_dir() else Path(path)
    if not file.exists():
        raise ConfigError(f"{file} does not exist. Give the directory of a run, or its {EVENTS_FILE}.")
    *lines, _ = file.read_text().split("\n")
    return [_parse(line, f"{file}, line {number}") for number, line in enumerate(lines, start=1)]


def replay(events: Iterable[StructuralEvent], initial: int) -> list[tuple[int, ...]]:
    """The ids of the living after each event, ascending, which is the order of the network's neuron axis.

    Args:
        events: in the order in which they happened.
        initial: founders, named 0 … initial − 1.

    Raises:
        ConfigError: ``initial`` is below 1.
        CheckpointError: the log contradicts itself: somebody dies who does not live, is born twice or out of turn,
            descends from nobody who lives, a size is wrong, or time runs backwards.
    """
    next_id = checks.integer("initial", initial, 1)
    living = set(range(next_id))
    moment, history = (0, 0, 0), []
    for number, event in enumerate(events, start=1):
        _check(event, living, next_id, moment, f"event {number} ({event.rule}, update {event.update})")
        living = living.difference(event.died).union(event.born)
        next_id += len(event.born)
        moment = (event.update, event.env_step, event.episode)
        history.append(tuple(sorted(living)))
    return history


def genealogy(events: Iterable[StructuralEvent], initial: int) -> Genealogy:
    """The lives of all neurons ever, founders first.

    Raises:
        ConfigError: ``initial`` is below 1.
        CheckpointError: the log contradicts itself, see :func:`replay`.
    """
    events = list(events)
    history = replay(events, initial)
    lives = [NeuronLife(id=name) for name in range(initial)]
    for event in events:
        for name in event.died:
            lives[name] = dataclasses.replace(
                lives[name],
                died_update=event.update,
                died_env_step=event.env_step,
                died_by=event.rule,
                died_because=event.reason,
            )
        for name, parent in zip(event.born, event.parents or [None] * len(event.born), strict=True):
            lives.append(
                NeuronLife(
                    id=name,
                    born_update=event.update,
                    born_env_step=event.env_step,
                    born_by=event.rule,
                    born_because=event.reason,
                    parent=parent,
                )
            )
    return Genealogy(
        lives=tuple(lives),
        env_steps=tuple(event.env_step for event in events),
        sizes=(initial, *(len(living) for living in history)),
    )


def _check(event: StructuralEvent, living: set[int], next_id: int, moment: tuple[int, int, int], where: str) -> None:
    """Raise CheckpointError unless the event can follow on what was before it."""
    expected = tuple(range(next_id, next_id + len(event.born)))
    now = (event.update, event.env_step, event.episode)
    twice = sorted(name for name in set(event.born) if name < next_id or event.born.count(name) > 1)
    strangers = sorted(set(event.died) - living)
    orphans = sorted(set(event.parents) - living)
    after = event.size_before - len(event.died) + len(event.born)
    problem = None
    if any(new < old for new, old in zip(now, moment, strict=True)):
        problem = f"its update, step and episode are {now}, before those of the event before it, {moment}"
    elif event.size_before != len(living):
        problem = f"{event.size_before} neurons are said to live before it, but {len(living)} do"
    elif strangers:
        problem = f"{strangers} die, who do not live"
    elif len(set(event.died)) < len(event.died):
        problem = f"somebody dies twice: {list(event.died)}"
    elif twice:
        problem = f"{twice} are born a second time"
    elif event.born != expected:
        problem = f"{list(event.born)} are born, but the next names to be given are {list(expected)}"
    elif event.parents and len(event.parents) != len(event.born):
        problem = f"{len(event.parents)} parents are told of {len(event.born)} newborn"
    elif orphans:
        problem = f"{orphans} are said to be parents, but do not live"
    elif event.size_after != after:
        problem = f"{event.size_after} neurons are said to live after it, but {after} do"
    if problem is not None:
        raise CheckpointError(
            f"the event log contradicts itself at {where}: {problem}. An event before it was lost or changed, or the "
            f"log begins with another number of founders."
        )


def _parse(line: str, where: str) -> StructuralEvent:
    """The event that a line of the log tells."""
    try:
        found = json.loads(line)
    except json.JSONDecodeError as problem:
        raise _no_event(where, f"it is not JSON ({problem})") from problem
    if not isinstance(found, dict):
        raise _no_event(where, "it is not an object with named fields")
    known = {field.name: field for field in dataclasses.fields(StructuralEvent)}
    missing = {name for name, field in known.items() if field.default is dataclasses.MISSING} - found.keys()
    if odd := sorted(missing | (found.keys() - known.keys())):
        raise _no_event(where, f"these fields are missing or unknown: {', '.join(odd)}")
    for name, value in found.items():
        if not _fits(name, value):
            raise _no_event(where, f"its field {name} is {value!r}")
    fields: dict[str, Any] = {name: tuple(value) if name in IDS else value for name, value in found.items()}
    return StructuralEvent(**fields)


def _no_event(where: str, problem: str) -> CheckpointError:
    return CheckpointError(
        f"{where} is no structural event: {problem}. The log is damaged, or another version of snn-agent wrote it."
    )


def _fits(name: str, value: Any) -> bool:
    """Whether a field of an event can have this value."""
    if name in TEXTS:
        return isinstance(value, str)
    if name in IDS:
        return isinstance(value, list) and all(map(_is_count, value))
    return _is_count(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0  # JSON's true is no number
