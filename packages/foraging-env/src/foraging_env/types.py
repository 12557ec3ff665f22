"""The world as plain arrays.

Shape letters: ``B`` worlds (always the leading axis), ``S`` item slots. A *cell* is a row-major index
``row * size + column``. A *slot* is the home of one item: slots ``0 … F-1`` hold food, the rest poison.
"""

from __future__ import annotations

import enum
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.int64]
# 16 bits: the laws look at every item of every world each step, and half the bytes is half the time.
ItemArray: TypeAlias = npt.NDArray[np.int16]
FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
RankArray: TypeAlias = npt.NDArray[np.uint16]
StreamArray: TypeAlias = npt.NDArray[np.uint64]

NO_CELL = -1
"""Stands in a slot whose item has been eaten (or whose slot the current task does not use)."""


class Action(enum.IntEnum):
    """The four moves, in the order of the action space."""

    UP = 0
    DOWN = 1
    LEFT = 2
    RIGHT = 3


class GridState(NamedTuple):
    """Everything a batch of worlds knows. Treated as immutable: the laws return a new one.

    Two states with equal arrays have equal futures, so saving these arrays saves the worlds exactly.
    """

    agent: IntArray  # [B] cell of the agent
    heading: IntArray  # [B] the last move tried (an Action); down after a reset
    items: ItemArray  # [B, S] cell of each item, NO_CELL where there is none
    episode_step: IntArray  # [B] steps taken in this episode
    episode_return: FloatArray  # [B] sum of rewards in this episode
    food_collected: IntArray  # [B] food eaten in this episode
    poison_collected: IntArray  # [B] poison eaten in this episode
    last_patch: IntArray  # [B] patch the last food came from, -1 before the first
    richness: FloatArray  # [B] what the next food of that patch is worth, as a share of full
    lifetime_step: IntArray  # [B] steps lived, over all episodes
    phase: IntArray  # [B] number of the task in force
    stream: StreamArray  # [B] position in the world's stream of random numbers

    def take(self, rows: IntArray) -> GridState:
        """The worlds ``rows`` of the batch."""
        return GridState._make(array[rows] for array in self)

    def merge(self, rows: IntArray, part: GridState) -> GridState:
        """A copy in which the worlds ``rows`` are those of ``part``."""
        merged = self.copies()
        for array, new in zip(merged, part, strict=True):
            array[rows] = new  # type: ignore[index]
        return merged

    def copies(self) -> GridState:
        """The same worlds in arrays of their own."""
        return GridState._make(array.copy(order="K") for array in self)


class StepEvents(NamedTuple):
    """What happened in one step; what that is worth is decided in :mod:`foraging_env.reward`.

    ``M`` counts the worlds in which an item was eaten: in most it is none.
    """

    previous_agent: IntArray  # [B] cell before the move
    agent: IntArray  # [B] cell after it
    bumped: BoolArray  # [B] the move was blocked
    ate: BoolArray  # [B] a food item was eaten
    poisoned: BoolArray  # [B] a poison item was eaten
    richness: FloatArray  # [B] share of full value of the food eaten, 0 where none was
    eaters: IntArray  # [M] the worlds in which something was eaten, ascending
    slot: IntArray  # [M] the slot whose item was eaten
    new_cell: IntArray  # [M] where that slot's next item appeared, NO_CELL if nowhere
    switched: BoolArray  # [B] a new task came into force at the end of the step
    terminated: BoolArray  # [B] no food is left and none can come back
