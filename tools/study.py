"""Compare arms over several seeds: ``python tools/study.py births --seeds 5``.

Runs every arm of a study with every seed, a thread each, some at a time; what is done is not repeated, what was
interrupted goes on. Then writes results.csv, tables (results.md) and curves (SVG) into the folder. An arm that another
study has run already in the same folder is taken from there.
"""

from __future__ import annotations

import dataclasses
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from runs import RunConfig, to_json
from studies.arms import STUDIES
from studies.report import write_results
from studies.running import run_one

console = Console(highlight=False)


@dataclasses.dataclass(frozen=True)
class Options:
    """What to run."""

    study: Annotated[Literal["capacity", "growth", "schedules", "births", "deaths", "upkeep"], tyro.conf.Positional]
    """Which comparison."""
    folder: Path = Path("runs/study")
    """Where the runs go: a folder an arm, in it one a seed."""
    seeds: int = 5
    """Seeds 0 to this number less one, the same for all arms."""
    workers: int = 2
    """Runs at a time."""
    steps: int | None = None
    """Environment steps of each run; as the study says if not given."""
    only: tuple[str, ...] = ()
    """Some of the arms."""
    dry_run: bool = False
    """Only say what would be run."""


def chosen_arms(options: Options) -> dict[str, RunConfig]:
    """The arms of the study that are asked for."""
    arms = STUDIES[options.study]()
    if odd := set(options.only) - arms.keys():
        raise SystemExit(f"{options.study} has no arm {', '.join(sorted(odd))}; it has {', '.join(arms)}.")
    chosen = {name: config for name, config in arms.items() if name in (options.only or arms)}
    if options.steps is None:
        return chosen
    return {name: dataclasses.replace(config, total_steps=options.steps) for name, config in chosen.items()}


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    options = tyro.cli(Options, args=arguments, description=__doc__)
    arms = chosen_arms(options)
    # Seed by seed, so that a study that was interrupted has compared all arms as far as it got.
    runs = [(name, seed) for seed in range(options.seeds) for name in arms]
    console.print(f"{options.study}: {len(arms)} arms × {options.seeds} seeds, {options.workers} at a time")
    for name, config in arms.items():
        console.print(f"  {name}: {config.total_steps / 1e6:g} M steps, {config.network.init_hidden} neurons at birth")
    if options.dry_run:
        return 0
    for name, config in arms.items():
        _keep_config(options.folder / name / "config.json", config)

    def one(run: tuple[str, int]) -> dict[str, Any] | str:
        name, seed = run
        folder = options.folder / name
        try:
            summary = run_one(folder / f"seed-{seed}", ["--config", str(folder / "config.json"), "--seed", str(seed)])
        except RuntimeError as problem:
            return str(problem)
        console.print(f"{name} seed {seed}: {summary['eval'].get('food_mean', summary['eval']['return_mean']):.1f}")
        return summary

    with ThreadPoolExecutor(options.workers) as pool:
        answers = dict(zip(runs, pool.map(one, runs), strict=True))
    failed = {run: answer for run, answer in answers.items() if isinstance(answer, str)}
    for (name, seed), problem in failed.items():
        console.print(f"[bold red]{name} seed {seed} failed:[/] {problem}")
    for path in write_results(options.folder, options.study, tuple(arms), tuple(range(options.seeds))):
        console.print(f"written: {path}")
    return 1 if failed else 0


def _keep_config(path: Path, config: RunConfig) -> None:
    """Write an arm's config, unless the folder belongs to another arm of that name."""
    text = to_json(config)
    if path.exists() and path.read_text() != text:
        raise SystemExit(f"{path} holds an arm of this name with other settings. Choose another --folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
