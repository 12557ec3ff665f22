"""Tidy tables of a study of several tasks: a line an examination and task, and a line a life and metric."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from studies.continual_page.data import ContinualStudy, LifeRun, SequenceData
from studies.continual_page.metrics import metrics_of
from studies.page.tidy import write_whole

EVALUATIONS: Final = (
    "study", "sequence", "arm", "seed", "env_step", "phase", "lived_task", "task", "task_name", "score",
    "normalised_score", "food", "joules", "joules_per_decision", "neurons", "dormant_fraction", "effective_rank",
)  # fmt: skip
"""Columns of ``continual-evaluations.csv``; of a run from scratch, tasks are numbered as in the whole sequence."""

METRIC_COLUMNS: Final = ("study", "sequence", "arm", "seed", "status", "metric", "task", "value")
"""Columns of ``continual-metrics.csv``; no task where a metric is of the whole life, no metric of a run that is not
done."""

Line = Mapping[str, Any]


def write_tables(data: ContinualStudy, folder: Path) -> list[Path]:
    """Write both into a folder; older ones are replaced only when they are whole."""
    return [
        _write(folder / "continual-evaluations.csv", EVALUATIONS, list(_evaluations(data))),
        _write(folder / "continual-metrics.csv", METRIC_COLUMNS, list(_metrics(data))),
    ]


def _write(path: Path, columns: Sequence[str], lines: Sequence[Line]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(line.get(name)) for name in columns} for line in lines)
    write_whole(path, lambda draft: draft.write_text(text.getvalue()))
    return path


def _evaluations(data: ContinualStudy) -> Iterator[Line]:
    for sequence in data.sequences:
        alone = {arm: task for task, arm in sequence.comparison.scratch.items() if arm != sequence.comparison.plain}
        for run in sequence.runs:
            if run.raw is None or run.life is None:
                continue
            for moment, step in enumerate(run.raw.env_steps.tolist()):
                phase = int(run.raw.phase_of[moment])
                for number in range(len(run.raw.score)):
                    task = alone.get(run.arm, number)
                    yield {
                        **_named(data, sequence, run),
                        "env_step": int(step),
                        "phase": phase,
                        "lived_task": alone.get(run.arm, run.raw.tasks[phase]),
                        "task": task,
                        "task_name": sequence.names[task],
                        "score": float(run.raw.score[number, moment]),
                        "normalised_score": float(run.life.score[number, moment]),
                        "joules": float(run.raw.joules[moment]),
                        "neurons": int(run.raw.neurons[number, moment]),
                        **{
                            name: float(getattr(run.raw, name)[number, moment])
                            for name in ("food", "joules_per_decision", "dormant_fraction", "effective_rank")
                        },
                    }


def _metrics(data: ContinualStudy) -> Iterator[Line]:
    for sequence in data.sequences:
        lives = sequence.comparison.lives
        for run in sequence.runs:
            named = {**_named(data, sequence, run), "status": run.status}
            if run.status != "done" or run.arm not in lives:
                yield named
                continue
            for (metric, task), value in metrics_of(sequence, run).items():
                yield {**named, "metric": metric, "task": task, "value": value}


def _named(data: ContinualStudy, sequence: SequenceData, run: LifeRun) -> Line:
    return {"study": data.study, "sequence": sequence.comparison.sequence, "arm": run.arm, "seed": run.seed}


def _cell(value: Any) -> Any:
    """Nothing in place of NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value
