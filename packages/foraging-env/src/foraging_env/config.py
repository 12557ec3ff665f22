"""Every knob of a world, as one frozen and validated value, and the named presets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from foraging_env import checks

MAX_SIZE: Final = 181  # the largest whose cells can be numbered in 16 bits
OBSERVATIONS: Final = ("global", "egocentric")
OBS_DTYPES: Final = ("float32", "uint8")

Cell = tuple[int, int]
Patch = tuple[int, int, int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForagingConfig:
    """What a world is: its map, its items, what they are worth and what the agent sees of it.

    Attributes:
        size: side of the square grid, in cells, 2 … 181.
        n_food: food items on the grid.
        n_poison: poison items on the grid.
        respawn: whether an eaten item is replaced at once on a free cell.
        random_start: whether the agent starts on a drawn cell instead of the centre.
        food_reward: reward of a food item.
        step_cost: taken off every step's reward.
        bump_cost: taken off when a move is blocked.
        poison_cost: taken off for a poison item.
        walls: cells ``(row, column)`` that cannot be entered; the open cells must hang together.
        patches: rectangles ``(row, column, height, width)`` where food appears; food slot ``i`` belongs to patch
            ``i mod len(patches)``. Empty: food appears anywhere.
        depletion: each food eaten from a patch makes the next one of that patch worth this share of it;
            eating from another patch makes it fresh again. 1: patches never run dry.
        observation: ``"global"`` (the grid from above) or ``"egocentric"`` (a window centred on the agent).
        view_radius: how far the agent sees, in cells along each axis; ``None``: as far as the view reaches.
        flatten: whether an observation is one vector instead of ``(channels, rows, columns)``.
        obs_dtype: ``"float32"`` or ``"uint8"``.

    Raises:
        ValueError: an argument is out of its range, or the arguments contradict each other.
    """

    size: int = 15
    n_food: int = 10
    n_poison: int = 0
    respawn: bool = True
    random_start: bool = False
    food_reward: float = 1.0
    step_cost: float = 0.01
    bump_cost: float = 0.0
    poison_cost: float = 1.0
    walls: tuple[Cell, ...] = ()
    patches: tuple[Patch, ...] = ()
    depletion: float = 1.0
    observation: str = "global"
    view_radius: int | None = None
    flatten: bool = True
    obs_dtype: str = "float32"

    def __post_init__(self) -> None:
        checked = {
            "size": checks.integer("size", self.size, 2, MAX_SIZE, "A grid needs two cells a side to move in."),
            "n_food": checks.integer("n_food", self.n_food, 1, hint="Without food there is nothing to forage."),
            "n_poison": checks.integer("n_poison", self.n_poison, 0),
            "respawn": checks.flag("respawn", self.respawn),
            "random_start": checks.flag("random_start", self.random_start),
            "food_reward": checks.number("food_reward", self.food_reward),
            "step_cost": checks.number("step_cost", self.step_cost),
            "bump_cost": checks.number("bump_cost", self.bump_cost),
            "poison_cost": checks.number("poison_cost", self.poison_cost),
            "depletion": checks.number("depletion", self.depletion, 0.0, 1.0),
            "observation": checks.choice("observation", self.observation, OBSERVATIONS),
            "flatten": checks.flag("flatten", self.flatten),
            "obs_dtype": _dtype_name(self.obs_dtype),
            "walls": _walls(self.walls, self.size),
            "patches": _patches(self.patches, self.size),
        }
        if self.view_radius is not None:
            hint = "Use None for an unlimited view."
            checked["view_radius"] = checks.integer("view_radius", self.view_radius, 1, self.size - 1, hint)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        _check_room(self)

    @property
    def n_cells(self) -> int:
        """Cells of the grid, walls included."""
        return self.size * self.size

    def to_kwargs(self) -> dict[str, Any]:
        """The fields as keyword arguments for ``gymnasium.make("ForagingGrid-v0", **kwargs)``; JSON-ready."""
        return dataclasses.asdict(self)

    def replace(self, **changes: Any) -> ForagingConfig:
        """A copy with some fields changed, validated anew."""
        unknown = sorted(set(changes) - {field.name for field in dataclasses.fields(self)})
        if unknown:
            known = ", ".join(field.name for field in dataclasses.fields(self))
            raise ValueError(f"ForagingConfig has no field {', '.join(unknown)}. Its fields are: {known}.")
        return dataclasses.replace(self, **changes)


def _dtype_name(value: Any) -> str:
    """Accept ``np.float32`` and ``np.dtype`` objects as well as names."""
    if isinstance(value, (type, np.dtype)):
        value = np.dtype(value).name
    return checks.choice("obs_dtype", value, OBS_DTYPES)


def _walls(value: Any, size: int) -> tuple[Cell, ...]:
    rows = checks.int_tuples("walls", value, 2, "(row, column) cells")
    for row, column in rows:
        if not (0 <= row < size and 0 <= column < size):
            raise ValueError(
                f"walls has the cell ({row}, {column}), which is outside the {size}×{size} grid. "
                f"Rows and columns go from 0 to {size - 1}."
            )
    return tuple(sorted({(row, column) for row, column in rows}))


def _patches(value: Any, size: int) -> tuple[Patch, ...]:
    rows = checks.int_tuples("patches", value, 4, "(row, column, height, width) rectangles")
    for row, column, height, width in rows:
        inside = row >= 0 and column >= 0 and row + height <= size and column + width <= size
        if height < 1 or width < 1 or not inside:
            raise ValueError(
                f"patches has the rectangle ({row}, {column}, {height}, {width}), which is empty or leaves the "
                f"{size}×{size} grid. Give (row, column, height, width) with every cell inside."
            )
    return tuple((row, column, height, width) for row, column, height, width in rows)


def open_cells(config: ForagingConfig) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which cells can be entered, [size, size]."""
    grid = np.ones((config.size, config.size), dtype=np.bool_)
    for row, column in config.walls:
        grid[row, column] = False
    return grid


