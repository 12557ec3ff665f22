"""Words beside the panels: what is shown, and what the marks mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from foraging_env.render.palette import Colour
from playback.panels import tones
from playback.panels.canvas import Image, lay, mark, width_of, write
from playback.panels.cells import specimen

if TYPE_CHECKING:
    from playback.chapters import History
    from playback.stage import Scene

TITLE_PX: Final = 17
NOTE_PX: Final = 13
SMALL_PX: Final = 12
CELL_PX: Final = 15
GAP_PX: Final = 14


def write_title(frame: Image, left: int, right: int, baseline: int, scene: Scene) -> None:
    """Which chapter and which tick, and how fast."""
    brain = f"Brain after {scene.brain.env_step:,} steps"
    x = left + write(frame, left, baseline, brain, TITLE_PX, tones.INK) + GAP_PX
    tick = "whole decision" if scene.whole else f"tick {scene.tick + 1} of {scene.brain.ticks}"
    chapter = f"chapter {scene.chapter + 1} of {scene.n_chapters}  ·  {tick}"
    x += write(frame, x, baseline, chapter, NOTE_PX, tones.FAINT) + GAP_PX
    write(frame, right, baseline, shortened(scene.pace, NOTE_PX, right - x), NOTE_PX, tones.FAINT, "right")


def shortened(words: str, px: int, room: int) -> str:
    """The words, or as many letters of them as find room, and an ellipsis."""
    if width_of(words, px) <= room:
        return words
    while words and width_of(f"{words}…", px) > room:
        words = words[:-1]
    return f"{words}…"


def write_legend(frame: Image, x: int, baseline: int) -> None:
    """What a cell may look like."""
    for picture, words in (
        (specimen(CELL_PX, -1.0), "inhibited"),
        (specimen(CELL_PX, 0.0), "at rest"),
        (specimen(CELL_PX, 1.0), "near threshold"),
        (specimen(CELL_PX, 0.0, spiked=True), "spikes"),
        (specimen(CELL_PX, 0.0, newborn=True), "new in this chapter"),
    ):
        top = baseline - CELL_PX + 3
        frame[top : top + CELL_PX, x : x + CELL_PX] = picture
        x += CELL_PX + 5
        x += write(frame, x, baseline, words, SMALL_PX, tones.FAINT) + GAP_PX


def write_raster_caption(frame: Image, x: int, baseline: int) -> None:
    """What the raster shows."""
    words = "Spikes of the last steps: a row a neuron, the oldest on top; a column a tick, now at the right"
    write(frame, x, baseline, words, SMALL_PX, tones.FAINT)


def write_growth_caption(frame: Image, left: int, baseline: int, history: History, switches: bool) -> None:
    """What the strip shows; ``switches``: whether there are any."""
    x = left + write(frame, left, baseline, "Over its training: ", SMALL_PX, tones.FAINT)
    pieces: list[tuple[str, str, Colour]] = [("line", "neurons", tones.CURVE)]
    if len(history.score):
        pieces.append(("line", "score of an episode", tones.SCORE))
    pieces.append(("up", f"{history.births.sum()} born", tones.BIRTH))
    pieces.append(("down", f"{history.deaths.sum()} died", tones.DEATH))
    if switches:
        pieces.append(("dashes", "another task", tones.RIM))
    for kind, words, tone in pieces:
        if kind == "line":
            frame[baseline - 5 : baseline - 3, x : x + 12] = tone
            x += 17
        elif kind == "dashes":
            for top in (baseline - 11, baseline - 6, baseline - 1):
                frame[top : top + 3, x] = tone
            x += 7
        else:
            lay(frame, x, baseline - 9, mark(kind, 9), tone)
            x += 13
        x += write(frame, x, baseline, words, SMALL_PX, tones.FAINT) + GAP_PX
