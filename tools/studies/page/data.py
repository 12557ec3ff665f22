"""What a study has to tell: every run that was asked for, whether it is done, failed or missing."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from snn_agent.errors import SnnAgentError
from snn_agent.experiments.curves import Curve, mean_size
from snn_agent.experiments.progress import reached
from snn_agent.experiments.statistics import Row, with_failures
from snn_agent.metrics.genealogy import read_events
from snn_agent.training.report.data import read_run
from snn_agent.types import StructuralEvent
from studies.arms import capacity, envelopes_of
from studies.curves import read_curve

Runs = Mapping[int, Curve]
"""Curves by seed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One arm with one seed.

    Attributes:
        arm: its name.
        seed: its seed.
        status: done (lived to its end and evaluated), failed, or missing (not begun, or begun and not at its end).
        numbers: of a done run as :func:`numbers_of` has them; of a failed one, what it left.
        curve: of a done run.
        events: births and deaths of a done run.
        summary: of a done run.
        reason: why it is not done.
    """

    arm: str
    seed: int
    status: Literal["done", "failed", "missing"]
    numbers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    curve: Curve | None = None
    events: Sequence[StructuralEvent] = ()
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyData:
    """A study as its folder tells it.

    Attributes:
        study: its name.
        folder: where its runs are.
        arms: that were asked for, in their order.
        seeds: likewise.
        runs: arm by arm, seed by seed.
        envelopes: runs of the fixed sizes that arms are held against, by a name for them, then by size.
        sizes: runs of each fixed size of the experiment, whether it was asked for or not, seed by seed.
    """

    study: str
    folder: Path
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    runs: Sequence[Run]
    envelopes: Mapping[str, Mapping[str, Runs]]
    sizes: Mapping[str, Sequence[Run]]

    def of(self, arm: str, *statuses: str) -> list[Run]:
        """The runs of an arm, of these statuses if any are given."""
        return [run for run in self.runs if run.arm == arm and (not statuses or run.status in statuses)]

    @property
    def done(self) -> list[Run]:
        """All runs that are done."""
        return [run for run in self.runs if run.status == "done"]

    @property
    def seen(self) -> list[str]:
        """The arms that have a run that is done."""
        return [arm for arm in self.arms if self.of(arm, "done")]

    def curves(self, arm: str) -> dict[int, Curve]:
        """Of the arm's done runs, by seed."""
        return {run.seed: run.curve for run in self.of(arm, "done") if run.curve is not None}

    def reference(self, name: str) -> float:
        """Food of a reference forager, ``"random"`` or ``"greedy"``; NaN where the runs tell none."""
        found = (run.summary["eval"].get(f"{name}_food", math.nan) for run in self.done)
        return next((float(food) for food in found if not math.isnan(food)), math.nan)

    @property
    def worst(self) -> float:
        """What a failed run scores: the random forager's food; where that is unknown, the least of all runs."""
        random = self.reference("random")
        return min(run.numbers["food"] for run in self.done) if math.isnan(random) else random

    def food(self, arm: str) -> Row:
        """Final scores of the arm's runs, done and failed."""
        return with_failures([run.numbers.get("food", math.nan) for run in self._counted(arm)], self.worst)

    def normalised(self, arm: str) -> Row:
        """The same normalised; a failed run's is 0. NaN where the world has no references."""
        scores = [0.0 if run.status == "failed" else run.numbers["normalised_score"] for run in self._counted(arm)]
        return np.array(scores, dtype=np.float64)

    def known(self, arm: str, name: str) -> Row:
        """A number of the arm's runs, as far as they left it."""
        found = [run.numbers.get(name, math.nan) for run in self._counted(arm)]
        return np.array([value for value in found if not math.isnan(value)], dtype=np.float64)

    def _counted(self, arm: str) -> list[Run]:
        return self.of(arm, "done", "failed")


