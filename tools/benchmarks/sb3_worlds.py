"""Our vector environment as Stable-Baselines3 wants it, so that no Python loop over single worlds slows it down."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

RECENT_EPISODES = 100


class ForagingVecEnv(VecEnv):
    """``ForagingGrid-v0`` as a ``VecEnv``: what ``DummyVecEnv`` of single environments gives, in one step of arrays.

    ``recent_food`` holds the food of the last hundred finished episodes. Infos are empty but where an episode ended:
    there they hold ``terminal_observation``, ``TimeLimit.truncated`` and ``food_collected``.
    """

    def __init__(self, n_worlds: int, **env_kwargs: Any) -> None:
        self.vector = gymnasium.make_vec(
            "ForagingGrid-v0", n_worlds, autoreset_mode=AutoresetMode.SAME_STEP, **env_kwargs
        )
        self.recent_food: collections.deque[int] = collections.deque(maxlen=RECENT_EPISODES)
        self._actions = np.zeros(n_worlds, dtype=np.int64)
        super().__init__(n_worlds, self.vector.single_observation_space, self.vector.single_action_space)

    def reset(self) -> npt.NDArray[Any]:
        """Begin episodes, with the seeds of the last :meth:`seed`; returns observations [B, D]."""
        seeds: Any = list(self._seeds)  # one for each world is more than Gymnasium's base class knows of
        observation: npt.NDArray[Any] = self.vector.reset(seed=seeds)[0]
        self._reset_seeds()
        self._reset_options()
        return observation

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Take the actions [B]."""
        self._actions = actions

    def step_wait(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], list[dict[str, Any]]]:
        """Step with them: observations, rewards, dones and infos."""
        observation, reward, terminated, truncated, told = self.vector.step(self._actions)
        done = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(done).tolist():
            food = int(told["final_info"]["food_collected"][row])
            self.recent_food.append(food)
            infos[row] = {
                "terminal_observation": told["final_obs"][row],
                "TimeLimit.truncated": bool(truncated[row] and not terminated[row]),
                "food_collected": food,
            }
        return observation, reward.astype(np.float32), done, infos

    def close(self) -> None:
        """Release the worlds."""
        self.vector.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute that all worlds share."""
        return [getattr(self.vector, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not possible: the worlds are one object."""
        raise NotImplementedError(f"worlds have no attributes of their own, so {attr_name!r} cannot be set.")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Not possible: the worlds are one object."""
        raise NotImplementedError(f"worlds have no methods of their own, so {method_name!r} cannot be called.")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No world is wrapped."""
        del wrapper_class
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[Any]:
        """Pictures, where a render mode was given."""
        return self.vector.render() or ()
