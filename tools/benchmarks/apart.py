"""Training loops in processes of their own, where nothing else has used memory or warmed up.

``python -m benchmarks.apart TASK`` reads the arguments of a task as JSON from standard input and writes its result.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.contestants import Contestant
from benchmarks.loops import make_loop
from benchmarks.rounds import seconds_of

TOOLS = Path(__file__).parents[1]


def run_apart(task: str, contestant: Contestant, **arguments: Any) -> Any:
    """Carry out a task of :data:`TASKS` in a fresh process.

    Raises:
        RuntimeError: it failed there; the message is what it wrote last.
    """
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.apart", task],
        input=json.dumps({"contestant": dataclasses.asdict(contestant), **arguments}),
        cwd=TOOLS,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(f"{contestant.name} failed in its own process: {answer.stderr[-2000:]}")
    return json.loads(answer.stdout.splitlines()[-1])


def updates(contestant: dict[str, Any], warm_up: int, measured: int) -> dict[str, Any]:
    """Seconds of each measured update after the warm-up, environment steps of them, peak memory of all and of them."""
    loop = make_loop(Contestant(**contestant))
    loop.advance(warm_up)
    before = forget_peak()
    steps = 0

    def update() -> None:
        nonlocal steps
        steps += loop.advance(1)

    seconds = [seconds_of(update) for _ in range(measured)]
    peak = peak_bytes()
    return {
        "seconds": seconds,
        "env_steps": steps,
        "peak_bytes": None if peak is None or before is None else max(peak, before),
        "update_peak_bytes": peak,
    }


def race(contestant: dict[str, Any], seconds: float, interval: float) -> list[dict[str, Any]]:
    """What a training had reached at regular intervals; ours writes its files like any run."""
    with tempfile.TemporaryDirectory() as folder:
        return make_loop(Contestant(**contestant), Path(folder) / "run").live(seconds, interval)


TASKS: dict[str, Callable[..., Any]] = {"updates": updates, "race": race}


def forget_peak() -> int | None:
    """Begin the peak anew at what is resident now; returns the old one. Compilers take more memory than trainings."""
    peak = peak_bytes()
    with contextlib.suppress(OSError):  # where it cannot be forgotten, the peak of all stands for that of the updates
        Path("/proc/self/clear_refs").write_text("5")
    return peak


def peak_bytes() -> int | None:
    """The most memory that this process ever had resident; None where the system does not tell (only Linux does)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return None if found is None else int(found[1]) * 1024


if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](**json.load(sys.stdin))))
