"""The moments of a run at which its organism was kept, and what the run's files tell of the time between them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from playback.moment import FloatArray, IntArray
from playback.tasks import Tasks, Turn, read_turns, tasks_of
from snn_agent.errors import CheckpointError
from snn_agent.metrics.genealogy import EVENTS_FILE
from snn_agent.training.checkpoint import MODEL, STATE, load_newest
from snn_agent.training.milestones import milestones_of

CURVE_POINTS = 400


class Chapter(NamedTuple):
    """A checkpoint or milestone; ``task`` is the one its organism lives in, ``births`` those its neurons come from."""

    path: Path
    env_step: int
    update: int
    hidden: int
    task: int = 0
    births: tuple[int, ...] = ()


class History(NamedTuple):
    """How a run went. Arrays are empty where its files do not tell.

    Attributes:
        steps: environment steps, int64 [N], ascending.
        neurons: living at those, int64 [N].
        score: food (else return) of the last hundred episodes at those, float32 [N]; NaN before the first ended.
        event_steps: environment steps of the structural events, int64 [E].
        births: neurons born in each, int64 [E].
        deaths: neurons that died in each, int64 [E].
        born_at: environment step of birth by neuron id; founders are not in it.
        turns: its phases, and where the organism believed to see one.
    """

    steps: IntArray
    neurons: IntArray
    score: FloatArray
    event_steps: IntArray
    births: IntArray
    deaths: IntArray
    born_at: dict[int, int]
    turns: tuple[Turn, ...] = ()


def chapters_of(path: Path) -> list[Chapter]:
    """What can be played of a run directory, the earliest first; or the one checkpoint that ``path`` is.

    Raises:
        CheckpointError: there is nothing.
    """
    found = {chapter.env_step: chapter for chapter in map(_chapter, milestones_of(path))}
    if not found or (path / "checkpoints").is_dir():
        try:
            newest = _chapter(load_newest(path)[0])
            found.setdefault(newest.env_step, newest)
        except CheckpointError:
            if not found:
                raise
    return [found[step] for step in sorted(found)]


def _chapter(path: Path) -> Chapter:
    state = json.loads((path / STATE).read_text())
    counters = state.get("counters", {})
    task, births = _tasks_in(path)
    return Chapter(
        path, counters.get("env_step", 0), counters.get("update", 0), state["organism"]["hidden"], task, births
    )  # fmt: skip


def _tasks_in(path: Path) -> tuple[int, tuple[int, ...]]:
    """The task that a checkpoint's organism lives in, and those its neurons were born in, without reading the rest."""
    try:
        with safe_open(path / MODEL, framework="np") as tensors:
            if "birth_task" not in tensors.keys():  # noqa: SIM118 - it is no mapping
                return 0, ()  # of the time before there were tasks
            births = np.unique(tensors.get_tensor("birth_task")).tolist()
            return int(tensors.get_tensor("task")), tuple(births)
    except (SafetensorError, OSError):
        return 0, ()  # whoever plays it is told that it is damaged


def tasks_in_life(history: History, chapters: Sequence[Chapter]) -> Tasks:
    """The tasks of a run, from its files and from the organisms that were kept, the earliest first."""
    lived = [(chapter.env_step, chapter.task) for chapter in chapters]
    return tasks_of(history.turns, lived, {task for chapter in chapters for task in chapter.births})


def read_history(run: Path) -> History:
    """Read ``metrics.csv``, ``events.jsonl`` and ``phases.jsonl`` of a run directory, as far as they are there."""
    rows: list[dict[str, str]] = []
    if (run / "metrics.csv").exists():
        with (run / "metrics.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if None not in row.values()]
    keep = np.unique(np.linspace(0, max(0, len(rows) - 1), CURVE_POINTS).round().astype(int))
    rows = [rows[index] for index in keep.tolist()] if rows else []
    score = "return_mean" if all(row["food_mean"] == "nan" for row in rows) else "food_mean"
    text = (run / EVENTS_FILE).read_text() if (run / EVENTS_FILE).exists() else ""
    events = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]  # whole lines of a run under way
    return History(
        steps=np.array([int(row["env_steps"]) for row in rows], dtype=np.int64),
        neurons=np.array([int(row["hidden_neurons"]) for row in rows], dtype=np.int64),
        score=np.array([float(row[score]) for row in rows], dtype=np.float32),
        event_steps=np.array([event["env_step"] for event in events], dtype=np.int64),
        births=np.array([len(event["born"]) for event in events], dtype=np.int64),
        deaths=np.array([len(event["died"]) for event in events], dtype=np.int64),
        born_at={neuron: event["env_step"] for event in events for neuron in event["born"]},
        turns=read_turns(run),
    )
