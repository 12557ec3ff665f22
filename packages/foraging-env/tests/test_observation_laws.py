"""An observation tells exactly what is in sight: it is decoded by hand and compared with the state."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ascii_worlds import make
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_world import Cell
from strategies import random_actions, worlds

from foraging_env import ForagingConfig, ForagingGrid

Sight = dict[str, set[Cell]]


def decode(env: ForagingGrid, observation: npt.NDArray[Any], agent: Cell) -> Sight:
    """Cells of everything seen, in coordinates of the grid; written from the documentation of the channels.

    An egocentric window does not tell where the agent is, so ``agent`` says what its centre stands for.
    """
    config, size = env.config, env.config.size
    has_walls = any(task.walls for task in env.timetable.configs)
    has_poison = any(task.n_poison for task in env.timetable.configs)
    names = ["agent", "food"] + ["walls"] * has_walls
    side, offset = size, (0, 0)
    if config.observation == "egocentric":
        names = ["blocked", "food"]
        reach = size // 2 if config.view_radius is None else config.view_radius
        side = size if config.view_radius is None else 2 * reach + 1
        offset = (agent[0] - reach, agent[1] - reach)
    names += ["poison"] * has_poison
    assert observation.dtype == config.obs_dtype
    assert observation.shape == ((len(names) * side * side,) if config.flatten else (len(names), side, side))
    assert set(np.unique(observation)) <= {0, 1}
    sight: Sight = {}
    for name, channel in zip(names, observation.reshape(len(names), side, side), strict=True):
        sight[name] = {(int(row) + offset[0], int(column) + offset[1]) for row, column in np.argwhere(channel)}
    return sight


def expected(env: ForagingGrid) -> Sight:
    """What the agent should see: the state, cell by cell."""
    state, config, size = env.state, env.config, env.config.size
    task = env.timetable.config_at(int(state.phase[0]))
    row, column = divmod(int(state.agent[0]), size)
    egocentric = config.observation == "egocentric"
    radius = config.view_radius
    low, high = -size, 2 * size  # cells relative to the agent's, the last one excluded
    if radius is not None:
        low, high = -radius, radius + 1
    elif egocentric:
        low, high = -(size // 2), size - size // 2
    window = {(row + i, column + j) for i in range(low, high) for j in range(low, high)}
    n_food_slots = env.timetable.book.n_food_slots
    items = [divmod(cell, size) if cell >= 0 else None for cell in state.items[0].tolist()]
    sight: Sight = {"food": {cell for cell in items[:n_food_slots] if cell is not None} & window}
    inside = {(i, j) for i in range(size) for j in range(size)}
    if egocentric:
        sight["blocked"] = (window - inside) | (window & set(task.walls))
    else:
        sight["agent"] = {(row, column)}
        if any(other.walls for other in env.timetable.configs):
            sight["walls"] = window & set(task.walls)
    if any(other.n_poison for other in env.timetable.configs):
        sight["poison"] = {cell for cell in items[n_food_slots:] if cell is not None} & window
    return sight


@settings(max_examples=200)
@given(kwargs=worlds(max_size=8), seed=st.integers(0, 2**31))
def test_decoding_gives_the_state_back(kwargs: dict[str, Any], seed: int) -> None:
    env = ForagingGrid(**kwargs)
    observation, info = env.reset(seed=seed)
    for action in random_actions(seed, 25, 1)[:, 0].tolist():
        assert decode(env, observation, (info["agent_row"], info["agent_col"])) == expected(env)
        observation, _, terminated, _, info = env.step(action)
        if terminated:
            observation, info = env.reset()


@pytest.mark.parametrize("view_radius", [None, 1, 2, 4])
@pytest.mark.parametrize("observation", ["global", "egocentric"])
def test_every_kind_of_view_in_a_world_with_everything(observation: str, view_radius: int | None) -> None:
    env = ForagingGrid(
        size=7, n_food=9, n_poison=5, walls=((2, 2), (4, 5)), observation=observation, view_radius=view_radius
    )
    seen, info = env.reset(seed=3)
    for action in random_actions(3, 200, 1)[:, 0].tolist():
        assert decode(env, seen, (info["agent_row"], info["agent_col"])) == expected(env)
        seen, _, _, _, info = env.step(action)


PICTURE = """
    ....f
    .#...
    .Ap..
    .....
    f....
"""


def test_a_global_view_by_hand() -> None:
    env = make(PICTURE, flatten=False, obs_dtype="uint8")
    observation, _ = env.set_state(env.get_state())
    assert observation.shape == (4, 5, 5)
    for channel, cells in enumerate(([(2, 1)], [(0, 4), (4, 0)], [(1, 1)], [(2, 2)])):
        assert [tuple(cell) for cell in np.argwhere(observation[channel]).tolist()] == cells


def test_an_egocentric_view_by_hand() -> None:
    env = make(PICTURE, flatten=False, observation="egocentric", view_radius=2)
    observation, _ = env.set_state(env.get_state())
    blocked, food, poison = observation.astype(int).tolist()
    assert blocked == [
        [1, 0, 0, 0, 0],
        [1, 0, 1, 0, 0],
        [1, 0, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [1, 0, 0, 0, 0],
    ]
    assert [(row, column) for row in range(5) for column in range(5) if food[row][column]] == [(4, 1)]
    assert poison[2] == [0, 0, 0, 1, 0]


def test_an_even_window_puts_the_agent_below_and_right_of_the_middle() -> None:
    env = make(".... .... ..A. ...f", flatten=False, observation="egocentric")
    observation, _ = env.set_state(env.get_state())
    assert observation[0].sum() == 0, "from (2, 2) the window is the grid itself"
    assert np.argwhere(observation[1]).tolist() == [[3, 3]]


def test_the_default_observation_has_450_numbers() -> None:
    observation, info = ForagingGrid().reset(seed=0)
    assert observation.shape == (450,)
    assert observation[info["agent_row"] * 15 + info["agent_col"]] == 1
    assert (observation[:225].sum(), observation[225:].sum()) == (1, 10)


def test_the_naive_decoder_can_disagree() -> None:
    env = ForagingGrid(**ForagingConfig(n_poison=3).to_kwargs())
    observation, info = env.reset(seed=0)
    observation[225] = 1 - observation[225]
    assert decode(env, observation, (info["agent_row"], info["agent_col"])) != expected(env)
