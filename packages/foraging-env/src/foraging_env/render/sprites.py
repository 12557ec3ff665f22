"""What stands on a cell: food, poison, wall and agent, drawn from signed distances.

Each kind has a silhouette of its own, so that a picture reads without colour: food is round with a stalk and a
leaf, poison is a spiked star with a cross, a wall fills its cell and is hatched, the agent is egg-shaped with two
eyes and a beak that point along its heading.

Coordinates run from -1 to 1 over the cell, x to the right and y down. A shape is a field of signed distances
(negative inside); sampling it several times a pixel and averaging gives smooth edges at every cell size.
"""

from __future__ import annotations

import functools
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from foraging_env.render import palette
from foraging_env.render.palette import Colour
from foraging_env.types import Action

Field: TypeAlias = npt.NDArray[np.floating[Any]]

KINDS: Final = ("wall", "food", "poison", "agent")

TINY_PX: Final = 10
"""Cells smaller than this get marks instead of drawings: dot, cross, block and blob; detail would only be noise."""


class Sprite(NamedTuple):
    """A picture to lay over a cell: ``cell * keep + add``."""

    keep: Field  # [px, px, 1] share of the cell that shines through
    add: Field  # [px, px, 3] colour on top, 0 … 255, already weighted by its cover


@functools.lru_cache(maxsize=256)
def sprite(kind: str, px: int, heading: int = Action.UP, shade: float = 0.0) -> Sprite:
    """One of :data:`KINDS` for cells of ``px`` pixels; the arrays are shared and read-only.

    Args:
        kind: what to draw.
        px: side of the cell in pixels.
        heading: which way it looks, an :class:`Action`. Only the agent is ever turned.
        shade: how far its colours fade into the night, 0 … 1.
    """
    canvas = _Canvas(px)
    {"wall": _wall, "food": _food, "poison": _poison, "agent": _agent}[kind](canvas)
    cover, add = canvas.finish()
    add = add * (1 - shade) + cover * np.array(palette.NIGHT, dtype=np.float32) * shade
    quarter_turns = {Action.UP: 0, Action.LEFT: 1, Action.DOWN: 2, Action.RIGHT: 3}[Action(heading)]
    result = Sprite(*(np.ascontiguousarray(np.rot90(layer, quarter_turns)) for layer in (1 - cover, add)))
    for layer in result:
        layer.setflags(write=False)
    return result


