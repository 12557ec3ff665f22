"""What the organism decided: the probability of each action, the spikes of its output neuron, and the choice."""

from __future__ import annotations

from typing import Final

import numpy as np

from playback.moment import BoolArray, FloatArray
from playback.panels import tones
from playback.panels.canvas import Area, Image, lay, mark, rounded, write

ROW_PX: Final = 58
MIN_ROW_PX: Final = 14
SPACIOUS_PX: Final = 44  # rows lower than this have no place for spikes
BAR_LEFT: Final = 76  # from the edges of a row to its bar
BAR_RIGHT: Final = 58
PADDING_PX: Final = 8
ARROWS: Final = ("up", "down", "left", "right")


def rows_shown(probabilities: FloatArray, action: int, height: int) -> list[int]:
    """Which actions find room, ascending: all, or the chosen one and the most probable of the others."""
    room = max(height // MIN_ROW_PX, 1)
    if len(probabilities) <= room:
        return list(range(len(probabilities)))
    others = [index for index in np.argsort(-probabilities, kind="stable").tolist() if index != action]
    return sorted([action, *others[: room - 1]])


def draw_outputs(
    frame: Image,
    area: Area,
    names: tuple[str, ...],
    probabilities: FloatArray,
    action: int,
    spikes: BoolArray | None,
    ticks: int,
) -> None:
    """Draw A actions.

    Args:
        frame: to draw on.
        area: ground of the colour of the page.
        names: of the actions; up, down, left and right get an arrowhead.
        probabilities: of the actions, [A].
        action: the one that was taken.
        spikes: of the output neurons until now, [t, A]; None for readouts without.
        ticks: T, of a whole decision.
    """
    shown = rows_shown(probabilities, action, area.height)
    row_px = min(area.height // len(shown), ROW_PX)
    for place, index in enumerate(shown):
        row = Area(area.left, area.top + place * row_px, area.width, row_px)
        spacious = row_px >= SPACIOUS_PX
        _draw_row(frame, row, names[index], float(probabilities[index]), index == action, spacious)
        if spikes is not None and spacious:
            _draw_spikes(frame, row, spikes[:, index], ticks)


def _draw_row(frame: Image, row: Area, name: str, share: float, chosen: bool, spacious: bool) -> None:
    ink = tones.INK if chosen else tones.FAINT
    letters_px = 15 if spacious else min(row.height - 3, 13)
    baseline = row.top + (22 if spacious else letters_px)
    if chosen:
        lay(frame, row.left, row.top, rounded(row.width, row.height - 2, 6), tones.CARD)
    x = row.left + PADDING_PX
    if name in ARROWS:
        px = letters_px - 3
        lay(frame, x, baseline - px + 1, mark(name, px), tones.CHOSEN if chosen else ink)
        x += px + 6
    write(frame, x, baseline, name, letters_px, ink)
    write(frame, row.left + row.width - PADDING_PX, baseline, f"{share:.0%}", letters_px, ink, "right")
    bar = Area(row.left + BAR_LEFT, baseline - letters_px // 2 - 5, row.width - BAR_LEFT - BAR_RIGHT, 12)
    lay(frame, bar.left, bar.top, rounded(bar.width, bar.height, 4), tones.TRACK)
    full = rounded(bar.width, bar.height, 4)[:, : round(share * bar.width)]
    lay(frame, bar.left, bar.top, full, tones.CHOSEN if chosen else tones.RIM)
    if chosen and spacious:
        write(frame, row.left + row.width - PADDING_PX, baseline + 19, "chosen", 12, tones.CHOSEN, "right")


def _draw_spikes(frame: Image, row: Area, spikes: BoolArray, ticks: int) -> None:
    """A dot for every tick, a diamond where the output neuron spiked."""
    left, width = row.left + BAR_LEFT, row.width - BAR_LEFT - BAR_RIGHT
    middle = row.top + 37
    pitch = width / ticks
    px = int(min(max(pitch, 3), 11))
    for tick in range(ticks):
        spiked = tick < len(spikes) and bool(spikes[tick])
        size = px if spiked else max(px // 3, 1)
        shape, tone = ("diamond", tones.SPIKE) if spiked else ("disc", tones.RIM)
        lay(frame, left + round((tick + 0.5) * pitch) - size // 2, middle - size // 2, mark(shape, size), tone)
