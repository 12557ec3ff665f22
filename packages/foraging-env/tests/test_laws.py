"""The laws of the world, against an independent simulator and against worlds drawn by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ascii_worlds import make, rows, show
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_world import NaiveWorld, distance, live
from strategies import worlds

from foraging_env import ForagingConfig, ForagingGrid, ForagingGridVector

UP, DOWN, LEFT, RIGHT = range(4)


@settings(max_examples=300)
@given(kwargs=worlds(), seed=st.integers(0, 2**31))
def test_every_step_is_what_the_naive_simulator_predicts(kwargs: dict[str, Any], seed: int) -> None:
    live(kwargs, seed, 60)


@pytest.mark.parametrize("tasks", ["swap", "migrate", "seasons", "deplete", "obstacles", "unending"])
@pytest.mark.parametrize("respawn", [True, False])
def test_preset_schedules_obey_the_laws(tasks: str, respawn: bool) -> None:
    if tasks == "seasons" and not respawn:
        with pytest.raises(ValueError, match="respawn=True"):
            ForagingGrid(tasks=tasks, respawn=False)
        return
    naive = live({"size": 9, "n_food": 8, "tasks": tasks, "task_steps": 13, "respawn": respawn}, 1, 400)
    assert naive.lifetime_step == 400


def test_the_naive_simulator_can_disagree() -> None:
    env, naive = ForagingGrid(n_food=5), NaiveWorld(ForagingConfig(n_food=5, step_cost=0.02))
    env.reset(seed=0)
    naive.begin_episode(env.state)
    predicted = naive.predict(UP)
    _, reward, terminated, _, info = env.step(UP)
    with pytest.raises(AssertionError):
        naive.check(predicted, env.state, reward, terminated, info)


def test_a_move_a_bump_a_meal_and_a_poisoning_by_hand() -> None:
    env = make(
        """
        f.#
        Ap.
        ...
        """,
        respawn=False,
        bump_cost=0.25,
        poison_cost=2.0,
    )
    _, reward, terminated, truncated, info = env.step(LEFT)
    assert (reward, terminated, truncated) == (-0.01 - 0.25, False, False)
    assert (info["bumped"], info["ate"], info["nearest_food_distance"]) == (True, False, 1)
    _, reward, _, _, info = env.step(RIGHT)
    assert reward == pytest.approx(-2.01)
    assert (info["poison_collected"], info["food_collected"]) == (1, 0)
    _, reward, terminated, _, _ = env.step(UP)
    assert (reward, terminated) == (-0.01, False)
    _, reward, _, _, info = env.step(RIGHT)
    assert (info["bumped"], info["agent_row"], info["agent_col"]) == (True, 0, 1), "walked into the wall"
    _, reward, terminated, _, info = env.step(LEFT)
    assert (reward, terminated, info["food_collected"], info["nearest_food_distance"]) == (0.99, True, 1, -1)
    assert show(env) == rows("A.# ... ...")


def test_terminated_at_the_last_food_even_if_poison_is_left() -> None:
    env = make("Af p.", respawn=False)
    assert env.step(RIGHT)[2] is True
    env = make("Af p.", respawn=True)
    assert env.step(RIGHT)[2] is False


def test_in_a_full_world_food_comes_back_where_the_agent_has_just_been() -> None:
    env = make("Af ff")
    for action, picture in ((RIGHT, "fA ff"), (DOWN, "ff fA"), (LEFT, "ff Af"), (UP, "Af ff")):
        _, reward, terminated, _, info = env.step(action)
        assert show(env) == rows(picture)
        assert (reward, terminated, info["ate"]) == (0.99, False, True)


def test_in_a_full_world_with_walls_food_comes_back_in_the_only_free_cell() -> None:
    env = make(
        """
        Aff
        #p#
        fff
        """
    )
    env.step(RIGHT)
    assert show(env) == rows("fAf #p# fff")
    env.step(DOWN)
    assert show(env) == rows("fpf #A# fff"), "the poison comes back, not food"
    env.step(DOWN)
    assert show(env) == rows("fpf #f# fAf")


def test_the_largest_grid_works_to_its_last_cell() -> None:
    env = ForagingGrid(size=181, n_food=3, obs_dtype="uint8")
    env.reset(seed=0)
    state = env.get_state()
    last = 181 * 181 - 1
    state["agent"][0], state["items"][0] = last - 2, [last, 0, 181]
    env.set_state(state)
    assert env.step(RIGHT)[4]["nearest_food_distance"] == 1
    observation, reward, _, _, info = env.step(RIGHT)
    assert (reward, info["agent_row"], info["agent_col"]) == (0.99, 180, 180)
    assert observation[last] == 1
    assert observation[last + 1 :].sum() == 3
    assert env.step(DOWN)[4]["bumped"] is True


def test_both_forms_measure_right_across_the_largest_grid() -> None:
    corners = [0, 180, 181 * 180, 181 * 181 - 1]
    kwargs: dict[str, Any] = {"size": 181, "n_food": 2, "respawn": False, "obs_dtype": "uint8"}
    vector, single = ForagingGridVector(16, **kwargs), ForagingGrid(**kwargs)
    vector.reset(seed=0)
    state = vector.get_state()
    state["agent"][:] = np.repeat(corners, 4)
    # One food in a corner, or none; the other one has been eaten.
    state["items"][:] = [[-1 if agent == food else food, -1] for agent in corners for food in corners]
    observations, infos = vector.set_state(state)
    single.reset(seed=0)
    for world in range(16):
        observation, info = single.set_state({name: array[[world]] for name, array in state.items()})
        agent, food = int(state["agent"][world]), int(state["items"][world, 0])
        steps = -1 if food < 0 else distance(divmod(agent, 181), divmod(food, 181))
        assert infos["nearest_food_distance"][world] == info["nearest_food_distance"] == steps
        shown = {agent} | ({181 * 181 + food} if food >= 0 else set())
        assert set(np.flatnonzero(observation)) == set(np.flatnonzero(observations[world])) == shown


DEPLETING = """
    .....
    Af..f
    .....
    .....
    .....
"""


def test_a_patch_runs_dry_until_another_one_is_visited() -> None:
    patches = ((1, 0, 1, 3), (1, 3, 1, 2))
    env = make(DEPLETING, patches=patches, depletion=0.5, step_cost=0.0)
    rewards = []
    for patch in (0, 0, 0, 1, 1, 0, 0):
        while True:
            column = int(env.state.items[0, patch]) % 5
            here = int(env.state.agent[0]) % 5
            reward = env.step(RIGHT if column > here else LEFT)[1]
            if reward:
                rewards.append(reward)
                break
    assert rewards == [1.0, 0.5, 0.25, 1.0, 0.5, 1.0, 0.5]
    env.reset()
    assert env.state.richness.tolist() == [1.0]
