"""A window onto one world. The only module that imports pygame (pygame-ce)."""

from __future__ import annotations

import collections
import os
from collections.abc import Sequence
from typing import Final

import numpy as np
from gymnasium import error

from foraging_env.observation import View
from foraging_env.render import palette
from foraging_env.render.scene import Frame, draw_scene, draw_view, frame_side
from foraging_env.render.sprites import KINDS, sprite
from foraging_env.render.text import status
from foraging_env.types import GridState

try:
    import pygame
except ImportError as problem:
    raise error.DependencyNotInstalled(
        'A window needs pygame-ce. Install it with: pip install "foraging-env[render]". '
        'Or take render_mode="rgb_array" or "ansi", which need no window.'
    ) from problem

STRIP_PX: Final = 52  # below the board: one line of numbers or two lines of note
MIN_WIDTH_PX: Final = 512  # so that the strip has room on small boards
PADDING_PX: Final = 18
VALUE_FONT_PX: Final = 20
LABEL_FONT_PX: Final = 17
NOTE_FONT_PX: Final = 19
ICON_PX: Final = 24
GAP_PX: Final = 6
MAX_UNREAD_KEYS: Final = 2  # more would let the agent walk on long after a held key is released
REPEAT_DELAY_MS: Final = 260
REPEAT_INTERVAL_MS: Final = 90


class Window:
    """Shows the states of one world, the board above a strip with its numbers.

    Closing it (its button or Escape) only stops the drawing: what runs behind it goes on, later :meth:`show` calls
    do nothing. Only pygame's display and font are initialised, so that no audio device is touched.

    Attributes:
        agent_view: whether to show what the agent sees instead of the whole grid; may be changed at any time.
    """

    def __init__(self, view: View, fps: int, *, agent_view: bool = False, caption: str = "ForagingGrid") -> None:
        """Open the window.

        Args:
            view: the kind of view the agent has.
            fps: how many :meth:`show` calls a second are let through; they wait for their turn.
            agent_view: see above.
            caption: the window's title.

        Raises:
            gymnasium.error.Error: there is no display to open a window on.
        """
        self.agent_view = agent_view
        self._view = view
        self._fps = fps
        self._keys: collections.deque[str] = collections.deque(maxlen=MAX_UNREAD_KEYS)
        # Room for the world and for what the agent sees of it, so that changing between them moves nothing.
        self._board_px = max(frame_side(view.timetable.book.size), frame_side(view.side))
        try:
            pygame.display.init()
            size = max(self._board_px, MIN_WIDTH_PX), self._board_px + STRIP_PX
            self._surface: pygame.Surface | None = pygame.display.set_mode(size)
        except pygame.error as problem:
            pygame.display.quit()
            raise error.Error(
                f'No window can be opened here ({problem}). Without a display, take render_mode="rgb_array" or "ansi".'
            ) from None
        pygame.display.set_caption(caption)
        pygame.key.set_repeat(REPEAT_DELAY_MS, REPEAT_INTERVAL_MS)
        pygame.font.init()
        sizes = (VALUE_FONT_PX, LABEL_FONT_PX, NOTE_FONT_PX)
        self._value_font, self._label_font, self._note_font = (pygame.font.Font(None, size) for size in sizes)
        self._clock = pygame.time.Clock()

    @property
    def closed(self) -> bool:
        """Whether the window is gone: by :meth:`close`, by its user, or because something else shut the display."""
        return self._surface is None or pygame.display.get_surface() is not self._surface

    @property
    def visible(self) -> bool:
        """Whether anyone can see it. Without a display SDL falls back on drawing off screen, and does not say so."""
        wanted = "SDL_VIDEODRIVER" in os.environ
        return not self.closed and (wanted or pygame.display.get_driver() != "offscreen")

    def show(self, state: GridState, world: int = 0, note: Sequence[str] = ()) -> None:
        """Draw one world of a batch and wait for the next frame's turn; nothing if the window is closed.

        Args:
            state: a batch of worlds.
            world: which of them.
            note: up to two lines that take the place of the numbers in the strip.
        """
        surface = self._surface
        if surface is None or self.closed:
            return
        draw = draw_view if self.agent_view else draw_scene
        board = _to_surface(draw(self._view, state, world))
        surface.fill(palette.PAGE)
        surface.blit(board, board.get_rect(center=(surface.get_width() // 2, self._board_px // 2)))
        if note:
            self._draw_note(surface, note)
        else:
            self._draw_status(surface, status(self._view, state, world))
        pygame.display.flip()
        for event in pygame.event.get():
            self._take(event)
        self._clock.tick(self._fps)

    def wait_key(self) -> str | None:
        """Wait for a key and return its name, such as ``"up"``, ``"w"`` or ``"tab"``; None once the window is closed.

        A key held down comes again and again.
        """
        while not self.closed and not self._keys:
            self._take(pygame.event.wait())
        return None if self.closed else self._keys.popleft()

    def close(self) -> None:
        """Close the window. May be called again."""
        if not self.closed:
            pygame.display.quit()
        self._surface = None

    def _take(self, event: pygame.event.Event) -> None:
        if event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE):
            self.close()
        elif event.type == pygame.KEYDOWN:
            # Where the question mark lies depends on the keyboard, so it is known by its character.
            self._keys.append("?" if event.dict.get("unicode") == "?" else pygame.key.name(event.key))
        elif event.type == pygame.WINDOWEXPOSED:
            pygame.display.flip()

    def _draw_status(self, surface: pygame.Surface, entries: Sequence[tuple[str, str]]) -> None:
        """Labels and numbers; the drawings beside food and poison say what is what on the board."""
        x, middle = PADDING_PX, self._board_px + (STRIP_PX - PADDING_PX // 2) // 2
        for label, value in entries:
            name = self._label_font.render(label, True, palette.INK_FAINT)
            pieces = [name, self._value_font.render(value, True, palette.INK)]
            if label in KINDS:
                pieces.insert(0, _icon(label))
            for piece in pieces:
                surface.blit(piece, piece.get_rect(midleft=(x, middle)))
                x += piece.get_width() + GAP_PX
            x += 2 * GAP_PX

    def _draw_note(self, surface: pygame.Surface, lines: Sequence[str]) -> None:
        height = self._note_font.get_linesize()
        y = self._board_px + (STRIP_PX - PADDING_PX // 2 - height * len(lines)) // 2
        for line in lines:
            surface.blit(self._note_font.render(line, True, palette.INK), (PADDING_PX, y))
            y += height


def _icon(kind: str) -> pygame.Surface:
    picture = sprite(kind, ICON_PX)
    page = np.array(palette.PAGE, dtype=np.float32)
    return _to_surface((page * picture.keep + (picture.add + 0.5)).astype(np.uint8))


def _to_surface(frame: Frame) -> pygame.Surface:
    """uint8 [height, width, 3] as a picture that pygame can draw."""
    return pygame.image.frombuffer(frame.tobytes(), (frame.shape[1], frame.shape[0]), "RGB")
