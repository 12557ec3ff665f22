"""The world, as Gymnasium draws it, fitted into a square."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image as Pictures

from playback.panels import tones
from playback.panels.canvas import Area, Image, write

NEARLY: Final = 1.06  # a picture that is so close to fitting is not scaled, which would blur it


def draw_world(frame: Image, area: Area, picture: Image | None, name: str) -> None:
    """Draw the picture in the middle of the area, or say that the world ``name`` has none."""
    if picture is None:
        middle = area.left + area.width // 2, area.top + area.height // 2
        write(frame, middle[0], middle[1], name, 26, tones.INK, "middle")
        write(frame, middle[0], middle[1] + 28, "draws no picture here", 15, tones.FAINT, "middle")
        return
    picture = fit(picture, area.width, area.height)
    height, width = picture.shape[:2]
    inner = Area(area.left + (area.width - width) // 2, area.top + (area.height - height) // 2, width, height)
    inner.of(frame)[:] = picture


def fit(picture: Image, width: int, height: int) -> Image:
    """The picture as large as it may be, its proportions kept."""
    factor = min(width / picture.shape[1], height / picture.shape[0])
    if 1 <= factor < NEARLY:
        return picture
    if factor >= 2:  # pixels are what such worlds are made of
        whole = int(factor)
        return picture.repeat(whole, axis=0).repeat(whole, axis=1)
    size = max(round(picture.shape[1] * factor), 1), max(round(picture.shape[0] * factor), 1)
    return np.asarray(Pictures.fromarray(picture).resize(size, Pictures.Resampling.BILINEAR))
