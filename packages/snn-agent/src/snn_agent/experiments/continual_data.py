"""A life of many tasks as arrays, read from its run directory."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from snn_agent import checks
from snn_agent.errors import CheckpointError, ConfigError
from snn_agent.experiments.curves import Curve
from snn_agent.experiments.statistics import Row
from snn_agent.training.continual.journal import EVALUATIONS_FILE, PHASES_FILE, EvaluationLine, PhaseLine

Line = TypeVar("Line", PhaseLine, EvaluationLine)
KINDS: Final = ("given", "hidden", "detected")
SHARED: Final = ("env_step", "update", "phase", "joules")
"""Fields that belong to a moment, and so are alike for all tasks that were examined at it."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ContinualRun:
    """What one run did on every task, all along; E moments of evaluation, N tasks.

    A moment is the end of an update in a phase. At a boundary there may be two of the same step: one that ends a phase,
    and one that begins the next.

    Attributes:
        env_steps: [E] environment steps lived, not falling.
        phase_of: [E] phase being lived, int64.
        joules: [E] of acting and learning so far.
        score: [N, E] mean return on each task, whether or not it was met yet; finite.
        food: [N, E] mean food per episode; NaN where it is not counted.
        joules_per_decision: [N, E].
        neurons: [N, E].
        dormant_fraction: [N, E].
        effective_rank: [N, E].
        phases: of the sequence, in order; at least one.
        detections: where the organism noticed something, with the task that it believed in.
    """

    env_steps: Row
    phase_of: npt.NDArray[np.int64]
    joules: Row
    score: Row
    food: Row
    joules_per_decision: Row
    neurons: Row
    dormant_fraction: Row
    effective_rank: Row
    phases: tuple[PhaseLine, ...]
    detections: tuple[PhaseLine, ...] = ()

    @property
    def tasks(self) -> tuple[int, ...]:
        """The task of each phase."""
        return tuple(phase.task for phase in self.phases)

    def moments(self, phase: int) -> npt.NDArray[np.int64]:
        """Indices of the evaluations of a phase, ascending, with the one at its begin.

        Where no evaluation of the phase was made at the step at which it begins, the last one of the phase before is
        that of its begin, if it was made at this step: nothing was learnt in between.

        Raises:
            ConfigError: there is no such phase, or none of its own evaluations.
        """
        checks.integer("phase", phase, 0, len(self.phases) - 1)
        own = np.flatnonzero(self.phase_of == phase)
        if not len(own):
            raise ConfigError(f"phase {phase} has no evaluation. Evaluate more often, or wait until it was lived.")
        begin, before = self.phases[phase].env_step, own[0] - 1
        if self.env_steps[own[0]] > begin and before >= 0 and self.env_steps[before] == begin:
            return np.concatenate([[before], own])
        return own

    def curve(self, phase: int) -> Curve:
        """The score on a phase's own task during it, against steps and joules since its begin.

        Joules at the begin are read between evaluations, straight, where none was made there. ``acting`` and
        ``seconds`` are NaN: evaluations do not tell them.

        Raises:
            ConfigError: as in :meth:`moments`.
        """
        where, line = self.moments(phase), self.phases[phase]
        spent = float(np.interp(line.env_step, np.append(0.0, self.env_steps), np.append(0.0, self.joules)))
        unknown = np.full(len(where), math.nan)
        return Curve(
            steps=self.env_steps[where] - line.env_step,
            joules=self.joules[where] - spent,
            acting=unknown,
            seconds=unknown,
            score=self.score[line.task, where],
            neurons=self.neurons[line.task, where],
        )

    def matrix(self, last: int = 1) -> Row:
        """R [P, N]: score on each task at the end of each phase.

        Args:
            last: mean over so many of the last evaluations of the phase (5 in Continual World), or all if there are
                fewer. One that only marks its begin does not count.

        Raises:
            ConfigError: as in :meth:`moments`, for any phase.
        """
        checks.integer("last", last, 1)
        ends = [self.moments(phase)[self.phase_of[self.moments(phase)] == phase] for phase in range(len(self.phases))]
        return np.stack([self.score[:, own[-last:]].mean(axis=1) for own in ends])

    def normalised(self, random: npt.ArrayLike, oracle: npt.ArrayLike) -> ContinualRun:
        """The same run with scores ``(score − random) / (oracle − random)`` of each task.

        Args:
            random: [N] score of acting at random in each task.
            oracle: [N] score that counts as 1.

        Raises:
            ConfigError: there is not one for each task, or an oracle is not above random.
        """
        low, high = np.asarray(random, dtype=np.float64), np.asarray(oracle, dtype=np.float64)
        if not low.shape == high.shape == self.score.shape[:1]:
            raise ConfigError(
                f"random and oracle need one score for each of {len(self.score)} tasks, got {list(low.shape)} and "
                f"{list(high.shape)}."
            )
        if not (high > low).all():
            raise ConfigError(f"every oracle must score above random, got {high.tolist()} and {low.tolist()}.")
        return dataclasses.replace(self, score=(self.score - low[:, None]) / (high - low)[:, None])


