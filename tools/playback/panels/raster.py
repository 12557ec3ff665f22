"""The spikes of the last steps: time to the right, a tick a column, the neurons downwards in the order of their birth.

Every other decision has a deeper ground. Where a neuron did not live yet, in a chapter before, its row is grey; who was
born since then is marked at the left edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from playback.moment import BoolArray, IntArray
from playback.panels import tones
from playback.panels.canvas import Area, Image

TICK_PX: Final = 3
BAND_PX: Final = 3  # of the newborn, at the left edge
GAP_PX: Final = 3  # between it and the spikes
COLOURS: Final[Image] = np.array([tones.DISH, tones.DISH_DEEP, tones.UNBORN, tones.SPIKE], dtype=np.uint8)
UNBORN, SPIKE = 2, 3


class Past(NamedTuple):
    """What a decision left: who lived, int64 [H], and who spiked in its ticks so far, bool [t, H].

    ``step`` counts the decisions, so that it tells one from the next.
    """

    step: int
    ids: IntArray
    spikes: BoolArray


def ticks_shown(area: Area) -> int:
    """How many ticks find room."""
    return (area.width - BAND_PX - GAP_PX) // TICK_PX


def rows_of(neurons: int, height: int) -> tuple[IntArray, IntArray]:
    """Which neurons every row of pixels shows: the first one, and how many; int64 [height] each."""
    edges = np.arange(height + 1) * neurons // height
    return edges[:-1], np.maximum(np.diff(edges), 1)


def draw_raster(frame: Image, area: Area, past: Sequence[Past], ids: IntArray, newborn: BoolArray) -> None:
    """Draw what is known of the neurons ``ids``, over the whole height, the present tick at the right edge.

    A row of pixels that several neurons share shows a spike if any of them spikes.

    Args:
        frame: to draw on.
        area: where.
        past: decisions, the last one last; those that find no room are left out.
        ids: of the neurons that live now, ascending, [H].
        newborn: which of them are marked, [H].
    """
    ground = area.of(frame)
    first, _ = rows_of(len(ids), area.height)
    codes = _latest(past, ids, ticks_shown(area)).T  # [H, ticks]
    # Rows that begin with the same neuron are one row, drawn several times.
    kinds, which = np.unique(first, return_inverse=True)
    columns = COLOURS[np.maximum.reduceat(codes, kinds, axis=0)].repeat(TICK_PX, axis=1)
    ground[:, area.width - columns.shape[1] :] = columns[which]
    band = np.maximum.reduceat(newborn, kinds)[which]
    ground[band, :BAND_PX] = tones.NEWBORN


def _latest(past: Sequence[Past], ids: IntArray, ticks: int) -> npt.NDArray[np.uint8]:
    """Codes of the last ticks, uint8 [at most ticks, H]."""
    found: list[npt.NDArray[np.uint8]] = []
    for decision in reversed(past):
        found.insert(0, _codes(decision, ids))
        if sum(map(len, found)) >= ticks:
            break
    return np.concatenate(found)[-ticks:]


def _codes(decision: Past, ids: IntArray) -> npt.NDArray[np.uint8]:
    """Index into COLOURS by tick and present neuron, uint8 [t, H]."""
    codes = np.full((len(decision.spikes), len(ids)), decision.step % 2, dtype=np.uint8)
    if decision.ids is ids:
        codes[decision.spikes] = SPIKE
        return codes
    where = np.searchsorted(decision.ids, ids).clip(max=len(decision.ids) - 1)
    lived = decision.ids[where] == ids
    codes[:, ~lived] = UNBORN
    codes[decision.spikes[:, where] & lived] = SPIKE
    return codes
