"""Pictures and texts of a world: what they must tell, and what they must not."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_cases import begin, cell_of, contents, world, worlds

from foraging_env.config import MAX_SIZE, ForagingConfig, cross_walls
from foraging_env.dynamics import transition
from foraging_env.observation import View, observe
from foraging_env.render import palette, scene, text
from foraging_env.render.scene import MARGIN_PX, cell_px, draw_scene, draw_view, frame_side
from foraging_env.render.sprites import KINDS, sprite
from foraging_env.task_presets import make_timetable
from foraging_env.tasks import Timetable
from foraging_env.types import Action, GridState

Picture = npt.NDArray[np.uint8]

# ---------------------------------------------------------------------------------------------- shapes


def grey_pattern(kind: str, px: int, heading: Action = Action.UP) -> npt.NDArray[np.float64]:
    """The sprite's luminance (ITU-R BT.601) on the floor, with mean and scale taken out."""
    picture = sprite(kind, px, heading)
    colour = np.array(palette.FLOOR[0]) * picture.keep + picture.add
    grey = colour @ np.array([0.299, 0.587, 0.114])
    pattern: npt.NDArray[np.float64] = (grey - grey.mean()) / grey.std()
    return pattern


@pytest.mark.parametrize(("px", "bound"), [(4, 0.85), (6, 0.8), (12, 0.75), (32, 0.65), (96, 0.65)])
def test_kinds_differ_without_colour(px: int, bound: float) -> None:
    """Normalised cross-correlation of any two kinds in grey: 1 for equal shapes, whatever their colours."""
    for one, other in itertools.combinations(KINDS, 2):
        for heading in Action:
            correlation = (grey_pattern(one, px) * grey_pattern(other, px, heading)).mean()
            assert correlation < bound, f"{one} and {other} look alike at {px} px: {correlation:.2f}"


@pytest.mark.parametrize("size", [2, 5, 15, 40, 100])
def test_heading_turns_the_agent_exactly(size: int) -> None:
    view, state = world(size=size, n_food=1)
    turned = {
        heading: cell_of(draw_scene(view, state._replace(heading=np.array([heading]))), size, int(state.agent[0]))
        for heading in Action
    }
    for heading, quarter_turns in ((Action.LEFT, 1), (Action.DOWN, 2), (Action.RIGHT, 3)):
        np.testing.assert_array_equal(turned[heading], np.rot90(turned[Action.UP], quarter_turns))
    assert not np.array_equal(turned[Action.UP], turned[Action.DOWN])


@pytest.mark.parametrize("heading", list(Action))
def test_the_beak_points_where_the_move_leads(heading: Action) -> None:
    view, state = world(size=5, n_food=1)
    agent = int(state.agent[0])
    picture = cell_of(draw_scene(view, state._replace(heading=np.array([heading]))), 5, agent).astype(int)
    beak = np.argwhere(np.abs(picture - palette.BEAK).sum(axis=2) < 20).mean(axis=0)
    aim = np.sign(np.round(beak - (cell_px(5) - 1) / 2, 1))
    target = int(view.timetable.book.next_cell[0, agent, heading])
    assert tuple(aim) == tuple(np.subtract(divmod(target, 5), divmod(agent, 5)))


# ---------------------------------------------------------------------------------------------- frames


def test_frame_sizes_are_even_and_moderate() -> None:
    for size in range(2, MAX_SIZE + 1):
        side = frame_side(size)
        assert side % 2 == 0
        assert 320 <= side <= (512 if size <= 120 else 4 * size + 32)
    assert frame_side(15) == 512


@settings(deadline=None, max_examples=40)
@given(worlds())
def test_frame_shape_is_constant_over_a_rollout(begun: tuple[View, GridState]) -> None:
    view, state = begun
    for step in range(5):
        for frame, side in ((draw_scene(view, state), view.timetable.book.size), (draw_view(view, state), view.side)):
            assert frame.shape == (frame_side(side), frame_side(side), 3)
            assert frame.dtype == np.uint8
            assert frame.flags.c_contiguous
        state, _ = transition(state, np.array([step % 4]), view.timetable)


