"""Tidy tables of a study, a line a run and a line a point of a curve: CSV, and Parquet where pyarrow is there."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from studies.page.data import Run, StudyData
from studies.page.targets import targets

POINTS: Final = 100

RESULTS: Final[Mapping[str, type]] = {
    "study": str,
    "arm": str,
    "seed": int,
    "status": str,
    "env_steps": int,
    "food": float,
    "normalised_score": float,
    "neurons_final": int,
    "neurons_mean": float,
    "growth_events": int,
    "pruning_events": int,
    "joules": float,
    "joules_acting": float,
    "joules_per_decision": float,
    "joules_per_food": float,
    "seconds": float,
    "config_hash": str,
    "random_food": float,
    "greedy_food": float,
}
"""Columns of the table of runs; empty where a run did not come to tell it."""

CURVES: Final[Mapping[str, type]] = {
    "study": str,
    "arm": str,
    "seed": int,
    "env_steps": int,
    "joules": float,
    "joules_acting": float,
    "seconds": float,
    "score": float,
    "neurons": int,
}
"""Columns of the table of curves; no score where no episode had ended."""

TARGETS: Final[Mapping[str, type]] = {
    "study": str,
    "arm": str,
    "target": str,
    "decision": str,
    "value": float,
    "low": float,
    "high": float,
    "against": str,
    "because": str,
}
"""Columns of the table of targets; no numbers where there are none."""

Line = Mapping[str, Any]


def write_tables(data: StudyData, folder: Path) -> list[Path]:
    """Write ``results.csv`` and ``curves.csv`` into a folder, and ``targets.csv`` if arms of the study are judged; each
    with a ``.parquet`` twin if pyarrow is installed.
    """
    written = []
    tables = [
        ("results", RESULTS, [_result(data.study, run) for run in data.runs]),
        ("curves", CURVES, [line for run in data.done for line in points_of(run, data.study)]),
    ]
    if aimed := _targets(data):
        tables.append(("targets", TARGETS, aimed))
    for name, columns, lines in tables:
        filled = [{column: _cell(line.get(column)) for column in columns} for line in lines]
        path = folder / f"{name}.csv"
        text = io.StringIO()
        writer = csv.DictWriter(text, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(filled)
        write_whole(path, lambda draft, text=text: draft.write_text(text.getvalue()))  # type: ignore[misc]
        written.append(path)
        if importlib.util.find_spec("pyarrow") is not None:
            write_whole(path.with_suffix(".parquet"), _parquet(columns, filled))
            written.append(path.with_suffix(".parquet"))
        else:
            path.with_suffix(".parquet").unlink(missing_ok=True)  # it would tell another story than its twin
    return written


def points_of(run: Run, study: str) -> list[Line]:
    """A done run at 100 places that are evenly spaced over its updates; energy and score with six digits."""
    assert run.curve is not None
    curve = run.curve
    chosen = np.unique(np.linspace(0, len(curve.steps) - 1, POINTS).round().astype(int))
    return [
        {
            "study": study,
            "arm": run.arm,
            "seed": run.seed,
            "env_steps": int(curve.steps[k]),
            "joules": float(f"{curve.joules[k]:.6g}"),
            "joules_acting": float(f"{curve.acting[k]:.6g}"),
            "seconds": float(f"{curve.seconds[k]:.6g}"),
            "score": float(f"{curve.score[k]:.6g}"),
            "neurons": int(curve.neurons[k]),
        }
        for k in chosen.tolist()
    ]


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` make a draft beside the path, which takes the place of an older file only when it is whole."""
    draft = path.with_name(f".{path.name}.partial")
    write(draft)
    draft.replace(path)


def _result(study: str, run: Run) -> Line:
    evaluation = run.summary.get("eval", {})
    told = {"config_hash": run.summary["config_hash"]} if "config_hash" in run.summary else {}
    told |= {name: evaluation[name] for name in ("random_food", "greedy_food") if name in evaluation}
    return {"study": study, "arm": run.arm, "seed": run.seed, "status": run.status, **run.numbers, **told}


def _targets(data: StudyData) -> list[Line]:
    return [
        {
            "study": data.study,
            "arm": arm,
            "target": target.name,
            "decision": target.decision,
            **target.estimate._asdict(),
            "against": target.against,
            "because": target.undecided,
        }
        for arm, found in targets(data).items()
        for target in found
    ]


def _cell(value: Any) -> Any:
    """Nothing in place of NaN, which tables know as nothing told."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _parquet(columns: Mapping[str, type], lines: Sequence[Line]) -> Callable[[Path], None]:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    types = {str: arrow.string(), int: arrow.int64(), float: arrow.float64()}
    schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
    return lambda draft: parquet.write_table(arrow.Table.from_pylist(list(lines), schema=schema), draft)
