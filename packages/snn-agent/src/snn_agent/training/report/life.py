"""A life of several tasks as a report needs it, read from ``phases.jsonl`` and ``evaluations.jsonl``."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from snn_agent.training.continual.journal import EVALUATIONS_FILE, PHASES_FILE, EvaluationLine, PhaseLine
from snn_agent.training.report.thinning import FloatArray, thin

MOMENTS: Final = 600
"""Most examinations of a curve."""

Line = TypeVar("Line", PhaseLine, EvaluationLine)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Life:
    """What was lived and how it went on; E examinations of N tasks.

    Attributes:
        phases: that were begun, in order; at least one.
        detections: where the organism noticed something, with the task that it believed in from then on.
        names: [N] of the tasks; "task 2" where nothing tells its name.
        moments: [E] examinations in order, each the lines by task; of one that was cut short some are missing.
    """

    phases: tuple[PhaseLine, ...]
    detections: tuple[PhaseLine, ...]
    names: tuple[str, ...]
    moments: tuple[Mapping[int, EvaluationLine], ...]

    @property
    def env_steps(self) -> FloatArray:
        """[E] environment steps lived at each examination; there are two of one step at a phase's begin."""
        return np.array([_any(moment).env_step for moment in self.moments], dtype=np.float64)

    def scores(self, task: int) -> FloatArray:
        """[E] mean return on a task; NaN where it is missing."""
        found = [moment[task].score if task in moment else math.nan for moment in self.moments]
        return np.array(found, dtype=np.float64)

    def of_phase(self, phase: int) -> tuple[Mapping[int, EvaluationLine], ...]:
        """Examinations made in a phase, in order."""
        return tuple(moment for moment in self.moments if _any(moment).phase == phase)

    def thinned(self) -> Life:
        """The same with no more examinations than :data:`MOMENTS`."""
        kept = tuple(self.moments[index] for index in thin(len(self.moments), MOMENTS))
        return dataclasses.replace(self, moments=kept)

    def to_json(self) -> dict[str, Any]:
        """What the page's script reads off."""
        return {
            "names": list(self.names),
            "phases": [dataclasses.asdict(line) for line in self.phases],
            "detections": [dataclasses.asdict(line) for line in self.detections],
            "env_steps": self.env_steps.tolist(),
            "phase_of": [_any(moment).phase for moment in self.moments],
            "scores": [self.scores(task).tolist() for task in range(len(self.names))],
        }


def read_life(run_dir: Path, summary: Mapping[str, Any]) -> Life | None:
    """The life whose files a run directory holds; None where it is one of a single task in a single phase, or of none.

    Lines that are none, as a killed run leaves them, are left out.

    Args:
        run_dir: where ``phases.jsonl`` and ``evaluations.jsonl`` are.
        summary: of the run, which may know names of tasks that were never met.
    """
    turns = list(_lines(run_dir / PHASES_FILE, PhaseLine))
    phases = tuple(line for line in turns if line.kind != "detected")
    moments: list[dict[int, EvaluationLine]] = []
    for line in _lines(run_dir / EVALUATIONS_FILE, EvaluationLine):
        last = _any(moments[-1]) if moments else None
        if last is None or (last.env_step, last.phase) != (line.env_step, line.phase):
            moments.append({})
        moments[-1][line.task] = line
    n_tasks = 1 + max([-1, *(line.task for line in phases), *(task for moment in moments for task in moment)])
    if not phases or (n_tasks == 1 and len(phases) == 1):
        return None
    told = summary.get("eval", {}).get("tasks", [])
    names = {number: str(task["name"]) for number, task in enumerate(told)} | {line.task: line.name for line in phases}
    return Life(
        phases=phases,
        detections=tuple(line for line in turns if line.kind == "detected"),
        names=tuple(names.get(task, f"task {task}") for task in range(n_tasks)),
        moments=tuple(moments),
    )


def _lines(file: Path, kind: type[Line]) -> Iterator[Line]:
    fields = [field.name for field in dataclasses.fields(kind)]
    for text in file.read_text().splitlines() if file.exists() else []:
        try:
            found = json.loads(text)
            yield kind(**{name: found[name] for name in fields})
        except (ValueError, KeyError, TypeError):
            continue


def _any(moment: Mapping[int, EvaluationLine]) -> EvaluationLine:
    """A line of an examination, for what they all tell alike."""
    return next(iter(moment.values()))
