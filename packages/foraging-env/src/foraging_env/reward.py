"""What an event is worth. Events are laws of the world; values are the task's and may change."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from foraging_env.types import BoolArray, FloatArray

Number = TypeVar("Number", float, FloatArray)


class Values(NamedTuple):
    """Prices of events, each a float or an array [B]."""

    food_reward: float | FloatArray
    step_cost: float | FloatArray
    bump_cost: float | FloatArray
    poison_cost: float | FloatArray


def reward(values: Values, richness: Number, bumped: bool | BoolArray, poisoned: bool | BoolArray) -> Number:
    """Reward of one step: for one world on Python numbers or for a batch on arrays [B], the same IEEE operations.

    ``richness`` is the share of full value of the food eaten, 0 where none was.
    """
    worth: Any = values.food_reward * richness - values.step_cost
    for cost, happened in ((values.bump_cost, bumped), (values.poison_cost, poisoned)):
        if not isinstance(cost, float) or cost != 0.0:  # taking off 0.0 would change no bit
            worth = worth - cost * happened
    return worth  # type: ignore[no-any-return]
