"""Train with several seeds and tell what came of it: ``python tools/seeds.py runs/quick5 -- --preset quick``.

Runs ``tools/train.py`` once a seed, with whatever follows the two dashes, some at a time and a thread each; what is
done already is not repeated, what was interrupted goes on. Then prints a table in Markdown and draws the learning
curves as an SVG beside the runs.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path
from typing import Annotated, Any

import tyro
from benchmarks.svg import line_chart
from studies.curves import read_curve
from studies.running import run_one

from snn_agent.experiments.curves import Curve
from snn_agent.experiments.executors import ProcessExecutor
from snn_agent.experiments.jobs import Job, carry_out


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


def points(curve: Curve) -> list[tuple[float, float]]:
    """Food (or return) of the last 100 episodes over millions of steps, at 100 places."""
    known = [(x / 1e6, y) for x, y in zip(curve.steps.tolist(), curve.score.tolist(), strict=True) if not math.isnan(y)]
    return known[:: max(1, len(known) // 100)]


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

    flags = [*rest, "--threads", str(options.threads)]
    jobs = [
        Job(
            id=f"seed {seed}",
            function=run_one,
            arguments=(options.folder / f"seed-{seed}", [*flags, "--seed", str(seed)]),
        )
        for seed in options.seeds
    ]
    with ProcessExecutor(options.jobs) as executor:
        outcomes = {outcome.job.id: outcome for outcome in carry_out(jobs, executor)}
    if problems := [f"{name}: {outcome.error}" for name, outcome in outcomes.items() if outcome.kind != "done"]:
        raise SystemExit("\n".join(problems))
    if len(outcomes) < len(jobs):
        raise SystemExit("stopped; the same command goes on.")
    summaries = {seed: outcomes[f"seed {seed}"].value for seed in options.seeds}
    lines = {f"seed {seed}": points(read_curve(options.folder / f"seed-{seed}")) for seed in options.seeds}
    title = " ".join(rest)
    picture = options.picture or options.folder / "curves.svg"
    picture.write_text(line_chart(title, "million environment steps", "mean of the last 100 episodes", lines))
    print(table(summaries))
    print(f"\ncurves: {picture}")


if __name__ == "__main__":
    main()
