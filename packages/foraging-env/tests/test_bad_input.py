"""Wrong input is refused where it is given, with an error that names it, shows it and says what would be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import error

from foraging_env import PRESETS, ForagingConfig, ForagingGrid, ForagingGridVector, Task, TaskSchedule, normalised_score
from foraging_env.oracles import marginal_value
from foraging_env.task_presets import seasons

NAN, INF = float("nan"), float("inf")
ONE = Task(duration_steps=1)
COLUMN = [(row, 7) for row in range(15)]

# Argument, value, words that the message must have beside the argument's name; other arguments.
ARGUMENTS: list[tuple[str, Any, list[str], dict[str, Any]]] = [
    ("size", 1, ["got 1.", "[2, 181]", "two cells"], {}),
    ("size", 182, ["got 182", "[2, 181]"], {}),
    ("size", 15.0, ["got 15.0", "integer"], {}),
    ("size", "15", ["got '15'", "integer"], {}),
    ("size", True, ["got True", "integer"], {}),
    ("size", None, ["got None", "integer"], {}),
    ("n_food", 0, ["got 0", "at least 1"], {}),
    ("n_food", 225, ["n_food=225", "226 open cells", "15×15", "fewer items"], {}),
    ("n_food", 4, ["n_food=4", "5 open cells", "2×2"], {"size": 2}),
    ("n_poison", -1, ["got -1", "at least 0"], {}),
    ("n_poison", 215, ["n_poison=215", "226 open cells", "fewer items"], {}),
    ("respawn", 1, ["got 1", "True or False"], {}),
    ("random_start", "false", ["got 'false'", "True or False"], {}),
    ("food_reward", NAN, ["got nan", "finite"], {}),
    ("food_reward", "1", ["got '1'", "number"], {}),
    ("food_reward", 10**400, ["finite", "got 1000"], {}),
    ("food_reward", np.array([1.0, 2.0]), ["got array", "number"], {}),
    ("step_cost", INF, ["got inf", "finite"], {}),
    ("step_cost", True, ["got True", "number"], {}),
    ("bump_cost", None, ["got None", "number"], {}),
    ("poison_cost", 1 + 2j, ["got (1+2j)", "number"], {}),
    ("walls", (3, 4), ["got (3, 4)", "(row, column)"], {}),
    ("walls", [(1, 2, 3)], ["(1, 2, 3)", "(row, column)"], {}),
    ("walls", [(1.5, 0)], ["(1.5, 0)", "(row, column)"], {}),
    ("walls", [(True, False)], ["(True, False)", "(row, column)"], {}),
    ("walls", "all", ["(row, column)"], {}),
    ("walls", 5, ["got 5", "(row, column)"], {}),
    ("patches", None, ["got None", "(row, column, height, width)"], {}),
    ("walls", [(15, 0)], ["(15, 0)", "outside the 15×15 grid", "from 0 to 14"], {}),
    ("walls", [(-1, 0)], ["(-1, 0)", "from 0 to 14"], {}),
    ("walls", COLUMN, ["cut", "Leave a gap"], {}),
    ("walls", [(0, 0), (0, 1), (1, 0), (1, 1)], ["4 walls", "fewer walls"], {"size": 2, "n_food": 1}),
    ("patches", (0, 0, 3, 3), ["(row, column, height, width)", "got (0, 0, 3, 3)"], {}),
    ("patches", [(0, 0, 0, 3)], ["(0, 0, 0, 3)", "empty"], {}),
    ("patches", [(13, 0, 3, 3)], ["(13, 0, 3, 3)", "leaves the 15×15 grid"], {}),
    ("patches", [(0, 0, 2, 2)], ["patches[0]=(0, 0, 2, 2)", "4 open cells", "need 11", "larger"], {}),
    ("patches", [(0, 0, 5, 2)] * 2, ["patches[0]", "10 open cells", "need 11"], {}),
    ("depletion", 1.5, ["got 1.5", "[0, 1]"], {}),
    ("observation", "local", ["got 'local'", "'global', 'egocentric'"], {}),
    ("view_radius", 0, ["got 0", "[1, 14]", "None"], {}),
    ("view_radius", 15, ["got 15", "[1, 14]"], {}),
    ("flatten", "no", ["got 'no'", "True or False"], {}),
    ("obs_dtype", "float64", ["got 'float64'", "'float32', 'uint8'"], {}),
    ("obs_dtype", int, ["got 'int64'", "'float32', 'uint8'"], {}),
    ("tasks", "swop", ["got 'swop'", "'swap'", "'unending'"], {}),
    ("tasks", 5, ["got int", "TaskSchedule"], {}),
    ("tasks", [ONE], ["got list", "TaskSchedule"], {}),
    ("tasks", {"task": []}, ["unexpected keyword argument 'task'"], {}),
    ("tasks", {"tasks": []}, ["empty", "at least one Task"], {}),
    ("tasks", {"tasks": [{"steps": 3}]}, ["sequence of Task", "'steps'"], {}),
    ("tasks", "deplete", ["size at least 5", "got 4"], {"size": 4, "n_food": 2}),
    ("tasks", "obstacles", ["size at least 7", "got 6"], {"size": 6}),
    ("tasks", "migrate", ["2×2 cells", "n_food=4", "larger size"], {"size": 5, "n_food": 4}),
    ("tasks", "seasons", ["n_food", "respawn=True"], {"respawn": False}),
    ("task_steps", 5, ["name of a preset"], {}),
    ("task_steps", 0, ["got 0", "at least 1"], {"tasks": "swap"}),
    ("task_steps", 3, ["name of a preset"], {"tasks": TaskSchedule(tasks=(ONE,))}),
    ("render_mode", "rgb", ["got 'rgb'", "'rgb_array'"], {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "words", "others"), ARGUMENTS, ids=[f"{case[0]}={str(case[1])[:25]}" for case in ARGUMENTS]
)
def test_wrong_arguments(name: str, value: Any, words: list[str], others: dict[str, Any]) -> None:
    for make in (ForagingGrid, ForagingGridVector):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the words are checked below
            make(**{name: value}, **others)
        assert type(caught.value) is ValueError
        for word in [name, *words]:
            assert word in str(caught.value), f"{word!r} is missing in: {caught.value}"


def refused(kind: type[Exception], words: list[str], call: Callable[[], Any]) -> None:
    """The call raises exactly this kind of error, and its message has all the words."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    for word in words:
        assert word in str(caught.value), f"{word!r} is missing in: {caught.value}"


