"""Run folders with known numbers, as the report of a study reads them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

RANDOM, GREEDY = 4.0, 104.0


class Point(NamedTuple):
    """A line of metrics.csv."""

    env_steps: int
    food_mean: float
    hidden_neurons: int
    inference_joules: float
    learning_joules: float
    seconds: float


def straight(
    slope: float, neurons: int = 64, *, joules: float = 1.0, last: int = 1_000_000, n: int = 11
) -> list[Point]:
    """A life whose score rises by ``slope`` a million steps, and which spends ``joules`` and takes 100 s for these."""
    lived = [last * k // (n - 1) for k in range(1, n)]
    return [
        Point(
            steps, slope * steps / 1e6, neurons, 0.25 * joules * steps / 1e6, 0.75 * joules * steps / 1e6, steps / 1e4
        )
        for steps in lived
    ]


def write_metrics(run_dir: Path, life: Sequence[Point], tail: str = "") -> None:
    """metrics.csv; ``tail`` is what a killed run left of its last line."""
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*Point._fields, "return_mean", "growth_events", "pruning_events"])
        writer.writerows([*point, point.food_mean - 5.0, 1, 2] for point in life)
        file.write(tail)


def event(env_step: int, born: int = 0, died: int = 0) -> dict[str, Any]:
    """A line of events.jsonl."""
    ids = {"born": list(range(1000, 1000 + born)), "died": list(range(died)), "parents": []}
    sizes = {"size_before": 64, "size_after": 64 + born - died, "synapses_ended": 0, "synapses_begun": 0}
    when = {"update": env_step // 1000, "env_step": env_step, "episode": 0, "rule": "periodic", "reason": "it was time"}
    return {**when, **ids, **sizes}


def write_run(
    folder: Path,
    arm: str,
    seed: int,
    life: Sequence[Point],
    *,
    food: float,
    joules_per_food: float = 1e-7,
    events: Sequence[dict[str, Any]] = (),
    environment: dict[str, Any] | None = None,
) -> None:
    """A run that is done."""
    run_dir = folder / arm / f"seed-{seed}"
    write_metrics(run_dir, life)
    (run_dir / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in events))
    summary = {
        "ended": "done",
        "env_steps": life[-1].env_steps,
        "wall_seconds": life[-1].seconds,
        "neurons_final": life[-1].hidden_neurons,
        "growth_events": sum(bool(line["born"]) for line in events),
        "pruning_events": sum(bool(line["died"]) for line in events),
        "seed": seed,
        "config_hash": f"hash-of-{arm}",
        "eval": {
            "food_mean": food,
            "return_mean": food - 5.0,
            "random_food": RANDOM,
            "greedy_food": GREEDY,
            "normalised_score": (food - RANDOM) / (GREEDY - RANDOM),
            "energy": {"45nm_fp32": {"joules_per_decision": 2e-8, "joules_per_food": joules_per_food}},
        },
    }
    if environment is not None:
        summary["environment"] = environment
    (run_dir / "summary.json").write_text(json.dumps(summary))
