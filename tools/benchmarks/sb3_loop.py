"""Stable-Baselines3's PPO as a contestant."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.contestants import ENDLESS, Clock, Contestant, config_of
from benchmarks.sb3_worlds import ForagingVecEnv
from runs import parse_env_kwargs
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback


class Sb3Loop:
    """PPO of Stable-Baselines3 with the settings of our own learning and one hidden layer a head."""

    def __init__(self, contestant: Contestant) -> None:
        config = config_of(contestant)
        learning, training = config.learning, config.training
        self.steps = training.n_worlds * training.rollout_steps
        self.hidden = contestant.hidden
        self.worlds = ForagingVecEnv(training.n_worlds, **parse_env_kwargs(config.env_kwargs))
        self.model = PPO(
            "MlpPolicy",
            self.worlds,
            n_steps=training.rollout_steps,
            batch_size=max(2, self.steps // learning.minibatches),
            n_epochs=learning.reuse_epochs,
            gamma=learning.gamma,
            gae_lambda=learning.lam,
            learning_rate=learning.learning_rate,
            ent_coef=learning.entropy_weight,
            vf_coef=learning.value_weight,
            clip_range=learning.clip_ratio,
            policy_kwargs={"net_arch": {"pi": [contestant.hidden], "vf": [contestant.hidden]}},
            seed=training.seed,
            device="cpu",
        )

    def advance(self, updates: int) -> int:
        """See :class:`Loop`."""
        before = self.model.num_timesteps
        self.model.learn(updates * self.steps, reset_num_timesteps=False)
        return self.model.num_timesteps - before

    def live(self, seconds: float, interval: float) -> list[dict[str, Any]]:
        """See :class:`Loop`."""
        watch = Watch(Clock(seconds, interval), self.worlds, self.hidden)
        self.model.learn(ENDLESS, callback=watch)
        return watch.clock.samples


class Watch(BaseCallback):
    """Takes samples between two updates and ends the training when its time is over."""

    def __init__(self, clock: Clock, worlds: ForagingVecEnv, hidden: int) -> None:
        super().__init__()
        self.clock, self.worlds, self.hidden = clock, worlds, hidden
        self.over = False

    def _on_rollout_start(self) -> None:
        if self.num_timesteps == 0:
            return  # no update has ended yet
        eaten = self.worlds.recent_food
        food = sum(eaten) / len(eaten) if eaten else math.nan
        self.over = self.clock.tick(self.num_timesteps, food, self.hidden)

    def _on_step(self) -> bool:
        return not self.over