VECTOR_ARGUMENTS: list[tuple[str, Any, list[str]]] = [
    ("num_envs", 0, ["got 0", "at least 1"]),
    ("num_envs", 2.0, ["got 2.0", "integer"]),
    ("max_episode_steps", 0, ["got 0", "at least 1", "-1 or None"]),
    ("max_episode_steps", -2, ["got -2", "-1 or None"]),
    ("max_episode_steps", True, ["got True", "integer"]),
    ("max_episode_steps", np.array([5, 6]), ["got array", "integer"]),
    ("autoreset_mode", "next", ["got 'next'", "'NextStep', 'SameStep', 'Disabled'"]),
    ("autoreset_mode", None, ["got None", "AutoresetMode"]),
    ("copy", 1, ["got 1", "True or False"]),
    ("render_mode", "human", ["got 'human'", "'rgb_array'"]),
]


@pytest.mark.parametrize(("name", "value", "words"), VECTOR_ARGUMENTS)
def test_wrong_arguments_of_the_vector_environment(name: str, value: Any, words: list[str]) -> None:
    refused(ValueError, [name, *words], lambda: ForagingGridVector(**{name: value}))


ACTIONS: list[Any] = [4, -1, 1.5, "up", None, True, np.True_, np.float32(1), np.array([1]), [1], 10**30]


@pytest.mark.parametrize("action", ACTIONS, ids=repr)
def test_wrong_actions(action: Any) -> None:
    env = ForagingGrid()
    env.reset(seed=0)
    before = env.get_state()
    refused(
        error.InvalidAction, ["action", f"got {action!r}", "0 up, 1 down, 2 left or 3 right"], lambda: env.step(action)
    )
    assert all((before[name] == array).all() for name, array in env.get_state().items()), "the world went on"


BATCHES: list[tuple[Any, list[str]]] = [
    (0, ["3 integers", "shape ()"]),
    (np.array([0, 1]), ["3 integers", "shape (2,)"]),
    ([[0], [1], [2]], ["3 integers", "shape (3, 1)"]),
    ([[0], [1, 2], 3], ["3 integers", "[1, 2]"]),
    (np.array([0.0, 1.0, 2.0]), ["dtype float64"]),
    (np.array([True, False, True]), ["dtype bool"]),
    (None, ["3 integers"]),
    (np.array([0, 1, 4]), ["got 4 for world 2", "3 right"]),
    (np.array([0, -1, 4]), ["got -1 for world 1"]),
    (np.array([2**64 - 1, 0, 0], dtype=np.uint64), ["got 18446744073709551615 for world 0"]),
]


@pytest.mark.parametrize(("actions", "words"), BATCHES)
def test_wrong_batches_of_actions(actions: Any, words: list[str]) -> None:
    env = ForagingGridVector(3)
    env.reset(seed=0)
    before = env.get_state()
    refused(error.InvalidAction, ["actions", *words], lambda: env.step(actions))
    assert all((before[name] == array).all() for name, array in env.get_state().items()), "the worlds went on"


