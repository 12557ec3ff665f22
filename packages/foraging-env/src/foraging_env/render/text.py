"""A state as plain text: a picture in box-drawing characters and a line of numbers."""

from __future__ import annotations

from typing import Final

import numpy as np

from foraging_env.observation import View
from foraging_env.render.board import Board, view_board, world_board
from foraging_env.types import GridState

AGENT: Final = "▲▼◀▶"  # by heading: up, down, left, right
FOOD: Final = "●"
POISON: Final = "✕"
WALL: Final = "█"
OPEN: Final = "·"
PATCH: Final = "◦"
HIDDEN: Final = " "


def scene_text(view: View, state: GridState, world: int = 0) -> str:
    """The whole grid of one world and its status, two columns a cell so that it looks square.

    ``▲▼◀▶`` agent, ``●`` food, ``✕`` poison, ``█`` wall, ``·`` open floor, ``◦`` open floor of a patch where food
    appears. No colour codes, no trailing blanks, no newline at the end.

    Raises:
        IndexError: there is no such world in the batch.
    """
    return f"{_picture(world_board(view, state, world))}\n{status_line(view, state, world)}"


def view_text(view: View, state: GridState, world: int = 0) -> str:
    """The same for what the agent sees, hidden cells left blank: its observation as text.

    Raises:
        IndexError: there is no such world in the batch.
    """
    board = view_board(view, state, world)
    return f"{_picture(board, hide=True)}\n{status_line(view, state, world)}"


def status_line(view: View, state: GridState, world: int = 0) -> str:
    """For example ``step 12  food 3  return +2.88  phase 0``."""
    return "  ".join(f"{label} {value}" for label, value in status(view, state, world))


def status(view: View, state: GridState, world: int = 0) -> list[tuple[str, str]]:
    """The numbers of one world with their labels; poison only where some task has any."""
    entries = [("step", str(state.episode_step[world])), ("food", str(state.food_collected[world]))]
    if view.timetable.has_poison:
        entries.append(("poison", str(state.poison_collected[world])))
    entries.append(("return", f"{state.episode_return[world]:+.2f}"))
    entries.append(("phase", str(state.phase[world])))
    return entries


def _picture(board: Board, hide: bool = False) -> str:
    cells = np.full((board.side, board.side), OPEN)
    for row, column, height, width in board.patches:
        cells[row : row + height, column : column + width] = PATCH
    if hide and board.seen is not None:
        dark = np.full_like(cells, HIDDEN)
        dark[board.seen] = cells[board.seen]
        cells = dark
    for glyph, where in ((WALL, board.walls), (FOOD, board.food), (POISON, board.poison)):
        cells.flat[where] = glyph
    cells.flat[board.agent] = AGENT[board.heading]
    bar = "─" * (2 * board.side + 1)
    # A wall fills both of its columns, so that neighbours join up.
    rows = ["".join(glyph + (WALL if glyph == WALL else " ") for glyph in row) for row in cells.tolist()]
    return "\n".join([f"┌{bar}┐", *(f"│ {row}│" for row in rows), f"└{bar}┘"])
