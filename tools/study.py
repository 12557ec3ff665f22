"""Compare arms over several seeds: ``python tools/study.py births --seeds 5``.

Runs every arm of a study with every seed, a thread each, some at a time; what is done is not repeated, what was
interrupted goes on, what crashes is tried again. Then writes a page (STUDY/report.html), tables (STUDY/results.csv and
curves.csv beside it, STUDY.md) and curves (SVG) into the folder. An arm that another study has run already in the same
folder is taken from there; one that follows another arm, as a size that the other ended with, is run after it, seed by
seed. Ctrl-C lets the runs save themselves; the same command goes on with them. ``--dry-run`` says what there is to do
and how long it may take.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from runs import RunConfig, from_json, to_json
from studies import continual_page
from studies.arms import STUDIES, Arms
from studies.continual import CONTINUAL
from studies.derived import Derived, in_rounds, seed_of
from studies.estimate import probed_paces
from studies.report import write_results
from studies.running import is_done, run_one

from snn_agent import checks
from snn_agent.errors import ConfigError, SnnAgentError
from snn_agent.experiments.executors import ProcessExecutor, SerialExecutor, cores
from snn_agent.experiments.executors_ray import RayExecutor
from snn_agent.experiments.jobs import Job, Outcome, carry_out
from snn_agent.experiments.progress import PlannedRun, StudyProgress, paces, reached, seconds_left, words_for

# Of this file's own output; a run in this process has what it says put into its log meanwhile.
console = Console(file=sys.stdout, highlight=False)


@dataclasses.dataclass(frozen=True)
class Options:
    """What to run."""

    study: Annotated[
        Literal[
            "capacity", "frontier", "growth", "schedules", "births", "deaths", "upkeep", "hypothesis", "quick",
            "continual", "continual-quick",
        ],
        tyro.conf.Positional,
    ]  # fmt: skip
    """Which comparison."""
    folder: Path = Path("runs/study")
    """Where the runs go: a folder an arm, in it one a seed."""
    seeds: int = 5
    """Seeds 0 to this number less one, the same for all arms."""
    steps: int | None = None
    """Environment steps of each run, or of each phase where it has several tasks; as the study says if not given."""
    only: tuple[str, ...] = ()
    """Some of the arms; * stands for any letters, as in "swap-*"."""
    executor: Literal["processes", "serial", "ray"] = "processes"
    """What carries runs out: processes on this machine, this process, or a Ray cluster."""
    address: str | None = None
    """Of a running Ray cluster, for example HOST:6379; if not given, one is started on this machine. All machines of
    the cluster need this repository and the folder at the same paths."""
    workers: int | None = None
    """Runs at a time; as many as there are cores if not given."""
    retries: int = 2
    """How often a run that crashes is tried again."""
    dry_run: bool = False
    """Only say what would be run, and how long it may take."""


def chosen_arms(options: Options) -> Arms:
    """The arms of the study that are asked for."""
    arms = STUDIES[options.study]()
    wanted = {pattern: fnmatch.filter(arms, pattern) for pattern in options.only}
    if odd := sorted(pattern for pattern, names in wanted.items() if not names):
        raise SystemExit(f"{options.study} has no arm {', '.join(odd)}; it has {', '.join(arms)}.")
    names = {name for found in wanted.values() for name in found} or arms.keys()
    chosen = {name: config for name, config in arms.items() if name in names}
    return {
        name: dataclasses.replace(arm, total_steps=_steps(options, arm)) if isinstance(arm, RunConfig) else arm
        for name, arm in chosen.items()
    }


def _steps(options: Options, arm: RunConfig | Derived) -> int:
    """Environment steps of a run of an arm."""
    if options.steps is None:
        return arm.total_steps
    return options.steps * max(1, len(arm.phases) if isinstance(arm, RunConfig) else 1)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code: 0 if all runs are done, 1 if some are not, 2 if the request is odd."""
    options = tyro.cli(Options, args=arguments, description=__doc__)
    arms = chosen_arms(options)
    try:
        if options.address is not None and options.executor != "ray":
            raise ConfigError(f"--address {options.address} is of a Ray cluster. Add --executor ray, or leave it out.")
        if options.dry_run:
            return _tell(options, arms)
        return _study(options, arms, sys.argv[1:] if arguments is None else arguments)
    except SnnAgentError as problem:
        console.print(f"[bold red]{type(problem).__name__}:[/] {problem}", soft_wrap=True)
        return 2


