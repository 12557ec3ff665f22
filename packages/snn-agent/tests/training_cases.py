"""A tiny world that can be saved, and small runs in it."""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from snn_agent import AdaptiveTrainer, GrowingSparseSNN, LearningConfig, NetworkConfig, StructureConfig, TrainingConfig

WALL_CLOCK = ("seconds", "env_steps_per_second")


class Song(NamedTuple):
    """One episode: what is seen, whatever the agent does."""

    observations: np.ndarray  # float32 [n + 1, D], the last one after the last step
    terminates: bool  # or is truncated

    @property
    def length(self) -> int:
        return len(self.observations) - 1


@functools.cache
def song(seed: int, world: int, episode: int, features: int) -> Song:
    rng = np.random.default_rng([seed, world, episode])
    length = int(rng.integers(1, 7))
    return Song(rng.random((length + 1, features), dtype=np.float32), bool(rng.integers(2)))


class Songs(VectorEnv[Any, Any, Any]):
    """Worlds whose episodes are songs; action 1 pays where the first number is above a half, action 0 elsewhere.

    What is seen does not depend on the actions, so a run of any policy can be foretold.
    """

    def __init__(
        self,
        num_envs: int = 3,
        mode: AutoresetMode = AutoresetMode.NEXT_STEP,
        features: int = 4,
        action_start: int = 0,
        counts_food: bool = False,
    ) -> None:
        self.num_envs, self.features, self.counts_food = num_envs, features, counts_food
        self.metadata = {"autoreset_mode": mode}
        self.at_once = mode is AutoresetMode.SAME_STEP
        self.single_observation_space = spaces.Box(0.0, 1.0, (features,))
        self.single_action_space = spaces.Discrete(2, start=action_start)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.spoil: tuple[int, str] | None = None  # the step whose "reward" or "observation" is not finite
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        del options
        self.seed = 0 if seed is None else seed
        self.episode, self.time = np.zeros(self.num_envs, np.int64), np.zeros(self.num_envs, np.int64)
        self.over = np.zeros(self.num_envs, np.bool_)
        return self._observe(), {}

    def song(self, world: int) -> Song:
        return song(self.seed, world, int(self.episode[world]), self.features)

    def _observe(self) -> np.ndarray:
        return np.stack([self.song(w).observations[self.time[w]] for w in range(self.num_envs)])

    def step(self, actions: np.ndarray) -> tuple[Any, ...]:
        self.steps += 1
        begins = self.over.copy()
        right = self._observe()[:, 0] > 0.5
        reward = np.where(begins, 0.0, right == (actions - self.single_action_space.start))
        self._begin(begins)
        self.time += ~begins
        ended = np.array([self.time[w] == self.song(w).length for w in range(self.num_envs)]) & ~begins
        terminates = np.array([self.song(w).terminates for w in range(self.num_envs)])
        observation, infos = self._observe(), {}
        info = {"food_collected": self.time.copy()} if self.counts_food else {}
        if self.at_once and ended.any():
            final = np.full(self.num_envs, None, dtype=object)
            for world in np.flatnonzero(ended):
                final[world] = observation[world]
            infos = {"final_obs": final, "_final_obs": ended, "final_info": info}
            self._begin(ended)
            observation = self._observe()
        elif not self.at_once:
            self.over, infos = ended, info
        if self.spoil is not None and self.steps == self.spoil[0]:
            (reward if self.spoil[1] == "reward" else observation)[0] = np.nan
        return observation, reward, ended & terminates, ended & ~terminates, infos

    def _begin(self, worlds: np.ndarray) -> None:
        self.episode[worlds] += 1
        self.time[worlds] = 0
        self.over = self.over & ~worlds

    def get_state(self) -> dict[str, np.ndarray]:
        numbers = {"seed": np.array(self.seed), "steps": np.array(self.steps)}
        return numbers | {name: getattr(self, name).copy() for name in ("episode", "time", "over")}

    def set_state(self, state: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, Any]]:
        self.seed, self.steps = int(state["seed"]), int(state["steps"])
        assert state["seed"].shape == ()  # as it was given
        self.episode, self.time, self.over = (state[name].copy() for name in ("episode", "time", "over"))
        return self._observe(), {}


class DeafSongs(Songs):
    """The same without a way to save it."""

    get_state = set_state = property()  # type: ignore[assignment]  # hasattr is False


NETWORK = NetworkConfig(init_hidden=12, max_hidden=40, min_hidden=4, ticks=5, input_power=2.0)
LEARNING = LearningConfig(reuse_epochs=2, minibatches=2, learning_rate=0.01)
CHANGING = StructureConfig(
    growth="periodic",
    growth_size=4,
    grow_interval=3,
    pruning="low_utility",
    prune_share=0.2,
    prune_interval=4,
    maturity_updates=2,
    interval_unit="updates",
)
FIXED = StructureConfig(growth="none", pruning="none")


def organism_for(env: Songs, seed: int = 0, engine: str = "torch", **network: Any) -> GrowingSparseSNN:
    """A small network for these worlds."""
    return GrowingSparseSNN.for_spaces(
        env.single_observation_space, env.single_action_space, NETWORK.replace(**network), engine=engine, seed=seed
    )


def trainer_for(
    env: Any = None, structure: StructureConfig = CHANGING, every: int = 3, network: Any = None, **options: Any
) -> AdaptiveTrainer:
    """A small run: 6 steps of 3 worlds an update."""
    env = env or Songs()
    organism = options.pop("organism", None) or organism_for(env, **(network or {}))
    training = TrainingConfig(rollout_steps=6, checkpoint_every_updates=every, keep_checkpoints=3)
    return AdaptiveTrainer(organism, env, options.pop("learning", LEARNING), structure, training, **options)


def update(trainer: AdaptiveTrainer, times: int, goal: float = 10_000.0) -> AdaptiveTrainer:
    """So many updates more, one after the other, without the end of a run; the learning rate follows the goal."""
    trainer._goal_steps = goal
    for _ in range(times):
        trainer._update()
    return trainer


def everything(trainer: AdaptiveTrainer) -> dict[str, Any]:
    """All that the future of a run depends on, without the wall clock."""
    model, optimizer, worlds, state = trainer.snapshot()
    timeless = {name: value for name, value in state.items() if name not in ("seconds", "file_sizes")}
    arrays = {name: tensor.detach().numpy().copy() for name, tensor in (model | optimizer).items()}
    return arrays | {f"worlds.{name}": array for name, array in worlds.items()} | timeless


def differences(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """Names under which two of the above are not equal, bit for bit."""

    def same(x: Any, y: Any) -> bool:
        if isinstance(x, np.ndarray):
            return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
        return bool(x == y)

    return sorted(name for name in a.keys() | b.keys() if name not in a or name not in b or not same(a[name], b[name]))


def lines_without_clock(run_dir: Path) -> list[list[str]]:
    """metrics.csv without the columns that tell the time."""
    with (run_dir / "metrics.csv").open() as file:
        rows = list(csv.reader(file))
    kept = [column for column, name in enumerate(rows[0]) if name not in WALL_CLOCK]
    return [[row[column] for column in kept] for row in rows]


def copy_of(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A copy of every tensor, by name."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}
