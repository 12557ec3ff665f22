"""Lives of several tasks with known numbers, as the page of a study of tasks reads them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runs import to_json
from studies.continual import comparisons
from studies.continual_page.data import SequenceData, read_study

(COMPARISON,) = comparisons("continual-quick").values()
PHASE = 100_000
PARTS = 8
"""Examinations of a phase."""

Ends = Sequence[Sequence[tuple[float, float]]]
"""Of each phase, for each task: the normalised scores at its begin and at its end."""

LIFE: Ends = (
    ((0.0, 0.8), (0.0, 0.0)),
    ((0.8, 0.4), (0.0, 0.6)),
    ((0.4, 0.8), (0.6, 0.3)),
    ((0.8, 0.6), (0.3, 0.6)),
)
"""A is learnt, half of it is lost, it comes back at twice the pace of B, and a quarter of it is lost again."""

ALONE: Ends = (((0.0, 0.8),),)
"""A newborn that learns one task."""


def arm_of(name: str) -> str:
    """The id of an arm of the quick study."""
    return f"quick-swap-{name}"


def scales_of(folder: Path) -> SequenceData:
    """The sequence, of which no run need be there."""
    return read_study(folder, "continual-quick", tuple(COMPARISON.arms), (0,), {}).sequences[0]


def event(
    env_step: int, rule: str, *, born: Sequence[int] = (), died: Sequence[int] = (), before: int
) -> dict[str, Any]:
    """A line of events.jsonl."""
    sizes = {"size_before": before, "size_after": before + len(born) - len(died)}
    when = {"update": env_step // 1000, "env_step": env_step, "episode": 0, "rule": rule, "reason": "it was time"}
    return {**when, **sizes, "born": list(born), "died": list(died), "parents": []}


def write_life(
    folder: Path,
    arm: str,
    seed: int,
    ends: Ends = LIFE,
    *,
    joules: float = 4e-3,
    neurons: int = 16,
    protected: int = 0,
    sharing: float = 0.0,
    events: Sequence[dict[str, Any]] = (),
) -> None:
    """A run that is done, whose scores move straight from one end of each phase to the other, and which spends
    ``joules`` evenly.
    """
    run_dir = folder / arm / f"seed-{seed}"
    run_dir.mkdir(parents=True)
    config = COMPARISON.arms[arm]
    alone = next((task for task, name in COMPARISON.scratch.items() if name == arm and task), None)
    scales = scales_of(folder).scales if alone is None else (scales_of(folder).scales[alone],)
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, seed=seed))
    (run_dir / "config.json").write_text(to_json(config))
    phases, lines = [], []
    for phase, (task, tasks) in enumerate(zip(config.phases, ends, strict=True)):
        begin = {"phase": phase, "task": task, "name": "?", "env_step": phase * PHASE, "update": phase * 100}
        phases.append({**begin, "kind": "given", "protected": protected, "recruited": 0, "sharing": sharing})
        for part in range(PARTS + 1):
            step = phase * PHASE + part * PHASE // PARTS
            for number, (first, last) in enumerate(tasks):
                low, high = scales[number]
                known = first + (last - first) * part / PARTS
                lines.append({
                    "env_step": step, "update": step // 1000, "phase": phase, "task": number,
                    "score": low + known * (high - low), "food": None, "joules_per_decision": 2e-8,
                    "neurons": neurons, "joules": joules * step / (PHASE * len(ends)), "dormant_fraction": 0.25,
                    "effective_rank": 3.5,
                })  # fmt: skip
    told = [{"name": "?", "return_mean": 0.0, "neurons_used": 5 + number} for number in range(len(ends[0]))]
    for name, found in (("phases", phases), ("evaluations", lines), ("events", list(events))):
        (run_dir / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in found))
    summary = {"ended": "done", "neurons_initial": neurons, "eval": {"return_mean": 0.0, "tasks": told}}
    (run_dir / "summary.json").write_text(json.dumps(summary))
