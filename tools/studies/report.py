"""What came of a study, as a table of runs, a page and curves."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.svg import line_chart
from scores import interval

from snn_agent.experiments.curves import Curve, mean_at, mean_size
from snn_agent.experiments.frontier import standing
from snn_agent.experiments.statistics import Row
from studies.arms import envelopes_of
from studies.curves import read_curve

POINTS = 100
Runs = Mapping[int, Curve]


def write_results(folder: Path, study: str, arms: tuple[str, ...], seeds: tuple[int, ...]) -> list[Path]:
    """Write results of the runs that are done; returns what was written."""
    summaries = {arm: _summaries(folder / arm, seeds) for arm in arms}
    runs = {
        arm: {seed: read_curve(folder / arm / f"seed-{seed}") for seed in found} for arm, found in summaries.items()
    }
    runs = {arm: curves for arm, curves in runs.items() if curves}
    envelopes = {label: _runs_of(folder, sizes, seeds) for label, sizes in envelopes_of(study).items()}
    rows = [_row(arm, seed, summaries[arm][seed], runs[arm][seed]) for arm in runs for seed in runs[arm]]
    if not rows:
        return []
    table, points, page = folder / f"{study}.csv", folder / f"{study}-curves.csv", folder / f"{study}.md"
    _write_table(table, rows)
    _write_table(
        points, [row for arm in runs for seed, curve in runs[arm].items() for row in _points(arm, seed, curve)]
    )
    page.write_text("\n".join(_table(rows, runs, envelopes)) + "\n")
    pictures = []
    for by, label in (("steps", "million environment steps"), ("joules", "millijoules spent, acting and learning")):
        scale = 1e-6 if by == "steps" else 1e3
        lines = {arm: _line(list(curves.values()), by, scale) for arm, curves in runs.items()}
        picture = folder / f"{study}-{by}.svg"
        picture.write_text(line_chart(study, label, "food of the last 100 episodes", lines))
        pictures.append(picture)
    return [table, points, page, *pictures]


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _points(arm: str, seed: int, curve: Curve) -> list[dict[str, Any]]:
    """A run at 100 places that are evenly spaced over its updates."""
    chosen = np.unique(np.linspace(0, len(curve.steps) - 1, POINTS).round().astype(int))
    return [
        {
            "arm": arm,
            "seed": seed,
            "env_steps": int(curve.steps[k]),
            "joules": f"{curve.joules[k]:.6g}",
            "joules_acting": f"{curve.acting[k]:.6g}",
            "score": f"{curve.score[k]:.6g}",
            "neurons": int(curve.neurons[k]),
        }
        for k in chosen.tolist()
    ]


def _summaries(folder: Path, seeds: tuple[int, ...]) -> dict[int, dict[str, Any]]:
    found = {}
    for seed in seeds:
        summary = folder / f"seed-{seed}" / "summary.json"
        if summary.exists() and "eval" in (read := json.loads(summary.read_text())):
            found[seed] = read
    return found


def _runs_of(folder: Path, arms: Sequence[str], seeds: tuple[int, ...]) -> dict[str, Runs]:
    """The runs of these arms that the folder holds."""
    found = {arm: {s: read_curve(folder / arm / f"seed-{s}") for s in _summaries(folder / arm, seeds)} for arm in arms}
    return {arm: runs for arm, runs in found.items() if runs}


def _row(arm: str, seed: int, summary: dict[str, Any], curve: Curve) -> dict[str, Any]:
    scores = summary["eval"]
    energy = scores["energy"]["45nm_fp32"]
    return {
        "arm": arm,
        "seed": seed,
        "env_steps": summary["env_steps"],
        "food": scores.get("food_mean", scores["return_mean"]),
        "normalised_score": scores.get("normalised_score", float("nan")),
        "neurons_final": summary["neurons_final"],
        "neurons_mean": round(mean_size(curve), 1),
        "growth_events": summary["growth_events"],
        "pruning_events": summary["pruning_events"],
        "joules": float(curve.joules[-1]),
        "joules_acting": float(curve.acting[-1]),
        "joules_per_decision": energy["joules_per_decision"],
        "joules_per_food": energy["joules_per_food"],
        "seconds": round(summary["wall_seconds"], 1),
    }


def _table(
    rows: list[dict[str, Any]], runs: Mapping[str, Runs], envelopes: Mapping[str, Mapping[str, Runs]]
) -> list[str]:
    """A line an arm, means over seeds."""
    head = (
        "| arm | seeds | food (95 % interval) | neurons, mean → final | births, deaths | J | of them acting | "
        "nJ a decision | nJ a food |"
    )
    head += "".join(f" beside the envelope of {label} (95 % interval) |" for label in envelopes)
    lines = [head, "|" + "---|" * (9 + len(envelopes))]
    for arm, curves in runs.items():
        own = [row for row in rows if row["arm"] == arm]

        def mean(name: str, own: list[dict[str, Any]] = own) -> float:
            return float(np.mean([row[name] for row in own]))

        low, high = interval([row["food"] for row in own])
        lines.append(
            f"| {arm} | {len(own)} | {mean('food'):.1f} ({low:.1f} to {high:.1f}) | {mean('neurons_mean'):.0f} → "
            f"{mean('neurons_final'):.0f} | {mean('growth_events'):.1f}, {mean('pruning_events'):.1f} | "
            f"{mean('joules'):.3f} | {mean('joules_acting'):.3f} | {1e9 * mean('joules_per_decision'):.1f} | "
            f"{1e9 * mean('joules_per_food'):.0f} |"
            + "".join(f" {_beside(curves, fixed, arm)} |" for fixed in envelopes.values())
        )
    return lines


def _beside(curves: Runs, fixed: Mapping[str, Runs], arm: str) -> str:
    """Mean ratio to the envelope of the fixed sizes, less one, over the seeds that all of them have; a dash if none."""
    seeds = [seed for seed in curves if all(seed in runs for runs in fixed.values())]
    if arm in fixed or not fixed or not seeds:
        return "–"
    others = [{seed: runs[seed] for seed in seeds} for runs in fixed.values()]
    area = standing(others, {seed: curves[seed] for seed in seeds}).area
    low, high = interval(area.tolist())
    few = "" if len(seeds) == len(curves) else f", {len(seeds)} seeds"
    return f"{100 * area.mean():+.1f} % ({100 * low:+.1f} to {100 * high:+.1f}{few})"


def _line(curves: list[Curve], by: str, scale: float) -> list[tuple[float, float]]:
    """The mean over seeds at places that all have reached."""
    last = min(float(getattr(curve, by)[-1]) for curve in curves)
    grid: Row = np.linspace(0.0, last, POINTS + 1)[1:]
    mean = mean_at(curves, by, grid)
    return [(float(x * scale), float(y)) for x, y in zip(grid, mean, strict=True) if not np.isnan(y)]
