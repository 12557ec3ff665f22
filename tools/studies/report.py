"""What came of a study, as a table of runs, a page and curves."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.svg import line_chart
from scores import interval

from snn_agent.experiments.curves import Curve, mean_at
from snn_agent.experiments.statistics import Row
from studies.page import read_study, write_page, write_tables
from studies.page.data import Runs
from studies.page.numbers import beside_envelope
from studies.page.tidy import POINTS, points_of


def write_results(
    folder: Path,
    study: str,
    arms: tuple[str, ...],
    seeds: tuple[int, ...],
    *,
    failed: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write results of the runs that are done, if there are any; returns what was written.

    Beside the tables and curves of the study, a folder of its name gets the whole report with tidy tables.

    Args:
        folder: of the runs: in it a folder an arm, in that one a seed.
        study: its name.
        arms: that were asked for.
        seeds: likewise.
        failed: what runs failed with, by ``"ARM seed SEED"``.
    """
    data = read_study(folder, study, arms, seeds, failed or {})
    runs = {arm: data.curves(arm) for arm in data.seen}
    rows = [{"arm": run.arm, "seed": run.seed, **run.numbers} for run in data.done]
    if not rows:
        return []
    table, points, page = folder / f"{study}.csv", folder / f"{study}-curves.csv", folder / f"{study}.md"
    _write_table(table, rows)
    _write_table(points, [_point(line) for run in data.done for line in points_of(run, study)])
    page.write_text("\n".join(_table(rows, runs, data.envelopes)) + "\n")
    pictures = []
    for by, label in (("steps", "million environment steps"), ("joules", "millijoules spent, acting and learning")):
        scale = 1e-6 if by == "steps" else 1e3
        lines = {arm: _line(list(curves.values()), by, scale) for arm, curves in runs.items()}
        picture = folder / f"{study}-{by}.svg"
        picture.write_text(line_chart(study, label, "food of the last 100 episodes", lines))
        pictures.append(picture)
    whole = folder / study
    whole.mkdir(exist_ok=True)
    return [table, points, page, *pictures, *write_tables(data, whole), write_page(data, whole)]


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _point(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the tidy table of curves as this study's table has it."""
    told = {name: f"{line[name]:.6g}" for name in ("joules", "joules_acting", "score")}
    return {
        "arm": line["arm"],
        "seed": line["seed"],
        "env_steps": line["env_steps"],
        **told,
        "neurons": line["neurons"],
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
            + "".join(f" {beside_envelope(curves, fixed)} |" for fixed in envelopes.values())
        )
    return lines


def _line(curves: list[Curve], by: str, scale: float) -> list[tuple[float, float]]:
    """The mean over seeds at places that all have reached."""
    last = min(float(getattr(curve, by)[-1]) for curve in curves)
    grid: Row = np.linspace(0.0, last, POINTS + 1)[1:]
    mean = mean_at(curves, by, grid)
    return [(float(x * scale), float(y)) for x, y in zip(grid, mean, strict=True) if not np.isnan(y)]
