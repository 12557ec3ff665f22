"""What a report tells: the files of a run directory, read and thinned."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from snn_agent.errors import ConfigError
from snn_agent.training.report.activity import Activity, read_activity
from snn_agent.training.report.derived import derive
from snn_agent.training.report.life import Life, read_life
from snn_agent.training.report.thinning import FloatArray, thin

POINTS: Final = 600
"""Most points of a curve: more than a screen can tell apart, few enough for a phone."""

SPARSE: Final[Mapping[str, int]] = {"effective_rank": 100}
"""Columns that tell something at few updates only, and how many of these are kept at most, whatever is thinned."""


@dataclass(frozen=True, kw_only=True)
class RunData:
    """A run as its directory tells it.

    Attributes:
        name: of the directory.
        columns: of metrics.csv by name, thinned to the same rows; NaN where there was nothing to tell.
        derived: what was computed from them and from ``activity``, at the same rows.
        activity: every neuron's rates; None where a run has none.
        updates: lines of metrics.csv before thinning.
        unreadable: lines that are no line of the table, such as the last one of a run that was killed.
        events: lines of events.jsonl, all of them.
        config: config.json; empty where a run has none.
        summary: summary.json; empty where a run has none.
        references: what others reach, by name, in the measure of the headline (food, else return).
        evaluation: what the evaluation found; empty where there was none.
        life: its tasks; None where it has but one.
    """

    name: str
    columns: dict[str, FloatArray]
    derived: dict[str, FloatArray]
    activity: Activity | None
    updates: int
    unreadable: int
    events: list[dict[str, Any]]
    config: dict[str, Any]
    summary: dict[str, Any]
    references: dict[str, float]
    evaluation: dict[str, Any]
    life: Life | None = None

    @property
    def counts_food(self) -> bool:
        """Whether the run is measured in food; else in return."""
        return "food_mean" in self.evaluation or bool(np.isfinite(self.column("food_mean")).any())

    def column(self, name: str) -> FloatArray:
        """A column, derived ones among them; NaN throughout if the run did not write it."""
        length = len(next(iter(self.columns.values()), ()))
        return (self.columns | self.derived).get(name, np.full(length, math.nan))

    def last(self, name: str) -> float:
        """The last number of a column, NaN if there is none."""
        column = self.column(name)
        known = column[np.isfinite(column)]
        return float(known[-1]) if len(known) else math.nan

    def to_json(self) -> str:
        """All of it, to be read by the page's script and by whoever wants the numbers; NaN is null."""
        document = {
            "columns": {name: column.tolist() for name, column in self.columns.items()},
            "derived": {name: column.tolist() for name, column in self.derived.items()},
            "activity": None if self.activity is None else self.activity.shown().to_json(),
            "updates": self.updates,
            "events": self.events,
            "config": self.config,
            "summary": self.summary,
            "references": self.references,
            "evaluation": self.evaluation,
            "life": None if self.life is None else self.life.thinned().to_json(),
        }
        # In a page, "<" could end the script that holds the document.
        return json.dumps(_finite(document), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def read_run(
    run_dir: Path, references: Mapping[str, float] | None = None, evaluation: Mapping[str, Any] | None = None
) -> RunData:
    """Read a run directory; see :class:`RunData`. Without ``evaluation`` the one in summary.json is taken.

    Raises:
        ConfigError: there is no metrics.csv.
    """
    file = run_dir / "metrics.csv"
    if not file.exists():
        raise ConfigError(f"{file} does not exist, so there is nothing to report. Give a run directory.")
    columns, unreadable = _read_table(file)
    updates = len(next(iter(columns.values()), ()))
    rows = thin(updates, POINTS)
    for name in SPARSE.keys() & columns.keys():
        known = np.flatnonzero(np.isfinite(columns[name]))
        rows = np.union1d(rows, known[thin(len(known), SPARSE[name])])
    shown = {name: column[rows] for name, column in columns.items()}
    activity = read_activity(run_dir)
    summary = _read_json(run_dir / "summary.json")
    return RunData(
        name=run_dir.resolve().name,
        columns=shown,
        derived=derive(shown, activity),
        activity=activity,
        updates=updates,
        unreadable=unreadable,
        events=_read_lines(run_dir / "events.jsonl"),
        config=_read_json(run_dir / "config.json"),
        summary=summary,
        references=dict(references or {}),
        evaluation=dict(summary.get("eval", {}) if evaluation is None else evaluation),
        life=read_life(run_dir, summary),
    )


def _read_table(file: Path) -> tuple[dict[str, FloatArray], int]:
    rows: list[list[float]] = []
    unreadable = 0
    with file.open(newline="") as lines:
        reader = csv.reader(lines)
        names = next(reader, [])
        for row in reader:
            try:
                numbers = [float(cell) for cell in row]
            except ValueError:
                numbers = []
            if len(numbers) == len(names):
                rows.append(numbers)
            else:
                unreadable += 1
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    return {name: table[:, index] for index, name in enumerate(names)}, unreadable


def _read_lines(file: Path) -> list[dict[str, Any]]:
    events = []
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            break  # the end of a file that was cut; what stands before is whole
    return events


def _read_json(file: Path) -> dict[str, Any]:
    content = json.loads(file.read_text()) if file.exists() else {}
    return content if isinstance(content, dict) else {}


def _finite(value: Any) -> Any:
    """The value with None for every number that JSON does not know."""
    if isinstance(value, dict):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
