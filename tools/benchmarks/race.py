"""Food eaten after equal wall-clock time: ours, ours on Norse, and Stable-Baselines3's PPO, one after the other."""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmarks.apart import run_apart
from benchmarks.contestants import SB3, Contestant
from benchmarks.rounds import Row
from benchmarks.svg import line_chart
from benchmarks.tables import Table, short
from benchmarks.train import available


@dataclasses.dataclass(frozen=True)
class RaceBenchmark:
    """Who runs, for how long."""

    seconds: tuple[float, ...]
    interval: float
    hidden: int
    engines: tuple[str, ...]
    sb3: bool
    worlds: int
    rollout_steps: int
    threads: int
    seed: int


def measure_race(benchmark: RaceBenchmark) -> dict[str, Any]:
    """What each had reached at regular intervals, and at each mark; who was left out and why."""
    engines, skipped = available((*benchmark.engines, *((SB3,) if benchmark.sb3 else ())))
    runs = []
    for contestant in _contestants(engines, benchmark):
        print(f"{contestant.name}: {max(benchmark.seconds):g} seconds", flush=True)
        samples = run_apart("race", contestant, seconds=max(benchmark.seconds), interval=benchmark.interval)
        runs.append({**dataclasses.asdict(contestant), "samples": samples})
    marks = [_at(run, mark) for run in runs for mark in sorted(benchmark.seconds)]
    return {"seconds": sorted(benchmark.seconds), "runs": runs, "marks": marks, "skipped": skipped}


def _contestants(engines: dict[str, str], benchmark: RaceBenchmark) -> list[Contestant]:
    """The first engine at the full size and growing, the others at the full size."""
    shared: dict[str, Any] = {
        "hidden": benchmark.hidden,
        "worlds": benchmark.worlds,
        "rollout_steps": benchmark.rollout_steps,
        "threads": benchmark.threads,
        "seed": benchmark.seed,
    }
    found = []
    for name, engine in engines.items():
        label = name if engine == SB3 else f"engine {name}"
        found.append(Contestant(name=f"{label}, {benchmark.hidden}", engine=engine, **shared))
        if len(found) == 1 and engine != SB3:
            found.append(Contestant(name=f"{label}, growing", engine=engine, growing=True, **shared))
    return found


def _at(run: dict[str, Any], mark: float) -> Row:
    """The last sample that was taken by then; all None if there was none."""
    sample = next((sample for sample in reversed(run["samples"]) if sample["seconds"] <= mark), None)
    reached = sample or {"env_steps": None, "food": None, "neurons": None}
    return {"run": run["name"], "mark": mark, **{key: reached[key] for key in ("env_steps", "food", "neurons")}}


def race_tables(result: dict[str, Any]) -> list[Table]:
    """The figures for people."""
    found = {(row["run"], row["mark"]): row for row in result["marks"]}
    lines: list[tuple[str, ...]] = [
        (run["name"], *(_cell(found[(run["name"], mark)]) for mark in result["seconds"])) for run in result["runs"]
    ]
    header = ("training", *(f"{mark:g} s" for mark in result["seconds"]))
    notes = (
        "Mean food of the last hundred finished episodes of 500 steps, while learning (environment steps so far).",
        "The learning rate stays constant for everybody. Ours writes its files, and the time holds compiling.",
        *(f"{name} left out: {reason}" for name, reason in result["skipped"].items()),
    )
    return [Table("Food per episode after equal time", header, lines, notes)]


def _cell(row: Row) -> str:
    return "–" if row["food"] is None else f"{row['food']:.1f} ({short(row['env_steps'])})"


def race_picture(result: dict[str, Any]) -> str:
    """Food over time, as SVG."""
    lines = {
        run["name"]: [(sample["seconds"], sample["food"]) for sample in run["samples"] if sample["food"] is not None]
        for run in result["runs"]
    }
    return line_chart("Food per episode over wall-clock time", "seconds", "food", lines)
