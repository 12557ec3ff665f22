"""Speed and memory of foraging-env, beside Gymnasium's own vector environments of the same world."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils.performance import benchmark_vector_step
from rich.console import Console
from rich.table import Table

import foraging_env
from foraging_env.registration import MAX_EPISODE_STEPS

Row = dict[str, Any]
ACTION_ROUNDS = 512
"""Distinct random actions prepared outside the measured loop; more than an episode, so that nothing repeats early."""


@dataclasses.dataclass(frozen=True)
class EnvBenchmark:
    """What to measure: batch sizes, seconds a figure, rounds."""

    worlds: tuple[int, ...]
    seconds: float
    repeats: int


def measure_env(benchmark: EnvBenchmark) -> dict[str, Any]:
    """All figures: steps per second by implementation, single environments, import time, memory per world."""
    rows: list[Row] = []
    for n in benchmark.worlds:
        rows.extend(_vector_rows(n, benchmark))
    return {
        "vector": rows,
        "single": _single_rows(benchmark),
        "import_seconds": _import_seconds(),
        "memory": _memory_rows(),
    }


def _vector_rows(n: int, benchmark: EnvBenchmark) -> list[Row]:
    makers: dict[str, Callable[[], Any]] = {}
    for dtype in ("float32", "uint8"):
        for copy in (False, True):
            name = f"native {dtype} {'copy' if copy else 'no copy'}"
            makers[name] = partial(gymnasium.make_vec, "ForagingGrid-v0", n, obs_dtype=dtype, copy=copy)
    makers["sync float32"] = partial(gymnasium.make_vec, "ForagingGrid-v0", n, vectorization_mode="sync")
    if n <= 64:  # one process a world
        makers["async float32"] = partial(gymnasium.make_vec, "ForagingGrid-v0", n, vectorization_mode="async")
    samples: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(benchmark.repeats):  # in turn, so that a slow moment of the machine hits all alike
        for name, maker in makers.items():
            samples[name].append(_steps_per_second(maker, n, benchmark.seconds))
    official = max(benchmark_vector_step(gymnasium.make_vec("ForagingGrid-v0", n), target_duration=1) for _ in range(2))
    base = max(samples["sync float32"])
    rows = [
        {
            "worlds": n,
            "implementation": name,
            "steps_per_second": max(rates),
            "slowest_round": min(rates),
            "times_sync": max(rates) / base,
        }
        for name, rates in samples.items()
    ]
    rows.append(
        {
            "worlds": n,
            "implementation": "native float32 copy, benchmark_vector_step",
            "steps_per_second": official,
            "slowest_round": official,
            "times_sync": official / base,
        }
    )
    return rows


def _steps_per_second(maker: Callable[[], Any], n: int, seconds: float) -> float:
    """Environment steps per second over episodes and their resets; a reset's own step counts as time, not as steps."""
    env = maker()
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(4, size=(ACTION_ROUNDS, n))
    turns = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        for _ in range(8):
            env.step(actions[turns % ACTION_ROUNDS])
            turns += 1
    env.close()
    # In the default world all episodes end by the step limit, together, and the step after it resets them.
    return n * (turns - turns // (MAX_EPISODE_STEPS + 1)) / elapsed


def _single_rows(benchmark: EnvBenchmark) -> list[Row]:
    rows = []
    for name, kwargs in (
        ("default", {}),
        ("default uint8", {"obs_dtype": "uint8"}),
        ("egocentric", {"observation": "egocentric"}),
        ("view_radius=3", {"view_radius": 3}),
        ("tasks='swap'", {"tasks": "swap"}),
    ):
        rates = []
        for _ in range(benchmark.repeats):
            env = foraging_env.ForagingGrid(**kwargs)
            env.reset(seed=0)
            actions = np.random.default_rng(0).integers(4, size=20_000).tolist()
            start = time.perf_counter()
            for action in actions:
                env.step(action)
            rates.append(len(actions) / (time.perf_counter() - start))
        rows.append({"environment": name, "steps_per_second": max(rates), "slowest_round": min(rates)})
    return rows


def _import_seconds() -> dict[str, float]:
    """Time to import the package beyond Gymnasium's and NumPy's own, the least of five fresh interpreters each."""

    def least(statement: str) -> float:
        script = f"import time; s = time.perf_counter(); {statement}; print(time.perf_counter() - s)"
        runs = (
            subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(5)
        )
        return min(float(run.stdout) for run in runs)

    base = least("import gymnasium, gymnasium.vector, gymnasium.utils.seeding")
    return {"gymnasium": base, "foraging_env_beyond": least("import gymnasium, gymnasium.vector, foraging_env") - base}


def _memory_rows() -> list[Row]:
    """Growth of the peak resident memory with the number of worlds, each in a fresh process; Linux only."""
    if not sys.platform.startswith("linux"):
        return []
    script = (
        "import pathlib, re, sys, foraging_env, numpy as np;"
        "n = int(sys.argv[1]);"
        "env = foraging_env.ForagingGridVector(n, copy=False, max_episode_steps=500); env.reset(seed=0);"
        "actions = np.zeros(n, dtype=np.int64);"
        "[env.step(actions) for _ in range(5)];"
        "print(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
    )
    rows: list[Row] = []
    for n in (1, 4096, 8192, 16384, 32768):
        run = subprocess.run([sys.executable, "-c", script, str(n)], capture_output=True, text=True, check=True)
        rows.append({"worlds": n, "peak_bytes": int(run.stdout) * 1024})
    for row in rows[1:]:
        row["bytes_per_world"] = (row["peak_bytes"] - rows[0]["peak_bytes"]) / (row["worlds"] - 1)
    return rows


def show_env(result: dict[str, Any]) -> None:
    """Print the figures as tables."""
    console = Console(width=110)
    table = Table("worlds", "implementation", "steps/s", "slowest round", "× sync", title="Vector environments")
    for row in result["vector"]:
        table.add_row(
            str(row["worlds"]),
            row["implementation"],
            f"{row['steps_per_second']:,.0f}",
            f"{row['slowest_round']:,.0f}",
            f"{row['times_sync']:.1f}",
        )
    console.print(table)
    table = Table("environment", "steps/s", "slowest round", title="One unwrapped environment")
    for row in result["single"]:
        table.add_row(row["environment"], f"{row['steps_per_second']:,.0f}", f"{row['slowest_round']:,.0f}")
    console.print(table)
    extra = result["import_seconds"]["foraging_env_beyond"]
    console.print(f"import of the package beyond Gymnasium's own: {extra * 1000:.0f} ms")
    for row in result["memory"][1:]:
        console.print(f"peak memory with {row['worlds']:>6} worlds: {row['bytes_per_world']:,.0f} bytes a world")
