"""What a replay shows: a stretch of life at every chapter of a run, all in one world, or each in that of its task."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foraging_env.observation import View
from playback.chapters import Chapter
from playback.moment import Brain, Moment
from playback.player import Player
from playback.replay.pictures import small_picture


class Stretch(NamedTuple):
    """The beginning of an episode, as one chapter's organism lived it.

    Attributes:
        chapter: when in the training.
        brain: who lived it.
        moments: of its steps, in order; at least one, and none after the end of the episode. Without pictures, which
            take a megabyte each.
        pictures: where the worlds are not ours, as many small ones (:func:`small_picture`), or none.
        view: what is needed to draw its world; None where that is not ours.
        life: the task that the organism lives in, in words; empty in a life of one task.
    """

    chapter: Chapter
    brain: Brain
    moments: list[Moment]
    pictures: list[npt.NDArray[np.uint8]]
    view: View | None
    life: str

    def first(self, steps: int) -> Stretch:
        """Its first steps, or all if they are fewer."""
        return self._replace(moments=self.moments[:steps], pictures=self.pictures[:steps])


def record(player: Player, steps: int, earlier_steps: int) -> list[Stretch]:
    """Let every chapter live the same episode: the newest up to ``steps`` steps of it, the earlier ones less.

    The player is left with the newest chapter, where its stretch ends.
    """
    newest = len(player.chapters) - 1
    return [_live(player, index, steps if index == newest else earlier_steps) for index in range(newest + 1)]


def _live(player: Player, index: int, steps: int) -> Stretch:
    player.open(index)
    moments, pictures = [], []
    for moment in player.moments(steps):
        moments.append(moment._replace(picture=None))
        if moment.world is None and moment.picture is not None:
            pictures.append(small_picture(moment.picture))
        if moment.over:
            break
    return Stretch(player.chapter, player.brain, moments, pictures, player.view, player.life)
