"""Carrying out jobs: as many at a time as an executor has places, each tried again when it crashes, none lost.

An executor (:mod:`snn_agent.experiments.executors`, :mod:`snn_agent.experiments.executors_ray`) starts attempts and
says how each ended. What follows from that is the same for all of them and stands here. A job that is tried again is
called with the same arguments: it is to go on from what its last attempt saved.
"""

from __future__ import annotations

import collections
import dataclasses
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.training.signals import StopRequest

LOOK_SECONDS = 0.5
"""Seconds between two looks at whether a stop was asked for and how far the jobs are."""

Kind = Literal["done", "failed", "interrupted"]


class Interrupted(Exception):  # noqa: N818 - the name says what is the case
    """Raised by a job that was asked to stop: it has saved and can go on another time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A call that can be made anywhere, and more than once.

    Attributes:
        id: what people call it; no two jobs share one.
        function: found by its name where the call is made, so it must be at the top of a module that can be imported.
        arguments: they and what the function returns must be picklable.
    """

    id: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


class Ending(NamedTuple):
    """How one attempt ended."""

    job: Job
    kind: Kind
    value: Any = None  # what the function returned, if it is done
    error: str = ""  # what went wrong, if it is not; the last line says it in short


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a job: ``value`` if it is done, ``error`` of its last attempt if not."""

    job: Job
    kind: Kind
    attempts: int
    value: Any = None
    error: str = ""


class Executor(Protocol):
    """Where attempts are made. Used as a context, which ends what still runs when it is left."""

    @property
    def slots(self) -> int:
        """Attempts at a time."""
        ...

    def start(self, job: Job) -> None:
        """Begin an attempt."""
        ...

    def wait(self, seconds: float) -> list[Ending]:
        """Those that have ended; returns as soon as there are some, and after so many seconds at the latest."""
        ...

    def stop(self) -> None:
        """Ask running attempts to save and leave; their endings are still to be waited for."""
        ...


class Listener:
    """Hears how things go; every method may be left as it is."""

    def on_start(self, job: Job, attempt: int) -> None:
        """An attempt begins, the first, second, … of the job."""

    def on_crash(self, job: Job, attempt: int, error: str) -> None:
        """An attempt failed and another one follows."""

    def on_end(self, outcome: Outcome) -> None:
        """Nothing more happens to a job."""

    def on_stop(self) -> None:
        """A stop was asked for: nothing is begun any more."""

    def on_look(self) -> None:
        """Time has passed."""


def carry_out(
    jobs: Sequence[Job], executor: Executor, *, retries: int = 2, listener: Listener | None = None
) -> list[Outcome]:
    """Do all jobs and tell what became of each, in the order in which they ended.

    A job that raises, or whose process dies, is tried again at once; after ``retries`` further attempts it has failed,
    and the others go on. Ctrl-C and SIGTERM begin nothing more and let what runs save itself; a second one ends
    everything. Jobs that were then not begun are missing from the answer.

    Args:
        jobs: done in this order, as places become free.
        executor: where; it is entered and left by the caller.
        retries: attempts after the first.
        listener: told of everything on the way.

    Raises:
        ConfigError: two jobs have the same id, or ``retries`` is below 0.
    """
    checks.integer("retries", retries, 0)
    if twice := [name for name, n in collections.Counter(job.id for job in jobs).items() if n > 1]:
        raise ConfigError(f"jobs must have ids of their own, but several are called {', '.join(twice)}.")
    listener = listener or Listener()
    waiting, running = collections.deque(jobs), 0
    attempts: collections.Counter[str] = collections.Counter()
    outcomes: list[Outcome] = []
    stopping = False
    with StopRequest() as stop:
        while running or (waiting and not stopping):
            while waiting and running < executor.slots and not stop.asked:
                job = waiting.popleft()
                attempts[job.id] += 1
                listener.on_start(job, attempts[job.id])
                executor.start(job)
                running += 1
            if stop.asked and not stopping:
                stopping = True
                listener.on_stop()
                executor.stop()
            for ending in executor.wait(LOOK_SECONDS) if running else []:
                running -= 1
                job, n = ending.job, attempts[ending.job.id]
                if ending.kind != "done" and not stop.asked and n <= retries:
                    listener.on_crash(job, n, ending.error)
                    waiting.appendleft(job)
                    continue
                outcomes.append(_outcome(ending, n, stopped=stop.asked))
                listener.on_end(outcomes[-1])
            listener.on_look()
    return outcomes


def _outcome(ending: Ending, attempts: int, *, stopped: bool) -> Outcome:
    """Where a stop was asked for, whatever is not done can go on another time; elsewhere it has failed."""
    kind: Kind = "done" if ending.kind == "done" else "interrupted" if stopped else "failed"
    return Outcome(job=ending.job, kind=kind, attempts=attempts, value=ending.value, error=ending.error)


def attempt(job: Job) -> Ending:
    """Make the call here; whatever it raises becomes an ending."""
    try:
        return Ending(job, "done", job.function(*job.arguments))
    except (Interrupted, KeyboardInterrupt) as problem:
        return Ending(job, "interrupted", error=f"interrupted: {problem}")
    except BaseException:  # SystemExit as well: a job does not end who carries it out
        return Ending(job, "failed", error=traceback.format_exc())
