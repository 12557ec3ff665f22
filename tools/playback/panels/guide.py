"""The overlay that explains the keys."""

from __future__ import annotations

from typing import Final

import numpy as np

from playback.panels import tones
from playback.panels.canvas import Area, Image, lay, rounded, width_of, write

KEYS_PX: Final = 150  # column of the keys
LINE_PX: Final = 27
LETTERS_PX: Final = 15
PADDING_PX: Final = 32
FADE: Final = 0.62


def draw_guide(frame: Image, keys: tuple[tuple[str, str], ...]) -> None:
    """Fade what is there and lay a card with the keys in the middle."""
    frame[:] = (frame * (1 - FADE) + np.array(tones.DISH) * FADE).astype(np.uint8)
    width = 2 * PADDING_PX + KEYS_PX + max(width_of(words, LETTERS_PX) for _, words in keys)
    height = 2 * PADDING_PX + (len(keys) + 1) * LINE_PX
    card = Area((frame.shape[1] - width) // 2, (frame.shape[0] - height) // 2, width, height)
    lay(frame, card.left, card.top, rounded(card.width, card.height, 14), tones.PAGE)
    x, y = card.left + PADDING_PX, card.top + PADDING_PX + LETTERS_PX
    write(frame, x, y, "Keys", 20, tones.INK)
    for place, (names, words) in enumerate(keys, start=1):
        write(frame, x, y + place * LINE_PX + 6, names, LETTERS_PX, tones.CURVE)
        write(frame, x + KEYS_PX, y + place * LINE_PX + 6, words, LETTERS_PX, tones.INK)
