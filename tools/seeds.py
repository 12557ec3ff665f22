"""Train with several seeds and tell what came of it: ``python tools/seeds.py runs/quick5 -- --preset quick``.

Runs ``tools/train.py`` once a seed, with whatever follows the two dashes, some at a time and a thread each; what is
done already is not repeated. Then prints a table in Markdown and draws the learning curves as an SVG beside the runs.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import tyro
from benchmarks.svg import line_chart

TRAIN = Path(__file__).parent / "train.py"


@dataclasses.dataclass(frozen=True)
class Options:
    """What to run."""

    folder: Annotated[Path, tyro.conf.Positional]
    """Where the runs go, one folder a seed."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """The seeds."""
    jobs: int = 2
    """Runs at a time."""
    threads: int = 1
    """Threads of each."""
    picture: Path | None = None
    """Where the curves go; curves.svg in the folder if not given."""


def train(folder: Path, seed: int, threads: int, rest: list[str]) -> dict[str, Any]:
    """One run, unless it is done; its summary."""
    run_dir = folder / f"seed-{seed}"
    summary = run_dir / "summary.json"
    if not summary.exists():
        where = ["--resume", str(run_dir)] if (run_dir / "checkpoints").is_dir() else ["--run-dir", str(run_dir)]
        fresh = [] if where[0] == "--resume" else [*rest, "--seed", str(seed), "--threads", str(threads)]
        command = [sys.executable, str(TRAIN), *where, *fresh]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{answer.stdout}{answer.stderr}")
    found: dict[str, Any] = json.loads(summary.read_text())
    return found


def curve(run_dir: Path) -> list[tuple[float, float]]:
    """Food (or return) of the last 100 episodes over millions of steps, at 100 places."""
    with (run_dir / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    name = "return_mean" if all(math.isnan(float(row["food_mean"])) for row in rows) else "food_mean"
    points = [(int(row["env_steps"]) / 1e6, float(row[name])) for row in rows if not math.isnan(float(row[name]))]
    return points[:: max(1, len(points) // 100)]


def table(summaries: dict[int, dict[str, Any]]) -> str:
    """One line a seed, and the mean over the seeds."""
    foraging = all("normalised_score" in summary["eval"] for summary in summaries.values())
    what = "food" if foraging else "return"
    head = f"| seed | {what} (95 % interval) |{' normalised score |' if foraging else ''} neurons | seconds | steps/s |"
    lines = [head, "|" + "---|" * (head.count("|") - 1)]
    for seed, summary in summaries.items():
        scores = summary["eval"]
        low, high = scores[f"{what}_interval"]
        lines.append(
            f"| {seed} | {scores[f'{what}_mean']:.1f} ({low:.1f} to {high:.1f}) |"
            + (f" {scores['normalised_score']:.3f} |" if foraging else "")
            + f" {summary['neurons_initial']} → {summary['neurons_final']} | {summary['wall_seconds']:.0f} |"
            f" {summary['env_steps_per_second'] / 1e3:.0f} k |"
        )
    key = "normalised_score" if foraging else "return_mean"
    values = [summary["eval"][key] for summary in summaries.values()]
    mean = sum(values) / len(values)
    digits = 3 if foraging else 1
    lines.append(f"\nMean {mean:.{digits}f}, from {min(values):.{digits}f} to {max(values):.{digits}f}.")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Entry point."""
    given = sys.argv[1:] if arguments is None else arguments
    cut = given.index("--") if "--" in given else len(given)
    options, rest = tyro.cli(Options, args=given[:cut], description=__doc__), given[cut + 1 :]
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = pool.map(lambda seed: train(options.folder, seed, options.threads, rest), options.seeds)
        summaries = dict(zip(options.seeds, runs, strict=True))
    lines = {f"seed {seed}": curve(options.folder / f"seed-{seed}") for seed in options.seeds}
    title = " ".join(rest)
    picture = options.picture or options.folder / "curves.svg"
    picture.write_text(line_chart(title, "million environment steps", "mean of the last 100 episodes", lines))
    print(table(summaries))
    print(f"\ncurves: {picture}")


if __name__ == "__main__":
    main()
