"""Train an organism: ``python tools/train.py --preset quick``.

Every field of the run's config is a flag, and beside them: --preset NAME, or --env-id ID for another environment, or
--config FILE to repeat a run; --seed N; --run-dir DIR (else runs/NAME-seedN-NUMBER; a directory that holds something is
never written into); --resume RUN goes on where a run was, exactly. To watch it, which changes no result:
--metrics-port PORT serves Prometheus metrics (0: any free port) to this machine, or at --metrics-host HOST;
--tensorboard writes TensorBoard's files into the run directory. --milestones N keeps N copies of the organism on the
way (12 unless told otherwise; 0: none), so that tools/play.py can show how it grew. --watch opens the window of
tools/play.py on the run while it goes on. A run with --tasks, as the presets continual-… have them, lives
through them one after the other; --continual.… says what it does where one ends and another begins.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import torch
import tyro
from continual_run import continual_trainer, evaluate_tasks, phases_told
from presets import PRESETS, for_environment
from rich.console import Console
from runs import RunConfig, birth_world, config_hash, from_json, read_config, task_worlds, to_json
from scores import references, score

from snn_agent.engine.device import describe_device
from snn_agent.errors import ConfigError, SnnAgentError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.callbacks import Callback
from snn_agent.training.checkpoint import load_newest
from snn_agent.training.continual.trainer import ContinualTrainer
from snn_agent.training.environment import describe_environment
from snn_agent.training.evaluation import evaluate
from snn_agent.training.milestones import Milestones
from snn_agent.training.progress import ProgressDisplay
from snn_agent.training.report import write_report
from snn_agent.training.snapshot import rebuild_organism
from snn_agent.training.trainer import AdaptiveTrainer
from snn_agent.training.worlds import Worlds

console = Console(highlight=False)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--preset", choices=sorted(PRESETS))
    first.add_argument("--config", type=Path)
    first.add_argument("--env-id")
    first.add_argument("--seed", type=int)
    first.add_argument("--run-dir", type=Path)
    first.add_argument("--resume", type=Path)
    first.add_argument("--metrics-port", type=int)
    first.add_argument("--metrics-host", default="127.0.0.1")
    first.add_argument("--tensorboard", action="store_true")
    first.add_argument("--milestones", type=int, default=12)
    first.add_argument("--watch", action="store_true")
    chosen, rest = first.parse_known_args(arguments)
    try:
        if chosen.resume is not None:
            return _watched_run(chosen, read_config(chosen.resume), chosen.resume, resume=True)
        config, name = _base(chosen)
        listed = [f"  {key}: {make.__doc__}" for key, make in PRESETS.items()]
        description = "\n".join([__doc__ or "", "Presets:", *listed])
        config = tyro.cli(RunConfig, args=rest, default=config, description=description)
        if chosen.seed is not None:
            config = dataclasses.replace(config, training=dataclasses.replace(config.training, seed=chosen.seed))
        run_dir = chosen.run_dir or _fresh_directory(f"{name}-seed{config.training.seed}")
        return _watched_run(chosen, config, run_dir, resume=False)
    except SnnAgentError as problem:
        console.print(f"[bold red]{type(problem).__name__}:[/] {problem}")
        return 2


def _base(chosen: argparse.Namespace) -> tuple[RunConfig, str]:
    if chosen.config is not None:
        return from_json(chosen.config.read_text()), chosen.config.stem
    if chosen.env_id is not None and chosen.preset is None:
        config = for_environment(chosen.env_id)
        console.print(
            f"{chosen.env_id}: settings for environments of others (standardised inputs, γ = {config.learning.gamma}, "
            f"{config.training.n_worlds} worlds); every one of them is a flag."
        )
        return config, chosen.env_id.replace("/", "-").replace(":", "-")
    preset = chosen.preset or "default"
    return PRESETS[preset](), preset


def _fresh_directory(name: str) -> Path:
    runs = Path("runs")
    return next(path for n in itertools.count(1) if not (path := runs / f"{name}-{n}").exists())


def _watched_run(chosen: argparse.Namespace, config: RunConfig, run_dir: Path, *, resume: bool) -> int:
    with contextlib.ExitStack() as stack:
        listeners: list[Callback] = [Milestones(chosen.milestones)] if chosen.milestones else []
        if chosen.watch:
            from playback.watching import Watching

            if not chosen.milestones:
                raise ConfigError("--watch shows what --milestones keeps. Leave that above 0.")
            listeners.append(Watching())
        if chosen.tensorboard:
            from snn_agent.training.monitoring.tensorboard import TensorBoardWriter

            listeners.append(TensorBoardWriter())
        if chosen.metrics_port is not None:
            from snn_agent.training.monitoring.exporter import PrometheusExporter

            info = {
                "env_id": config.env_id,
                "seed": str(config.training.seed),
                "config_hash": config_hash(config),
            }
            exporter = stack.enter_context(PrometheusExporter(chosen.metrics_port, chosen.metrics_host, info=info))
            console.print(f"metrics: {exporter.url}", soft_wrap=True)
            listeners.append(exporter)  # the last one, for a failed run waits in it
        return _run(config, run_dir, listeners, resume=resume)


def _run(config: RunConfig, run_dir: Path, listeners: list[Callback], *, resume: bool) -> int:
    torch.set_num_threads(config.threads)
    environment = describe_environment(config.device)  # the code may change while the run goes on
    kwargs = birth_world(config)
    saved = None
    if resume:
        path, saved = load_newest(run_dir)
        organism = rebuild_organism(saved.state["organism"], saved.model, engine=config.engine, device=config.device)
        console.print(f"going on from {path}")
    else:
        spaces = Worlds(config.env_id, 1, kwargs)
        organism = GrowingSparseSNN.for_spaces(
            spaces.vector.single_observation_space,
            spaces.vector.single_action_space,
            config.network,
            engine=config.engine,
            seed=config.training.seed,
            device=config.device,
        )
        spaces.close()
    listeners = [ProgressDisplay(console), *listeners]
    record = {"config_hash": config_hash(config)}
    trainer: AdaptiveTrainer | ContinualTrainer
    if config.tasks:
        trainer = continual_trainer(config, organism, run_dir=run_dir, callbacks=listeners, record=record, resume=saved)
    else:
        trainer = AdaptiveTrainer(
            organism,
            config.env_id,
            config.learning,
            config.structure,
            config.training,
            env_kwargs=kwargs,
            run_dir=run_dir,
            callbacks=listeners,
            record=record,
            resume=saved,
        )
    if not resume:
        (run_dir / "config.json").write_text(to_json(config))
    console.print(
        f"run {run_dir}: {config.env_id} {' '.join(config.env_kwargs)}, {_tasks_told(config)}{organism.hidden} "
        f"neurons, engine {organism.engine.name} on {describe_device(config.device)}, seed {config.training.seed}"
    )
    if isinstance(trainer, ContinualTrainer):
        summary = trainer.train() | phases_told(trainer)
    else:
        summary = trainer.train(config.total_steps)
    summary |= {
        "engine": organism.engine.name,
        "device": config.device,
        "seed": config.training.seed,
        "config_hash": config_hash(config),
        "environment": environment,
    }
    commands = {"Repeat the run:": f"python {sys.argv[0]} --config {run_dir / 'config.json'}"}
    if summary["ended"] == "done":
        if isinstance(trainer, ContinualTrainer):
            summary["eval"] = evaluate_tasks(trainer, config)
        else:
            seed = config.training.seed
            evaluation = evaluate(organism, config.env_id, kwargs, episodes=config.eval_episodes, seed=seed)
            summary["eval"] = score(config.env_id, kwargs, evaluation)
        _tell(summary)
    else:
        arguments = f"{sys.argv[0]} --resume {run_dir}"
        commands["Go on with it:"] = f"python {arguments}"
        console.print(f"stopped and saved; go on with: {sys.executable} {arguments}", soft_wrap=True)
    _write(run_dir / "summary.json", json.dumps(summary, indent=2) + "\n")
    beside = {} if config.tasks else references(config.env_id, kwargs)
    report = write_report(run_dir, beside, commands=commands)
    console.print(f"numbers: {run_dir / 'summary.json'}, {run_dir / 'metrics.csv'}", soft_wrap=True)
    console.print(f"report: {report}", soft_wrap=True)
    return 0


def _tasks_told(config: RunConfig) -> str:
    """What a continual run lives through; nothing of another run."""
    if not config.tasks:
        return ""
    names = [world.name for world in task_worlds(config)]
    return f"{' → '.join(names[task] for task in config.phases)} of {config.phase_steps:,} steps each, "


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.partial")
    draft.write_text(text)
    draft.replace(path)


def _tell(summary: dict[str, Any]) -> None:
    scores = summary["eval"]
    console.print(
        f"{summary['env_steps'] / 1e6:.2f} M steps in {summary['wall_seconds']:.0f} s "
        f"({summary['env_steps_per_second'] / 1e3:.1f} k/s), {summary['neurons_initial']} → "
        f"{summary['neurons_final']} neurons"
    )
    for task in scores.get("tasks", ()):
        told = f"   normalised {task['normalised_return']:.3f}" if "normalised_return" in task else ""
        console.print(f"return per episode, {task['name']}: [bold]{task['return_mean']:.1f}[/]{told}")
    if "tasks" in scores:
        console.print(f"mean of the tasks: [bold]{scores['return_mean']:.1f}[/]")
    elif "normalised_score" in scores:
        console.print(
            f"food per episode: [bold]{scores['food_mean']:.1f}[/]   random {scores['random_food']:.1f}   greedy "
            f"{scores['greedy_food']:.1f}   normalised {scores['normalised_score']:.3f}"
        )
    else:
        console.print(f"return per episode: [bold]{scores['return_mean']:.1f}[/]")


if __name__ == "__main__":
    sys.exit(main())
