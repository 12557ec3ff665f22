"""A line about the tasks of a life: the colours they have, the mark of protected neurons, and what is lived in now."""

from __future__ import annotations

from typing import Final

from playback.panels import tones
from playback.panels.canvas import Image, write
from playback.panels.captions import GAP_PX, SMALL_PX, shortened
from playback.panels.cells import specimen
from playback.tasks import Tasks

CELL_PX: Final = 13
MOST: Final = 8  # tasks that are named; colours come back before that


class TaskRow:
    """The line of one run; nothing is drawn for a life of one task."""

    def __init__(self, tasks: Tasks, left: int, right: int) -> None:
        self._tasks, self._left, self._right = tasks, left, right

    def draw(self, frame: Image, baseline: int, life: str) -> None:
        """Write the line; ``life`` says what is lived in now, and is cut where there is no room for it."""
        if not self._tasks.any:
            return
        x = self._left
        if self._tasks.coloured:
            x = self._draw_key(frame, baseline, x) + GAP_PX
        words = shortened(life, SMALL_PX, self._right - x)
        write(frame, self._right, baseline, words, SMALL_PX, tones.INK, "right")

    def _draw_key(self, frame: Image, baseline: int, x: int) -> int:
        """What the bars of cells mean; returns where it ends."""
        numbers = self._tasks.numbers
        x += write(frame, x, baseline, "born in task", SMALL_PX, tones.FAINT) + 6
        for number in numbers[:MOST]:
            x = _draw_cell(frame, x, baseline, number, False)
            x += write(frame, x, baseline, f"{number}", SMALL_PX, tones.FAINT) + 8
        if len(numbers) > MOST:
            x += write(frame, x, baseline, "...", SMALL_PX, tones.FAINT) + 8
        x = _draw_cell(frame, x + 4, baseline, numbers[0], True)
        return x + write(frame, x, baseline, "protected", SMALL_PX, tones.FAINT)


def _draw_cell(frame: Image, x: int, baseline: int, task: int, protected: bool) -> int:
    top = baseline - CELL_PX + 2
    frame[top : top + CELL_PX, x : x + CELL_PX] = specimen(CELL_PX, 0.0, task=task, protected=protected)
    return x + CELL_PX + 4
