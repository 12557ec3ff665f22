"""Evaluate a trained organism on worlds it has never seen: ``python tools/evaluate.py RUN``; prints JSON.

Of a run of several tasks each is evaluated, with the head that the organism has for it; then a line for each and their
mean are printed beside the JSON, on the standard error stream.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from continual_run import evaluate_heads, heads_of
from playback.chapters import chapters_of, read_history, tasks_in_life
from playback.tasks import head_asked_for
from runs import RunConfig, birth_world, read_config
from scores import score

from snn_agent import checks
from snn_agent.errors import SnnAgentError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.checkpoint import Checkpoint, load_newest
from snn_agent.training.evaluation import evaluate
from snn_agent.training.snapshot import rebuild_organism


@dataclasses.dataclass(frozen=True)
class Options:
    """What to evaluate, and how long."""

    run: Annotated[Path, tyro.conf.Positional]
    """Run directory."""
    episodes: int = 100
    """Episodes of each task, each in a world of its own."""
    seed: int = 0
    """Of the worlds and the policy's draws."""
    deterministic: bool = False
    """Take the most probable action instead of drawing one."""
    task: int | None = None
    """Only this one, with the head that was put away for it; the number and the world are those of tools/play.py."""

    def __post_init__(self) -> None:
        if self.task is not None:
            checks.integer("task", self.task, 0)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    try:
        options = tyro.cli(Options, args=arguments, description=__doc__)
        config = read_config(options.run)
        torch.set_num_threads(config.threads)
        path, saved = load_newest(options.run)
        organism = rebuild_organism(saved.state["organism"], saved.model, engine=config.engine, device=config.device)
        head = head_asked_for(organism, options.task)
        scores = (
            _of_tasks(config, organism, saved, head, options) if config.tasks else _of_one(config, organism, options)
        )
    except SnnAgentError as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        return 2
    whose = {"checkpoint": str(path), "seed": options.seed, "neurons": organism.hidden}
    print(json.dumps(whose | ({} if options.task is None else {"head": options.task}) | scores, indent=2))
    if "tasks" in scores:
        _tell(scores)
    return 0


def _of_one(config: RunConfig, organism: GrowingSparseSNN, options: Options) -> dict[str, Any]:
    """Scores in the one world of a run."""
    kwargs = birth_world(config)
    how = {"episodes": options.episodes, "seed": options.seed}
    found = evaluate(organism, config.env_id, kwargs, **how, deterministic=options.deterministic)
    return score(config.env_id, kwargs, found)


def _of_tasks(
    config: RunConfig, organism: GrowingSparseSNN, saved: Checkpoint, head: int | None, options: Options
) -> dict[str, Any]:
    """Scores in each task of a run, or in the one that was asked for."""
    if options.task is None:
        acting = heads_of(saved, config)
    else:
        tasks = tasks_in_life(read_history(options.run), chapters_of(options.run))
        acting = {tasks.played(saved.state["counters"]["env_step"], int(organism.task), head): head}
    return evaluate_heads(
        organism, acting, config, episodes=options.episodes, seed=options.seed, deterministic=options.deterministic
    )


def _tell(scores: dict[str, Any]) -> None:
    mean = [{"name": "mean of the tasks"} | scores] if len(scores["tasks"]) > 1 else []
    for task in [*scores["tasks"], *mean]:
        known = f"   normalised {task['normalised_return']:.3f}" if "normalised_return" in task else ""
        print(f"return per episode, {task['name']}: {task['return_mean']:.1f}{known}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
