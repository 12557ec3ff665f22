"""Random worlds for the tests of pictures and text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from foraging_env.config import ForagingConfig, cross_walls
from foraging_env.layout import empty_state, new_episode
from foraging_env.observation import View
from foraging_env.render.scene import MARGIN_PX, cell_px
from foraging_env.tasks import Timetable
from foraging_env.types import Action, GridState

Picture = npt.NDArray[np.uint8]


def begin(timetable: Timetable, n_worlds: int = 1, seed: int = 0) -> tuple[View, GridState]:
    keys = np.random.default_rng(seed).integers(2**64, size=n_worlds, dtype=np.uint64)
    state = empty_state(timetable.book, keys)
    return View(timetable), new_episode(timetable.book, timetable.rule_of(state.phase), state)


def world(seed: int = 0, **fields: object) -> tuple[View, GridState]:
    return begin(Timetable(ForagingConfig(**fields)), seed=seed)  # type: ignore[arg-type]


def cell_of(frame: Picture, side: int, cell: int) -> Picture:
    px = cell_px(side)
    top, left = (MARGIN_PX + px * index for index in divmod(cell, side))
    return frame[top : top + px, left : left + px]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[View, GridState]:
    size = draw(st.integers(2, 12))
    walls = cross_walls(size) if size >= 7 and draw(st.booleans()) else ()
    n_free = size * size - len(walls) - 1
    n_food = draw(st.integers(1, n_free))
    patches = ((1, 1, size - 1, size - 2),) if not walls and size > 4 and n_food < (size - 2) ** 2 - 1 else ()
    n_poison = draw(st.integers(0, n_free - n_food)) if not patches else 0
    config = ForagingConfig(
        size=size,
        n_food=n_food,
        n_poison=n_poison,
        walls=walls,
        patches=patches,
        random_start=True,
        observation=draw(st.sampled_from(["global", "egocentric"])),
        view_radius=draw(st.none() | st.integers(1, size - 1)),
    )
    view, state = begin(Timetable(config), seed=draw(st.integers(0, 1000)))
    return view, state._replace(heading=np.array([draw(st.sampled_from(list(Action)))]))


def contents(view: View, state: GridState) -> list[str]:
    """What is on each cell, from the state's own arrays."""
    book = view.timetable.book
    cells = ["open" if is_open else "wall" for is_open in book.is_open[0]]
    for slot, cell in enumerate(state.items[0].tolist()):
        if cell >= 0:
            cells[cell] = "food" if slot < book.n_food_slots else "poison"
    cells[int(state.agent[0])] = f"agent {Action(int(state.heading[0])).name}"
    return cells
