"""The neurons as cells, in the order of their birth, row by row.

A quiet neuron is a disc, the brighter the closer its potential is to the threshold; one that spikes is a larger diamond
with a bright core. Neurons that were born since the chapter before have an outline. In a life of several tasks a bar at
the foot of a cell has the colour of the task that it was born in, and goes all around where the neuron is protected.
"""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

import numpy as np

from playback.moment import BoolArray, FloatArray, IntArray
from playback.panels import tones
from playback.panels.canvas import Area, Image, Mask, mark

LEVELS: Final = 128  # shades of potential
SPIKING: Final = LEVELS  # the shade after them
MAX_SIDE_PX: Final = 32
MIN_SIDE_PX: Final = 5


class Grid(NamedTuple):
    """Where the cells lie: squares of ``side`` pixels in so many columns and rows."""

    side: int
    columns: int
    rows: int


class Births(NamedTuple):
    """Of H neurons: the task that each was born in, and whether it is protected; [H]."""

    tasks: IntArray
    protected: BoolArray


def grid_of(neurons: int, width: int, height: int) -> Grid:
    """The largest cells of which so many find room, in pixels."""
    for side in range(MAX_SIDE_PX, MIN_SIDE_PX, -1):
        if (width // side) * (height // side) >= neurons:
            return Grid(side, width // side, height // side)
    return Grid(MIN_SIDE_PX, width // MIN_SIDE_PX, height // MIN_SIDE_PX)  # more than this is not shown


def shade_of(potentials: FloatArray, threshold: FloatArray) -> IntArray:
    """Shade 0 … LEVELS - 1 of each potential: 0 at minus the threshold or below, the last one at the threshold."""
    shades: IntArray = ((np.clip(potentials / threshold, -1, 1) + 1) / 2 * (LEVELS - 1) + 0.5).astype(np.int64)
    return shades


def draw_cells(
    frame: Image,
    area: Area,
    capacity: int,
    *,
    potentials: FloatArray,
    threshold: FloatArray,
    spiked: BoolArray,
    newborn: BoolArray,
    births: Births | None = None,
) -> None:
    """Draw H neurons.

    Args:
        frame: to draw on.
        area: ground of the colour DISH.
        capacity: neurons that must find room, so that cells keep their size while the organism grows.
        potentials: of the neurons, [H].
        threshold: the same unit, [H].
        spiked: who spikes, [H].
        newborn: who gets an outline, [H].
        births: what bars tell; None: there are no bars.
    """
    grid = grid_of(max(capacity, len(spiked)), area.width, area.height)
    shown = min(len(spiked), grid.columns * grid.rows)
    shades = np.where(spiked, SPIKING, shade_of(potentials, threshold)) + (LEVELS + 1) * newborn
    rows = -(-shown // grid.columns)
    tiles = np.empty((rows * grid.columns, grid.side, grid.side, 3), dtype=np.uint8)
    tiles[:] = tones.DISH
    tiles[:shown] = _tiles(grid.side)[shades[:shown]]
    if births is not None:
        _draw_births(tiles[:shown], births.tasks[:shown], births.protected[:shown])
    block = tiles.reshape(rows, grid.columns, grid.side, grid.side, 3).swapaxes(1, 2)
    size = rows * grid.side, grid.columns * grid.side
    area.of(frame)[: size[0], : size[1]] = block.reshape(*size, 3)


def _draw_births(tiles: Image, tasks: IntArray, protected: BoolArray) -> None:
    """Draw bars into [n, side, side, 3], one pixel short of each end, which keeps neighbours apart."""
    side = tiles.shape[1]
    tone = np.array(tones.TASKS, dtype=np.uint8)[tasks % len(tones.TASKS)]
    thick = max((side + 3) // 6, 1)
    tiles[:, side - thick :, 1 : side - 1] = tone[:, None, None]
    thin, framed = max(side // 12, 1), tone[protected][:, None, None]
    for rows, columns in (
        (slice(thin), slice(1, side - 1)),
        (slice(side), slice(1, 1 + thin)),
        (slice(side), slice(side - 1 - thin, side - 1)),
    ):
        tiles[protected, rows, columns] = framed


def specimen(
    side: int,
    ratio: float,
    *,
    spiked: bool = False,
    newborn: bool = False,
    task: int | None = None,
    protected: bool = False,
) -> Image:
    """One cell, for a legend: its potential as a share of the threshold; uint8 [side, side, 3]."""
    potential, threshold = np.array([[ratio], [1]], dtype=np.float32)
    shade = SPIKING if spiked else int(shade_of(potential, threshold)[0])
    cell: Image = _tiles(side)[shade + (LEVELS + 1) * newborn].copy()
    if task is not None:
        _draw_births(cell[None], np.array([task]), np.array([protected]))
    return cell


@functools.lru_cache(maxsize=32)
def _tiles(side: int) -> Image:
    """A picture for every shade and for spiking, then the same with an outline; [2 * (LEVELS + 1), side, side, 3]."""
    disc, core = _middle("disc", side - 2 - side // 6, side), _middle("disc", max(side // 3, 3), side)
    diamond, ring = mark("diamond", side), np.clip(mark("disc", side) - _middle("disc", side - 2, side), 0, 1)
    level = np.linspace(-1, 1, LEVELS)[:, None]
    low, rest, high = (np.array(tone, dtype=np.float64) for tone in (tones.LOW, tones.REST, tones.HIGH))
    ramp = np.where(level < 0, rest + (low - rest) * -level, rest + (high - rest) * level)  # [LEVELS, 3]
    ground = np.array(tones.DISH, dtype=np.float64)
    quiet = ground + (ramp[:, None, None] - ground) * disc[None, :, :, None]
    spike = _over(np.broadcast_to(ground, (side, side, 3)), diamond, tones.SPIKE)
    spike = _over(spike, core, tones.SPIKE_CORE)
    plain = np.concatenate([quiet, spike[None]])
    tiles: Image = (np.concatenate([plain, _over(plain, ring, tones.NEWBORN)]) + 0.5).astype(np.uint8)
    return tiles


def _over(ground: np.ndarray, mask: Mask, colour: tuple[int, int, int]) -> np.ndarray:
    painted: np.ndarray = ground + (np.array(colour) - ground) * mask[:, :, None]
    return painted


def _middle(kind: str, px: int, side: int) -> Mask:
    """A mark of so many pixels, or one more, right in the middle of a square."""
    before = (side - px) // 2
    return np.pad(mark(kind, side - 2 * before), before)
