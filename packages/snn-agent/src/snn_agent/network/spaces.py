"""Between Gymnasium's spaces and the network's numbers."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor

from snn_agent.errors import SpaceError
from snn_agent.network.events import find_events
from snn_agent.types import Events

MOST_EVENTS: Final = 0.25
"""Share of numbers that are not zero up to which observations are told as events."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpaceAdapter:
    """How observations become features [B, D] and outputs become actions.

    Attributes:
        shape: shape of one observation; () for a Discrete one.
        n_discrete: number of values of a Discrete observation, 0 for a Box.
        observation_start: smallest value of a Discrete observation.
        n_actions: A.
        action_start: smallest action.
        bounded: whether the observations are numbers between 0 and 1, which need no scaling.
    """

    shape: tuple[int, ...]
    n_discrete: int = 0
    observation_start: int = 0
    n_actions: int
    action_start: int = 0
    bounded: bool = True

    @property
    def input_features(self) -> int:
        """D: the numbers of a flattened Box, or one input for each value of a Discrete observation (one-hot)."""
        return self.n_discrete or int(np.prod(self.shape))

    def features(self, observation: npt.NDArray[Any], device: torch.device | str = "cpu") -> Tensor:
        """Observations [B, *shape] as float32 features [B, D]."""
        if self.n_discrete:
            index = torch.as_tensor(np.asarray(observation), device=device).long() - self.observation_start
            return torch.nn.functional.one_hot(index, self.n_discrete).to(torch.float32)
        array = torch.as_tensor(np.asarray(observation), device=device)
        return array.reshape(array.shape[0], -1).to(torch.float32)

    def suits_events(self, observation: npt.NDArray[Any]) -> bool:
        """Whether observations like these [B, *shape] are better told by the few numbers that are not zero."""
        if self.n_discrete:
            return True
        return self.bounded and bool(np.count_nonzero(observation) <= MOST_EVENTS * np.size(observation))

    def events(self, observation: npt.NDArray[Any]) -> Events:
        """Observations [B, *shape] as events, on the CPU."""
        array = np.asarray(observation)
        if self.n_discrete:
            columns = array.reshape(-1).astype(np.int32) - np.int32(self.observation_start)
            return Events(np.arange(len(array) + 1), columns, np.empty(0, np.float32), self.n_discrete)
        return find_events(array)

    def is_single(self, observation: npt.NDArray[Any]) -> bool:
        """Whether this is one observation and not a batch of them.

        Raises:
            SpaceError: it is neither.
        """
        shape = np.shape(observation)
        if shape == self.shape:
            return True
        if shape[1:] == self.shape and len(shape) == len(self.shape) + 1:
            return False
        raise SpaceError(
            f"the observation has shape {shape}, but this organism sees {self.shape}, or a batch (n, *{self.shape}). "
            f"Pass observations of the environment it was made for."
        )


def adapt(observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> SpaceAdapter:
    """The adapter for the (single) spaces of an environment.

    Raises:
        SpaceError: the observations are neither Box nor Discrete, or the actions are not Discrete.
    """
    if not isinstance(action_space, spaces.Discrete):
        raise SpaceError(
            f"the action space is {action_space}, but an organism chooses one of n actions (Discrete). "
            f"Wrap the environment so that its actions are discrete."
        )
    n_actions, first_action = int(action_space.n), int(action_space.start)
    if isinstance(observation_space, spaces.Discrete):
        return SpaceAdapter(
            shape=(),
            n_discrete=int(observation_space.n),
            observation_start=int(observation_space.start),
            n_actions=n_actions,
            action_start=first_action,
        )
    if isinstance(observation_space, spaces.Box):
        if int(np.prod(observation_space.shape)) == 0:
            raise SpaceError(f"the observation space {observation_space} has no numbers, so there is nothing to see.")
        bounded = bool((observation_space.low >= 0).all() and (observation_space.high <= 1).all())
        shape = tuple(observation_space.shape)
        return SpaceAdapter(shape=shape, bounded=bounded, n_actions=n_actions, action_start=first_action)
    raise SpaceError(
        f"the observation space is {observation_space}, but an organism sees a Box or a Discrete. "
        f"Wrap the environment, for example in gymnasium.wrappers.FlattenObservation."
    )
