"""A run that lives through several tasks: its trainer, and what is told of it at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from continual_tasks import task_scale
from runs import RunConfig, task_worlds
from scores import describe

from snn_agent.experiments.continual import neurons_carrying
from snn_agent.network import heads
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.callbacks import Callback
from snn_agent.training.checkpoint import Checkpoint
from snn_agent.training.continual.journal import EvaluationLine
from snn_agent.training.continual.trainer import ContinualTrainer
from snn_agent.training.evaluation import evaluate


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
    """How well the organism does each task at the end of its life, with the head that it has for it.

    ``neurons_used`` are the fewest that carry 95 % of the utility in the task.
    """
    tasks = []
    for number, task in enumerate(task_worlds(config)):
        head = life.beliefs.head_for(number)
        acting = life.organism if head is None else heads.for_task(life.organism, head)
        found = evaluate(acting, config.env_id, task.kwargs, episodes=config.eval_episodes, seed=config.training.seed)
        utility = found.counts / acting.config.ticks * acting.outgoing.detach().abs().sum(dim=1).cpu()
        told = {"name": task.name, **describe("return", found.returns)}
        if found.food:
            told["food_mean"] = float(np.mean(found.food))
        scale = task_scale(config.env_id, task.kwargs)
        if scale is not None:
            told["normalised_return"] = scale.normalise(told["return_mean"])
        told["neurons_used"] = neurons_carrying(utility.numpy())
        tasks.append(told)
    scores: dict[str, Any] = {"episodes": config.eval_episodes, "tasks": tasks}
    for name in ("return_mean", "normalised_return"):
        if all(name in task for task in tasks):
            scores[name] = float(np.mean([task[name] for task in tasks]))
    return scores
