"""Reasonable ways to say the same thing are all understood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode

from foraging_env import PRESETS, Action, ForagingConfig, ForagingGrid, ForagingGridVector, Task, TaskSchedule

WALLS = ((1, 2), (3, 4))


@pytest.mark.parametrize(
    ("name", "value", "meaning"),
    [
        ("size", np.int64(9), 9),
        ("food_reward", 2, 2.0),
        ("food_reward", np.float32(0.5), 0.5),
        ("food_reward", -1.0, -1.0),
        ("respawn", np.True_, True),
        ("walls", [(3, 4), (1, 2), (1, 2)], WALLS),
        ("walls", np.array(WALLS), WALLS),
        ("walls", iter(WALLS), WALLS),
        ("patches", [[0, 0, 9, 9]], ((0, 0, 9, 9),)),
        ("obs_dtype", np.uint8, "uint8"),
        ("obs_dtype", np.dtype("float32"), "float32"),
        ("view_radius", 14, 14),
        ("n_food", 224, 224),
    ],
)
def test_arguments_are_understood_and_made_plain(name: str, value: Any, meaning: Any) -> None:
    found = getattr(ForagingGrid(**{name: value}).config, name)
    assert found == meaning
    assert type(found) is type(meaning)


def test_configs_are_values() -> None:
    assert ForagingConfig(walls=[(3, 4), (1, 2)]) == ForagingConfig(walls=WALLS)  # type: ignore[arg-type]
    assert hash(ForagingConfig(size=np.int64(9))) == hash(ForagingConfig(size=9))  # type: ignore[arg-type]
    for preset in PRESETS.values():
        assert ForagingConfig(**preset.to_kwargs()) == preset
        assert ForagingGrid(**preset.to_kwargs()).config == preset
        assert preset.replace() == preset


@pytest.mark.parametrize("limit", [None, -1, np.int64(-1)])
def test_no_limit_can_be_said_in_several_ways(limit: Any) -> None:
    assert ForagingGridVector(2, max_episode_steps=limit).max_episode_steps is None


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_autoreset_modes_by_name(mode: AutoresetMode) -> None:
    assert ForagingGridVector(2, autoreset_mode=mode.value).autoreset_mode is mode


def same_results(makes: list[Callable[[ForagingGridVector], Any]]) -> bool:
    """Whether all calls bring the same, each on a world of its own that has just been reset."""
    results = []
    for call in makes:
        env = ForagingGridVector(3, size=5, n_food=5)
        env.reset(seed=3)
        results.append(call(env))
    return all(data_equivalence(result, results[0], exact=True) for result in results)


def test_ways_to_say_actions_and_seeds() -> None:
    array = np.array([3, 1, 0])
    batches = (array, [3, 1, 0], (3, 1, 0), array.astype(np.uint8), [Action.RIGHT, Action.DOWN, Action.UP])
    assert same_results([lambda env, actions=actions: env.step(actions) for actions in batches])  # type: ignore[misc]
    seeds = (7, [7, 8, 9], (7, 8, 9), np.array([7, 8, 9]), np.int64(7), np.array(7))
    assert same_results([lambda env, seed=seed: env.reset(seed=seed) for seed in seeds])  # type: ignore[misc]
    for action in (Action.RIGHT, 3, np.int64(3), np.uint8(3), np.array(3)):
        env = ForagingGrid()
        env.reset(seed=0)
        assert env.step(action)[4]["agent_col"] == 8  # type: ignore[arg-type]


def test_a_seed_for_some_worlds_leaves_the_others_in_their_streams() -> None:
    env, other = ForagingGridVector(3), ForagingGridVector(3)
    env.reset(seed=3)
    other.reset(seed=3)
    mixed, without = env.reset(seed=[None, 50, None])[0], other.reset()[0]
    assert (mixed[[0, 2]] == without[[0, 2]]).all()
    assert (mixed[1] == ForagingGrid().reset(seed=50)[0]).all()
    assert env.np_random_seed == (3, 50, 5)


def test_schedules_as_values_dicts_and_lists() -> None:
    schedule = TaskSchedule(tasks=(Task(duration_steps=3), Task(duration_steps=4, changes={"n_food": 2})))
    as_dict = {"tasks": [{"duration_steps": 3}, {"duration_steps": 4, "changes": {"n_food": 2}}]}
    assert TaskSchedule(**as_dict) == schedule  # type: ignore[arg-type]
    for tasks in (schedule, as_dict):
        assert ForagingGrid(tasks=tasks).timetable.schedule == schedule  # type: ignore[arg-type, unused-ignore]


@pytest.mark.parametrize("make", [ForagingGrid, lambda: ForagingGridVector(2)])
def test_without_a_seed_each_environment_lives_its_own_life(make: Callable[[], Any]) -> None:
    first, second = make(), make()
    assert not data_equivalence(first.reset()[0], second.reset()[0], exact=True)
    worlds = first.state.stream.tolist() + second.state.stream.tolist()
    assert len(set(worlds)) == len(worlds)
