"""What is on show and how it goes on: pause, single ticks and steps, speed, chapters. Knows nothing of windows.

A decision has T ticks. The stage stands at one tick of one decision; a beat takes it to the next tick at low speeds and
to the next decision at high ones, where a decision is shown whole. A step is always T ticks.
"""

from __future__ import annotations

import collections
import math
from typing import Final, NamedTuple

import numpy as np

from playback.moment import BoolArray, Brain, FloatArray, Moment
from playback.panels.raster import Past
from playback.player import Player
from snn_agent.errors import CheckpointError

REMEMBERED: Final = 256  # decisions, for the raster

KEYS: Final = (
    ("Space", ("space",), "pause", "pause, go on"),
    ("S  or  right", ("s", "right"), "step", "one step: the whole next decision"),
    ("T  or  .", ("t", "."), "tick", "one tick of the neurons"),
    ("+  and  -", ("+", "=", "up"), "faster", "speed; or 1 to 9, from single ticks to all the machine can do"),
    ("", ("-", "down"), "slower", ""),
    ("N  and  B", ("n",), "next", "next chapter of its training, and the one before"),
    ("", ("b",), "before", ""),
    ("P", ("p",), "picture", "save a picture in this folder"),
    ("R", ("r",), "record", "begin and end recording a GIF in this folder"),
    ("H", ("h", "?"), "help", "these keys"),
    ("Q  or  Esc", ("q", "escape"), "quit", "leave"),
)
"""How a key is written, its names, what it asks for, and what that is; what has no writing shares the line above."""

GUIDE: Final = tuple((written, words) for written, _, _, words in KEYS if written)
WISHES: Final = {name: wish for _, names, wish, _ in KEYS for name in names}
"""What each key asks for, beside the digits that choose a speed."""


class Speed(NamedTuple):
    """Beats a second, and whether a beat is a whole decision."""

    label: str
    per_s: float
    whole: bool


SPEEDS: Final = (
    Speed("1 tick a second", 1, False),
    Speed("3 ticks a second", 3, False),
    Speed("10 ticks a second", 10, False),
    Speed("30 ticks a second", 30, False),
    Speed("5 steps a second", 5, True),
    Speed("10 steps a second", 10, True),
    Speed("20 steps a second", 20, True),
    Speed("50 steps a second", 50, True),
    Speed("as fast as it goes", math.inf, True),
)
USUAL_SPEED: Final = 4  # counted from 1, as on the keys


class Scene(NamedTuple):
    """All that a frame shows.

    Attributes:
        brain: who decides.
        moment: the decision.
        tick: the tick, from 0; the last one if the decision is shown whole.
        whole: whether it is.
        past: the decisions until now, this one included as far as it has been shown.
        newborn: which neurons were born since the chapter before, bool [H].
        chapter: number of the chapter, from 0.
        n_chapters: how many there are.
        pace: what is to be said of the speed; may be empty.
        guide: lines of the help overlay, keys and words; empty if it is not shown.
        life: the task that the organism lives in, in words; empty in a life of one task.
    """

    brain: Brain
    moment: Moment
    tick: int
    whole: bool
    past: tuple[Past, ...]
    newborn: BoolArray
    chapter: int
    n_chapters: int
    pace: str = ""
    guide: tuple[tuple[str, str], ...] = ()
    life: str = ""

    @property
    def potentials(self) -> FloatArray:
        """Membrane voltages after the tick, [H]."""
        potentials: FloatArray = self.moment.potentials[self.tick]
        return potentials

    @property
    def spiked(self) -> BoolArray:
        """Who spikes in the tick; or in the decision, if it is shown whole; [H]."""
        shown = slice(0 if self.whole else self.tick, self.tick + 1)
        spiked: BoolArray = np.logical_or.reduce(self.moment.spikes[shown], axis=0)
        return spiked


