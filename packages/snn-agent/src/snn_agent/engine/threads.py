"""A few threads that run kernels side by side.

The kernels let go of Python's lock, so plain threads serve. To wake a sleeping one takes up to a tenth of a
millisecond, so for a moment after its work a thread stays awake and looks for more. It offers its core to others all
the while: threads that do not, as OpenMP's, were measured to cost milliseconds a call as soon as another process wants
the core.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch

from snn_agent.engine.barrier import look_out

WORTH_NS: Final = 60_000
"""Work below this many nanoseconds is not worth waking a thread for, which takes about as long."""

LOOKS: Final = 1000
"""Looks for more work before a thread goes to sleep, some hundred microseconds."""

Range = tuple[int, int]


class _Team:
    def __init__(self) -> None:
        self.counter = np.zeros(1, np.int64)  # of jobs ever given
        self.giving = threading.Lock()  # parts that wait for each other must not stand behind another caller's
        self.jobs: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...], queue.SimpleQueue[Any]]] = (
            queue.SimpleQueue()
        )
        self.size = 0

    def grow(self, size: int) -> None:
        while self.size < size:
            self.size += 1
            threading.Thread(target=self._work, name=f"snn-agent kernels {self.size}", daemon=True).start()

    def give(self, job: tuple[Callable[..., Any], tuple[Any, ...], queue.SimpleQueue[Any]]) -> None:
        self.jobs.put(job)
        self.counter[0] += 1

    def _work(self) -> None:
        while True:
            look_out(self.counter, int(self.counter[0]), LOOKS)
            function, arguments, done = self.jobs.get()
            try:
                function(*arguments)
                done.put(None)
            except BaseException as problem:  # handed to the caller, who raises it
                done.put(problem)


_team = _Team()


def _after_fork() -> None:
    global _team
    _team = _Team()  # threads do not live on in a forked process


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def ranges(n: int, unit: int, work_ns: float) -> list[Range]:
    """Cut ``range(n)`` into parts at multiples of ``unit``: one for each thread of PyTorch's, as far as it pays.

    Args:
        n: a multiple of ``unit``, or not: the last part takes the rest.
        unit: what must not be cut.
        work_ns: about how long all of it takes one thread.
    """
    units = -(-n // unit)
    parts = max(1, min(torch.get_num_threads(), units, int(work_ns // WORTH_NS)))
    return [(units * part // parts * unit, min(n, units * (part + 1) // parts * unit)) for part in range(parts)]


def side_by_side(function: Callable[..., Any], parts: Sequence[Range], *arguments: Any) -> None:
    """Call ``function(first, last, *arguments)`` for every part, each in a thread; return when all are done."""
    team = _team
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with team.giving:
        team.grow(len(parts) - 1)
        for part in parts[1:]:
            team.give((function, (*part, *arguments), done))
    try:
        function(*parts[0], *arguments)
    finally:  # the others write into arrays of the caller's
        problems = [done.get() for _ in parts[1:]]
    for problem in problems:
        if problem is not None:
            raise problem
