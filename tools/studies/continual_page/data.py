"""What a study of several tasks has to tell: lives as arrays, with scores that are normalised in each task."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from continual_tasks import TaskScale, task_scale
from runs import RunConfig, read_config, task_worlds

from snn_agent.errors import SnnAgentError
from snn_agent.experiments.continual_data import ContinualRun
from snn_agent.experiments.continual_data import read_run as read_life
from snn_agent.experiments.progress import reached
from snn_agent.experiments.statistics import Row
from snn_agent.metrics.genealogy import read_events
from snn_agent.training.report.data import read_run
from snn_agent.types import StructuralEvent
from studies.continual import Comparison, comparisons

UNSCALED = TaskScale(0.0, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LifeRun:
    """One arm with one seed.

    Attributes:
        arm: its name.
        seed: its seed.
        status: done (lived to its end), failed, or missing (not begun, or begun and not at its end).
        raw: returns as they were; of a done run, as the next four.
        life: returns normalised in each task.
        events: births and deaths.
        summary: the run's own.
        config: likewise.
        joules: spent; of a failed run what it left, NaN where it left nothing.
        reason: why it is not done.
    """

    arm: str
    seed: int
    status: Literal["done", "failed", "missing"]
    raw: ContinualRun | None = None
    life: ContinualRun | None = None
    events: Sequence[StructuralEvent] = ()
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    config: RunConfig | None = None
    joules: float = math.nan
    reason: str = ""

    @property
    def lived(self) -> ContinualRun:
        """The life of a done run."""
        assert self.life is not None
        return self.life


@dataclasses.dataclass(frozen=True, kw_only=True)
class SequenceData:
    """One sequence of tasks.

    Attributes:
        comparison: its arms.
        arms: of them, those that were asked for, in their order.
        runs: of these, arm by arm, seed by seed.
        order: the task of each phase.
        names: of the tasks.
        scales: of the tasks, between which scores are normalised.
        phase_steps: environment steps of a phase.
        examinations: in each phase.
    """

    comparison: Comparison
    arms: tuple[str, ...]
    runs: Sequence[LifeRun]
    order: tuple[int, ...]
    names: tuple[str, ...]
    scales: tuple[TaskScale, ...]
    phase_steps: int
    examinations: int

    def of(self, arm: str, *statuses: str) -> list[LifeRun]:
        """The runs of an arm, of these statuses if any are given."""
        return [run for run in self.runs if run.arm == arm and (not statuses or run.status in statuses)]

    def lives(self, arm: str) -> dict[int, LifeRun]:
        """The arm's done runs, by seed."""
        return {run.seed: run for run in self.of(arm, "done")}

    @property
    def seen(self) -> list[str]:
        """The arms that live through the whole sequence and have a run that is done."""
        return [arm for arm in self.comparison.lives if self.of(arm, "done")]

    @property
    def back(self) -> int:
        """The phase in which the first task is lived again."""
        return self.order.index(self.order[0], 1)

    def letter(self, task: int) -> str:
        """A task in one letter."""
        return chr(ord("A") + task)

    def short(self, arm: str) -> str:
        """An arm without the sequence's name."""
        return arm.split(f"{self.comparison.sequence}-", 1)[1]

    def grid(self, life: ContinualRun) -> Row:
        """Scores [N, P, K + 1] at the begin of each phase and at the K nominal moments of its examinations, straight
        between those that were made.
        """
        places = np.linspace(0.0, self.phase_steps, self.examinations + 1)
        scores = np.empty((len(life.score), len(self.order), len(places)))
        for phase in range(len(self.order)):
            where = life.moments(phase)
            since = life.env_steps[where] - life.phases[phase].env_step
            for task, score in enumerate(life.score):
                scores[task, phase] = np.interp(places, since, score[where])
        return scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContinualStudy:
    """A study as its folder tells it."""

    study: str
    folder: Path
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    sequences: Sequence[SequenceData]

    @property
    def runs(self) -> list[LifeRun]:
        """All runs."""
        return [run for sequence in self.sequences for run in sequence.runs]

    @property
    def done(self) -> list[LifeRun]:
        """All runs that are done."""
        return [run for run in self.runs if run.status == "done"]


def read_study(
    folder: Path, study: str, arms: tuple[str, ...], seeds: tuple[int, ...], failed: Mapping[str, str]
) -> ContinualStudy:
    """Read the runs of a study; arguments as :func:`studies.continual_page.write_results` has them.

    Raises:
        SnnAgentError: files of a run that is done cannot be read.
    """
    found = [
        _read_sequence(folder, comparison, tuple(arm for arm in comparison.arms if arm in arms), seeds, failed)
        for comparison in comparisons(study).values()
    ]
    sequences = [sequence for sequence in found if sequence.runs]
    return ContinualStudy(study=study, folder=folder, arms=arms, seeds=seeds, sequences=sequences)


def _read_sequence(
    folder: Path, comparison: Comparison, arms: tuple[str, ...], seeds: tuple[int, ...], failed: Mapping[str, str]
) -> SequenceData:
    whole = comparison.arms[comparison.plain]
    worlds = task_worlds(whole)
    scales = tuple(task_scale(whole.env_id, world.kwargs) or UNSCALED for world in worlds)
    alone = {arm: task for task, arm in comparison.scratch.items() if arm != comparison.plain}

    def one(arm: str, seed: int) -> LifeRun:
        own = (scales[alone[arm]],) if arm in alone else scales
        return _read_one(folder / arm / f"seed-{seed}", arm, seed, own, failed.get(f"{arm} seed {seed}", ""))

    runs = [one(arm, seed) for arm in arms for seed in seeds]
    made = next((run.config for run in runs if run.config is not None and run.arm not in alone), whole)
    return SequenceData(
        comparison=comparison,
        arms=arms,
        runs=runs,
        order=whole.phases,
        names=tuple(world.name for world in worlds),
        scales=scales,
        phase_steps=made.phase_steps,
        examinations=made.evaluations_per_phase,
    )


def _read_one(run_dir: Path, arm: str, seed: int, scales: Sequence[TaskScale], error: str) -> LifeRun:
    path = run_dir / "summary.json"
    summary: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if "eval" in summary:
        raw = read_life(run_dir)
        return LifeRun(
            arm=arm,
            seed=seed,
            status="done",
            raw=raw,
            life=raw.normalised([scale.random for scale in scales], [scale.oracle for scale in scales]),
            events=read_events(run_dir),
            summary=summary,
            config=read_config(run_dir),
            joules=float(raw.joules[-1]),
        )
    if error or summary.get("ended") == "failed":
        last = error.strip().splitlines()[-1:] or ["its summary says so"]
        return LifeRun(arm=arm, seed=seed, status="failed", joules=_joules_left(run_dir), reason=last[0])
    steps = reached(run_dir).env_steps
    reason = f"begun, at {steps / 1e6:.2f} M steps" if steps else "not begun"
    return LifeRun(arm=arm, seed=seed, status="missing", reason=reason)


def _joules_left(run_dir: Path) -> float:
    """What a run that failed had spent, as its last whole line tells it."""
    try:
        left = read_run(run_dir)
    except SnnAgentError:
        return math.nan
    return left.last("inference_joules") + left.last("learning_joules")