def read_study(
    folder: Path, study: str, arms: tuple[str, ...], seeds: tuple[int, ...], failed: Mapping[str, str]
) -> StudyData:
    """Read the runs of a study.

    Args:
        folder: of the study: in it a folder an arm, in that one a seed.
        study: its name.
        arms: that were asked for.
        seeds: likewise.
        failed: what runs failed with, by ``"ARM seed SEED"``.
    """
    read = functools.cache(read_curve)  # an arm may be a size of both envelopes

    def one(arm: str, seed: int) -> Run:
        return read_one(folder / arm / f"seed-{seed}", arm, seed, read, failed.get(f"{arm} seed {seed}", ""))

    def fixed(arms: Sequence[str]) -> dict[str, Runs]:
        found = {arm: {seed: folder / arm / f"seed-{seed}" for seed in seeds} for arm in arms}
        runs = {arm: {seed: read(at) for seed, at in by.items() if "eval" in _summary(at)} for arm, by in found.items()}
        return {arm: curves for arm, curves in runs.items() if curves}

    return StudyData(
        study=study,
        folder=folder,
        arms=arms,
        seeds=seeds,
        runs=[one(arm, seed) for arm in arms for seed in seeds],
        envelopes={label: fixed(sizes) for label, sizes in envelopes_of(study).items()},
        sizes={size: [one(size, seed) for seed in seeds] for size in capacity()},
    )


def read_one(run_dir: Path, arm: str, seed: int, read: Callable[[Path], Curve], error: str) -> Run:
    """One run; ``read`` reads its curve, ``error`` is what it failed with, if that is known."""
    summary = _summary(run_dir)
    if "eval" in summary:
        curve = read(run_dir)
        return Run(
            arm=arm,
            seed=seed,
            status="done",
            numbers=numbers_of(summary, curve),
            curve=curve,
            events=_events(run_dir),
            summary=summary,
        )
    if error or summary.get("ended") == "failed":
        last = error.strip().splitlines()[-1:] or ["its summary says so"]
        return Run(arm=arm, seed=seed, status="failed", numbers=_numbers_left(run_dir), reason=last[0])
    steps = reached(run_dir).env_steps
    reason = f"begun, at {steps / 1e6:.2f} M steps" if steps else "not begun"
    return Run(arm=arm, seed=seed, status="missing", reason=reason)


def numbers_of(summary: Mapping[str, Any], curve: Curve) -> dict[str, Any]:
    """The numbers of a run that is done; joules by the model ``45nm_fp32``."""
    scores = summary["eval"]
    energy = scores["energy"]["45nm_fp32"]
    return {
        "env_steps": summary["env_steps"],
        "food": scores.get("food_mean", scores["return_mean"]),
        "normalised_score": scores.get("normalised_score", math.nan),
        "neurons_final": summary["neurons_final"],
        "neurons_mean": round(mean_size(curve), 1),
        "growth_events": summary["growth_events"],
        "pruning_events": summary["pruning_events"],
        "joules": float(curve.joules[-1]),
        "joules_acting": float(curve.acting[-1]),
        "joules_per_decision": energy["joules_per_decision"],
        "joules_per_food": math.nan if energy["joules_per_food"] is None else energy["joules_per_food"],
        "seconds": round(summary["wall_seconds"], 1),
    }


def _numbers_left(run_dir: Path) -> dict[str, Any]:
    """What a run that failed had spent and grown to, as its last whole line tells it."""
    try:
        left = read_run(run_dir)
    except SnnAgentError:
        return {}
    if not left.updates:
        return {}
    whole = {"env_steps": "env_steps", "neurons_final": "hidden_neurons"}
    whole |= {name: name for name in ("growth_events", "pruning_events")}
    return {name: int(left.last(column)) for name, column in whole.items()} | {
        "joules": left.last("inference_joules") + left.last("learning_joules"),
        "joules_acting": left.last("inference_joules"),
        "seconds": round(left.last("seconds"), 1),
    }


def _summary(run_dir: Path) -> dict[str, Any]:
    path = run_dir / "summary.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _events(run_dir: Path) -> Sequence[StructuralEvent]:
    try:
        return read_events(run_dir)
    except SnnAgentError:  # an older log, or none: births and deaths are then counted, but not marked
        return ()
