"""What there is to draw: the whole world as an onlooker sees it, or the part the agent sees.

Pictures and texts are both made from a :class:`Board`, so they cannot tell different stories.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foraging_env.config import Patch
from foraging_env.observation import View, observe
from foraging_env.types import GridState, IntArray


class Board(NamedTuple):
    """A square of ``side`` cells and what is on them. Cells are row-major indices, ``row * side + column``."""

    side: int
    agent: int
    heading: int
    walls: IntArray  # [K] cells, as are food and poison
    food: IntArray
    poison: IntArray
    patches: tuple[Patch, ...]  # where food appears: (row, column, height, width)
    seen: tuple[slice, slice] | None  # rows and columns that the agent sees; None: all of them


def world_board(view: View, state: GridState, world: int = 0) -> Board:
    """The whole grid of one world.

    Raises:
        IndexError: there is no such world in the batch.
    """
    timetable = view.timetable
    size, n_food_slots = timetable.book.size, timetable.book.n_food_slots
    rule = int(timetable.rule_of(state.phase[world]))
    items, agent = state.items[world].astype(np.int64), int(state.agent[world])
    food, poison = items[:n_food_slots], items[n_food_slots:]
    return Board(
        side=size,
        agent=agent,
        heading=int(state.heading[world]),
        walls=np.flatnonzero(~timetable.book.is_open[rule]),
        food=food[food >= 0],
        poison=poison[poison >= 0],
        patches=timetable.configs[rule].patches,
        seen=_seen(view, agent),
    )


def view_board(view: View, state: GridState, world: int = 0) -> Board:
    """What the agent of one world sees, read from its observation: it knows nothing that the agent does not.

    (But for the heading, which is on the picture for looks.) The side is ``view.side``.

    Raises:
        IndexError: there is no such world in the batch.
    """
    alone = GridState(*(array[world][None] for array in state))
    image = observe(view, alone).reshape(view.n_channels, -1)  # [C, side * side]
    nothing = np.zeros(0, dtype=np.int64)
    if view.egocentric:
        walls, agent = np.flatnonzero(image[0]), view.reach * view.side + view.reach
    else:
        walls = nothing if view.wall_channel is None else np.flatnonzero(image[view.wall_channel])
        agent = int(state.agent[world])
    return Board(
        side=view.side,
        agent=agent,
        heading=int(state.heading[world]),
        walls=walls,
        food=np.flatnonzero(image[1]),
        poison=np.flatnonzero(image[view.poison_channel]) if view.timetable.has_poison else nothing,
        patches=(),
        seen=None if view.egocentric else _seen(view, agent),
    )


def _seen(view: View, agent: int) -> tuple[slice, slice] | None:
    """Rows and columns of the grid within the agent's sight."""
    if view.is_full:
        return None
    size = view.timetable.book.size
    # A window without a radius has the side of the grid; if that is even, it reaches one cell less far down and right.
    after = view.side - view.reach if view.egocentric else view.reach + 1
    row, column = divmod(agent, size)
    return (
        slice(max(row - view.reach, 0), min(row + after, size)),
        slice(max(column - view.reach, 0), min(column + after, size)),
    )
