"""How the organism grew: its neurons over training, births and deaths as triangles, and the present chapter.

In a life of several tasks a band below has the colour of the one that it lives in, and a line stands at every switch.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image as Pictures
from PIL import ImageDraw

from foraging_env.render.palette import Colour
from playback.chapters import Chapter, History, tasks_in_life
from playback.panels import tones
from playback.panels.canvas import Area, Image, lay, mark, write

LABELS_PX: Final = 44  # at the right, for the last numbers
MARK_PX: Final = 7
MARKS_ROW_PX: Final = 10
SAMPLES: Final = 4
BAND_PX: Final = 4  # of the colours of tasks, with a dark pixel above and below
SWITCH_DASH_PX: Final = 3

Floats: TypeAlias = npt.NDArray[np.floating[Any]]


class GrowthStrip:
    """The strip of one run; all but the marker of the present chapter is drawn once."""

    def __init__(self, history: History, chapters: list[Chapter], width: int, height: int) -> None:
        self._steps = np.array([chapter.env_step for chapter in chapters], dtype=np.float64)
        self._sizes = np.array([chapter.hidden for chapter in chapters], dtype=np.float64)
        self._end = max(float(self._steps[-1]), float(history.steps[-1]) if len(history.steps) else 0.0, 1.0)
        self._width = width - LABELS_PX
        self._plot = Area(0, MARKS_ROW_PX + 2, self._width, height - 2 * MARKS_ROW_PX - 4)
        self._tasks = tasks_in_life(history, chapters)
        self._top = 1.1 * float(max([*self._sizes, *history.neurons]))
        self._ground = self._draw(history, width, height)

    def draw(self, frame: Image, area: Area, index: int) -> None:
        """Lay the strip into the area, with a marker at a chapter."""
        area.of(frame)[:] = self._ground
        x, y = self._x(self._steps[index]), self._y(self._sizes[index])
        column = Area(area.left + x, area.top + self._plot.top, 1, self._plot.height)
        column.of(frame)[:] = tones.INK
        lay(frame, area.left + x - 5, area.top + self._plot.top + y - 5, mark("disc", 11), tones.INK)
        lay(frame, area.left + x - 3, area.top + self._plot.top + y - 3, mark("disc", 7), tones.PAGE)

    def _x(self, step: float) -> int:
        return round(step / self._end * (self._width - 1))

    def _y(self, size: float) -> int:
        return round((1 - float(size) / self._top) * (self._plot.height - 1))

    def _draw(self, history: History, width: int, height: int) -> Image:
        strip = np.empty((height, width, 3), dtype=np.uint8)
        strip[:] = tones.PAGE
        plot = self._plot.of(strip)
        plot[-1] = tones.RIM
        self._draw_tasks(plot)
        steps = history.steps.astype(np.float64) if len(history.steps) else self._steps
        neurons = history.neurons.astype(np.float64) if len(history.steps) else self._sizes
        known = np.isfinite(history.score)
        scores = history.score[known]
        if len(scores):
            low, high = min(float(scores.min()), 0.0), max(float(scores.max()), 0.0) or 1.0
            heights = (history.score - low) / (high - low) * 0.9
            # Where no episode has ended yet in new worlds nothing is known, and no line is drawn across it.
            for rows in np.split(np.arange(len(known)), np.flatnonzero(np.diff(known)) + 1):
                if known[rows[0]] and len(rows) > 1:
                    self._curve(plot, history.steps[rows].astype(np.float64), heights[rows], tones.SCORE)
        # A size stays until it changes; before the first row of the file it was that of the first chapter.
        steps, neurons = np.insert(steps, 0, 0), np.insert(neurons, 0, self._sizes[0])
        self._curve(plot, steps.repeat(2)[1:], neurons.repeat(2)[:-1] / self._top, tones.CURVE)
        for row, amounts, kind, tone in (
            (0, history.births, "up", tones.BIRTH),
            (height - MARKS_ROW_PX, history.deaths, "down", tones.DEATH),
        ):
            for x in sorted({self._x(step) for step in history.event_steps[amounts > 0]}):
                lay(strip, x - MARK_PX // 2, row, mark(kind, MARK_PX), tone)
        write(strip, width, self._plot.top + self._y(neurons[-1]) + 5, f"{neurons[-1]:.0f}", 14, tones.CURVE, "right")
        return strip

    def _draw_tasks(self, plot: Image) -> None:
        """The band at the foot, and dashed lines over the whole height."""
        for step in self._tasks.switches:
            x = self._x(step)
            for top in range(0, len(plot), 2 * SWITCH_DASH_PX):
                plot[top : top + SWITCH_DASH_PX, x] = tones.RIM
        spans = self._tasks.spans
        if spans:
            plot[-BAND_PX - 2 :] = tones.DISH
        for place, (step, task) in enumerate(spans):
            left = self._x(step) if place else 0
            right = self._x(spans[place + 1][0]) if place + 1 < len(spans) else self._width
            plot[-BAND_PX - 1 : -1, left:right] = tones.TASKS[task % len(tones.TASKS)]

    def _curve(self, plot: Image, steps: Floats, heights: Floats, tone: Colour) -> None:
        """A line through points, heights 0 … 1."""
        points = [
            (x / self._end * (plot.shape[1] - 1) * SAMPLES, (1 - y) * (plot.shape[0] - 2) * SAMPLES)
            for x, y in zip(steps.tolist(), heights.tolist(), strict=True)
        ]
        picture = Pictures.new("L", (plot.shape[1] * SAMPLES, plot.shape[0] * SAMPLES))
        ImageDraw.Draw(picture).line(points, fill=255, width=int(1.6 * SAMPLES), joint="curve")
        small = picture.resize((plot.shape[1], plot.shape[0]), Pictures.Resampling.BOX)
        lay(plot, 0, 0, np.asarray(small, dtype=np.float32) / np.float32(255), tone)
