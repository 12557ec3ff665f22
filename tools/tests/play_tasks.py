"""A life of several tasks for the tests of playback: the project's own organism, its records rewritten by hand."""

from __future__ import annotations

import bisect
import json
import shutil
from pathlib import Path

import torch
from play import ORGANISM
from playback.chapters import read_history

from snn_agent.network import heads
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.checkpoint import load, save
from snn_agent.training.snapshot import describe_organism, rebuild_organism

STARTS, SEQUENCE = (0, 5_000_000, 12_000_000, 20_000_000), (0, 1, 2, 0)
NAMES = ("open field", "four rooms", "poison")


def task_at(env_step: int) -> int:
    """The task in force at a step of this life; at a switch it is the new one."""
    return SEQUENCE[bisect.bisect_right(STARTS, env_step) - 1]


def head_reads(ended: int, neuron: int, born_at: int) -> bool:
    """Whether the head that was put away for a task reads a neuron."""
    return task_at(born_at) <= ended and neuron % 5 != 0


def phase_line(
    phase: int, kind: str = "given", task: int | None = None, env_step: int | None = None
) -> dict[str, object]:
    true = SEQUENCE[phase]
    step = STARTS[phase] if env_step is None else env_step
    return {
        "phase": phase, "task": true if task is None else task, "name": NAMES[true], "env_step": step,
        "update": step // 8192, "kind": kind, "protected": 0, "recruited": 0, "sharing": 0.0,
    }  # fmt: skip


def write_phases(run: Path, lines: list[dict[str, object]]) -> None:
    (run / "phases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def live(folder: Path, env_kwargs: tuple[str, ...] = (), tasks: tuple[str, ...] = ()) -> Path:
    """Write the run: its tasks follow each other as SEQUENCE says, each neuron was born in the task of its day.

    Who was born in a task that ended is protected; each task that ended has a head that is put away.
    """
    shutil.copytree(ORGANISM, folder, ignore=shutil.ignore_patterns("milestones", "checkpoints"))
    config = json.loads((folder / "config.json").read_text())
    config["env_kwargs"] += list(env_kwargs)
    config |= {"tasks": tasks, "sequence": SEQUENCE if tasks else ()}
    (folder / "config.json").write_text(json.dumps(config))
    write_phases(folder, [phase_line(phase) for phase in range(len(SEQUENCE))])
    born_at = read_history(ORGANISM).born_at
    for kind in ("milestones", "checkpoints"):
        for path in sorted((ORGANISM / kind).iterdir()):
            checkpoint = load(path)
            organism = rebuild_organism(checkpoint.state["organism"], checkpoint.model)
            ids = checkpoint.optimizer["statistics.id"].tolist()
            _give_past(
                organism, ids, [born_at.get(neuron, 0) for neuron in ids], checkpoint.state["counters"]["env_step"]
            )
            state = checkpoint.state | {"organism": describe_organism(organism)}
            save(folder / kind, path.name, checkpoint._replace(model=organism.state_dict(), state=state), keep=None)
    return folder


def _give_past(organism: GrowingSparseSNN, ids: list[int], births: list[int], env_step: int) -> None:
    phase = bisect.bisect_right(STARTS, env_step) - 1
    task = SEQUENCE[phase]
    organism.task.fill_(task)
    organism.birth_task.copy_(torch.tensor([task_at(step) for step in births]))
    organism.protected.copy_(torch.tensor([step < STARTS[phase] for step in births]))
    for ended in sorted(set(SEQUENCE[:phase]) - {task}):
        heads.put_away(organism, ended)
        # Its head reads most of those who lived in its time; what they send is another number for every task.
        reads = torch.tensor([head_reads(ended, *neuron) for neuron in zip(ids, births, strict=True)])
        organism.head_reads[-1] = reads
        organism.head_outgoing[-1] *= reads[:, None] * (2.0 + ended)
