"""The environments an agent lives in, in one form: a Gymnasium vector environment, however it was given."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from snn_agent.errors import ConfigError
from snn_agent.network.spaces import SpaceAdapter, adapt

AnyEnv = str | gymnasium.Env[Any, Any] | VectorEnv[Any, Any, Any]


class Worlds:
    """A vector environment and what the trainer must know of it.

    Raises:
        ConfigError: ``env`` is no environment, or a vector environment that does not reset itself.
        SpaceError: its spaces are not ones that an organism can live in.
    """

    def __init__(self, env: AnyEnv, n_worlds: int, env_kwargs: dict[str, Any] | None = None) -> None:
        self.vector = _vectorise(env, n_worlds, env_kwargs or {})
        mode = getattr(self.vector, "autoreset_mode", None) or self.vector.metadata.get("autoreset_mode")
        if mode not in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
            raise ConfigError(
                f"the vector environment's autoreset mode is {mode}, but the trainer needs one that resets itself. "
                f"Make it with autoreset_mode=AutoresetMode.NEXT_STEP (the default) or SAME_STEP."
            )
        self.resets_at_once = mode is AutoresetMode.SAME_STEP
        self.adapter: SpaceAdapter = adapt(self.vector.single_observation_space, self.vector.single_action_space)

    @property
    def n_worlds(self) -> int:
        """B."""
        return int(self.vector.num_envs)

    @property
    def can_save(self) -> bool:
        """Whether the environment can be saved and restored exactly."""
        inner = self.vector.unwrapped
        return hasattr(inner, "get_state") and hasattr(inner, "set_state")

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """The worlds as plain arrays; empty where the environment cannot be saved."""
        if not self.can_save:
            return {}
        inner: Any = self.vector.unwrapped
        state: dict[str, npt.NDArray[Any]] = inner.get_state()
        return state

    def set_state(self, state: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Restore the worlds; returns the observations of that moment."""
        inner: Any = self.vector.unwrapped
        observation: npt.NDArray[Any] = inner.set_state(state)[0]
        return observation

    def close(self) -> None:
        """Release the environments."""
        self.vector.close()


def _vectorise(env: AnyEnv, n_worlds: int, env_kwargs: dict[str, Any]) -> VectorEnv[Any, Any, Any]:
    if isinstance(env, str):
        return gymnasium.make_vec(env, num_envs=n_worlds, **env_kwargs)
    if env_kwargs:
        raise ConfigError(f"env_kwargs {sorted(env_kwargs)} go with an environment's id, but an environment was given.")
    if isinstance(env, VectorEnv):
        return env
    if isinstance(env, gymnasium.Env):
        return SyncVectorEnv([lambda: env])
    raise ConfigError(
        f"env must be an environment's id, a gymnasium.Env or a gymnasium.vector.VectorEnv, got {type(env).__name__}."
    )


def final_observations(infos: dict[str, Any], rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """The last observations of the episodes that ended in ``rows``, as SAME_STEP hands them out."""
    return np.stack([infos["final_obs"][row] for row in rows.tolist()])
