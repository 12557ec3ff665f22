"""A state as a picture: pure NumPy, uint8 RGB.

The floor of a board is drawn once and cached; a picture is a copy of it with a tile for every wall and item, which
takes well under a millisecond at the default size. Tiles never reach beyond their cell.
"""

from __future__ import annotations

import functools
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from foraging_env.config import Patch
from foraging_env.observation import View
from foraging_env.render import palette
from foraging_env.render.board import Board, view_board, world_board
from foraging_env.render.palette import Colour
from foraging_env.render.sprites import Sprite, sprite
from foraging_env.types import GridState, IntArray

Frame: TypeAlias = npt.NDArray[np.uint8]

BOARD_PX: Final = 480  # what the cells of a board may take, as far as their limits allow
MARGIN_PX: Final = 16  # around them; 480 + 2 * 16 = 512 suits video codecs, which like multiples of 16
MIN_CELL_PX: Final = 4  # below that, food and poison look the same
MAX_CELL_PX: Final = 160

DIM: Final = 0.42  # what the agent does not see, to an onlooker
DARK: Final = 0.9  # the same, to the agent


def draw_scene(view: View, state: GridState, world: int = 0) -> Frame:
    """The whole grid of one world; what its agent cannot see is dimmed. A fresh array each call.

    Args:
        view: the kind of view the agents have; its timetable knows the walls and patches of every phase.
        state: a batch of worlds.
        world: which of them to draw.

    Returns:
        uint8 [:func:`frame_side`, :func:`frame_side`, 3], of even and constant size for a given grid size.

    Raises:
        IndexError: there is no such world in the batch.
    """
    return _draw(world_board(view, state, world), DIM)


def draw_view(view: View, state: GridState, world: int = 0) -> Frame:
    """What the agent of one world sees, and nothing else: its observation (and heading) as a picture.

    Egocentric: the window around the agent, with everything that cannot be entered drawn as wall, be it inside the
    grid or beyond its border. Global with a view radius: the grid with the hidden cells in the dark.

    Returns:
        uint8 [``frame_side(view.side)``, ``frame_side(view.side)``, 3], a fresh array each call.

    Raises:
        IndexError: there is no such world in the batch.
    """
    return _draw(view_board(view, state, world), DARK)


def cell_px(side: int) -> int:
    """Pixels along one cell of a board of ``side`` cells; even, so that every frame is."""
    return min(max(BOARD_PX // side // 2 * 2, MIN_CELL_PX), MAX_CELL_PX)


def frame_side(side: int) -> int:
    """Height and width in pixels of the picture of a board of ``side`` cells."""
    return side * cell_px(side) + 2 * MARGIN_PX


def _draw(board: Board, shade: float) -> Frame:
    px = cell_px(board.side)
    lit = _floor(board.side, board.patches, 0.0)
    hidden = np.zeros((board.side, board.side), dtype=np.bool_)
    if board.seen is None:
        frame = lit.copy()
    else:
        frame = _floor(board.side, board.patches, shade).copy()
        area = tuple(slice(MARGIN_PX + part.start * px, MARGIN_PX + part.stop * px) for part in board.seen)
        frame[area] = lit[area]
        hidden[:] = True
        hidden[board.seen] = False
    for kind, cells in (("wall", board.walls), ("food", board.food), ("poison", board.poison)):
        unseen = hidden.reshape(-1)[cells]
        _lay(frame, board.side, cells[~unseen], sprite(kind, px))
        _lay(frame, board.side, cells[unseen], sprite(kind, px, shade=shade))
    _lay(frame, board.side, np.array([board.agent]), sprite("agent", px, board.heading))
    return frame


def _lay(frame: Frame, side: int, cells: IntArray, picture: Sprite) -> None:
    """Lay one picture over some cells of a frame."""
    if not len(cells):
        return
    row, column = np.divmod(cells, side)
    tiles = _tiles(frame, side)
    # Adding a half before the cut to uint8 rounds to nearest.
    tiles[row, :, column] = (tiles[row, :, column] * picture.keep + (picture.add + 0.5)).astype(np.uint8)


def _tiles(frame: Frame, side: int) -> Frame:
    """The cells of a frame as a writable view, [side, px, side, px, 3]."""
    px = cell_px(side)
    inner = frame[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    return inner.reshape(side, px, side, px, 3)


@functools.lru_cache(maxsize=32)
def _floor(side: int, patches: tuple[Patch, ...], shade: float) -> Frame:
    """An empty board, its cells faded into the night by ``shade``; shared and read-only."""
    px, total = cell_px(side), frame_side(side)
    canvas = np.empty((total, total, 3), dtype=np.float64)
    canvas[:] = palette.PAGE
    axis = np.arange(total) + 0.5
    outside = np.maximum(np.abs(axis - total / 2) - side * px / 2, 0)  # distance from the cells along one axis
    rim = np.hypot(outside[:, None], outside[None, :])
    _blend(canvas, np.clip(7.5 - rim, 0, 1), palette.FRAME)
    row, column = np.indices((side, side))
    checker = np.array(palette.FLOOR, dtype=np.float64)[(row + column) % 2]
    inner = slice(MARGIN_PX, total - MARGIN_PX)
    canvas[inner, inner] = checker.repeat(px, axis=0).repeat(px, axis=1)
    for top, left, height, width in patches:
        area = tuple(slice(MARGIN_PX + a * px, MARGIN_PX + (a + n) * px) for a, n in ((top, height), (left, width)))
        inset = _inset(height * px, width * px, radius=0.3 * px)
        _blend(canvas[area], np.clip(inset, 0, 1) * 0.5, palette.PATCH)
        line_px = max(1.0, 0.06 * px)
        _blend(canvas[area], np.clip(inset, 0, 1) * np.clip(line_px - inset, 0, 1) * 0.7, palette.PATCH_EDGE)
    night = np.array(palette.NIGHT, dtype=np.float64)
    canvas[inner, inner] += (night - canvas[inner, inner]) * shade
    floor = (canvas + 0.5).astype(np.uint8)
    floor.setflags(write=False)
    return floor


def _inset(height_px: int, width_px: int, radius: float) -> npt.NDArray[np.float64]:
    """How far each pixel lies inside a rounded rectangle that fills the area, [height_px, width_px]."""
    x, y = (np.abs(np.arange(n) + 0.5 - n / 2) - (n / 2 - radius) for n in (width_px, height_px))
    corner = np.hypot(np.maximum(x, 0)[None, :], np.maximum(y, 0)[:, None])
    inset: npt.NDArray[np.float64] = radius - corner - np.minimum(np.maximum(x[None, :], y[:, None]), 0)
    return inset


def _blend(canvas: npt.NDArray[np.float64], cover: npt.NDArray[np.float64], colour: Colour) -> None:
    canvas += (np.array(colour) - canvas) * cover[:, :, None]
