"""Speed of whole training loops, ours on each engine beside Stable-Baselines3's PPO on the same worlds."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.apart import run_apart
from benchmarks.contestants import SB3, Contestant
from benchmarks.loops import Loop, make_loop, why_missing
from benchmarks.rounds import Row, best_and_worst, in_turn, ratio
from benchmarks.tables import Table, mebibytes, short, times

from snn_agent.engine.select import make_engine

SB3_NAME = "SB3 PPO, perceptron"


@dataclasses.dataclass(frozen=True)
class TrainBenchmark:
    """What to measure."""

    hidden: tuple[int, ...]
    reuse_epochs: tuple[int, ...]
    engines: tuple[str, ...]
    sb3: bool
    worlds: int
    rollout_steps: int
    warm_up: int
    updates: int
    repeats: int
    threads: int
    memory: bool


def measure_train(benchmark: TrainBenchmark) -> dict[str, Any]:
    """Environment steps a second by loop, size and passes; peak memory of the default preset; who was left out."""
    engines, skipped = available((*benchmark.engines, *((SB3,) if benchmark.sb3 else ())))
    rows: list[Row] = []
    for hidden in benchmark.hidden:
        for passes in benchmark.reuse_epochs:
            rows.extend(_rows(engines, hidden, passes, benchmark))
    return {
        "worlds": benchmark.worlds,
        "rollout_steps": benchmark.rollout_steps,
        "threads": benchmark.threads,
        "rows": rows,
        "memory": _memory(engines, benchmark) if benchmark.memory else [],
        "skipped": skipped,
    }


def available(engines: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """The engines that can be had by their names in tables ("auto" under its real one); of the others, why not."""
    found: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for engine in engines:
        reason = why_missing(engine)
        if reason is not None:
            skipped[engine] = reason
            print(f"{engine} left out: {reason}")
        elif engine == SB3:
            found[SB3_NAME] = SB3
        else:
            name = make_engine(engine, "cpu").name
            found[name] = name
    return found, skipped


def _rows(engines: dict[str, str], hidden: int, passes: int, benchmark: TrainBenchmark) -> list[Row]:
    """One size, all loops in turn."""
    measures: dict[str, Callable[[], float]] = {}
    for name, engine in engines.items():
        loop = make_loop(_contestant(name, engine, benchmark, hidden=hidden, reuse_epochs=passes))
        loop.advance(benchmark.warm_up)
        measures[name] = partial(_steps_per_second, loop, benchmark.updates)
    rates = {name: best_and_worst(found) for name, found in in_turn(measures, benchmark.repeats).items()}
    base = rates[SB3_NAME]["rate"] if SB3_NAME in rates else None
    return [
        {
            "loop": name,
            "hidden": hidden,
            "reuse_epochs": passes,
            "env_steps_per_second": found["rate"],
            "slowest_round": found["slowest_round"],
            "times_sb3": ratio(found["rate"], base),
        }
        for name, found in rates.items()
    ]


def _contestant(name: str, engine: str, benchmark: TrainBenchmark, **changes: Any) -> Contestant:
    return Contestant(
        name=name,
        engine=engine,
        worlds=benchmark.worlds,
        rollout_steps=benchmark.rollout_steps,
        threads=benchmark.threads,
        **changes,
    )


def _steps_per_second(loop: Loop, updates: int) -> float:
    start = time.perf_counter()
    return loop.advance(updates) / (time.perf_counter() - start)


def _memory(engines: dict[str, str], benchmark: TrainBenchmark) -> list[Row]:
    """Peak resident memory of a process that does nothing but train, by the first engine and by SB3."""
    own = next((engine for engine in engines.values() if engine != SB3), None)
    who = []
    if own is not None:
        who.append(_contestant("default preset, 64 neurons", own, benchmark, growing=True))
        who.append(_contestant("512 neurons", own, benchmark, hidden=512))
    if SB3 in engines.values():
        who.append(_contestant(f"{SB3_NAME} of 512", SB3, benchmark, hidden=512))
    rows = []
    for contestant in who:
        answer = run_apart("updates", contestant, warm_up=benchmark.warm_up, measured=benchmark.updates)
        peaks = {name: answer[name] for name in ("peak_bytes", "update_peak_bytes")}
        rows.append({"loop": contestant.name, "engine": contestant.engine, **peaks})
    return rows


def _cell(row: Row) -> str:
    return f"{short(row['env_steps_per_second'])} ({short(row['slowest_round'])}), {times(row['times_sb3'])}"


def train_tables(result: dict[str, Any]) -> list[Table]:
    """The figures for people."""
    rows = result["rows"]
    columns = list(dict.fromkeys((row["reuse_epochs"], row["hidden"]) for row in rows))
    columns.sort(key=lambda column: (-column[0], column[1]))
    found = {(row["loop"], row["reuse_epochs"], row["hidden"]): row for row in rows}
    lines: list[tuple[str, ...]] = [
        (name, *(_cell(found[(name, *column)]) for column in columns))
        for name in dict.fromkeys(row["loop"] for row in rows)
    ]
    header = ("loop", *(f"{passes} × H = {hidden}" for passes, hidden in columns))
    what = f"{result['worlds']} worlds × {result['rollout_steps']} steps, {result['threads']} threads"
    notes = (
        "Best round (slowest round), times SB3. Columns: passes over each rollout × neurons in the hidden layer.",
        "A world's own reset step counts as time, not as a step; SB3's worlds are reset at once.",
        *(f"{name} left out: {reason}" for name, reason in result["skipped"].items()),
    )
    tables = [Table(f"Environment steps per second of the whole training: {what}", header, lines, notes)]
    if result["memory"]:
        memory: list[tuple[str, ...]] = [
            (row["loop"], row["engine"], *(mebibytes(row[name]) for name in ("peak_bytes", "update_peak_bytes")))
            for row in result["memory"]
        ]
        header = ("training", "engine", "of the process", "of its updates after the warm-up")
        tables.append(Table("Peak resident memory, MiB", header, memory))
    return tables
