"""What the agent sees of a state: the grid from above, or a window centred on the agent.

:func:`observe` writes observations from scratch and is the definition. :class:`GlobalBuffer` keeps the full view of
a batch up to date with a handful of writes a step, because writing 450 numbers per world is what would cost most.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box

from foraging_env.tasks import Timetable
from foraging_env.types import GridState, IntArray, ItemArray, StepEvents

ObsArray: TypeAlias = npt.NDArray[Any]
"""Observations; float32 or uint8 as the config says."""


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """The kind of view a timetable asks for: its channels, side and dtype.

    Channels, in order. Global: agent, food, walls (if any task has them), poison (if any task has it).
    Egocentric: what cannot be entered (border and walls), food, poison (if any).
    """

    timetable: Timetable

    def __reduce__(self) -> tuple[type[View], tuple[Timetable]]:
        """Pickled as its timetable: the cached windows would unfold to many times their memory."""
        return View, (self.timetable,)

    @functools.cached_property
    def egocentric(self) -> bool:
        """Whether the window moves with the agent."""
        return self.timetable.base.observation == "egocentric"

    @functools.cached_property
    def reach(self) -> int:
        """Cells between the agent and the upper and left edge of an egocentric window; sight along each axis."""
        radius = self.timetable.base.view_radius
        size = self.timetable.base.size
        if radius is not None:
            return radius
        return size // 2 if self.egocentric else size

    @functools.cached_property
    def is_full(self) -> bool:
        """Whether the whole grid is seen from above, so that a step changes a few numbers only."""
        return not self.egocentric and self.timetable.base.view_radius is None

    @functools.cached_property
    def side(self) -> int:
        """Rows (and columns) of the view."""
        base = self.timetable.base
        if self.egocentric and base.view_radius is not None:
            return 2 * base.view_radius + 1
        return base.size

    @functools.cached_property
    def n_channels(self) -> int:
        """Channels of the view."""
        walls = self.timetable.has_walls and not self.egocentric
        return 2 + walls + self.timetable.has_poison

    @functools.cached_property
    def wall_channel(self) -> int | None:
        """Channel of the walls in a global view."""
        return 2 if self.timetable.has_walls and not self.egocentric else None

    @functools.cached_property
    def poison_channel(self) -> int:
        """Channel of the poison (the last one), where there is any."""
        return self.n_channels - 1

    @functools.cached_property
    def slot_channel(self) -> IntArray:
        """Channel in which each slot's item shows, [S]."""
        book = self.timetable.book
        channels = np.ones(book.n_slots, dtype=np.int64)
        channels[book.n_food_slots :] = self.poison_channel
        return channels

    @functools.cached_property
    def dtype(self) -> np.dtype[Any]:
        """Number type of the observations."""
        return np.dtype(self.timetable.base.obs_dtype)

    @functools.cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of one observation."""
        image = (self.n_channels, self.side, self.side)
        return (int(np.prod(image)),) if self.timetable.base.flatten else image

    @functools.cached_property
    def n_numbers(self) -> int:
        """Numbers in one observation."""
        return self.n_channels * self.side * self.side

    def space(self) -> Box:
        """The observation space."""
        return Box(0, 1, self.shape, self.dtype.type)

    @functools.cached_property
    def blocked_windows(self) -> ObsArray:
        """Windows onto the padded map of what cannot be entered, [R, size, size, side, side]; a view, no copy."""
        book = self.timetable.book
        before, after = self.reach, self.side - 1 - self.reach
        closed = (~book.is_open).reshape(-1, book.size, book.size).astype(self.dtype)
        padded = np.pad(closed, ((0, 0), (before, after), (before, after)), constant_values=1)
        return np.lib.stride_tricks.sliding_window_view(padded, (self.side, self.side), axis=(1, 2))

    @functools.cached_property
    def wall_maps(self) -> ObsArray:
        """Walls of each task's map, [R, size * size]."""
        return (~self.timetable.book.is_open).astype(self.dtype)


