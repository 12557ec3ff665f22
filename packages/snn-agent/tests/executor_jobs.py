"""Jobs for the tests of executors, in a module that other processes can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from snn_agent.experiments.jobs import Interrupted
from snn_agent.training.signals import StopRequest


def draws(seed: int, n: int) -> list[float]:
    """Numbers that only the seed decides."""
    return np.random.default_rng(seed).normal(size=n).tolist()


def broken(words: str) -> None:
    raise ValueError(words)


def unpicklable() -> Any:
    return lambda: None


def leave() -> None:
    raise SystemExit("a job may not end who carries it out")


def counted(folder: Path, steps: int, kill_at: int | None = None) -> dict[str, int]:
    """Add up 0 … steps - 1, saving each; killed once on the way, it goes on from what it saved.

    Its answer says how many steps this and earlier attempts took together: more than ``steps`` if any was repeated.
    """
    folder.mkdir(parents=True, exist_ok=True)
    saved, taken, killed = folder / "sum", folder / "taken", folder / "killed"
    step, total = map(int, saved.read_text().split()) if saved.exists() else (0, 0)
    while step < steps:
        if step == kill_at and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        total, step = total + step, step + 1
        with taken.open("a") as file:
            file.write("x")
        draft = folder / "draft"
        draft.write_text(f"{step} {total}")
        draft.replace(saved)
    return {"sum": total, "taken": len(taken.read_text())}


def endless(folder: Path) -> None:
    """Run until asked to stop, as a training does; leaves files that say so."""
    folder.mkdir(parents=True, exist_ok=True)
    with StopRequest() as stop:
        (folder / "begun").write_text(str(os.getpid()))
        limit = time.monotonic() + 60.0
        while not stop.asked and time.monotonic() < limit:
            time.sleep(0.02)
    (folder / "saved").touch()
    raise Interrupted("saved")