RESETS: list[tuple[dict[str, Any], list[str]]] = [
    ({"seed": -1}, ["seed", "got -1", "at least 0"]),
    ({"seed": 1.5}, ["seed", "got 1.5", "integer"]),
    ({"seed": [1, 2]}, ["seed", "3 of them", "got 2"]),
    ({"seed": [1, 2, -3]}, ["seed", "got -3"]),
    ({"seed": [1, 2, "a"]}, ["seed", "got 'a'"]),
    ({"seed": range(3)}, ["seed", "got range(0, 3)", "list"]),
    ({"options": 5}, ["options", "reset_mask", "got 5"]),
    ({"options": {"mask": 1, 2: 3}}, ["options", "reset_mask", "'mask'"]),
    ({"options": {"reset_mask": [True, False, True]}}, ["reset_mask", "NumPy array of 3 bools", "got [True"]),
    ({"options": {"reset_mask": np.array([1, 0, 1])}}, ["reset_mask", "3 bools", "int64 (3,)"]),
    ({"options": {"reset_mask": np.array([True])}}, ["reset_mask", "3 bools", "bool (1,)"]),
    ({"options": {"reset_mask": np.zeros(3, dtype=np.bool_)}}, ["reset_mask", "no world", "at least one"]),
]


@pytest.mark.parametrize(("arguments", "words"), RESETS)
def test_wrong_resets_of_the_vector_environment(arguments: dict[str, Any], words: list[str]) -> None:
    env = ForagingGridVector(3)
    env.reset(seed=0)
    refused(ValueError, words, lambda: env.reset(**arguments))


def test_wrong_resets_of_the_single_environment() -> None:
    refused(ValueError, ["options", "reset_mask"], lambda: ForagingGrid().reset(options={"reset_mask": 1}))
    refused(error.Error, ["greater or equal to zero", "-1"], lambda: ForagingGrid().reset(seed=-1))
    refused(error.Error, ["integer", "float"], lambda: ForagingGrid().reset(seed=1.5))  # type: ignore[arg-type]


def test_calls_at_the_wrong_time() -> None:
    single, vector = ForagingGrid(render_mode="rgb_array"), ForagingGridVector(2, render_mode="rgb_array")
    for env, action in ((single, 0), (vector, np.array([0, 0]))):
        calls = [lambda env=env, action=action: env.step(action), env.get_state, env.render, lambda env=env: env.state]
        for call in calls:
            refused(error.ResetNeeded, ["reset()"], call)  # type: ignore[arg-type, unused-ignore]
    mask = {"reset_mask": np.array([True, False])}
    refused(error.ResetNeeded, ["first reset()", "reset_mask"], lambda: vector.reset(options=mask))
    ended = ForagingGrid(size=2, n_food=3, respawn=False)
    ended.reset(seed=0)
    for action in (0, 2, 1):
        ended.step(action)
    refused(error.ResetNeeded, ["is over", "reset()"], lambda: ended.step(0))
    disabled = ForagingGridVector(3, autoreset_mode="Disabled", max_episode_steps=1)
    disabled.reset(seed=0)
    disabled.step(np.zeros(3, dtype=np.int64))
    disabled.reset(options={"reset_mask": np.array([False, True, False])})
    refused(error.ResetNeeded, ["[0, 2]", "reset_mask"], lambda: disabled.step(np.zeros(3, dtype=np.int64)))


def ints(*values: int) -> np.ndarray[Any, Any]:
    return np.array(values, dtype=np.int64)


def cells(*values: int) -> np.ndarray[Any, Any]:
    return np.array([values], dtype=np.int16)


