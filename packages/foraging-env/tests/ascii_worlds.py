"""Worlds drawn in ASCII: ``A`` agent, ``f`` food, ``p`` poison, ``#`` wall, ``.`` floor, one line a row.

Items take their slots in reading order. An item under the agent cannot be drawn, nor can it exist.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from foraging_env import ForagingGrid


class Drawing(NamedTuple):
    """What a picture shows; cells are row-major indices."""

    size: int
    agent: int
    food: list[int]
    poison: list[int]
    walls: tuple[tuple[int, int], ...]


def read(picture: str) -> Drawing:
    """Understand a picture; blanks and empty lines around the rows do not matter."""
    rows = picture.split()
    size = len(rows)
    assert all(len(row) == size for row in rows), f"the picture is not square:\n{picture}"
    text = "".join(rows)
    assert set(text) <= set("Afp#."), f"unknown characters:\n{picture}"

    def cells(letter: str) -> list[int]:
        return [cell for cell, found in enumerate(text) if found == letter]

    agents = cells("A")
    walls = tuple(divmod(cell, size) for cell in cells("#"))
    return Drawing(size, agents[0] if agents else -1, cells("f"), cells("p"), walls)


def make(picture: str, **kwargs: Any) -> ForagingGrid:
    """An environment whose world looks like the picture, in the first step of its first episode."""
    drawing = read(picture)
    shown: dict[str, Any] = {
        "size": drawing.size,
        "n_food": len(drawing.food),
        "n_poison": len(drawing.poison),
        "walls": drawing.walls,
    }
    env = ForagingGrid(**(shown | kwargs))
    env.reset(seed=0)
    state = env.get_state()
    state["agent"][0] = drawing.agent
    state["items"][0] = -1
    state["items"][0, : len(drawing.food)] = drawing.food
    first_poison = env.timetable.book.n_food_slots
    state["items"][0, first_poison : first_poison + len(drawing.poison)] = drawing.poison
    env.set_state(state)
    return env


def show(env: ForagingGrid) -> str:
    """The world of an environment as a picture."""
    state, config = env.state, env.timetable.config_at(int(env.state.phase[0]))
    text = np.full(config.size * config.size, ".")
    for row, column in config.walls:
        text[row * config.size + column] = "#"
    n_food_slots = env.timetable.book.n_food_slots
    for slot, cell in enumerate(state.items[0].tolist()):
        if cell >= 0:
            text[cell] = "f" if slot < n_food_slots else "p"
    text[state.agent[0]] = "A"
    return "\n".join("".join(row) for row in text.reshape(config.size, config.size))


def rows(picture: str) -> str:
    """A picture as :func:`show` writes it."""
    return "\n".join(picture.split())