def observe(view: View, state: GridState) -> ObsArray:
    """Observations of a batch, written from scratch, [B, *view.shape].

    What lies further than ``view_radius`` along either axis is hidden; an egocentric window also hides what lies
    outside it.
    """
    n_worlds, size = len(state.agent), view.timetable.book.size
    out = np.zeros((n_worlds, view.n_numbers), dtype=view.dtype)
    rule = view.timetable.rule_of(state.phase)
    world, slot = (state.items >= 0).nonzero()
    cell = state.items[world, slot].astype(np.int64)
    offset = view.slot_channel[slot] * (view.side * view.side)
    if view.is_full:
        out[np.arange(n_worlds), state.agent] = 1
        out[world, offset + cell] = 1
        if view.wall_channel is not None:
            out.reshape(n_worlds, view.n_channels, -1)[:, view.wall_channel] = view.wall_maps[rule]
        return out.reshape(n_worlds, *view.shape)
    image = out.reshape(n_worlds, view.n_channels, view.side, view.side)
    agent_row, agent_column = np.divmod(state.agent, size)
    row, column = np.divmod(cell, size)
    if view.egocentric:
        image[:, 0] = view.blocked_windows[rule, agent_row, agent_column]
        row += view.reach - agent_row[world]
        column += view.reach - agent_column[world]
        seen = (row >= 0) & (row < view.side) & (column >= 0) & (column < view.side)
    else:
        out[np.arange(n_worlds), state.agent] = 1
        near_row = np.abs(np.arange(size) - agent_row[:, None]) <= view.reach  # [B, size]
        near_column = np.abs(np.arange(size) - agent_column[:, None]) <= view.reach
        seen = near_row[world, row] & near_column[world, column]
        if view.wall_channel is not None:
            near = near_row[:, :, None] & near_column[:, None, :]
            image[:, view.wall_channel] = view.wall_maps[rule].reshape(n_worlds, size, size) * near
    out[world[seen], (offset + row * view.side + column)[seen]] = 1
    return out.reshape(n_worlds, *view.shape)


class GlobalBuffer:
    """The full global view of a batch, kept up to date in place."""

    def __init__(self, view: View, state: GridState, dtype: npt.DTypeLike) -> None:
        self.view = view
        self.array = observe(view, state).astype(dtype)
        n_cells = view.timetable.book.n_cells
        self._base = np.arange(len(state.agent), dtype=np.int64) * view.n_numbers
        self._respawn = view.timetable.book.respawn
        self._slot_offset = view.slot_channel * n_cells

    def update(self, events: StepEvents) -> None:
        """Follow one step of all worlds; those that begin an episode or a task need :meth:`rewrite` as well."""
        # Not kept: a copied or pickled buffer would get a view that is no longer one.
        flat, base = self.array.reshape(-1), self._base
        flat[base + events.previous_agent] = 0
        flat[base + events.agent] = 1
        if len(events.eaters):
            item = base[events.eaters] + self._slot_offset[events.slot]
            flat[item + events.agent[events.eaters]] = 0
            if self._respawn:
                flat[item + events.new_cell] = 1

    def rewrite(self, state: GridState, rows: IntArray) -> None:
        """Write some worlds from scratch (after a reset or a change of task)."""
        part = state if len(rows) == len(state.agent) else state.take(rows)
        self.array[rows] = observe(self.view, part)


MAX_UNMASKED_SIZE = 147
"""Largest size with ``0xFFFF // size - size > 2 * size``: cell 0xFFFF is then further than any cell of the grid."""


def nearest_food_distance(food: ItemArray, row: IntArray, column: IntArray, size: int, *, all_there: bool) -> IntArray:
    """Manhattan distance from (row, column) to the nearest food, walls not regarded; -1 where there is none.

    Shapes [B, F], [B], [B] -> [B]; in steps. ``all_there`` promises that no slot is empty.
    """
    # Read as unsigned, NO_CELL is a cell below the grid; below all but the largest ones it is so far that it needs no
    # case of its own until the end.
    cell = food.T.view(np.uint16)  # [F, B]
    food_row = cell // np.uint16(size)
    food_column = (cell - food_row * np.uint16(size)).view(np.int16)
    across = food_row.view(np.int16) - row.astype(np.int16)
    np.abs(across, out=across)
    food_column -= column.astype(np.int16)
    np.abs(food_column, out=food_column)
    distance = across.view(np.uint16)
    distance += food_column.view(np.uint16)
    if size > MAX_UNMASKED_SIZE and not all_there:
        distance[food.T < 0] = 0xFFFF
    nearest: IntArray = distance.min(axis=0).astype(np.int64)
    if not all_there:
        np.putmask(nearest, nearest > 2 * size, -1)
    return nearest
