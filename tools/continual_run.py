"""A run that lives through several tasks: its trainer, and what is told of it at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from continual_tasks import task_scale
from runs import RunConfig, task_worlds
from scores import describe

from snn_agent.errors import CheckpointError
from snn_agent.experiments.continual import neurons_carrying
from snn_agent.network import heads
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.callbacks import Callback
from snn_agent.training.checkpoint import Checkpoint
from snn_agent.training.continual.beliefs import Beliefs
from snn_agent.training.continual.journal import EvaluationLine
from snn_agent.training.continual.trainer import ContinualTrainer
from snn_agent.training.evaluation import evaluate
from snn_agent.training.snapshot import MEMORY


def continual_trainer(
    config: RunConfig,
    organism: GrowingSparseSNN,
    *,
    run_dir: Path,
    callbacks: Sequence[Callback],
    record: dict[str, Any],
    resume: Checkpoint | None,
) -> ContinualTrainer:
    """The trainer of a run with tasks; the rest as :class:`snn_agent.AdaptiveTrainer` has it."""
    tasks = task_worlds(config)
    return ContinualTrainer(
        organism,
        [(config.env_id, task.kwargs) for task in tasks],
        config.learning,
        config.structure,
        config.training,
        continual=config.continual,
        sequence=config.phases,
        phase_steps=config.phase_steps,
        evaluate_every=max(1, config.phase_steps // config.evaluations_per_phase),
        evaluation_episodes=config.evaluation_episodes,
        names=[task.name for task in tasks],
        run_dir=run_dir,
        callbacks=callbacks,
        record=record,
        resume=resume,
    )


def phases_told(life: ContinualTrainer) -> dict[str, Any]:
    """For the summary: each phase that was begun, with the scores on all tasks when it was examined last."""
    last: dict[int, dict[int, EvaluationLine]] = {}
    for line in life.journal.evaluations:
        last.setdefault(line.phase, {})[line.task] = line
    told = []
    for phase in (line for line in life.journal.phases if line.kind != "detected"):
        found = [last[phase.phase][task] for task in sorted(last.get(phase.phase, {}))]
        told.append({
            "phase": phase.phase,
            "task": phase.task,
            "name": phase.name,
            "env_step": phase.env_step,
            "update": phase.update,
            "protected": phase.protected,
            "recruited": phase.recruited,
            "sharing": phase.sharing,
            "examined_at": found[0].env_step if found else None,
            "scores": [line.score for line in found],
            "joules": found[0].joules if found else None,
            "neurons": found[0].neurons if found else None,
        })  # fmt: skip
    detections = sum(line.kind == "detected" for line in life.journal.phases)
    return {"phases": told, "detections": detections}


def evaluate_tasks(life: ContinualTrainer, config: RunConfig) -> dict[str, Any]:
    """How well the organism does each task at the end of its life, with the head that it has for it."""
    acting = {number: life.beliefs.head_for(number) for number in range(len(config.tasks))}
    return evaluate_heads(life.organism, acting, config, episodes=config.eval_episodes, seed=config.training.seed)


def heads_of(saved: Checkpoint, config: RunConfig) -> dict[int, int | None]:
    """The head that an organism which was kept has for each task, as :meth:`Beliefs.head_for` tells it.

    Raises:
        CheckpointError: it found out its tasks by itself, and the checkpoint does not tell what it took them for.
    """
    beliefs, known = Beliefs(config.continual, config.phases[0]), saved.state.get("continual")
    if known is not None:
        tensors = {name.removeprefix(MEMORY): t for name, t in saved.optimizer.items() if name.startswith(MEMORY)}
        beliefs.restore(known["beliefs"], tensors)
    elif config.continual.heads == "task" and config.continual.boundaries != "given":
        raise CheckpointError(
            "the checkpoint holds an organism alone, not what it took its tasks for, so which head it has for which "
            "world is not known. Evaluate the run that it was made from, or one head with --task."
        )
    return {number: beliefs.head_for(number) for number in range(len(config.tasks))}


def evaluate_heads(
    organism: GrowingSparseSNN,
    acting: Mapping[int, int | None],
    config: RunConfig,
    *,
    episodes: int,
    seed: int,
    deterministic: bool = False,
) -> dict[str, Any]:
    """How well it does some of a run's tasks; ``neurons_used`` are the fewest that carry 95 % of the utility in one.

    Args:
        organism: who is evaluated; it is not changed.
        acting: by true task, the head that acts in it; None, or one that was not put away: the active one.
        config: of the run.
        episodes: of each task.
        seed: of worlds and draws.
        deterministic: take the most probable action instead of drawing one.
    """
    tasks, worlds = [], task_worlds(config)
    for number, head in acting.items():
        task = worlds[number]
        mind = organism if head is None else heads.for_task(organism, head)
        found = evaluate(mind, config.env_id, task.kwargs, episodes=episodes, seed=seed, deterministic=deterministic)
        utility = found.counts / mind.config.ticks * mind.outgoing.detach().abs().sum(dim=1).cpu()
        told = {"name": task.name, **describe("return", found.returns)}
        if found.food:
            told["food_mean"] = float(np.mean(found.food))
        scale = task_scale(config.env_id, task.kwargs)
        if scale is not None:
            told["normalised_return"] = scale.normalise(told["return_mean"])
        told["neurons_used"] = neurons_carrying(utility.numpy())
        tasks.append(told)
    scores: dict[str, Any] = {"episodes": episodes, "tasks": tasks}
    for name in ("return_mean", "normalised_return"):
        if all(name in task for task in tasks):
            scores[name] = float(np.mean([task[name] for task in tasks]))
    return scores