class Stage:
    """Shows what a player plays.

    Attributes:
        paused: whether time stands still.
        speed: which of SPEEDS is in force, counted from 1.
        decisions: how many have been begun.
        told: what went wrong at the last wish; empty if nothing did.
    """

    def __init__(self, player: Player, speed: int = USUAL_SPEED) -> None:
        """Begin at the first tick of the player's next decision, or with the whole of it.

        Args:
            player: who plays.
            speed: number of one of SPEEDS, from 1.
        """
        self._player = player
        self._past: collections.deque[Past] = collections.deque(maxlen=REMEMBERED)
        self.paused, self.speed, self.decisions, self.told = False, speed, 0, ""
        self._help, self._due = False, 0.0
        self._whole = self._speed.whole
        self._decide()
        self._tick = self._last_tick if self._whole else 0

    @property
    def scene(self) -> Scene:
        """What is on show now."""
        player, brain = self._player, self._player.brain
        before = player.chapters[player.index - 1].env_step if player.index else math.inf
        now = Past(self.decisions, brain.ids, self._moment.spikes[: self._tick + 1])
        return Scene(
            brain=brain,
            moment=self._moment,
            tick=self._tick,
            whole=self._whole,
            past=(*self._past, now),
            newborn=brain.born > before,
            chapter=player.index,
            n_chapters=len(player.chapters),
            pace="paused" if self.paused else self._speed.label,
            guide=GUIDE if self._help else (),
            life=self._player.life,
        )

    @property
    def hurries(self) -> bool:
        """Whether there is to be no waiting between beats."""
        return not self.paused and self._speed.per_s == math.inf

    def advance(self, elapsed_s: float) -> bool:
        """Let time pass; returns whether anything else is on show now. Where there is no waiting, it is one beat."""
        if self.paused:
            return False
        beats = 1
        if not self.hurries:
            self._due += elapsed_s * self._speed.per_s
            beats = int(self._due)
            self._due -= beats
        for _ in range(beats):
            self.beat()
        return beats > 0

    def beat(self) -> None:
        """Go on by a tick or by a step, as the speed says."""
        if self._speed.whole:
            self.step()
            self._whole, self._tick = True, self._last_tick
        else:
            self.tick()

    def tick(self) -> None:
        """Go to the next tick."""
        self._whole = False
        if self._tick == self._last_tick:
            self._remember()
            self._decide()
            self._tick = 0
        else:
            self._tick += 1

    def step(self) -> None:
        """Go on by T ticks: to the same tick of the next decision, or to the whole of it."""
        self._remember()
        self._decide()

    def follow(self) -> bool:
        """Let the newest organism of a run that goes on make the next decision; whether there was a newer one.

        Whoever looks at an earlier chapter goes on looking at it.
        """
        player = self._player
        if player.index < len(player.chapters) - 1:
            return False
        shown = self.scene.past[-1]
        if not player.follow():
            return False
        self._past.append(shown)
        self._decide()
        self._tick = self._last_tick if self._whole else 0
        return True

    def wish(self, wish: str) -> None:
        """Do what a key asks for: one of the WISHES or a digit; what is not the stage's does nothing."""
        self.told = ""
        if wish == "pause":
            self.paused = not self.paused
        elif wish in ("step", "tick"):
            self.paused = True
            self.step() if wish == "step" else self.tick()
        elif wish in ("faster", "slower"):
            self._set_speed(self.speed + (1 if wish == "faster" else -1))
        elif wish.isdecimal() and wish != "0":
            self._set_speed(int(wish))
        elif wish in ("next", "before"):
            self._open((self._player.index + (1 if wish == "next" else -1)) % len(self._player.chapters))
        elif wish == "help":
            self._help = not self._help

    @property
    def _speed(self) -> Speed:
        return SPEEDS[self.speed - 1]

    @property
    def _last_tick(self) -> int:
        return len(self._moment.spikes) - 1

    def _set_speed(self, number: int) -> None:
        self.speed, self._due = min(max(number, 1), len(SPEEDS)), 0.0

    def _open(self, index: int) -> None:
        shown = self.scene.past[-1]
        try:
            self._player.open(index)
        except CheckpointError:
            self.told = f"chapter {index + 1} is damaged"
            return
        self._past.append(shown)
        self._decide()
        self._tick = self._last_tick if self._whole else 0

    def _decide(self) -> None:
        self._moment = self._player.step()
        self.decisions += 1

    def _remember(self) -> None:
        self._past.append(Past(self.decisions, self._player.brain.ids, self._moment.spikes))
