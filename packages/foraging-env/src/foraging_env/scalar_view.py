"""Observation and info of one world, on Python integers: :func:`foraging_env.observation.observe` for a batch of one.

The tests compare the two bit for bit.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np

from foraging_env.observation import ObsArray, View
from foraging_env.scalar import ScalarWorld

MAX_TABLE_SIZE: Final = 20
"""Up to this grid size distances are looked up: the table grows with the fourth power of the size (1.3 MB here)."""

NO_DISTANCE: Final = 1 << 30


class ScalarView:
    """Writes fresh observations of a :class:`ScalarWorld`."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._size = view.timetable.book.size
        self._hides = not view.egocentric and view.reach < self._size
        self._slot_offset: list[int] = (view.slot_channel * view.side * view.side).tolist()
        # Full global view: everything but agent and items is the same for a whole task.
        self._flat = view.timetable.base.flatten
        self._one: Any = view.dtype.type(1).item()
        self._buffer: ObsArray = np.zeros(0, dtype=view.dtype)
        self._numbers: memoryview | None = None  # of the buffer; writes one number faster than the array does
        self._distances = _distance_table(self._size) if self._size <= MAX_TABLE_SIZE else None
        self._templates = [self._template(rule) for rule in range(len(view.timetable.configs))]

    def _template(self, rule: int) -> ObsArray:
        out = np.zeros((self.view.n_channels, self.view.side, self.view.side), dtype=self.view.dtype)
        if self.view.wall_channel is not None:
            out[self.view.wall_channel] = self.view.wall_maps[rule].reshape(self._size, self._size)
        return out.reshape(-1)

    def observe(self, world: ScalarWorld) -> ObsArray:
        """The observation, a new array of shape ``view.shape``, written from scratch."""
        if self.view.egocentric:
            out = self._egocentric(world)
        elif self._hides:
            out = self._near(world)
        else:
            self._buffer = self._templates[world.rule].copy()
            self._buffer[world.agent] = 1
            for offset, cell in zip(self._slot_offset, world.items, strict=True):
                if cell >= 0:
                    self._buffer[offset + cell] = 1
            self._numbers = self._buffer.data
            out = self._buffer.copy()
        return out.reshape(self.view.shape)

    def follow(self, world: ScalarWorld) -> ObsArray:
        """The observation after a step of the world that was observed last, a new array.

        A full view of the grid is kept and changed where the step changed it.
        """
        numbers, one = self._numbers, self._one
        if numbers is None or world.switched:
            return self.observe(world)
        numbers[world.previous_agent] = 0 * one
        numbers[world.agent] = one
        if world.slot >= 0:
            offset = self._slot_offset[world.slot]
            numbers[offset + world.agent] = 0 * one
            if world.new_cell >= 0:
                numbers[offset + world.new_cell] = one
        return self._buffer.copy() if self._flat else self._buffer.copy().reshape(self.view.shape)

    def __getstate__(self) -> dict[str, Any]:
        """Without the view into memory; the next observation is written from scratch."""
        return self.__dict__ | {"_numbers": None}

    def _egocentric(self, world: ScalarWorld) -> ObsArray:
        view, size, side = self.view, self._size, self.view.side
        agent_row, agent_column = divmod(world.agent, size)
        out = self._templates[world.rule].copy()
        out[: side * side].reshape(side, side)[:] = view.blocked_windows[world.rule, agent_row, agent_column]
        shift_row, shift_column = view.reach - agent_row, view.reach - agent_column
        for offset, cell in zip(self._slot_offset, world.items, strict=True):
            if cell >= 0:
                row, column = cell // size + shift_row, cell % size + shift_column
                if 0 <= row < side and 0 <= column < side:
                    out[offset + row * side + column] = 1
        return out

    def _near(self, world: ScalarWorld) -> ObsArray:
        view, size, reach = self.view, self._size, self.view.reach
        agent_row, agent_column = divmod(world.agent, size)
        top, left = max(0, agent_row - reach), max(0, agent_column - reach)
        near = (slice(top, agent_row + reach + 1), slice(left, agent_column + reach + 1))
        out = self._templates[world.rule].copy()
        image = out.reshape(view.n_channels, size, size)
        if view.wall_channel is not None:
            image[view.wall_channel] = 0
            image[view.wall_channel][near] = view.wall_maps[world.rule].reshape(size, size)[near]
        out[world.agent] = 1
        for offset, cell in zip(self._slot_offset, world.items, strict=True):
            if cell >= 0 and abs(cell // size - agent_row) <= reach and abs(cell % size - agent_column) <= reach:
                out[offset + cell] = 1
        return out

    def nearest_food_distance(self, world: ScalarWorld) -> int:
        """Manhattan distance to the nearest food in steps; -1 where there is none."""
        food = world.items[: self.view.timetable.book.n_food_slots]
        if self._distances is not None:
            nearest = min(map(self._distances[world.agent].__getitem__, food))
            return nearest if nearest < NO_DISTANCE else -1
        size = self._size
        row, column = divmod(world.agent, size)
        return min([abs(cell // size - row) + abs(cell % size - column) for cell in food if cell >= 0], default=-1)


@functools.lru_cache(maxsize=8)
def _distance_table(size: int) -> list[list[int]]:
    """Manhattan distance between every two cells; the last entry of a row, which NO_CELL reads, is NO_DISTANCE."""
    row, column = np.divmod(np.arange(size * size), size)
    distance = np.abs(row[:, None] - row) + np.abs(column[:, None] - column)
    table: list[list[int]] = np.pad(distance, ((0, 0), (0, 1)), constant_values=NO_DISTANCE).tolist()
    return table