class _Canvas:
    """A cell sampled several times a pixel, painted from back to front."""

    def __init__(self, px: int) -> None:
        self.px = px
        self.samples = 8 if px <= 32 else 4
        n = px * self.samples
        axis = ((np.arange(n) + 0.5) * 2 / n - 1).astype(np.float32)
        self.x, self.y = axis[None, :], axis[:, None]
        self.pixel = 2 / px  # width of a pixel in cell coordinates
        self._cover = np.zeros((n, n, 1), dtype=np.float32)
        self._colour = np.zeros((n, n, 3), dtype=np.float32)

    def paint(self, distance: Field, colour: Colour, opacity: float = 1.0, blur: float = 0.0) -> None:
        """Fill where ``distance`` is negative; with ``blur`` the edge fades over that width."""
        inside = np.clip(0.5 - distance / blur, 0, 1) if blur else distance < 0
        cover = (inside * np.float32(opacity))[:, :, None]
        self._cover += (1 - self._cover) * cover
        self._colour += (np.array(colour, dtype=np.float32) - self._colour) * cover

    def finish(self) -> tuple[Field, Field]:
        """Cover [px, px, 1] and weighted colour [px, px, 3]."""
        block = (self.px, self.samples, self.px, self.samples, -1)
        return self._cover.reshape(block).mean(axis=(1, 3)), self._colour.reshape(block).mean(axis=(1, 3))

    def ellipse(self, x: float, y: float, width: float, height: float, turn: float = 0.0) -> Field:
        """Half-axes ``width`` and ``height``, turned clockwise by ``turn`` radians; a disc if they are equal."""
        along = (self.x - x) * np.cos(turn) + (self.y - y) * np.sin(turn)
        across = (self.y - y) * np.cos(turn) - (self.x - x) * np.sin(turn)
        field: Field = (np.hypot(along / width, across / height) - 1) * min(width, height)
        return field

    def stroke(self, x0: float, y0: float, x1: float, y1: float, width: float) -> Field:
        """A line with round ends."""
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((self.x - x0) * dx + (self.y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        field: Field = np.hypot(self.x - x0 - along * dx, self.y - y0 - along * dy) - width / 2
        return field

    def wedge(self, base_y: float, tip_y: float, half_width: float) -> Field:
        """A triangle that narrows upwards from ``base_y`` to its tip."""
        height = base_y - tip_y
        flank = (np.abs(self.x) * height - half_width * (self.y - tip_y)) / np.hypot(height, half_width)
        field: Field = np.maximum(flank, self.y - base_y)
        return field

    def rounded_square(self, half: float, radius: float) -> Field:
        """Centred, of side ``2 * half``."""
        dx, dy = np.abs(self.x) - (half - radius), np.abs(self.y) - (half - radius)
        outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
        field: Field = outside + np.minimum(np.maximum(dx, dy), 0) - radius
        return field

    def star(self, n_points: int, outer: float, inner: float) -> Field:
        """Centred; its points lie on the circle ``outer``, the notches between them on ``inner``."""
        sector = np.pi / n_points
        angle = np.arctan2(self.x, -self.y)
        folded = np.abs((angle + sector) % (2 * sector) - sector)
        radius = np.hypot(self.x, self.y)
        # In the folded half-sector the outline is one line, from the point (outer, 0) to the notch.
        notch = inner * np.cos(sector), inner * np.sin(sector)
        dx, dy = notch[0] - outer, notch[1]
        field: Field = ((radius * np.sin(folded)) * -dx + (radius * np.cos(folded) - outer) * dy) / np.hypot(dx, dy)
        return field


def _wall(canvas: _Canvas) -> None:
    # Light falls from the upper left: the lit bevel is the block cut by the falling diagonal.
    diagonal = canvas.x + canvas.y
    canvas.paint(canvas.rounded_square(1.0, 0.0), palette.WALL_SHADE)
    canvas.paint(diagonal, palette.WALL_LIGHT)
    face = canvas.rounded_square(1.0 - max(0.16, canvas.pixel / 2), 0.08)
    canvas.paint(face, palette.WALL)
    if canvas.px >= TINY_PX:
        stripes = np.abs((diagonal + 0.25) % 0.5 - 0.25) - 0.055
        canvas.paint(np.maximum(stripes, face), palette.WALL_SHADE, opacity=0.55)


def _food(canvas: _Canvas) -> None:
    if canvas.px < TINY_PX:
        canvas.paint(canvas.ellipse(0, 0, 0.8, 0.8), palette.FOOD)
        return
    canvas.paint(canvas.ellipse(0.04, 0.70, 0.50, 0.14), palette.SHADOW, opacity=0.30, blur=0.20)
    fruit = canvas.ellipse(0, 0.17, 0.60, 0.60)
    canvas.paint(fruit, palette.FOOD_RIM)
    canvas.paint(fruit + 0.09, palette.FOOD)
    canvas.paint(canvas.ellipse(-0.22, -0.05, 0.17, 0.11, -0.7), palette.FOOD_SHINE, opacity=0.9)
    canvas.paint(canvas.stroke(0, -0.30, 0.06, -0.60, 0.12), palette.LEAF)
    canvas.paint(canvas.ellipse(0.34, -0.58, 0.30, 0.14, -0.45), palette.LEAF)


def _poison(canvas: _Canvas) -> None:
    if canvas.px < TINY_PX:
        for slope in (-1, 1):
            canvas.paint(canvas.stroke(-0.7, -0.7 * slope, 0.7, 0.7 * slope, canvas.pixel), palette.POISON)
        return
    canvas.paint(canvas.ellipse(0.04, 0.10, 0.66, 0.68), palette.SHADOW, opacity=0.45, blur=0.36)
    canvas.paint(canvas.star(8, 0.90, 0.48), palette.POISON)
    for slope in (-1, 1):
        canvas.paint(canvas.stroke(-0.22, -0.22 * slope, 0.22, 0.22 * slope, 0.17), palette.POISON_MARK)


def _agent(canvas: _Canvas) -> None:
    # Seen from above, looking up. The shadow is centred, so that turning the agent turns nothing but the agent.
    if canvas.px < TINY_PX:
        canvas.paint(canvas.ellipse(0, 0, 1.0, 1.0), palette.AGENT_RIM)
        canvas.paint(canvas.ellipse(0, -0.6, 0.4, 0.4), palette.BEAK)
        return
    canvas.paint(canvas.ellipse(0, 0.10, 0.74, 0.76), palette.SHADOW, opacity=0.36, blur=0.26)
    canvas.paint(canvas.wedge(-0.36, -0.84, 0.30) - 0.04, palette.BEAK)
    body = canvas.ellipse(0, 0.15, 0.70, 0.72)
    canvas.paint(body, palette.AGENT_RIM)
    canvas.paint(body + 0.09, palette.AGENT)
    for side in (-1, 1):
        canvas.paint(canvas.ellipse(0.31 * side, -0.20, 0.25, 0.27), palette.EYE)
        canvas.paint(canvas.ellipse(0.28 * side, -0.29, 0.12, 0.13), palette.PUPIL)
