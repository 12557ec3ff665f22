"""The tasks of a life: which ones the organism knows, when it went from one to another, and how to say so.

An organism numbers its tasks. Where it is told them (phases of the kind "given") these are the true numbers; where it
is not, they are what it takes its world for, and only the names are true.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from snn_agent.errors import ConfigError
from snn_agent.network import heads
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.continual.journal import PHASES_FILE

GIVEN, DETECTED = "given", "detected"
"""Kinds of a line of the phases file; the third is "hidden", a switch that the organism is not told of."""
KNOWN: Final = (GIVEN, DETECTED)
"""Those after which the organism lives in the task of the line, by its own numbers."""


class Turn(NamedTuple):
    """A line of ``phases.jsonl``: another phase begins, or the organism believes so.

    Attributes:
        env_step: steps lived until then.
        phase: of the sequence, from 0.
        task: number of the true task; where it is of the kind "detected", of the one that the organism believes in.
        name: of the true task.
        kind: "given", "hidden" or "detected".
    """

    env_step: int
    phase: int
    task: int
    name: str
    kind: str


class Tasks(NamedTuple):
    """What there is to show of a life's tasks; nothing in a life of one task.

    Attributes:
        numbers: that the organism knows, ascending; fewer than two: its neurons are all of one task.
        spans: environment step and the task that the organism lives in from then on, ascending by step.
        switches: environment steps at which the world became another.
        turns: what the run's files tell, in order.
    """

    numbers: tuple[int, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    switches: tuple[int, ...] = ()
    turns: tuple[Turn, ...] = ()

    @property
    def coloured(self) -> bool:
        """Whether neurons are to be told apart by the task they were born in."""
        return len(self.numbers) > 1

    @property
    def any(self) -> bool:
        """Whether there is anything to show."""
        return self.coloured or bool(self.switches)

    def words(self, env_step: int, task: int) -> str:
        """What an organism of this life lived in at a step, by what it took for its task; empty if it has but one."""
        if not self.any:
            return ""
        before = self._before(env_step, task)
        if not before:
            return f"task {task}"
        last = before[-1]
        if last.kind == GIVEN:
            return f"phase {last.phase}, task {task}: {last.name}"
        taken = f", taken for task {task}" if self.coloured else ""
        return f"phase {last.phase}: {last.name}{taken}"

    def world(self, env_step: int, task: int) -> int:
        """Number of the true task that such an organism lived in at a step."""
        true = [turn.task for turn in self._before(env_step, task) if turn.kind != DETECTED]
        return true[-1] if true else task

    def played(self, env_step: int, task: int, head: int | None) -> int:
        """Number of the true task that such an organism is to be seen in: that of the head that it acts with, if the
        numbers are true; else the one that it lived in then.
        """
        return self.world(env_step, task) if head is None or not self.told else head

    @property
    def told(self) -> bool:
        """Whether the organism is told its tasks, so that its numbers are the true ones."""
        return not self.turns or self.turns[0].kind == GIVEN

    def _before(self, env_step: int, task: int) -> list[Turn]:
        """Turns behind an organism. One that was kept right before a boundary has its step, but not yet its task."""
        return [
            turn
            for turn in self.turns
            if turn.env_step < env_step or (turn.env_step == env_step and (turn.kind not in KNOWN or turn.task == task))
        ]


def read_turns(run: Path) -> tuple[Turn, ...]:
    """Read ``phases.jsonl`` of a run directory; nothing where there is none."""
    path = run / PHASES_FILE
    text = path.read_text() if path.exists() else ""
    lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]  # whole lines of a run under way
    return tuple(Turn(**{name: line[name] for name in Turn._fields}) for line in lines)


def head_asked_for(organism: GrowingSparseSNN, task: int | None) -> int | None:
    """The head that ``--task`` means: one that was put away; None: the active one.

    Raises:
        ConfigError: the organism has no head for that task.
    """
    kept = heads.known(organism)
    if task is None or task in kept:
        return task
    active = int(organism.task)
    if task != active:
        others = ", ".join(map(str, kept))
        raise ConfigError(
            f"--task {task} asks for a head of its own, but "
            + (f"those that were put away are of the tasks {others}" if kept else "no head was put away in this run")
            + f"; the active one is that of task {active}. Leave --task out to have that."
        )
    return None


def tasks_of(turns: tuple[Turn, ...], lived: Iterable[tuple[int, int]], births: Iterable[int]) -> Tasks:
    """Put together what is known.

    Args:
        turns: as the run wrote them; () if it did not.
        lived: environment step of each kept organism and the task it lived in, ascending by step.
        births: tasks in which any of their neurons were born.
    """
    lived = list(lived)
    believed = [(turn.env_step, turn.task) for turn in turns if turn.kind in KNOWN]
    if turns and turns[0].kind != GIVEN:
        believed.insert(0, (turns[0].env_step, 0))  # an organism that is not told begins with task 0
    path = believed if turns else lived
    spans = [(step, task) for at, (step, task) in enumerate(path) if at == 0 or task != path[at - 1][1]]
    numbers = tuple(sorted({task for _, task in [*lived, *believed]} | set(births)))
    if turns:
        true = [turn for turn in turns if turn.kind != DETECTED]
        switches = tuple(turn.env_step for before, turn in itertools.pairwise(true) if turn.task != before.task)
    else:
        switches = tuple(step for step, _ in spans[1:])
    found = Tasks(numbers, tuple(spans) if len(numbers) > 1 else (), switches, turns)
    return found if found.any else Tasks(turns=turns)
