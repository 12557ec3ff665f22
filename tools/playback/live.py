"""The loop of the window: time passes, keys are obeyed, pictures and films are saved."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from playback.files import fresh, write_picture
from playback.film import Film, filming
from playback.panels.canvas import Image
from playback.panels.frame import Painter
from playback.stage import WISHES, Stage
from playback.window import Window
from snn_agent.errors import ConfigError

FPS: Final = 30
FILM_FPS: Final = 10
MAX_ELAPSED_S: Final = 0.2  # a machine that was busy for longer does not try to make up for it
NOTE_S: Final = 3.0
LOOK_S: Final = 5.0  # between two looks at a run that goes on
FOLLOWING_FPS: Final = 5  # what is seen of a training is to take little from it


class Live:
    """Plays a stage in a window until its user leaves.

    Attributes:
        frame: what is shown.
    """

    def __init__(
        self, stage: Stage, painter: Callable[[], Painter], window: Window, *, folder: Path, stem: str, follow: bool
    ) -> None:
        """Show where the stage stands.

        Args:
            stage: what is played.
            painter: makes who draws it, as its run is then.
            window: where.
            folder: of the pictures and films that the keys save; under names that are free.
            stem: what their names begin with.
            follow: whether the run goes on meanwhile, and its newest organism is to be shown.
        """
        self._stage, self._new_painter, self._painter, self._window = stage, painter, painter(), window
        self._follow, self._fps = follow, FOLLOWING_FPS if follow else FPS
        self._next_look = time.monotonic() + LOOK_S
        self._folder, self._stem = folder, stem
        self._reel = contextlib.ExitStack()  # holds the film that is being recorded, if any
        self._film: Film | None = None
        self._film_path, self._filmed = Path(), 0
        self._last_filmed: tuple[object, ...] = ()
        self._note, self._note_until = "", 0.0
        self._draw()

    def run(self, steps: int | None = None) -> None:
        """Play, for so many steps or without end."""
        with self._reel:
            elapsed_s = 0.0
            while not self._window.closed and (steps is None or self._stage.decisions <= steps):
                if not self.turn(elapsed_s):
                    return
                self._window.show(self.frame)
                elapsed_s = min(self._window.wait(self._fps), MAX_ELAPSED_S)

    def turn(self, elapsed_s: float) -> bool:
        """Obey the keys and let time pass; False: the user wants to leave."""
        started = time.monotonic()
        keys = self._window.keys()
        for key in keys:
            wish = WISHES.get(key, key)
            if wish == "quit":
                return False
            self._obey(wish)
        moved = self._stage.advance(elapsed_s)
        while self._stage.hurries and not self._follow and time.monotonic() - started < 1 / FPS:
            self._stage.beat()
        if self._follow and started >= self._next_look:
            if self._stage.follow():
                self._painter, moved = self._new_painter(), True
            self._next_look = time.monotonic() + LOOK_S
        if moved or keys or self._note:
            self._draw()
        self._film_what_is_new()
        return True

    def _obey(self, wish: str) -> None:
        if wish in ("picture", "record"):
            try:
                self._save_picture() if wish == "picture" else self._record()
            except (OSError, ConfigError) as problem:  # a folder that cannot be written to is no reason to stop
                self._tell(f"not saved: {getattr(problem, 'strerror', None) or problem}")
        else:
            self._stage.wish(wish)
            if self._stage.told:
                self._tell(self._stage.told)

    def _save_picture(self) -> None:
        path = fresh(self._folder, self._stem, ".png")
        write_picture(self._picture(), path)
        self._tell(f"saved {path.name}")

    def _record(self) -> None:
        if self._film is None:
            self._film_path = fresh(self._folder, self._stem, ".gif")
            self._film, self._filmed = self._reel.enter_context(filming(self._film_path, FILM_FPS)), 0
            self._film_what_is_new()
        else:
            self._film = None
            self._reel.close()
            self._tell(f"saved {self._film_path.name}, {self._filmed} frames")

    def _film_what_is_new(self) -> None:
        """A frame for every tick or step that is shown, however long it is."""
        scene = self._stage.scene
        shown = self._stage.decisions, scene.tick, scene.whole, scene.guide
        if self._film is not None and (shown != self._last_filmed or not self._filmed):
            self._film.add(self._picture())
            self._filmed, self._last_filmed = self._filmed + 1, shown

    def _tell(self, note: str) -> None:
        self._note, self._note_until = note, time.monotonic() + NOTE_S

    def _picture(self) -> Image:
        """What is shown, without words about the window."""
        return self._painter.draw(self._stage.scene._replace(pace=""))

    def _draw(self) -> None:
        if time.monotonic() >= self._note_until:
            self._note = ""
        scene = self._stage.scene
        if self._film is not None:
            scene = scene._replace(pace="recording")
        self.frame: Image = self._painter.draw(scene._replace(pace=self._note) if self._note else scene)
