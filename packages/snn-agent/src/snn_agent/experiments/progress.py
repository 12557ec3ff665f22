"""How far the runs of a study are, and when it will be over."""

from __future__ import annotations

import csv
import dataclasses
import heapq
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from snn_agent.experiments.jobs import Job, Listener, Outcome

LINE_SECONDS = 60.0
"""Seconds between two plain lines."""
BAR_SECONDS = 2.0
"""Seconds between two moves of the bars."""
TAIL_BYTES = 4096  # more than the last two lines of metrics.csv


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """A run of a study."""

    id: str
    """The id of its job."""
    arm: str
    """Runs of one arm differ in their seeds only, so they take about equally long."""
    run_dir: Path
    """Where its metrics.csv is, or will be."""
    total_steps: int
    """Environment steps to its end."""


class Reached(NamedTuple):
    """How far a run is, and how long it took, pauses left out."""

    env_steps: int
    seconds: float


def reached(run_dir: Path) -> Reached:
    """What the last whole line of a run's ``metrics.csv`` says; nothing if there is none."""
    path = run_dir / "metrics.csv"
    try:
        with path.open("rb") as file:
            head = file.readline().decode()
            file.seek(max(len(head), path.stat().st_size - TAIL_BYTES))
            whole = file.read().decode(errors="replace").rpartition("\n")[0]
        columns = next(csv.reader([head]))
        values = dict(zip(columns, next(csv.reader([whole.rpartition("\n")[2]])), strict=True))
        return Reached(int(values["env_steps"]), float(values["seconds"]))
    except (OSError, StopIteration, ValueError, KeyError):  # not begun, or read in the midst of writing
        return Reached(0, 0.0)


def paces(runs: Iterable[PlannedRun]) -> dict[str, float]:
    """Seconds per environment step of each arm of which some steps have been taken."""
    steps: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for run in runs:
        so_far = reached(run.run_dir)
        steps[run.arm] = steps.get(run.arm, 0) + so_far.env_steps
        seconds[run.arm] = seconds.get(run.arm, 0.0) + so_far.seconds
    return {arm: seconds[arm] / steps[arm] for arm in steps if steps[arm]}


def seconds_left(runs: Sequence[PlannedRun], pace: Mapping[str, float], slots: int) -> float | None:
    """Seconds until runs are over that are begun in this order, so many at a time.

    An arm without a pace is taken to be as fast as the others are on average; without any pace the answer is None.
    """
    if not runs:
        return 0.0
    if not pace:
        return None
    usual = sum(pace.values()) / len(pace)
    left = [max(0, run.total_steps - reached(run.run_dir).env_steps) * pace.get(run.arm, usual) for run in runs]
    return makespan(left, slots)


def makespan(seconds: Sequence[float], slots: int) -> float:
    """When the last of these is over, if each is begun as soon as one of the places is free."""
    places = [0.0] * slots
    for duration in seconds:
        heapq.heapreplace(places, places[0] + duration)
    return max(places)


def words_for(seconds: float | None) -> str:
    """``5 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``; ``unknown`` for None."""
    if seconds is None:
        return "unknown"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


class StudyProgress(Listener):
    """Bars in a terminal, lines elsewhere; crashes are told at once. Used as a context.

    Args:
        runs: all of them, with those that are done already.
        done: ids of those.
        slots: runs at a time.
        console: where to.
        describe: what to say of what a run's job returned.
    """

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        done: Iterable[str],
        slots: int,
        console: Console,
        describe: Callable[[Any], str],
    ) -> None:
        self.console = console
        self._describe = describe
        self._slots = slots
        self._runs = {run.id: run for run in runs}
        self._done = set(done)
        self._failed: set[str] = set()
        self._running: dict[str, TaskID | None] = {}
        self._last = time.monotonic()
        self._bars: Progress | None = None
        self._all: TaskID | None = None

    def __enter__(self) -> StudyProgress:
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.percentage:>3.0f} %"),
                BarColumn(bar_width=24),
                TextColumn("{task.description}"),
            )
            self._bars = Progress(*columns, console=self.console)
            self._bars.start()
            self._all = self._bars.add_task(self.status(), total=1.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the bars."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def status(self) -> str:
        """One line: how many runs are done, and when the rest will be."""
        counts = f"{len(self._done)} of {len(self._runs)} runs done, {len(self._failed)} failed"
        order = [*self._running, *(name for name in self._runs if name not in self._running)]
        rest = [self._runs[name] for name in order if name not in self._done | self._failed]
        left = seconds_left(rest, paces(self._runs.values()), self._slots)
        return f"{counts}, {len(self._running)} running; time left: {words_for(left)}"

    def share(self, name: str) -> float:
        """The part of a run that is done, in [0, 1]."""
        run = self._runs[name]
        return 1.0 if name in self._done else min(1.0, reached(run.run_dir).env_steps / run.total_steps)

    def on_start(self, job: Job, attempt: int) -> None:
        """Say it, or give the run a bar."""
        del attempt
        self._running[job.id] = None if self._bars is None else self._bars.add_task(job.id, total=1.0)
        if self._bars is None:
            begun = self.share(job.id)
            self._say(f"{job.id}: " + (f"goes on at {begun:.0%}" if begun else "begins"))

    def on_crash(self, job: Job, attempt: int, error: str) -> None:
        """Say what happened."""
        self._leave(job.id)
        self._say(f"{job.id}: attempt {attempt} failed and is repeated from what it saved: {last_line(error)}")

    def on_end(self, outcome: Outcome) -> None:
        """Say how it ended."""
        name = outcome.job.id
        self._leave(name)
        if outcome.kind == "done":
            self._done.add(name)
            self._say(f"{name}: {self._describe(outcome.value)}. {self.status()}")
        elif outcome.kind == "failed":
            self._failed.add(name)
            self._say(f"{name}: failed {outcome.attempts} times: {last_line(outcome.error)}")
        else:
            self._say(f"{name}: stopped at {self.share(name):.0%}")

    def on_stop(self) -> None:
        """Say that it was heard."""
        self._say("stopping: what runs saves itself; once more to stop at once")

    def on_look(self) -> None:
        """Move the bars, or say where things are once a minute."""
        now = time.monotonic()
        if now - self._last < (LINE_SECONDS if self._bars is None else BAR_SECONDS):
            return
        self._last = now
        if self._bars is None or self._all is None:
            running = ", ".join(f"{name} {self.share(name):.0%}" for name in self._running)
            self._say(self.status() + (f" ({running})" if running else ""))
            return
        whole = sum(run.total_steps for run in self._runs.values())
        taken = sum(self.share(name) * run.total_steps for name, run in self._runs.items())
        self._bars.update(self._all, completed=taken / whole, description=self.status())
        for name, bar in self._running.items():
            if bar is not None:
                self._bars.update(bar, completed=self.share(name))

    def _leave(self, name: str) -> None:
        bar = self._running.pop(name)
        if self._bars is not None and bar is not None:
            self._bars.remove_task(bar)

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)  # a line stays a line, however long


def last_line(text: str) -> str:
    """An error in short."""
    return text.strip().rpartition("\n")[2]
