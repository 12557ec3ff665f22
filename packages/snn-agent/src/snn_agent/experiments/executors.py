"""Executors on this machine: in this process, and in a process for every attempt."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType

from snn_agent import checks
from snn_agent.experiments.jobs import Ending, Job, attempt

LEAVE_SECONDS = 5.0
"""Seconds a process has to leave when it is told to at once."""


class SerialExecutor:
    """One job after the other in this process: the plain way, for debuggers. A crash of the process is its own."""

    slots = 1

    def __init__(self) -> None:
        self._next: Job | None = None

    def __enter__(self) -> SerialExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing runs any more."""

    def start(self, job: Job) -> None:
        """Remember the job; it is done by :meth:`wait`."""
        self._next = job

    def wait(self, seconds: float) -> list[Ending]:
        """Do the job, however long it takes."""
        del seconds
        if self._next is None:
            return []
        job, self._next = self._next, None
        ending = attempt(job)
        if ending.kind == "interrupted":
            # The job caught a signal that was meant for the whole process: whoever waits for it here is told as well.
            signal.raise_signal(signal.SIGINT)
        return [ending]

    def stop(self) -> None:
        """Nothing to ask: the signal that asked for the stop has reached the job already."""


class ProcessExecutor:
    """A fresh process for every attempt, so that whatever kills one touches no other.

    The processes are spawned: a script that uses this needs ``if __name__ == "__main__":`` around what it does.

    Args:
        slots: processes at a time; None: as many as this process may use cores.

    Raises:
        ConfigError: ``slots`` is below 1.
    """

    def __init__(self, slots: int | None = None) -> None:
        self.slots = cores() if slots is None else checks.integer("slots", slots, 1)
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[Connection, tuple[Job, SpawnProcess]] = {}

    def __enter__(self) -> ProcessExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs."""
        self.stop()
        for receiver, (_, process) in self._running.items():
            process.join(LEAVE_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
            receiver.close()
        self._running.clear()

    def start(self, job: Job) -> None:
        """Begin an attempt in a new process."""
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_work, args=(sender, job), name=job.id)
        process.start()
        sender.close()  # so that the process has the only one, and its death is an end of file
        self._running[receiver] = job, process

    def wait(self, seconds: float) -> list[Ending]:
        """Those that have ended."""
        ready = wait(list(self._running), timeout=seconds)
        # A process of the job's own may hold the pipe open after the job was killed, hence the look at the exit code.
        ended = [
            place for place, (_, process) in self._running.items() if place in ready or process.exitcode is not None
        ]
        return [self._end(place) for place in ended]

    def stop(self) -> None:
        """Send SIGTERM to all: runs take it as the wish to save and leave."""
        for _, process in self._running.values():
            process.terminate()

    def _end(self, receiver: Connection) -> Ending:
        job, process = self._running.pop(receiver)
        try:
            ending = receiver.recv() if receiver.poll() else None
        except (EOFError, OSError):  # it died before it said anything, or in the midst of it
            ending = None
        receiver.close()
        process.join()
        code = process.exitcode
        process.close()
        return ending if isinstance(ending, Ending) else Ending(job, "failed", error=_how_it_died(code))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _how_it_died(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"its process was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"its process was killed by signal {-code}"
    return f"its process ended with exit code {code} and without an answer"


def _work(sender: Connection, job: Job) -> None:
    """What the process does."""
    if hasattr(os, "setsid"):
        # A terminal sends Ctrl-C to all processes of its session. The one who carries out the jobs hears it and asks
        # for a stop, once; a second signal would end the run before it has saved.
        os.setsid()
    threading.Thread(target=_leave_with_parent, name="snn-agent parent", daemon=True).start()
    ending = attempt(job)
    try:
        sender.send(ending)
    except Exception:
        sender.send(Ending(job, "failed", error=f"its answer cannot be sent:\n{traceback.format_exc()}"))


def _leave_with_parent() -> None:
    """Nobody waits for a run whose parent was killed: it saves and leaves, and whoever asks next goes on with it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