def _tell(options: Options, arms: Arms) -> int:
    """Say what there is to do, and how long it may take."""
    runs = _planned(options, arms)
    done = _announce(options, arms, runs)
    console.print(_estimate(arms, runs, [run for run in runs if run.id not in done], _slots(options)), soft_wrap=True)
    return 0


def _study(options: Options, arms: Arms, arguments: Sequence[str]) -> int:
    runs = _planned(options, arms)
    done = _announce(options, arms, runs)
    for name, arm in arms.items():
        if isinstance(arm, RunConfig):
            _keep_config(options.folder / name / "config.json", arm)
    outcomes = _carry_out(options, arms, runs, done) if len(done) < len(runs) else []
    failed = [outcome for outcome in outcomes if outcome.kind == "failed"]
    for outcome in failed:
        console.print(f"[bold red]{outcome.job.id} failed {outcome.attempts} times, the last time with:[/]")
        console.print(outcome.error, markup=False, soft_wrap=True)
    errors = {outcome.job.id: outcome.error for outcome in failed}
    write = continual_page.write_results if options.study in CONTINUAL else write_results
    for path in write(options.folder, options.study, tuple(arms), tuple(range(options.seeds)), failed=errors):
        console.print(f"written: {path}", soft_wrap=True)
    left = len(runs) - len(done) - sum(outcome.kind == "done" for outcome in outcomes)
    if left > len(failed):
        command = shlex.join([sys.executable, sys.argv[0], *arguments])
        console.print(f"stopped with {left} runs to do; go on with: {command}", markup=False, soft_wrap=True)
    return 1 if left else 0


def _planned(options: Options, arms: Arms) -> list[PlannedRun]:
    """All runs, seed by seed, so that a study that was interrupted has compared all arms as far as it got."""
    folder = options.folder.resolve()  # workers may stand elsewhere
    return [
        PlannedRun(
            id=f"{name} seed {seed}",
            arm=name,
            run_dir=folder / name / f"seed-{seed}",
            total_steps=_steps(options, arm),
        )
        for seed in range(options.seeds)
        for name, arm in arms.items()
    ]


def _announce(options: Options, arms: Arms, runs: Sequence[PlannedRun]) -> set[str]:
    """Say what the study is and how far; the ids of the runs that are done."""
    done = {run.id for run in runs if is_done(run.run_dir)}
    # Only the cluster knows how many cores it has.
    at_a_time = "as many as the cluster has cores" if options.address and not options.workers else _slots(options)
    console.print(
        f"{options.study}: {len(arms)} arms × {options.seeds} seeds = {len(runs)} runs, {len(done)} of them done; "
        f"{at_a_time} at a time ({options.executor})",
        soft_wrap=True,
    )
    for name, arm in arms.items():
        console.print(_describe(name, arm, [run for run in runs if run.arm == name], done), soft_wrap=True)
    return done


def _slots(options: Options) -> int:
    if options.executor == "serial":
        return 1
    return cores() if options.workers is None else checks.integer("--workers", options.workers, 1)


class _Progress(StudyProgress):
    """That of a study with several rounds, none of which begins after a stop was asked for."""

    stopped = False

    def on_stop(self) -> None:
        """Remember it."""
        self.stopped = True
        super().on_stop()