# Of a world with three food items, one poison item and a wall at cell 0; the agent stands on cell 112.
STATES: list[tuple[str, Any, list[str]]] = [
    ("agent", None, ["lacks", "get_state()"]),
    ("needs_reset", None, ["lacks", "get_state()"]),
    ("agent", ints(1, 2), ["shape (2,)", "needs (1,)"]),
    ("items", cells(1, 2, 3), ["shape (1, 3)", "needs (1, 4)"]),
    ("agent", np.array([1], dtype=np.int32), ["dtype int32", "int64"]),
    ("stream", ints(1), ["dtype int64", "uint64"]),
    ("needs_reset", ints(1), ["dtype int64", "bool"]),
    ("agent", ints(0), ["is 0", "wall"]),
    ("agent", ints(225), ["is 225", "0 to 224"]),
    ("heading", ints(4), ["is 4", "0 to 3"]),
    ("items", cells(1, 2, 3, 3), ["[1, 2, 3, 3]", "distinct"]),
    ("items", cells(1, 2, 112, 3), ["[1, 2, 112, 3]", "agent"]),
    ("items", cells(1, 2, 3, 400), ["[1, 2, 3, 400]", "0 to 224"]),
    ("items", cells(1, 2, 3, 0), ["[1, 2, 3, 0]", "where its kind cannot"]),
    ("items", cells(1, 2, 3, -1), ["[1, 2, 3, -1]", "respawn"]),
    ("episode_step", ints(-1), ["is -1", "negative"]),
    ("lifetime_step", ints(-4), ["is -4", "from 0"]),
    ("phase", ints(1), ["is 1", "not in force"]),
    ("richness", np.array([1.5]), ["is 1.5", "[0, 1]"]),
    ("richness", np.array([NAN]), ["is nan", "[0, 1]"]),
    ("episode_return", np.array([INF]), ["is inf", "finite"]),
    ("last_patch", ints(9), ["is 9", "no such patch"]),
    ("episode_step", ints(7), ["is 7", "not longer than the life"]),
    ("food_collected", ints(7), ["is 7", "more than one item a step"]),
]


@pytest.mark.parametrize(("name", "value", "words"), STATES)
def test_states_that_no_world_can_have(name: str, value: Any, words: list[str]) -> None:
    kwargs: dict[str, Any] = {"n_food": 3, "n_poison": 1, "walls": ((0, 0),)}
    for env in (ForagingGrid(**kwargs), ForagingGridVector(1, **kwargs)):
        env.reset(seed=0)
        state = env.get_state() | {name: value}
        if value is None:
            del state[name]
        refused(ValueError, [f"'{name}'", *words], lambda env=env, state=state: env.set_state(state))  # type: ignore[misc]


OTHERS: list[tuple[list[str], Callable[[], Any]]] = [
    (["state", "mapping", "got int"], lambda: ForagingGrid().set_state(5)),  # type: ignore[arg-type]
    (["duration_steps", "got 0", "at least 1"], lambda: Task(duration_steps=0)),
    (["duration_steps", "2**62", "repeat=False"], lambda: TaskSchedule(tasks=(Task(duration_steps=2**61),) * 3)),
    (["changes", "got 5", "mapping"], lambda: Task(duration_steps=1, changes=5)),  # type: ignore[arg-type]
    (["changes", "'size'", "'n_food'"], lambda: Task(duration_steps=1, changes={"size": 3})),
    (["tasks", "got 5", "sequence of Task"], lambda: TaskSchedule(tasks=5)),  # type: ignore[arg-type]
    (["tasks", "empty"], lambda: TaskSchedule(tasks=())),
    (["repeat", "got 1", "True or False"], lambda: TaskSchedule(tasks=(ONE,), repeat=1)),  # type: ignore[arg-type]
    (["fresh_values_seed", "got -1"], lambda: TaskSchedule(tasks=(ONE,), fresh_values_seed=-1)),
    (
        ["tasks[1]", "n_food must be", "got 'few'"],
        lambda: ForagingGrid(tasks=TaskSchedule(tasks=(ONE, Task(duration_steps=1, changes={"n_food": "few"})))),
    ),
    (["no field colour", "size, n_food"], lambda: ForagingConfig().replace(colour=1)),
    (["wave", "got 'saw'", "'sine', 'square'"], lambda: seasons(ForagingConfig(), wave="saw")),
    (["of must", "got 'size'", "'density', 'value'"], lambda: seasons(ForagingConfig(), of="size")),
    (["pieces", "even", "got 3"], lambda: seasons(ForagingConfig(), pieces=3)),
    (["depletion", "below 1"], lambda: marginal_value(1.0, 5)),
    (["travel_steps", "positive", "0"], lambda: marginal_value(0.5, 0)),
    (["max_episode_steps", "got 0"], lambda: normalised_score(3.0, PRESETS["tiny"], max_episode_steps=0)),
    (["ForagingConfig", "PRESETS", "'default'"], lambda: normalised_score(3.0, "default")),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("words", "call"), OTHERS, ids=[" ".join(case[0]) for case in OTHERS])
def test_other_wrong_calls(words: list[str], call: Callable[[], Any]) -> None:
    refused(ValueError, words, call)


def test_wrong_arguments_arrive_through_gymnasium() -> None:
    refused(ValueError, ["size", "got 1"], lambda: gymnasium.make("ForagingGrid-v0", size=1))
    refused(ValueError, ["size", "got 1"], lambda: gymnasium.make_vec("ForagingGrid-v0", 2, size=1))
