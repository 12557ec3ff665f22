"""Small lives of several tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from training_cases import FIXED, LEARNING, Songs, organism_for

from snn_agent import ContinualTrainer, GrowingSparseSNN, StructureConfig, TrainingConfig
from snn_agent.config import ContinualConfig
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.snapshot import rebuild_organism

LIVELY: dict[str, Any] = {"hidden_bias": 2.0, "incoming_scale": 2.0}
"""The networks of the other cases are too quiet to be worth anything to a task."""


class Anew(Songs):
    """Worlds that remember nothing of what was before a reset, not even how often they were stepped."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        self.steps = 0
        return super().reset(seed=seed, options=options)


class Contrary(Anew):
    """The same worlds, in which the other action pays."""

    def step(self, actions: np.ndarray) -> tuple[Any, ...]:
        start = self.single_action_space.start
        return super().step(1 - (actions - start) + start)


def life_for(
    continual: ContinualConfig | None = None,
    structure: StructureConfig = FIXED,
    *,
    envs: int = 3,
    steps: int = 6,
    tasks: Any = None,
    every: int = 3,
    network: Any = None,
    **options: Any,
) -> ContinualTrainer:
    """A life of rollouts of 6 steps in 3 worlds; tasks 0 and 1 pay for opposite actions."""
    given = tasks or [Anew(envs, AutoresetMode.SAME_STEP), Contrary(envs, AutoresetMode.SAME_STEP)]
    organism = options.pop("organism", None) or organism_for(Songs(), **LIVELY | (network or {}))
    training = TrainingConfig(rollout_steps=steps, checkpoint_every_updates=every, keep_checkpoints=20)
    return ContinualTrainer(
        organism,
        given,
        options.pop("learning", LEARNING),
        structure,
        training,
        continual=continual,
        evaluation_episodes=options.pop("evaluation_episodes", 2),
        phase_steps=options.pop("phase_steps", 5 * envs * steps),
        **options,
    )


def resumed_life(run_dir: Path, continual: ContinualConfig | None = None, **options: Any) -> ContinualTrainer:
    """The life of a directory, from its newest checkpoint, in fresh environments."""
    checkpoint = checkpoints.load_newest(run_dir)[1]
    organism = rebuild_organism(checkpoint.state["organism"], checkpoint.model)
    return life_for(continual, organism=organism, run_dir=run_dir, resume=checkpoint, **options)


def decisions(organism: GrowingSparseSNN, n: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and values on n observations that are always the same, and that neurons answer to."""
    seen = torch.rand(n, organism.config.input_features, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        output, _ = organism(seen)
    assert output.counts.any(), "the case shows too little"
    return output.logits, output.value