def _carry_out(options: Options, arms: Arms, runs: Sequence[PlannedRun], done: set[str]) -> list[Outcome]:
    executor: SerialExecutor | ProcessExecutor | RayExecutor
    if options.executor == "serial":
        executor = SerialExecutor()
    elif options.executor == "processes":
        executor = ProcessExecutor(options.workers)
    else:
        executor = RayExecutor(options.workers, options.address)
    outcomes: list[Outcome] = []
    todo = [run for run in runs if run.id not in done]
    progress = _Progress(runs, done, executor.slots, console, _score)
    with executor, progress:
        for part in in_rounds(todo, arms, executor.slots):
            if not progress.stopped:
                jobs = [job for run in part if (job := _job(run, arms[run.arm])) is not None]
                outcomes += carry_out(jobs, executor, retries=options.retries, listener=progress)
    return outcomes


def _job(run: PlannedRun, arm: RunConfig | Derived) -> Job | None:
    """The job that makes a run; None where the run that it follows is not there."""
    config = run.run_dir.parent / "config.json"
    if isinstance(arm, Derived):
        other = run.run_dir.parents[1] / arm.of / run.run_dir.name
        if not is_done(other):
            console.print(f"{run.id}: left out, for it follows {arm.of}, whose run of this seed is not done")
            return None
        config = run.run_dir.with_name(f"{run.run_dir.name}.config.json")
        _keep_config(config, arm.make(other))
    flags = ["--config", str(config), "--seed", str(seed_of(run)), "--milestones", "0"]
    return Job(id=run.id, function=run_one, arguments=(run.run_dir, flags))


def _score(summary: Any) -> str:
    scores = summary["eval"]
    if "normalised_return" in scores:  # of several tasks
        return f"mean of the tasks {scores['normalised_return']:.3f}"
    return f"food {scores['food_mean']:.1f}" if "food_mean" in scores else f"return {scores['return_mean']:.1f}"


def _describe(name: str, arm: RunConfig | Derived, runs: Sequence[PlannedRun], done: set[str]) -> str:
    """What an arm is and how far its runs are."""
    begun = [
        steps / run.total_steps for run in runs if run.id not in done and (steps := reached(run.run_dir).env_steps)
    ]
    size = f"{arm.network.init_hidden} neurons at birth" if isinstance(arm, RunConfig) else str(arm)
    words = f"  {name}: {runs[0].total_steps / 1e6:g} M steps, {size}"
    if n_done := sum(run.id in done for run in runs):
        words += f"; {n_done} of {len(runs)} runs done"
    return words + (f"; begun: {', '.join(f'{share:.0%}' for share in begun)}" if begun else "")


def _estimate(arms: Arms, runs: Sequence[PlannedRun], todo: Sequence[PlannedRun], slots: int) -> str:
    """How long it may take, and how that is known."""
    measured = paces(runs)
    unknown = {run.arm: arm for run in todo if run.arm not in measured and isinstance(arm := arms[run.arm], RunConfig)}
    probed = probed_paces(unknown)
    left = seconds_left(todo, measured | probed, slots)
    sources = [f"runs in the folder ({len(measured)} arms)"] * bool(measured)
    sources += [f"a few updates on this machine, newborn ({len(probed)} arms; growth takes longer)"] * bool(probed)
    return f"estimated time: {words_for(left)}" + (f", from {' and '.join(sources)}" if sources and todo else "")


def _keep_config(path: Path, config: RunConfig) -> None:
    """Write an arm's config, unless the folder belongs to another arm of that name."""
    if path.exists():
        if not _holds(path, config):
            raise SystemExit(f"{path} holds an arm of this name with other settings. Choose another --folder.")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.partial")
    draft.write_text(to_json(config))
    draft.replace(path)


def _holds(path: Path, config: RunConfig) -> bool:
    """Whether a file has this config; a setting that is younger than the file had its default."""
    try:
        return from_json(path.read_text()) == config
    except ConfigError:
        return False


if __name__ == "__main__":
    sys.exit(main())