def read_run(run_dir: Path | str) -> ContinualRun:
    """The run whose directory holds ``evaluations.jsonl`` and ``phases.jsonl``.

    A last line without an end, as a killed run leaves it, is left out, and so is a last moment that is missing tasks.
    Fields that are not known here are passed over: a later version may tell more. There are as many tasks as the
    highest number in either file says.

    Raises:
        ConfigError: a file is missing, or there is no whole evaluation or no phase in it.
        CheckpointError: a line is no line of its kind, or the lines contradict each other.
    """
    folder = Path(run_dir)
    lines = _read(folder / PHASES_FILE, PhaseLine)
    phases = tuple(line for line in lines if line.kind != "detected")
    _check_phases(phases, folder / PHASES_FILE)
    moments = _moments(_read(folder / EVALUATIONS_FILE, EvaluationLine), phases, folder / EVALUATIONS_FILE)

    def column(name: str) -> Row:
        """[N, E], NaN where null."""
        found = [[getattr(line, name) for line in moment] for moment in moments]
        return np.array(found, dtype=np.float64).T

    first = [moment[0] for moment in moments]
    return ContinualRun(
        env_steps=np.array([line.env_step for line in first], dtype=np.float64),
        phase_of=np.array([line.phase for line in first], dtype=np.int64),
        joules=np.array([line.joules for line in first], dtype=np.float64),
        score=column("score"),
        food=column("food"),
        joules_per_decision=column("joules_per_decision"),
        neurons=column("neurons"),
        dormant_fraction=column("dormant_fraction"),
        effective_rank=column("effective_rank"),
        phases=phases,
        detections=tuple(line for line in lines if line.kind == "detected"),
    )


def _read(file: Path, kind: type[Line]) -> list[Line]:
    if not file.is_file():
        raise ConfigError(f"{file} does not exist. Give the directory of a run that ContinualTrainer made.")
    *lines, _ = file.read_text().split("\n")
    return [_parse(line, kind, f"{file}, line {number}") for number, line in enumerate(lines, start=1)]


def _parse(text: str, kind: type[Line], where: str) -> Line:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as problem:
        raise _damaged(where, f"it is not JSON ({problem})") from problem
    if not isinstance(found, dict):
        raise _damaged(where, "it is not an object with named fields")
    fields = {field.name: str(field.type) for field in dataclasses.fields(kind)}
    if missing := sorted(fields.keys() - found.keys()):
        raise _damaged(where, f"these fields are missing: {', '.join(missing)}")
    for name, annotation in fields.items():
        if not _fits(annotation, found[name]):
            raise _damaged(where, f"its field {name} is {found[name]!r}")
    line = kind(**{name: found[name] for name in fields})
    if isinstance(line, PhaseLine) and line.kind not in KINDS:
        raise _damaged(where, f"its kind is {line.kind!r}, not one of {', '.join(KINDS)}")
    if isinstance(line, EvaluationLine) and not (math.isfinite(line.score) and math.isfinite(line.joules)):
        raise _damaged(where, f"its score is {line.score} and its joules are {line.joules}, which must be finite")
    return line


def _fits(annotation: str, value: Any) -> bool:
    """Whether a value of JSON is one of a field: a whole number from 0, a number, a text, or null where it may be."""
    if annotation == "int":
        return type(value) is int and value >= 0  # JSON's true is no number
    if annotation == "str":
        return isinstance(value, str)
    return type(value) in (int, float) or (value is None and "None" in annotation)


def _check_phases(phases: tuple[PhaseLine, ...], file: Path) -> None:
    if not phases:
        raise ConfigError(f"{file} tells of no phase. The run was stopped before its first update.")
    numbers = [line.phase for line in phases]
    if numbers != list(range(len(phases))):
        raise _damaged(str(file), f"its phases are {numbers}, not 0, 1, 2 …")
    begins = [line.env_step for line in phases]
    if any(later <= earlier for earlier, later in itertools.pairwise(begins)):
        raise _damaged(str(file), f"its phases begin at the steps {begins}, which do not rise")


def _moments(lines: list[EvaluationLine], phases: tuple[PhaseLine, ...], file: Path) -> list[list[EvaluationLine]]:
    """Lines of the same step and phase, each with all tasks in order; in the order that was lived."""
    moments: list[list[EvaluationLine]] = []
    for line in lines:
        if not moments or (line.env_step, line.phase) != (moments[-1][0].env_step, moments[-1][0].phase):
            moments.append([])
        moments[-1].append(line)
    n_tasks = 1 + max(*(line.task for line in lines), *(phase.task for phase in phases), 0)
    if moments and {line.task for line in moments[-1]} < set(range(n_tasks)):
        moments.pop()  # the run was killed between two lines
    if not moments:
        raise ConfigError(f"{file} holds no whole evaluation. The run was stopped before its first one.")
    for index, moment in enumerate(moments):
        moment.sort(key=lambda line: line.task)
        where = f"{file}, evaluation at step {moment[0].env_step} in phase {moment[0].phase}"
        if [line.task for line in moment] != list(range(n_tasks)):
            raise _damaged(where, f"it has the tasks {[line.task for line in moment]}, not 0 … {n_tasks - 1} once each")
        for name in SHARED:
            if len({getattr(line, name) for line in moment}) > 1:
                raise _damaged(where, f"its tasks differ in {name}")
        if moment[0].phase >= len(phases) or moment[0].env_step < phases[moment[0].phase].env_step:
            raise _damaged(where, f"its phase had not begun by then, says {PHASES_FILE}")
        before = moments[max(0, index - 1)][0]
        for name in SHARED:
            if getattr(moment[0], name) < getattr(before, name):
                raise _damaged(where, f"its {name} is below that of the evaluation before it")
    return moments


def _damaged(where: str, problem: str) -> CheckpointError:
    return CheckpointError(
        f"{where} cannot be used: {problem}. It is damaged, or another version of snn-agent wrote it."
    )
