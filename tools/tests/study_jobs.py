"""A job for the tests of studies, in a module that other processes can import."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from studies.running import run_one


def run_and_be_killed_once(run_dir: Path, arguments: list[str], marker: Path) -> dict[str, Any]:
    """``run_one``, but the process is killed at the first attempt, a moment after a checkpoint."""
    if not marker.exists():
        threading.Thread(target=_kill_after, args=(run_dir / "checkpoints", marker), daemon=True).start()
    return run_one(run_dir, arguments)


def _kill_after(checkpoints: Path, marker: Path) -> None:
    while len(list(checkpoints.glob("update-*"))) < 2:
        time.sleep(0.002)
    marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)
