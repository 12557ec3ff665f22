"""Parts side by side: they cover all, errors come home, and a forked process has threads of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from snn_agent.engine import pytorch_threads, threads
from snn_agent.engine.pytorch_threads import side_by_side_with_pytorch
from snn_agent.engine.threads import WORTH_NS, ranges, side_by_side

THREE = [(0, 1), (1, 2), (2, 3)]
both_teams = pytest.mark.parametrize("run", [side_by_side, side_by_side_with_pytorch], ids=["ours", "PyTorch's"])
TASKS = Path("/proc/self/task")
lent = pytest.mark.skipif(pytorch_threads._lent is None, reason="PyTorch's OpenMP is not GNU's here")


def meet(first: int, last: int, barrier: threading.Barrier) -> None:
    """Wait for the other parts, each of which must have a thread."""
    barrier.wait(timeout=20)


@pytest.fixture(autouse=True)
def threads_of_torch() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@given(
    n=st.integers(0, 300), unit=st.integers(1, 40), n_threads=st.integers(1, 9), work=st.floats(0.0, 12.0 * WORTH_NS)
)
def test_ranges_cover_everything_once(n: int, unit: int, n_threads: int, work: float) -> None:
    torch.set_num_threads(n_threads)
    parts = ranges(n, unit, work)
    assert [index for first, last in parts for index in range(first, last)] == list(range(n))
    assert all(first % unit == 0 for first, _ in parts)
    assert 1 <= len(parts) <= min(n_threads, max(1.0, work / WORTH_NS))
    assert n == 0 or all(first < last for first, last in parts)


def test_ranges_are_alike() -> None:
    torch.set_num_threads(3)
    assert ranges(32 * 10, 32, 1e9) == [(0, 96), (96, 192), (192, 320)]
    assert ranges(70, 32, 1e9) == [(0, 32), (32, 64), (64, 70)]
    assert ranges(32 * 10, 32, 2.5 * WORTH_NS) == [(0, 160), (160, 320)]


@both_teams
@pytest.mark.parametrize("n_parts", [1, 2, 5])
def test_every_part_is_done_in_a_thread_of_its_own(n_parts: int, run: Callable[..., None]) -> None:
    """They wait for each other, so none may stand behind another."""
    together, seen = threading.Barrier(n_parts), {}

    def part(first: int, last: int, factor: int) -> None:
        together.wait(timeout=60)
        seen[first, last] = (factor, threading.get_ident())

    parts = [(index, index + 1) for index in range(n_parts)]
    run(part, parts, 7)
    assert seen.keys() == set(parts)
    assert {factor for factor, _ in seen.values()} == {7}
    assert len({name for _, name in seen.values()}) == n_parts
    assert seen[0, 1][1] == threading.get_ident()


@both_teams
@pytest.mark.parametrize("bad", [[0], [2], [0, 1, 2], [1, 2]])
def test_an_error_reaches_the_caller_after_all_parts_ended(bad: list[int], run: Callable[..., None]) -> None:
    started, ended = threading.Barrier(3), []

    def part(first: int, last: int) -> None:
        started.wait(timeout=60)
        if first in bad:
            ended.append(first)
            raise KeyError(first)
        time.sleep(0.05)  # the error is there first
        ended.append(first)

    with pytest.raises(KeyError) as raised:
        run(part, THREE)
    assert raised.value.args[0] in bad
    assert sorted(ended) == [0, 1, 2]
    run(meet, THREE, started)  # nobody was lost


@both_teams
def test_arrays_are_filled_by_many_small_calls(run: Callable[..., None]) -> None:
    numbers, parts = np.zeros(40, np.int64), [(start, start + 10) for start in range(0, 40, 10)]

    def add(first: int, last: int, amount: int) -> None:
        numbers[first:last] += amount

    for amount in range(300):
        run(add, parts, amount)
    assert (numbers == sum(range(300))).all()


@both_teams
def test_two_callers_at_a_time_get_their_own_results(run: Callable[..., None]) -> None:
    found = {}

    def call(caller: int) -> None:
        own = np.zeros(30, np.int64)

        def add(first: int, last: int) -> None:
            own[first:last] += caller

        for _ in range(200):
            run(add, [(0, 10), (10, 20), (20, 30)])
        found[caller] = own

    callers = [threading.Thread(target=call, args=(caller,)) for caller in (1, 2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
    assert (found[1] == 200).all()
    assert (found[2] == 400).all()


class SlowTeam(threads._Team):
    """Gives so slowly that two callers meet."""

    def give(self, job: Any) -> None:
        super().give(job)
        time.sleep(0.002)


def test_parts_that_wait_for_each_other_do_not_wait_for_another_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of a whole update do: half of each in the threads there are would be the end of both."""
    monkeypatch.setattr(threads, "_team", SlowTeam())
    done = []

    def call() -> None:
        for _ in range(20):
            side_by_side(meet, [(index, index + 1) for index in range(5)], threading.Barrier(5))
        done.append(True)

    callers = [threading.Thread(target=call, daemon=True) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=30)
    assert len(done) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.. may lead to deadlocks:DeprecationWarning")
def test_a_forked_process_has_its_own_threads() -> None:
    for run in (side_by_side, side_by_side_with_pytorch):
        run(meet, THREE, threading.Barrier(3))
    team = threads._team
    assert team.size >= 2  # which do not live on in the child
    child = os.fork()
    if child == 0:
        code = 1
        try:
            side_by_side(meet, THREE, threading.Barrier(3))
            side_by_side_with_pytorch(meet, THREE, threading.Barrier(3))
            code = 0 if threads._team is not team else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + 30
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the child waits for threads that it does not have")
    assert os.waitstatus_to_exitcode(ended[1]) == 0
    assert threads._team is team
    side_by_side(meet, THREE, threading.Barrier(3))  # the parent goes on


@lent
def test_threads_that_pytorch_has_are_used_again() -> None:
    torch.set_num_threads(3)
    torch.ones(10**6).mul(2.0)  # makes PyTorch's threads
    before = set(TASKS.iterdir())
    side_by_side_with_pytorch(meet, THREE, threading.Barrier(3))
    assert set(TASKS.iterdir()) <= before


WITHIN_LIMIT = """
import threading
from snn_agent.engine import threads
from snn_agent.engine.pytorch_threads import side_by_side_with_pytorch
meeting = threading.Barrier(2)
side_by_side_with_pytorch(lambda first, last: meeting.wait(timeout=20), [(0, 1), (1, 2)])
print(threads._team.size)
"""


@lent
@pytest.mark.parametrize(("limit", "own"), [("1", 1), ("4", 0)])
def test_ours_serve_where_pytorch_lends_too_few(limit: str, own: int) -> None:
    """Parts that wait for each other must not be given to fewer threads."""
    command = [sys.executable, "-c", WITHIN_LIMIT]
    found = subprocess.run(
        command, env=os.environ | {"OMP_THREAD_LIMIT": limit}, capture_output=True, text=True, timeout=120, check=True
    )
    assert int(found.stdout) == own