@settings(deadline=None, max_examples=60)
@given(worlds(), st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_exactly_the_cells_that_changed_are_redrawn(begun: tuple[View, GridState], actions: list[int]) -> None:
    view, state = begun
    if not view.is_full:
        view = View(Timetable(view.timetable.base.replace(observation="global", view_radius=None)))
    before, frame = contents(view, state), draw_scene(view, state)
    for action in actions:
        state, _ = transition(state, np.array([action]), view.timetable)
    after, new_frame = contents(view, state), draw_scene(view, state)
    size = view.timetable.book.size
    for cell, (old, new) in enumerate(zip(before, after, strict=True)):
        same = np.array_equal(cell_of(frame, size, cell), cell_of(new_frame, size, cell))
        assert same == (old == new), f"cell {cell} went from {old} to {new}"
    for frames in (frame, new_frame):
        frames[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX] = 0
    np.testing.assert_array_equal(frame, new_frame)


@pytest.mark.parametrize("draw", [draw_scene, draw_view])
@pytest.mark.parametrize("radius", [None, 2])
def test_each_frame_is_fresh(draw: object, radius: int | None) -> None:
    view, state = world(view_radius=radius, n_poison=3)
    first = draw(view, state)  # type: ignore[operator]
    kept = first.copy()
    first[:] = 7
    second = draw(view, state)  # type: ignore[operator]
    np.testing.assert_array_equal(second, kept)
    assert not np.shares_memory(first, second)


def test_each_world_of_a_batch_has_its_own_picture() -> None:
    view, state = begin(Timetable(ForagingConfig(n_poison=4, view_radius=4)), n_worlds=3)
    for draw in (draw_scene, draw_view, text.scene_text):
        pictures = [draw(view, state, index) for index in range(3)]
        alone = [draw(view, state.take(np.array([index]))) for index in range(3)]
        assert all(np.array_equal(one, other) for one, other in zip(pictures, alone, strict=True))
        assert not np.array_equal(pictures[0], pictures[1])
        with pytest.raises(IndexError):
            draw(view, state, 3)


def test_patches_show_where_and_when_food_appears() -> None:
    timetable = make_timetable(ForagingConfig(size=9, n_food=1), "migrate", 10)
    view, state = begin(timetable)
    gone = state._replace(items=np.full_like(state.items, -1))
    plain = draw_scene(*begin(Timetable(timetable.base)))
    bare = cell_of(plain, 9, 0)
    for phase, corner in enumerate((0, 8, 80, 72)):
        frame = draw_scene(view, gone._replace(phase=np.array([phase])))
        for other in (0, 8, 80, 72):
            # All four corners have the same colour of the checker.
            assert np.array_equal(cell_of(frame, 9, other), bare) == (other != corner)


# ---------------------------------------------------------------------------------------------- what is seen


@settings(deadline=None, max_examples=60)
@given(worlds())
def test_what_the_agent_cannot_see_is_dimmed_and_nothing_else(begun: tuple[View, GridState]) -> None:
    view, state = begun
    size = view.timetable.book.size
    everything = View(Timetable(view.timetable.base.replace(observation="global", view_radius=None)))
    lit, frame = draw_scene(everything, state), draw_scene(view, state)
    agent_row, agent_column = divmod(int(state.agent[0]), size)
    for cell in range(size * size):
        down, right = (index - own for index, own in zip(divmod(cell, size), (agent_row, agent_column), strict=True))
        if view.egocentric:
            seen = all(0 <= step + view.reach < view.side for step in (down, right))
        else:
            seen = max(abs(down), abs(right)) <= view.reach
        ours, full = cell_of(frame, size, cell), cell_of(lit, size, cell)
        if seen:
            np.testing.assert_array_equal(ours, full)
        else:
            assert ours.mean() < full.mean() - 5


@settings(deadline=None, max_examples=120)
@given(worlds(), st.data())
def test_the_agents_view_tells_what_the_observation_tells(begun: tuple[View, GridState], data: st.DataObject) -> None:
    """Move one item: the picture changes if and only if the observation does."""
    view, state = begun
    book = view.timetable.book
    taken = {*state.items[0].tolist(), int(state.agent[0])}
    free = [cell for cell in np.flatnonzero(book.is_open[0]).tolist() if cell not in taken]
    if not free:
        return
    items = state.items.copy()
    items[0, data.draw(st.integers(0, book.n_slots - 1))] = data.draw(st.sampled_from(free))
    other = state._replace(items=items)
    same_observation = np.array_equal(observe(view, state), observe(view, other))
    assert np.array_equal(draw_view(view, state), draw_view(view, other)) == same_observation


def test_the_full_view_without_patches_is_the_scene() -> None:
    view, state = world(n_poison=5, walls=cross_walls(15), random_start=True)
    np.testing.assert_array_equal(draw_view(view, state), draw_scene(view, state))


def test_beyond_the_border_the_agent_sees_wall() -> None:
    view, state = world(size=7, n_food=1, observation="egocentric", view_radius=2, walls=((3, 3),))
    corner = state._replace(agent=np.array([0]), items=np.array([[48]], dtype=state.items.dtype))
    frame, (walled_view, _) = draw_view(view, corner), world(size=5, n_food=1, walls=((0, 0),))
    wall = cell_of(draw_scene(walled_view, state._replace(agent=np.array([12]), items=corner.items[:, :0])), 5, 0)
    for row, column in itertools.product(range(5), repeat=2):
        is_wall = np.array_equal(cell_of(frame, 5, row * 5 + column), wall)
        assert is_wall == (row < 2 or column < 2)


# ---------------------------------------------------------------------------------------------- house rules


def test_pictures_need_no_pygame() -> None:
    code = (
        "import sys, gymnasium, foraging_env\n"
        "for mode in ('rgb_array', 'ansi'):\n"
        "    env = gymnasium.make('ForagingGrid-v0', render_mode=mode)\n"
        "    env.reset(seed=0); assert env.render() is not None\n"
        "gymnasium.make('ForagingGrid-v0', render_mode='human')\n"
        "assert 'pygame' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_shared_pictures_are_read_only() -> None:
    draw_scene(*world())
    for shared in (*sprite("food", 32), scene._floor(15, (), 0.0)):
        with pytest.raises(ValueError, match="read-only"):
            shared[:] = 0
