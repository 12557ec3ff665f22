"""Lives of many tasks as the trainer writes them, made up, and as arrays."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from snn_agent.experiments.continual_data import ContinualRun, read_run
from snn_agent.training.continual.journal import EVALUATIONS_FILE, PHASES_FILE, EvaluationLine, PhaseLine

NAMES = "ABC"
STEPS = 100
"""Of each phase; evaluated at every tenth, and at begin and end."""


def phase_line(phase: int, task: int, env_step: int, kind: str = "given") -> dict[str, Any]:
    line = PhaseLine(
        phase=phase, task=task, name=NAMES[task], env_step=env_step, update=env_step // 10, kind=kind,
        protected=0, recruited=0, sharing=0.0,
    )  # fmt: skip
    return dataclasses.asdict(line)


def evaluation_line(env_step: int, phase: int, task: int, score: float) -> dict[str, Any]:
    """A joule every four steps, one neuron every step."""
    line = EvaluationLine(
        env_step=env_step, update=env_step // 10, phase=phase, task=task, score=score, food=None,
        joules_per_decision=0.5, neurons=env_step + task, joules=0.25 * env_step, dormant_fraction=0.0,
        effective_rank=3.0,
    )  # fmt: skip
    return dataclasses.asdict(line)


def life(
    sequence: Sequence[int], score: Callable[[int, int], float], n_tasks: int = 3
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines of phases and of evaluations of a life in which the score is a function of the step and the task."""
    phases = [phase_line(phase, task, phase * STEPS) for phase, task in enumerate(sequence)]
    evaluations = [
        evaluation_line(step, max(0, (step - 1) // STEPS), task, score(step, task))
        for step in range(0, len(sequence) * STEPS + 1, 10)
        for task in range(n_tasks)
    ]
    return phases, evaluations


def write(folder: Path, phases: list[dict[str, Any]], evaluations: list[dict[str, Any]]) -> Path:
    for name, lines in ((PHASES_FILE, phases), (EVALUATIONS_FILE, evaluations)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def run_of(folder: Path, sequence: Sequence[int], score: Callable[[int, int], float], n_tasks: int = 3) -> ContinualRun:
    return read_run(write(folder, *life(sequence, score, n_tasks)))
