"""Laying letters and shapes over a frame: masks are made once and kept, so that a frame takes a millisecond or two."""

from __future__ import annotations

import functools
import math
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from foraging_env.render.palette import Colour

Image: TypeAlias = npt.NDArray[np.uint8]
Mask: TypeAlias = npt.NDArray[np.float32]

SAMPLES: Final = 8  # along each side of a pixel, for smooth edges
LETTER_SAMPLES: Final = 4


class Area(NamedTuple):
    """A rectangle of a frame in pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, frame: Image) -> Image:
        """That part of the frame, to be drawn into."""
        return frame[self.top : self.top + self.height, self.left : self.left + self.width]

    def inset(self, px: int) -> Area:
        """The same without a border of so many pixels."""
        return Area(self.left + px, self.top + px, self.width - 2 * px, self.height - 2 * px)


def lay(frame: Image, left: int, top: int, mask: Mask, colour: Colour) -> None:
    """Paint a colour through a mask of opacities 0 … 1; what lies beyond the frame is left out."""
    rows = slice(max(top, 0), min(top + mask.shape[0], frame.shape[0]))
    columns = slice(max(left, 0), min(left + mask.shape[1], frame.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    cover = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left, None]
    ground = frame[rows, columns]
    # Adding a half before the cut to uint8 rounds to nearest.
    frame[rows, columns] = (ground + (np.array(colour, dtype=np.float32) - ground) * cover + 0.5).astype(np.uint8)


def write(frame: Image, x: int, baseline: int, words: str, px: int, colour: Colour, anchor: str = "left") -> int:
    """Write one line and return its width in pixels.

    Args:
        frame: to write on.
        x: of the edge, or the middle, that the ``anchor`` names.
        baseline: what the letters stand on.
        words: Pillow's own font knows ASCII and little more.
        px: size of the letters.
        colour: of the letters.
        anchor: "left", "middle" or "right".
    """
    mask, width = _letters(words, px), width_of(words, px)
    left = x - {"left": 0, "middle": width // 2, "right": width}[anchor]
    lay(frame, left, baseline - _ascent(px), mask, colour)
    return width


def width_of(words: str, px: int) -> int:
    """Width of a line in pixels."""
    return int(_letters(words, px).shape[1])


@functools.lru_cache(maxsize=32)
def _font(px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(px)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _ascent(px: int) -> int:
    return int(_font(px).getmetrics()[0])


def _descent(px: int) -> int:
    return int(_font(px).getmetrics()[1])


@functools.lru_cache(maxsize=4096)
def _letters(words: str, px: int) -> Mask:
    # Drawn larger and averaged, for at the size itself Pillow rounds the place of every letter to whole pixels.
    font = _font(px * LETTER_SAMPLES)
    width = max(math.ceil(font.getlength(words) / LETTER_SAMPLES), 1)
    picture = Pictures.new("L", (width * LETTER_SAMPLES, (_ascent(px) + _descent(px)) * LETTER_SAMPLES))
    ImageDraw.Draw(picture).text((0, _ascent(px) * LETTER_SAMPLES), words, fill=255, font=font, anchor="ls")
    return _as_mask(picture.reduce(LETTER_SAMPLES))


@functools.lru_cache(maxsize=256)
def mark(kind: str, px: int) -> Mask:
    """A shape that fills a square of ``px`` pixels: "up", "down", "left", "right" (triangles), "diamond", "disc".

    Shared and read-only.
    """
    n = px * SAMPLES
    picture = Pictures.new("L", (n, n))
    draw = ImageDraw.Draw(picture)
    if kind == "disc":
        draw.ellipse((0, 0, n - 1, n - 1), fill=255)
    elif kind == "diamond":
        draw.polygon([(n / 2, 0), (n, n / 2), (n / 2, n), (0, n / 2)], fill=255)
    else:
        draw.polygon([(n / 2, n * 0.1), (n, n * 0.9), (0, n * 0.9)], fill=255)  # up; turned anticlockwise below
        quarter_turns = {"up": 0, "left": 1, "down": 2, "right": 3}[kind]
        picture = picture.rotate(90 * quarter_turns)
    return _as_mask(picture.resize((px, px), Pictures.Resampling.BOX))


@functools.lru_cache(maxsize=64)
def rounded(width: int, height: int, radius: int) -> Mask:
    """A rectangle with round corners. Shared and read-only."""
    picture = Pictures.new("L", (width * 4, height * 4))
    box = (0, 0, width * 4 - 1, height * 4 - 1)
    ImageDraw.Draw(picture).rounded_rectangle(box, radius * 4, fill=255)
    return _as_mask(picture.resize((width, height), Pictures.Resampling.BOX))


def _as_mask(picture: Pictures.Image) -> Mask:
    mask = np.asarray(picture, dtype=np.float32) / np.float32(255)
    mask.setflags(write=False)
    return mask
