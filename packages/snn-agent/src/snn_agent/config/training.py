"""How a run is carried out."""

from __future__ import annotations

import dataclasses

from snn_agent import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a run is carried out.

    Attributes:
        n_worlds: B, worlds that live at the same time, where the environment is given by its id.
        rollout_steps: L, steps of each world between two updates.
        seed: the root of all randomness of the run but the first weights.
        checkpoint_every_updates: updates between two checkpoints.
        keep_checkpoints: how many of the newest are kept.
    """

    n_worlds: int = 256
    rollout_steps: int = 32
    seed: int = 0
    checkpoint_every_updates: int = 50
    keep_checkpoints: int = 3

    def __post_init__(self) -> None:
        checked = {
            "n_worlds": checks.integer("n_worlds", self.n_worlds, 1),
            "rollout_steps": checks.integer("rollout_steps", self.rollout_steps, 1),
            "seed": checks.integer("seed", self.seed, 0),
            "checkpoint_every_updates": checks.integer("checkpoint_every_updates", self.checkpoint_every_updates, 1),
            "keep_checkpoints": checks.integer("keep_checkpoints", self.keep_checkpoints, 1),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
