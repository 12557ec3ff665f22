"""Where a run's numbers go: CSV and JSON lines in the run directory."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import warnings
from pathlib import Path
from typing import Any

from snn_agent.training.activity_log import ACTIVITY_FILE, activity_line, is_due
from snn_agent.training.agent import StructuralEvent
from snn_agent.training.callbacks import Callback, Run, UpdateRecord


class AppendedFile:
    """A text file that a run appends to and that a resumed run cuts back to where its checkpoint was."""

    def __init__(self, path: Path, size: int) -> None:
        path.touch()
        if path.stat().st_size < size:
            warnings.warn(
                f"{path} has {path.stat().st_size} bytes, but {size} were written when the checkpoint was made: lines "
                f"of the run's past are missing. It goes on behind those that are there.",
                RuntimeWarning,
                stacklevel=2,
            )
        with path.open("r+b") as file:
            file.truncate(min(size, path.stat().st_size))
        self.path = path

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self.path.stat().st_size

    def sync(self) -> None:
        """Put what was written on the disk, so that a checkpoint may count on it."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())

    def append(self, text: str) -> None:
        """Write a line and hand it to the operating system at once."""
        with self.path.open("a") as file:
            file.write(text + "\n")


class RunFiles(Callback):
    """``metrics.csv`` (a line an update), ``events.jsonl`` (a line a structural event) and ``activity.jsonl`` (a line
    every :data:`~snn_agent.training.activity_log.ACTIVITY_EVERY` updates).
    """

    def __init__(self, folder: Path, sizes: dict[str, int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.metrics = AppendedFile(folder / "metrics.csv", sizes.get("metrics.csv", 0))
        self.events = AppendedFile(folder / "events.jsonl", sizes.get("events.jsonl", 0))
        self.activity = AppendedFile(folder / ACTIVITY_FILE, sizes.get(ACTIVITY_FILE, 0))
        if self.metrics.size == 0:
            self.metrics.append(_line([field.name for field in dataclasses.fields(UpdateRecord)]))

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file, for the checkpoint."""
        return {file.path.name: file.size for file in (self.metrics, self.events, self.activity)}

    def sync(self) -> None:
        """Put all files on the disk."""
        for file in (self.metrics, self.events, self.activity):
            file.sync()

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        """Append a line to metrics.csv, and one to activity.jsonl where it is due."""
        self.metrics.append(_line(list(dataclasses.astuple(record))))
        if is_due(record.update):
            self.activity.append(activity_line(run.agent.statistics, record.update, record.env_steps))

    def on_event(self, run: Run, event: StructuralEvent) -> None:
        """Append a line to events.jsonl."""
        del run
        self.events.append(json.dumps(dataclasses.asdict(event)))


def _line(values: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(
        [f"{value:.9g}" if isinstance(value, float) else value for value in values]
    )
    return text.getvalue()
