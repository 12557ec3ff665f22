"""One run of a study: done once, gone on with where it was interrupted, never begun anew."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TRAIN = Path(__file__).parents[1] / "train.py"


def run_one(run_dir: Path, arguments: list[str]) -> dict[str, Any]:
    """The summary of a run that ``tools/train.py`` makes with these arguments, unless it is done already.

    Raises:
        RuntimeError: it failed; the message has the command and what it said.
    """
    summary = run_dir / "summary.json"
    if not _is_done(summary):
        resumed = (run_dir / "checkpoints").is_dir() and any((run_dir / "checkpoints").iterdir())
        where = ["--resume", str(run_dir)] if resumed else ["--run-dir", str(run_dir), *arguments]
        command = [sys.executable, str(TRAIN), *where]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{answer.stdout}{answer.stderr}")
    found: dict[str, Any] = json.loads(summary.read_text())
    return found


def _is_done(summary: Path) -> bool:
    return summary.exists() and "eval" in json.loads(summary.read_text())
