"""How time and memory of a training grow with the neurons, the worlds and the ticks."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from benchmarks.apart import run_apart
from benchmarks.contestants import Contestant
from benchmarks.rounds import Row
from benchmarks.tables import Table, mebibytes, short

QUANTITIES = ("seconds_per_update", "bytes_beyond")


@dataclasses.dataclass(frozen=True)
class ScalingBenchmark:
    """What to vary; ``base_*`` holds while another one varies."""

    hidden: tuple[int, ...]
    worlds: tuple[int, ...]
    ticks: tuple[int, ...]
    base_hidden: int
    base_worlds: int
    base_ticks: int
    rollout_steps: int
    engine: str
    warm_up: int
    updates: int
    threads: int


def measure_scaling(benchmark: ScalingBenchmark) -> dict[str, Any]:
    """Time of an update and memory beyond that of a tiny training, each size in a fresh process; fitted exponents."""
    smallest = _contestant(benchmark, hidden=32, worlds=8, ticks=1)
    run_apart("updates", smallest, warm_up=1, measured=1)  # what is compiled once is not measured
    tiny = _peak(run_apart("updates", smallest, warm_up=1, measured=1))
    rows: list[Row] = []
    for variable in ("hidden", "worlds", "ticks"):
        for value in getattr(benchmark, variable):
            contestant = _contestant(benchmark, **{variable: value})
            answer = run_apart("updates", contestant, warm_up=benchmark.warm_up, measured=benchmark.updates)
            peak = _peak(answer)
            rows.append(
                {
                    "variable": variable,
                    "value": value,
                    "seconds_per_update": min(answer["seconds"]),
                    "slowest_update": max(answer["seconds"]),
                    "env_steps_per_second": answer["env_steps"] / sum(answer["seconds"]),
                    "update_peak_bytes": peak,
                    "bytes_beyond": None if peak is None or tiny is None else peak - tiny,
                }
            )
    base = {name: getattr(benchmark, f"base_{name}") for name in ("hidden", "worlds", "ticks")}
    return {
        "base": base | {"rollout_steps": benchmark.rollout_steps, "threads": benchmark.threads},
        "tiny_peak_bytes": tiny,
        "rows": rows,
        "fits": _fits(rows),
    }


def _contestant(benchmark: ScalingBenchmark, **changes: int) -> Contestant:
    sizes: dict[str, Any] = {
        "hidden": benchmark.base_hidden,
        "worlds": benchmark.base_worlds,
        "ticks": benchmark.base_ticks,
    }
    return Contestant(
        name=f"training with {sizes | changes}",
        engine=benchmark.engine,
        rollout_steps=benchmark.rollout_steps,
        threads=benchmark.threads,
        **sizes | changes,
    )


def _peak(answer: dict[str, Any]) -> int | None:
    peak: int | None = answer["update_peak_bytes"]
    return peak


def _fits(rows: list[Row]) -> list[Row]:
    fits = []
    for variable in dict.fromkeys(row["variable"] for row in rows):
        mine = [row for row in rows if row["variable"] == variable]
        for quantity in QUANTITIES:
            points = [(row["value"], row[quantity]) for row in mine if row[quantity] is not None and row[quantity] > 0]
            if len(points) > 1:
                fits.append({"variable": variable, "quantity": quantity, **fit_power(points)})
    return fits


def fit_power(points: list[tuple[float, float]]) -> dict[str, float]:
    """The exponent p of ``y = c·x^p`` by least squares of the logarithms, its R², and p between the two greatest x.

    What every training costs whatever its size bends the line at small sizes; the last exponent shows where it goes.
    """
    x, y = np.log(np.array(sorted(points), dtype=np.float64)).T
    exponent, constant = np.polyfit(x, y, 1)
    residual = float(((y - exponent * x - constant) ** 2).sum())
    total = float(((y - y.mean()) ** 2).sum())
    return {
        "exponent": float(exponent),
        "r_squared": 1.0 - residual / total if total > 0.0 else 1.0,
        "last_exponent": float((y[-1] - y[-2]) / (x[-1] - x[-2])),
    }


def scaling_tables(result: dict[str, Any]) -> list[Table]:
    """The figures for people."""
    lines: list[tuple[str, ...]] = [
        (
            row["variable"],
            str(row["value"]),
            f"{1e3 * row['seconds_per_update']:.1f} ({1e3 * row['slowest_update']:.1f})",
            short(row["env_steps_per_second"]),
            mebibytes(row["bytes_beyond"]),
        )
        for row in result["rows"]
    ]
    base = ", ".join(f"{name} {value}" for name, value in result["base"].items())
    tiny = f" A tiny training: {mebibytes(result['tiny_peak_bytes'])} MiB."
    fits: list[tuple[str, ...]] = [
        (
            fit["variable"],
            {"seconds_per_update": "time", "bytes_beyond": "memory"}[fit["quantity"]],
            f"{fit['exponent']:.2f}",
            f"{fit['r_squared']:.3f}",
            f"{fit['last_exponent']:.2f}",
        )
        for fit in result["fits"]
    ]
    return [
        Table(
            "One size varies, the others stay",
            ("varies", "to", "ms an update, best (slowest)", "steps/s", "MiB beyond a tiny training"),
            lines,
            (f"Otherwise {base}.{tiny}",),
        ),
        Table("Exponents p of cost ∝ size^p", ("of", "cost", "p", "R²", "p between the two largest"), fits),
    ]
