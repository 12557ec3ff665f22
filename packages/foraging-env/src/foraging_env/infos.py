"""The infos of a batch: what the single environment tells of each world, with Gymnasium's masks."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from foraging_env.observation import nearest_food_distance
from foraging_env.rules import RuleBook
from foraging_env.types import BoolArray, GridState

Info: TypeAlias = dict[str, Any]


def batch_infos(book: RuleBook, state: GridState, ate: BoolArray, bumped: BoolArray, present: BoolArray | None) -> Info:
    """One array [B] a key, and under the key with ``_`` before it the mask (one for all) of worlds that have it.

    Args:
        book: the worlds' tables.
        state: the worlds.
        ate: [B] who ate food in this step; handed out as it is.
        bumped: [B] whose move was blocked; handed out as it is.
        present: [B] worlds that are told of, zeros for the others; None for all.
    """
    size = book.size
    row = state.agent // size
    column = state.agent - row * size  # faster than divmod
    food = state.items[:, : book.n_food_slots]
    mask = np.ones(len(row), dtype=np.bool_)
    infos = {
        "food_collected": state.food_collected.copy(),
        "_food_collected": mask,
        "poison_collected": state.poison_collected.copy(),
        "_poison_collected": mask,
        "ate": ate,
        "_ate": mask,
        "bumped": bumped,
        "_bumped": mask,
        "agent_row": row,
        "_agent_row": mask,
        "agent_col": column,
        "_agent_col": mask,
        "nearest_food_distance": nearest_food_distance(food, row, column, size, all_there=book.never_misses),
        "_nearest_food_distance": mask,
        "phase": state.phase.copy(),
        "_phase": mask,
        "lifetime_step": state.lifetime_step.copy(),
        "_lifetime_step": mask,
    }
    if present is not None and not present.all():
        mask[:] = present
        for name, array in infos.items():
            if not name.startswith("_"):
                array[~present] = 0
    return infos
