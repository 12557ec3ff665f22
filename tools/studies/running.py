"""One run of a study: done once, gone on with where it was interrupted, never begun anew."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import train
from filelock import FileLock, Timeout

from snn_agent.errors import CheckpointError
from snn_agent.experiments.jobs import Interrupted
from snn_agent.training.checkpoint import load_newest

TRAIN = Path(train.__file__)
LOCK_SECONDS = 60.0
"""Seconds to wait for another process that is at work on the same run: it may be about to save and leave."""


def run_one(run_dir: Path, arguments: Sequence[str]) -> dict[str, Any]:
    """The summary of a run that ``tools/train.py`` makes with these arguments, in this process, unless it is done.

    A run that was interrupted goes on from its newest valid checkpoint. One that never came to a checkpoint begins
    again, and what it left is kept beside it under a hidden name. What training says is added to a ``.log`` beside it.

    Raises:
        RuntimeError: it failed, or another process is at work on it; the message has what training said.
        Interrupted: it was asked to stop, and has saved.
    """
    if not is_done(run_dir):
        run_dir.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(run_dir.with_name(f".{run_dir.name}.lock"), timeout=LOCK_SECONDS):
                if not is_done(run_dir):
                    _train(run_dir, arguments)
        except Timeout:
            raise RuntimeError(f"another process is at work on {run_dir}. Wait for it, or end it.") from None
    return _summary(run_dir)


def is_done(run_dir: Path) -> bool:
    """Whether the run has lived to its end and been evaluated."""
    return "eval" in _summary(run_dir)


def _summary(run_dir: Path) -> dict[str, Any]:
    path = run_dir / "summary.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _train(run_dir: Path, arguments: Sequence[str]) -> None:
    if _can_go_on(run_dir):
        where = ["--resume", str(run_dir)]
    else:
        _set_aside(run_dir)
        where = ["--run-dir", str(run_dir), *arguments]
    log = run_dir.with_name(f"{run_dir.name}.log")
    with log.open("a", buffering=1) as file:
        begin = file.tell()
        with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file), _called_as([str(TRAIN), *where]):
            code = _exit_code(where)
    if code:
        with log.open() as file:
            file.seek(begin)
            raise RuntimeError(f"{TRAIN.name} {' '.join(where)} failed:\n{file.read()}")
    if not is_done(run_dir):
        raise Interrupted(f"{run_dir} is saved")


def _exit_code(arguments: list[str]) -> object:
    """What training ends with, also where its arguments are wrong and it leaves at once."""
    try:
        return train.main(arguments)
    except SystemExit as leaving:
        return leaving.code


def _can_go_on(run_dir: Path) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of damaged checkpoints; training says it
            load_newest(run_dir)
    except CheckpointError:
        return False
    return True


def _set_aside(run_dir: Path) -> None:
    if run_dir.exists():
        names = (run_dir.with_name(f".{run_dir.name}.broken-{n}") for n in itertools.count(1))
        run_dir.rename(next(path for path in names if not path.exists()))


@contextlib.contextmanager
def _called_as(command: list[str]) -> Iterator[None]:
    """Training names its own command where it tells how to repeat a run."""
    before, sys.argv = sys.argv, command
    try:
        yield
    finally:
        sys.argv = before
