"""A window that shows frames and tells keys. The only module of the tools that imports pygame (pygame-ce) to play."""

from __future__ import annotations

import os

from playback.panels.canvas import Image
from snn_agent.errors import BackendUnavailable

try:
    import pygame
except ImportError as problem:
    raise BackendUnavailable(
        'a window needs pygame-ce. Install it with: pip install "./packages/foraging-env[render]".'
    ) from problem

REPEAT_DELAY_MS = 350
REPEAT_INTERVAL_MS = 60


class Window:
    """A window of the size of its frames, at first; it may be drawn larger or smaller.

    Only pygame's display is initialised, so that no audio device is touched.
    """

    def __init__(self, width: int, height: int, caption: str) -> None:
        """Open the window, of so many pixels.

        Raises:
            BackendUnavailable: there is no display to open a window on.
        """
        try:
            pygame.display.init()
            # Without a display SDL falls back on drawing off screen, and does not say so.
            if pygame.display.get_driver() == "offscreen" and "SDL_VIDEODRIVER" not in os.environ:
                raise pygame.error("this machine has no display")
            self._surface: pygame.Surface | None = pygame.display.set_mode((width, height), pygame.RESIZABLE)
        except pygame.error as problem:
            pygame.display.quit()
            raise BackendUnavailable(f"a window cannot be opened here: {problem}.") from None
        pygame.display.set_caption(caption)
        pygame.key.set_repeat(REPEAT_DELAY_MS, REPEAT_INTERVAL_MS)
        self._clock = pygame.time.Clock()

    @property
    def closed(self) -> bool:
        """Whether the window is gone: by :meth:`close`, by its user, or because something else shut the display."""
        return self._surface is None or not pygame.display.get_init()

    def show(self, frame: Image) -> None:
        """Draw a frame, uint8 [height, width, 3], as large as the window allows; nothing if it is closed."""
        if self.closed:
            return
        surface = pygame.display.get_surface()  # another one after its user has changed the size
        assert surface is not None
        picture = pygame.image.frombuffer(frame.tobytes(), (frame.shape[1], frame.shape[0]), "RGB")
        width, height = surface.get_size()
        factor = min(width / frame.shape[1], height / frame.shape[0])
        if factor != 1:
            size = max(round(frame.shape[1] * factor), 1), max(round(frame.shape[0] * factor), 1)
            picture = pygame.transform.smoothscale(picture, size)
        surface.fill(frame[0, 0].tolist())
        surface.blit(picture, picture.get_rect(center=(width // 2, height // 2)))
        pygame.display.flip()

    def keys(self) -> list[str]:
        """Names of the keys pressed since the last call, such as "space", "n" or "+"; closes the window if asked to."""
        pressed = []
        for event in pygame.event.get() if not self.closed else []:
            if event.type == pygame.QUIT:
                self.close()
            elif event.type == pygame.KEYDOWN:
                # Signs are known by their character, for where they lie depends on the keyboard.
                sign = event.dict.get("unicode", "")
                pressed.append(sign if sign in tuple("+-.?=123456789") else pygame.key.name(event.key))
        return pressed

    def wait(self, fps: float) -> float:
        """Wait for the next frame's turn; returns the seconds since the last one's."""
        return self._clock.tick(fps) / 1000

    def close(self) -> None:
        """Close the window. May be called again."""
        if not self.closed:
            pygame.display.quit()
        self._surface = None
