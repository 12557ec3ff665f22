"""What is written about a life of many tasks: ``phases.jsonl`` and ``evaluations.jsonl``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from snn_agent.training.sinks import AppendedFile

PHASES_FILE: Final = "phases.jsonl"
EVALUATIONS_FILE: Final = "evaluations.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhaseLine:
    """One line of ``phases.jsonl``: the begin of a phase, or what the organism took for one.

    Attributes:
        phase: which phase of the sequence it is, from 0.
        task: number of the task: the true one; of a ``"detected"`` line the one that the organism believes in.
        name: of the true task.
        env_step: steps lived until then.
        update: updates until then.
        kind: ``"given"`` (the organism is told), ``"hidden"`` (it is not) or ``"detected"`` (it noticed something).
        protected: neurons that are protected from now on.
        recruited: neurons born for the new task.
        sharing: how much of the task that ended went through what earlier ones had left: share of the utility that
            neurons have which were protected before it began; 0 in the first line.
    """

    phase: int
    task: int
    name: str
    env_step: int
    update: int
    kind: str
    protected: int
    recruited: int
    sharing: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationLine:
    """One line of ``evaluations.jsonl``: how well a task was done at a moment.

    Attributes:
        env_step: steps lived until then.
        update: updates until then.
        phase: which phase was being lived.
        task: true number of the task that was examined.
        score: mean return of whole episodes with frozen weights.
        food: mean food an episode; None where it is not counted.
        joules_per_decision: of all living neurons, whether or not the task's head reads them, 45 nm fp32.
        neurons: living hidden neurons.
        joules: of acting and learning since birth, 45 nm fp32; examinations do not count.
        dormant_fraction: of the neurons that the task's head reads, in this task.
        effective_rank: of their spike counts on at most 256 decisions in this task.
    """

    env_step: int
    update: int
    phase: int
    task: int
    score: float
    food: float | None
    joules_per_decision: float
    neurons: int
    joules: float
    dormant_fraction: float
    effective_rank: float


class Journal:
    """Keeps the lines and, in a run directory, writes them; each is on the disk before the run goes on.

    Args:
        folder: the run directory; None: nothing is written.
        sizes: bytes of each file when the checkpoint was made from which the run goes on; what is longer is cut.
    """

    def __init__(self, folder: Path | None, sizes: Mapping[str, int]) -> None:
        self.phases: list[PhaseLine] = []
        self.evaluations: list[EvaluationLine] = []
        self._files = {
            name: AppendedFile(folder / name, sizes.get(name, 0))
            for name in (PHASES_FILE, EVALUATIONS_FILE)
            if folder is not None
        }
        if self._files:
            self.phases += [PhaseLine(**line) for line in self._read(PHASES_FILE)]
            self.evaluations += [EvaluationLine(**line) for line in self._read(EVALUATIONS_FILE)]

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file, for the checkpoint."""
        return {name: file.size for name, file in self._files.items()}

    def add(self, line: PhaseLine | EvaluationLine) -> None:
        """Keep a line, and write it."""
        if isinstance(line, PhaseLine):
            self.phases.append(line)
        else:
            self.evaluations.append(line)
        file = self._files.get(PHASES_FILE if isinstance(line, PhaseLine) else EVALUATIONS_FILE)
        if file is not None:
            file.append(json.dumps(dataclasses.asdict(line)))
            file.sync()

    def _read(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._files[name].path.read_text().splitlines()]
