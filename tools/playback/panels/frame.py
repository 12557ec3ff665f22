"""The whole picture: the world at the left, the organism's brain at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from playback.chapters import tasks_in_life
from playback.panels import tones
from playback.panels.canvas import Area, Image, lay, rounded
from playback.panels.captions import write_growth_caption, write_legend, write_raster_caption, write_title
from playback.panels.cells import Births, draw_cells
from playback.panels.growth import GrowthStrip
from playback.panels.guide import draw_guide
from playback.panels.numbers import draw_numbers
from playback.panels.outputs import draw_outputs
from playback.panels.raster import draw_raster
from playback.panels.task_row import TaskRow
from playback.panels.world import draw_world

if TYPE_CHECKING:
    from playback.chapters import Chapter, History
    from playback.player import Player
    from playback.stage import Scene
    from playback.tasks import Tasks

WIDTH: Final = 1184  # multiples of 16, which video codecs like
HEIGHT: Final = 640
WORLD: Final = Area(16, 16, 512, 512)
NUMBERS: Final = Area(25, 540, 503, 88)
BRAIN_LEFT: Final = 552
BRAIN_RIGHT: Final = 1164
DISH: Final = Area(BRAIN_LEFT, 46, 392, 232)
OUTPUTS: Final = Area(956, 46, BRAIN_RIGHT - 956, 232)
TITLE_BASELINE: Final = 36
LEGEND_BASELINE: Final = 297
RASTER_BASELINE: Final = 328
TASKS_BASELINE: Final = 313
LOWER_RASTER_BASELINE: Final = 330  # where there is a line of tasks above it
GROWTH_BASELINE: Final = 541
RASTER: Final = Area(BRAIN_LEFT, 336, BRAIN_RIGHT - BRAIN_LEFT, 183)
GROWTH: Final = Area(BRAIN_LEFT, 550, BRAIN_RIGHT - BRAIN_LEFT, 76)
RIM_PX: Final = 7  # of the dishes, as wide as that of a board


class Painter:
    """Draws scenes of one run."""

    def __init__(self, name: str, history: History, chapters: list[Chapter]) -> None:
        """Prepare all that stays the same.

        Args:
            name: id of the environment.
            history: how the run went.
            chapters: what can be played of it.
        """
        self._name = name
        self._capacity = max(chapter.hidden for chapter in chapters)
        self._strip = GrowthStrip(history, chapters, GROWTH.width, GROWTH.height)
        self._tasks = tasks_in_life(history, chapters)
        self._ground = _ground(history, self._tasks)
        self._task_row = TaskRow(self._tasks, BRAIN_LEFT, BRAIN_RIGHT)

    @classmethod
    def of(cls, player: Player) -> Painter:
        """The painter for what a player plays."""
        return cls(player.name, player.history, player.chapters)

    def draw(self, scene: Scene) -> Image:
        """A fresh picture, uint8 [HEIGHT, WIDTH, 3]."""
        frame, moment, brain = self._ground.copy(), scene.moment, scene.brain
        draw_world(frame, WORLD, moment.picture, self._name)
        draw_numbers(frame, NUMBERS, scene)
        write_title(frame, BRAIN_LEFT, BRAIN_RIGHT, TITLE_BASELINE, scene)
        draw_cells(
            frame,
            DISH.inset(RIM_PX),
            self._capacity,
            potentials=scene.potentials,
            threshold=brain.threshold,
            spiked=scene.spiked,
            newborn=scene.newborn,
            births=Births(brain.birth_task, brain.protected) if self._tasks.coloured else None,
        )
        output_spikes = None if moment.output_spikes is None else moment.output_spikes[: scene.tick + 1]
        draw_outputs(
            frame, OUTPUTS, brain.actions, moment.probabilities, moment.action, output_spikes, brain.ticks
        )  # fmt: skip
        draw_raster(frame, RASTER.inset(RIM_PX), scene.past, brain.ids, scene.newborn)
        self._strip.draw(frame, GROWTH, scene.chapter)
        self._task_row.draw(frame, TASKS_BASELINE, scene.life)
        if scene.guide:
            draw_guide(frame, scene.guide)
        return frame


def _ground(history: History, tasks: Tasks) -> Image:
    """The empty dishes and all words that stay."""
    frame = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
    frame[:] = tones.PAGE
    for dish in (DISH, RASTER):
        lay(frame, dish.left, dish.top, rounded(dish.width, dish.height, RIM_PX), tones.RIM)
        dish.inset(RIM_PX).of(frame)[:] = tones.DISH
    write_legend(frame, DISH.left, LEGEND_BASELINE)
    write_raster_caption(frame, RASTER.left, LOWER_RASTER_BASELINE if tasks.any else RASTER_BASELINE)
    write_growth_caption(frame, GROWTH.left, GROWTH_BASELINE, history, bool(tasks.switches))
    return frame
