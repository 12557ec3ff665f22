"""Reading pictures of the live view back, with ruler and colour chart."""

from __future__ import annotations

import numpy as np
from playback.panels import frame as layout
from playback.panels import tones
from playback.panels.cells import grid_of

DISH = layout.DISH.inset(layout.RIM_PX)
RASTER = layout.RASTER.inset(layout.RIM_PX)


def blank(height: int, width: int, tone: tuple[int, int, int] = tones.DISH) -> np.ndarray:
    frame = np.empty((height, width, 3), dtype=np.uint8)
    frame[:] = tone
    return frame


def cells_of(dish: np.ndarray, neurons: int, capacity: int) -> np.ndarray:
    """The squares of a dish, cut out with a ruler: [neurons, side, side, 3]."""
    side, columns, _ = grid_of(capacity, dish.shape[1], dish.shape[0])
    places = [divmod(index, columns) for index in range(neurons)]
    return np.stack([dish[r * side : (r + 1) * side, c * side : (c + 1) * side] for r, c in places])


def spikes_in(dish: np.ndarray, neurons: int, capacity: int) -> np.ndarray:
    """Who spikes, by the colour in the middle of each cell."""
    cells = cells_of(dish, neurons, capacity)
    middle = cells.shape[1] // 2
    return (cells[:, middle, middle] == tones.SPIKE_CORE).all(axis=-1)
