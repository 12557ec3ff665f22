"""Worlds that only Gymnasium can draw, as pictures small enough for a page."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

SIDE: Final = 128
"""Pixels that neither side of a small picture exceeds."""


def small_picture(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture [height, width, 3] as one byte a pixel, uint8 [h, w].

    Pixels are averages of squares, in 3 bits of red, 3 of green and 2 of blue. Frames of an episode resemble each
    other, so deflate leaves little of them.
    """
    height, width = picture.shape[:2]
    square = -(-max(height, width) // SIDE)
    rows, columns = height // square, width // square
    cut = picture[: rows * square, : columns * square, :3].reshape(rows, square, columns, square, 3)
    red, green, blue = np.moveaxis(cut.mean(axis=(1, 3)), -1, 0)
    tone = np.rint(red / 255 * 7) * 32 + np.rint(green / 255 * 7) * 4 + np.rint(blue / 255 * 3)
    small: npt.NDArray[np.uint8] = tone.astype(np.uint8)
    return small