def patch_cells(config: ForagingConfig, index: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which open cells belong to patch ``index`` (to the whole grid if there are no patches), [size, size]."""
    grid = open_cells(config)
    if config.patches:
        row, column, height, width = config.patches[index]
        inside = np.zeros_like(grid)
        inside[row : row + height, column : column + width] = True
        grid &= inside
    return grid


def _check_room(config: ForagingConfig) -> None:
    """Refuse maps on which a draw of a free cell could fail, or some food could never be reached."""
    grid = open_cells(config)
    n_open = int(grid.sum())
    n_items = config.n_food + config.n_poison
    if n_items >= n_open:
        raise ValueError(
            f"n_food={config.n_food} and n_poison={config.n_poison} need {n_items + 1} open cells with the agent's, "
            f"but a {config.size}×{config.size} grid with {len(config.walls)} walls has {n_open}. "
            f"Take fewer items, fewer walls or a larger size."
        )
    if config.walls and not _connected(grid):
        raise ValueError(
            "walls cut the grid into parts that cannot reach each other, so some food could never be eaten. "
            "Leave a gap."
        )
    n_patches = len(config.patches)
    masks = [patch_cells(config, index) for index in range(n_patches)]
    for index, mask in enumerate(masks):
        # Slots of overlapping patches compete for the same cells.
        rivals = [other for other in range(n_patches) if (masks[other] & mask).any()]
        n_rival_slots = sum(len(range(other, config.n_food, n_patches)) for other in rivals)
        needed = n_rival_slots + config.n_poison + 1
        if int(mask.sum()) < needed:
            raise ValueError(
                f"patches[{index}]={config.patches[index]} has {int(mask.sum())} open cells, but its food, all the "
                f"poison and the agent may need {needed}. Make the patch larger or take fewer items."
            )


def _connected(grid: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> bool:
    reached = np.zeros_like(grid)
    reached.flat[int(np.flatnonzero(grid)[0])] = True
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= grid
        if (grown == reached).all():
            return bool((reached == grid).all())
        reached = grown


def cross_walls(size: int) -> tuple[Cell, ...]:
    """Walls that divide the grid into four rooms, with a doorway in the middle of each of the four arms."""
    checks.integer("size", size, 7, MAX_SIZE, "Four rooms with doorways need that much.")
    middle = size // 2
    doors = {middle // 2, middle + 1 + (size - middle - 1) // 2}
    arms = [(middle, other) for other in range(size)] + [(other, middle) for other in range(size)]
    return tuple(sorted({arm for arm in arms if not doors & set(arm)}))


PRESETS: Final[Mapping[str, ForagingConfig]] = MappingProxyType(
    {
        "default": ForagingConfig(),
        "quick": ForagingConfig(size=7, n_food=4),
        "egocentric": ForagingConfig(observation="egocentric"),
        "tiny": ForagingConfig(size=5, n_food=3, observation="egocentric"),
        "partial": ForagingConfig(observation="egocentric", view_radius=3, random_start=True),
        "poison": ForagingConfig(n_poison=10),
        "rooms": ForagingConfig(walls=cross_walls(15), random_start=True),
        "finite": ForagingConfig(respawn=False),
        "image": ForagingConfig(flatten=False, obs_dtype="uint8"),
    }
)
"""Named worlds: ``gymnasium.make("ForagingGrid-v0", **PRESETS["quick"].to_kwargs())``."""
