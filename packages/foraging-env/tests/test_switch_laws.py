"""What happens to a world when a new task comes into force."""

from __future__ import annotations

from typing import Any

import pytest
from ascii_worlds import make, read
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from naive_world import live
from strategies import random_actions

from foraging_env import ForagingConfig, ForagingGrid, ForagingGridVector, Task, TaskSchedule
from foraging_env.tasks import Timetable

UP, DOWN, LEFT, RIGHT = range(4)


@st.composite
def changes(draw: st.DrawFn, size: int, n_food: int | None, n_poison: int | None) -> dict[str, Any]:
    """A map with its patches and counts. Given counts are not changed."""
    cell = st.integers(0, size - 1)
    rectangle = st.tuples(cell, cell, st.integers(1, size), st.integers(1, size))
    rectangle = rectangle.filter(lambda r: r[0] + r[2] <= size and r[1] + r[3] <= size)
    return {
        "n_food": draw(st.integers(1, 6)) if n_food is None else n_food,
        "n_poison": draw(st.integers(0, 3)) if n_poison is None else n_poison,
        "walls": draw(st.lists(st.tuples(cell, cell), max_size=4)),
        "patches": draw(st.just([]) | st.lists(rectangle, max_size=3)),
        "depletion": draw(st.sampled_from([1.0, 0.5])),
        "bump_cost": draw(st.sampled_from([0.0, 0.2])),
    }


@st.composite
def changing_worlds(draw: st.DrawFn) -> dict[str, Any]:
    """Worlds whose map, patches and counts are other ones in each task."""
    size, respawn = draw(st.integers(2, 7)), draw(st.booleans())
    counts = (None, None) if respawn else (draw(st.integers(1, 4)), draw(st.integers(0, 2)))
    base = {"size": size, "n_food": 1, "respawn": respawn, "random_start": draw(st.booleans())}
    tasks = []
    for _ in range(draw(st.integers(2, 3))):
        change = draw(changes(size, *counts))
        try:
            ForagingConfig(**(base | change))
        except ValueError:
            assume(False)
        tasks.append(Task(duration_steps=draw(st.integers(1, 8)), changes=change))
    return base | {"tasks": TaskSchedule(tasks=tuple(tasks), repeat=draw(st.booleans()))}


@settings(max_examples=300)
@given(kwargs=changing_worlds(), seed=st.integers(0, 2**31))
def test_worlds_that_change_altogether_obey_the_laws(kwargs: dict[str, Any], seed: int) -> None:
    live(kwargs, seed, 40)


@settings(max_examples=150)
@given(kwargs=changing_worlds(), seed=st.integers(0, 2**31))
def test_both_forms_change_alike(kwargs: dict[str, Any], seed: int) -> None:
    batch = ForagingGridVector(3, autoreset_mode="SameStep", **kwargs)
    singles = [ForagingGrid(**kwargs) for _ in range(3)]
    batch.reset(seed=seed)
    for world, single in enumerate(singles):
        single.reset(seed=seed + world)
    for actions in random_actions(seed, 30, 3):
        observations, rewards, terminated, _, _ = batch.step(actions)
        states = batch.get_state()
        for world, single in enumerate(singles):
            observation, reward, over, _, _ = single.step(actions[world])
            if over:
                observation, _ = single.reset()
            assert (rewards[world], terminated[world]) == (reward, over)
            assert (observations[world] == observation).all()
            for name, array in single.get_state().items():
                assert (states[name][world] == array[0]).all(), name


def switch_to(picture: str, changes: dict[str, Any], **kwargs: Any) -> ForagingGrid:
    """A drawn world whose next step puts ``changes`` into force for good."""
    tasks = (Task(duration_steps=1), Task(duration_steps=1, changes=changes))
    return make(picture, tasks=TaskSchedule(tasks=tasks, repeat=False), **kwargs)


@pytest.mark.parametrize("respawn", [True, False])
def test_a_wall_that_appears_moves_the_agent_and_redraws_the_items(respawn: bool) -> None:
    walls = read(
        """
        ..#.
        .##.
        ..#.
        ....
        """
    ).walls
    env = switch_to(
        """
        ..f.
        ..Af
        ....
        p..f
        """,
        {"walls": walls},
        respawn=respawn,
    )
    _, reward, _, _, info = env.step(LEFT)  # to (1, 1): walled in next; (0, 1), (1, 0) and (2, 1) are equally near
    assert (info["agent_row"], info["agent_col"], info["bumped"], info["phase"]) == (0, 1, False, 1)
    assert reward == -0.01, "moving out of a new wall is neither a bump nor a step"
    items = env.state.items[0].tolist()
    assert items[1:3] == [7, 15], "what fits stays"
    assert items[3] == 12
    assert items[0] not in {-1, *(row * 4 + column for row, column in walls)}, "what does not fit is drawn anew"


def test_an_item_under_the_moved_agent_is_drawn_anew_and_not_eaten() -> None:
    env = switch_to("f. .A", {"walls": ((0, 1),)})
    env.step(UP)  # into (0, 1), which becomes a wall; (0, 0) is the nearest cell, and food lies there
    assert env.state.agent.tolist() == [0]
    assert env.state.food_collected.tolist() == [0]
    assert env.state.items[0, 0] in (2, 3)


@pytest.mark.parametrize("respawn", [True, False])
def test_a_patch_that_moves_takes_its_food_along(respawn: bool) -> None:
    env = switch_to("ff.. f... .... ..A.", {"patches": ((2, 0, 2, 2),)}, patches=((0, 0, 2, 2),), respawn=respawn)
    env.step(RIGHT)
    assert {int(cell) for cell in env.state.items[0]} < {8, 9, 12, 13}


def test_food_that_was_eaten_without_respawn_does_not_come_back_with_a_task() -> None:
    changes = {"patches": ((2, 0, 2, 2),)}
    env = switch_to("Aff. .... .... ....", changes, patches=((0, 0, 2, 4),), respawn=False)
    env.step(RIGHT)
    assert env.state.items[0, 0] == -1
    assert env.state.items[0, 1] in (8, 9, 12, 13)


@pytest.mark.parametrize(("n_food", "kept"), [(1, [0]), (2, [0, 1]), (5, [0, 1])])
def test_more_and_less_food(n_food: int, kept: list[int]) -> None:
    env = switch_to("ff. ... .A.", {"n_food": n_food})
    env.step(LEFT)
    items = env.state.items[0].tolist()
    assert [items[slot] for slot in range(len(kept))] == kept
    assert sum(cell >= 0 for cell in items) == n_food == len(set(items) - {-1})


@pytest.mark.parametrize("first", [{"n_food": 2, "n_poison": 3}, {"n_food": 2, "n_poison": 2}])
def test_counts_cannot_change_without_respawn(first: dict[str, Any]) -> None:
    second = {"n_food": 3, "n_poison": 2}
    schedule = TaskSchedule(tasks=(Task(duration_steps=5, changes=first), Task(duration_steps=5, changes=second)))
    Timetable(ForagingConfig(respawn=True), schedule)
    with pytest.raises(ValueError, match="respawn=True"):
        Timetable(ForagingConfig(respawn=False), schedule)
