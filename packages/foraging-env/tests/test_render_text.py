"""The plain-text picture says what the state says."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from scene_cases import world, worlds

from foraging_env.observation import View
from foraging_env.render import text
from foraging_env.types import Action, GridState


@settings(deadline=None, max_examples=80)
@given(worlds())
def test_text_reads_back_as_the_state(begun: tuple[View, GridState]) -> None:
    view, state = begun
    size, n_food = view.timetable.book.size, view.timetable.book.n_food_slots
    top, *rows, bottom, status = text.scene_text(view, state).split("\n")
    assert [line == line.rstrip() for line in (top, *rows, bottom, status)] == [True] * (size + 3)
    assert {len(line) for line in (top, *rows, bottom)} == {2 * size + 3}
    assert len(rows) == size
    glyphs = [row[2 + 2 * column] for row in rows for column in range(size)]
    where = {glyph: [cell for cell, found in enumerate(glyphs) if found == glyph] for glyph in set(glyphs)}
    assert where.get(text.AGENT[int(state.heading[0])]) == [int(state.agent[0])]
    assert where.get(text.FOOD, []) == sorted(state.items[0, :n_food].tolist())
    assert where.get(text.POISON, []) == sorted(state.items[0, n_food:].tolist())
    assert where.get(text.WALL, []) == np.flatnonzero(~view.timetable.book.is_open[0]).tolist()


def test_text_of_a_fixture_world() -> None:
    view, state = world(size=4, n_food=2, n_poison=1, walls=((0, 3), (1, 3)), view_radius=1)
    state = state._replace(
        agent=np.array([5]),
        heading=np.array([Action.RIGHT]),
        items=np.array([[4, 15, 10]], dtype=state.items.dtype),
        episode_step=np.array([12]),
        food_collected=np.array([3]),
        poison_collected=np.array([1]),
        episode_return=np.array([1.88]),
    )
    status = "step 12  food 3  poison 1  return +1.88  phase 0"
    assert text.scene_text(view, state).split("\n") == [
        "┌─────────┐",
        "│ · · · ██│",
        "│ ● ▶ · ██│",
        "│ · · ✕ · │",
        "│ · · · ● │",
        "└─────────┘",
        status,
    ]
    assert text.view_text(view, state).split("\n") == [
        "┌─────────┐",
        "│ · · ·   │",
        "│ ● ▶ ·   │",
        "│ · · ✕   │",
        "│         │",
        "└─────────┘",
        status,
    ]


def test_text_marks_patches_and_leaves_poison_out_of_worlds_without() -> None:
    view, state = world(size=3, n_food=1, patches=((0, 0, 2, 2),))
    state = state._replace(agent=np.array([8]), items=np.array([[0]], dtype=state.items.dtype))
    assert text.scene_text(view, state).split("\n")[1:] == [
        "│ ● ◦ · │",
        "│ ◦ ◦ · │",
        "│ · · ▼ │",
        "└───────┘",
        "step 0  food 0  return +0.00  phase 0",
    ]
