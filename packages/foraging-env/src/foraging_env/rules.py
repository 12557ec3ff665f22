"""Configs compiled into lookup tables: which cell a move leads to, and where each item may appear.

One :class:`RuleBook` holds the tables of every config of a schedule, so that worlds in different tasks can be
stepped together. Shape letters: ``R`` configs, ``N`` cells, ``G`` regions, ``S`` item slots.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from foraging_env.config import ForagingConfig, open_cells, patch_cells
from foraging_env.types import BoolArray, FloatArray, IntArray, RankArray

OUTSIDE = 0xFFFF
"""Rank of a cell that is not in the region: above every rank that a draw can give. Also NO_CELL read as uint16."""


@dataclasses.dataclass(frozen=True, eq=False)
class RuleBook:
    """Lookup tables of R configs that share a grid size and an observation space."""

    size: int
    n_food_slots: int
    n_slots: int
    respawn: bool
    random_start: bool
    next_cell: IntArray  # [R, N, 4] where a move leads
    refuge: IntArray  # [R, N] the cell itself if open, else the nearest open one
    slot_region: IntArray  # [R, S] region a slot's item appears in, -1 for a slot not in use
    start_region: IntArray  # [R] region of all open cells
    region_cells: IntArray  # [G, N] cells of a region, in ascending order, padded with 0
    region_size: IntArray  # [G] how many they are
    region_rank: RankArray  # [G, N + 1] position of a cell in its region; OUTSIDE for others and for NO_CELL (= last)
    slot_patch: IntArray  # [R, S] patch a food slot belongs to
    depletion: FloatArray  # [R]

    @property
    def n_cells(self) -> int:
        """Cells of the grid."""
        return self.size * self.size

    @functools.cached_property
    def n_poison_slots(self) -> int:
        """Slots that hold poison."""
        return self.n_slots - self.n_food_slots

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether all cells are free but for the items' (and the agent's), and all slots are in use.

        Then a cell is its own rank in every region, and with ``respawn`` the number of free cells never changes.
        """
        return bool((self.region_size == self.n_cells).all() and (self.slot_region >= 0).all())

    @functools.cached_property
    def never_misses(self) -> bool:
        """Whether every slot holds an item at all times."""
        return self.respawn and bool((self.slot_region >= 0).all())

    @functools.cached_property
    def is_open(self) -> BoolArray:
        """Which cells can be entered, [R, N]."""
        is_open: BoolArray = self.refuge == np.arange(self.n_cells)
        return is_open


@functools.lru_cache(maxsize=64)
def compile_rules(configs: tuple[ForagingConfig, ...]) -> RuleBook:
    """The tables of ``configs``, which must agree in everything but walls, patches, counts and values."""
    first = configs[0]
    n_cells = first.n_cells
    n_food = max(config.n_food for config in configs)
    n_slots = n_food + max(config.n_poison for config in configs)
    regions: list[IntArray] = []
    slot_region = np.full((len(configs), n_slots), -1, dtype=np.int64)
    slot_patch = np.zeros((len(configs), n_slots), dtype=np.int64)
    start_region = np.zeros(len(configs), dtype=np.int64)
    for row, config in enumerate(configs):
        start_region[row] = len(regions)
        slot_region[row, n_food : n_food + config.n_poison] = len(regions)
        regions.append(np.flatnonzero(open_cells(config)))
        n_patches = max(1, len(config.patches))
        slot_patch[row, :n_food] = np.arange(n_food) % n_patches
        slot_region[row, : config.n_food] = len(regions) + slot_patch[row, : config.n_food]
        regions.extend(np.flatnonzero(patch_cells(config, patch)) for patch in range(n_patches))
    region_cells, region_rank = _region_tables(regions, n_cells)
    return RuleBook(
        size=first.size,
        n_food_slots=n_food,
        n_slots=n_slots,
        respawn=first.respawn,
        random_start=first.random_start,
        next_cell=np.stack([_next_cell(config) for config in configs]),
        refuge=np.stack([_refuge(config) for config in configs]),
        slot_region=slot_region,
        start_region=start_region,
        region_cells=region_cells,
        region_size=np.array([len(cells) for cells in regions], dtype=np.int64),
        region_rank=region_rank,
        slot_patch=slot_patch,
        depletion=np.array([config.depletion for config in configs]),
    )


def _region_tables(regions: Sequence[IntArray], n_cells: int) -> tuple[IntArray, RankArray]:
    cells = np.zeros((len(regions), n_cells), dtype=np.int64)
    rank = np.full((len(regions), n_cells + 1), OUTSIDE, dtype=np.uint16)
    for row, members in enumerate(regions):
        cells[row, : len(members)] = members
        rank[row, members] = np.arange(len(members))
    return cells, rank


def _next_cell(config: ForagingConfig) -> IntArray:
    """Where each move leads from each cell, [N, 4]; a blocked move stays."""
    size = config.size
    cells = np.arange(config.n_cells).reshape(size, size)
    target = np.stack([cells] * 4, axis=-1)
    target[1:, :, 0] = cells[:-1]  # up
    target[:-1, :, 1] = cells[1:]  # down
    target[:, 1:, 2] = cells[:, :-1]  # left
    target[:, :-1, 3] = cells[:, 1:]  # right
    target = target.reshape(-1, 4)
    blocked = ~open_cells(config).reshape(-1)[target]
    stay = np.broadcast_to(np.arange(config.n_cells)[:, None], target.shape)
    return np.where(blocked, stay, target)


def _refuge(config: ForagingConfig) -> IntArray:
    """The nearest open cell to each cell by Manhattan distance, the first in row order among equals, [N]."""
    refuge = np.arange(config.n_cells)
    open_rows, open_columns = np.nonzero(open_cells(config))
    for row, column in config.walls:
        nearest = np.argmin(np.abs(open_rows - row) + np.abs(open_columns - column))
        refuge[row * config.size + column] = open_rows[nearest] * config.size + open_columns[nearest]
    return refuge
