"""What Gymnasium demands of an environment, and what its users rely on."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, VectorEnv
from strategies import random_actions

from foraging_env import PRESETS, TASK_PRESETS, ForagingConfig, ForagingGrid, ForagingGridVector, Task, TaskSchedule

ENV_ID = "ForagingGrid-v0"
SCHEDULE = TaskSchedule(tasks=(Task(duration_steps=7), Task(duration_steps=5, changes={"walls": ((0, 0),)})))
WORLDS: dict[str, dict[str, Any]] = {
    **{name: preset.to_kwargs() for name, preset in PRESETS.items()},
    **{f"tasks={name}": {"tasks": name} for name in TASK_PRESETS},
    "smallest and full": {"size": 2, "n_food": 3},
    "size 5": {"size": 5, "n_food": 3, "n_poison": 2, "view_radius": 2},
    "largest": {"size": 181, "obs_dtype": "uint8"},
    "schedule": {"tasks": SCHEDULE},
    "schedule as a dict": {"tasks": dataclasses.asdict(SCHEDULE)},
}
MODES = [None, "rgb_array", "ansi", "human"]
COPIES: list[Callable[[Any], Any]] = [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy]

INFO_KEYS = (
    "food_collected", "poison_collected", "ate", "bumped", "agent_row", "agent_col", "nearest_food_distance", "phase",
    "lifetime_step",
)  # fmt: skip


def same(ours: Any, theirs: Any) -> bool:
    """Equal in type, structure, dtype and every bit."""
    return data_equivalence(ours, theirs, exact=True)


def roll(env: gymnasium.Env[Any, Any], n_steps: int, seed: int = 0) -> list[Any]:
    """Everything an environment says during some steps, and where its random generator stands."""
    said: list[Any] = []
    for action in random_actions(seed, n_steps, 1)[:, 0].tolist():
        said.append(env.step(action))
        if said[-1][2] or said[-1][3]:
            said.append(env.reset())
        said.append(env.unwrapped.np_random.bit_generator.state)
    return said


@pytest.mark.parametrize("world", WORLDS)
def test_gymnasiums_checker_has_nothing_to_say(world: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(ENV_ID, **WORLDS[world]).unwrapped)


@pytest.mark.parametrize("world", WORLDS)
def test_make_reset_and_step_without_a_warning(world: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(ENV_ID, **WORLDS[world])
        env.reset(seed=0)
        roll(env, 5)
        env.close()
        env.close()


@pytest.mark.parametrize("world", WORLDS)
def test_two_environments_with_one_seed_live_the_same_life(world: str) -> None:
    first, second, third = (gymnasium.make(ENV_ID, max_episode_steps=60, **WORLDS[world]) for _ in range(3))
    assert same(first.reset(seed=123), second.reset(seed=123))
    third.reset(seed=124)
    life = roll(first, 200)
    assert same(life, roll(second, 200))
    assert not same(life, roll(third, 200))
    assert same(first.reset(seed=123), second.reset(seed=123))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("copied", COPIES)
def test_copies_go_on_exactly_even_after_rendering(mode: str | None, copied: Callable[[Any], Any]) -> None:
    env = ForagingGrid(size=7, n_food=4, respawn=False, tasks="obstacles" if mode else None, render_mode=mode)
    before_reset = copied(env)
    assert same(before_reset.reset(seed=3), env.reset(seed=3))
    steps = 3 if mode == "human" else 100  # a window waits a tenth of a second at each
    roll(env, steps)
    if mode is not None:
        env.render()
    twin = copied(env)
    assert same(roll(twin, steps), roll(env, steps))
    assert same(twin.reset(), env.reset())
    if mode is not None:
        assert same(twin.render(), env.render())
    twin.close()
    env.close()


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("copied", COPIES)
def test_a_copied_vector_environment_goes_on_exactly(copied: Callable[[Any], Any], mode: AutoresetMode) -> None:
    env = ForagingGridVector(3, render_mode="rgb_array", autoreset_mode=mode, max_episode_steps=15)
    env.reset(seed=0)
    for action in random_actions(0, 10, 3):
        env.step(action)
    env.render()
    twin = copied(env)
    for action in random_actions(1, 5, 3):
        assert same(twin.step(action), env.step(action))
    assert same(twin.reset(), env.reset())


def test_every_render_mode_gives_what_gymnasium_defines() -> None:
    for mode in ForagingGrid.metadata["render_modes"]:
        env = gymnasium.make(ENV_ID, render_mode=mode)
        env.reset(seed=0)
        env.step(1)
        picture = env.render()
        if mode == "rgb_array":
            assert isinstance(picture, np.ndarray)
            assert picture.dtype == np.uint8
            assert picture.shape[2:] == (3,)
            assert picture.shape[0] % 2 == picture.shape[1] % 2 == 0
        else:
            assert isinstance(picture, str) if mode == "ansi" else picture is None
        env.close()
    frames = gymnasium.make_vec(ENV_ID, 2, render_mode="rgb_array")
    frames.reset(seed=0)
    pictures: Any = frames.render()
    assert isinstance(pictures, tuple)
    assert [picture.shape for picture in pictures] == [pictures[0].shape] * 2


@pytest.mark.parametrize("make", [ForagingGrid, ForagingGridVector])
def test_rendering_without_a_mode_warns_and_gives_nothing(make: Any) -> None:
    env = make()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render_mode="):
        assert env.render() is None


@pytest.mark.parametrize("world", WORLDS)
def test_a_spec_survives_json(world: str) -> None:
    spec = gymnasium.make(ENV_ID, **WORLDS[world]).spec
    assert spec is not None
    first, second = gymnasium.make(spec), gymnasium.make(EnvSpec.from_json(spec.to_json()))
    assert first.observation_space == second.observation_space
    assert same(first.reset(seed=5), second.reset(seed=5))
    assert same(roll(first, 20), roll(second, 20))


@pytest.mark.parametrize("world", WORLDS)
def test_make_vec_rebuilds_from_the_spec(world: str) -> None:
    kwargs = {"num_envs": 3, "autoreset_mode": AutoresetMode.SAME_STEP, **WORLDS[world]}
    envs = gymnasium.make_vec(ENV_ID, **kwargs)
    assert envs.spec is not None
    rebuilt = gymnasium.make_vec(envs.spec)
    assert type(rebuilt) is type(envs) is ForagingGridVector
    for name in ("spec", "num_envs", "metadata", "render_mode", "autoreset_mode", "max_episode_steps"):
        assert getattr(rebuilt, name) == getattr(envs, name), name
    for name in ("observation_space", "action_space", "single_observation_space", "single_action_space"):
        assert getattr(rebuilt, name) == getattr(envs, name), name
    assert same(envs.reset(seed=1), rebuilt.reset(seed=1))
    assert envs.max_episode_steps == 500


def test_the_id_with_the_module_in_front_and_the_limit_of_500_steps() -> None:
    env = gymnasium.make("foraging_env:ForagingGrid-v0")
    assert isinstance(env.unwrapped, ForagingGrid)
    env.reset(seed=0)
    ends = [env.step(0)[3] for _ in range(500)]
    assert ends == [False] * 499 + [True]
    assert isinstance(gymnasium.make_vec("foraging_env:ForagingGrid-v0", 2), ForagingGridVector)


def test_metadata_belongs_to_the_instance() -> None:
    first = ForagingGridVector(2, autoreset_mode="SameStep")
    second = ForagingGridVector(2, autoreset_mode=AutoresetMode.DISABLED)
    assert first.metadata["autoreset_mode"] is first.autoreset_mode is AutoresetMode.SAME_STEP
    assert second.metadata["autoreset_mode"] is second.autoreset_mode is AutoresetMode.DISABLED
    assert ForagingGridVector(2).autoreset_mode is AutoresetMode.NEXT_STEP
    assert "autoreset_mode" not in ForagingGridVector.metadata
    assert "autoreset_mode" not in VectorEnv.metadata
    assert type(ForagingGrid.metadata["render_fps"]) is int


def test_all_signatures_and_the_config_have_the_same_arguments_and_defaults() -> None:
    def arguments(form: Any) -> dict[str, Any]:
        parameters = inspect.signature(form).parameters
        kinds = {parameter.kind for parameter in parameters.values()}
        assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
        return {name: parameter.default for name, parameter in parameters.items()}

    config = {field.name: field.default for field in dataclasses.fields(ForagingConfig)}
    single, vector = arguments(ForagingGrid), arguments(ForagingGridVector)
    assert single == config | {"tasks": None, "task_steps": None, "render_mode": None}
    only_vector = {"num_envs", "max_episode_steps", "autoreset_mode", "copy"}
    assert {name: default for name, default in vector.items() if name not in only_vector} == single
    assert set(vector) - set(single) == only_vector
    with pytest.raises(TypeError, match="unexpected keyword argument 'frameskip'"):
        gymnasium.make(ENV_ID, frameskip=4)  # TorchRL asks so, and goes by these words
    with pytest.raises(TypeError, match="unexpected keyword argument 'frameskip'"):
        gymnasium.make_vec(ENV_ID, 2, frameskip=4)


def test_infos_have_the_same_plain_numbers_from_reset_and_step() -> None:
    env = ForagingGrid()
    infos = [env.reset(seed=0)[1], env.step(0)[4], env.step(1)[4], env.reset()[1]]
    types = [int, int, bool, bool, int, int, int, int, int]
    for info in infos:
        assert type(info) is dict
        assert tuple(info) == INFO_KEYS
        assert [type(value) for value in info.values()] == types
    assert len({id(info) for info in infos}) == 4
    _, reward, terminated, truncated, _ = env.step(0)
    assert type(reward) is float
    assert terminated is False
    assert truncated is False


def arrays_in(result: Any) -> list[np.ndarray[Any, Any]]:
    """All arrays in what reset or step returned."""
    if isinstance(result, dict):
        return [array for value in result.values() for array in arrays_in(value)]
    if isinstance(result, tuple) or (isinstance(result, np.ndarray) and result.dtype == object):
        return [array for value in result for array in arrays_in(value)]
    return [result] if isinstance(result, np.ndarray) else []


@pytest.mark.parametrize("observation", ["global", "egocentric"])
@pytest.mark.parametrize("mode", [None, *AutoresetMode])
def test_no_two_calls_return_the_same_memory(mode: AutoresetMode | None, observation: str) -> None:
    kwargs: dict[str, Any] = {"size": 3, "n_food": 3, "respawn": False, "observation": observation}
    if mode is not None:
        kwargs |= {"num_envs": 2, "autoreset_mode": mode, "max_episode_steps": 5}
    form: Any = ForagingGridVector if mode else ForagingGrid
    env, twin = form(**kwargs), form(**kwargs)
    result: Any = env.reset(seed=0)
    earlier: list[np.ndarray[Any, Any]] = []
    assert same(result, twin.reset(seed=0))
    for action in random_actions(0, 60, 2):
        done = np.atleast_1d(result[2] | result[3]) if len(result) == 5 else np.zeros(1, dtype=np.bool_)
        arrays = arrays_in(result)
        assert not any(np.shares_memory(array, other) for array in arrays for other in earlier)
        earlier = (earlier + arrays)[-100:]
        for array in arrays:
            array.fill(1)  # what users do with a result must not reach the world
        if done.any() and mode in (None, AutoresetMode.DISABLED):
            options = {"reset_mask": done} if mode else None
            result = env.reset(options=options)
            assert same(result, twin.reset(options=options))
        else:
            result = env.step(action if mode else int(action[0]))
            assert same(result, twin.step(action if mode else int(action[0])))


def test_without_copies_the_observation_is_reused() -> None:
    env = ForagingGridVector(2, copy=False)
    first, _ = env.reset(seed=0)
    second = env.step(np.array([0, 1]))[0]
    assert np.shares_memory(first, second)
    assert same(second, env.step(np.array([2, 3]))[0]), "it is the same array, now with the later contents"


RENDERING = """
import gymnasium, foraging_env
single = gymnasium.make("ForagingGrid-v0", render_mode="rgb_array")
vector = gymnasium.make_vec("ForagingGrid-v0", 2, render_mode="rgb_array")
for env in (single, vector):
    env.reset()
    env.render()
"""


@pytest.mark.parametrize(
    "code",
    [
        "import foraging_env",
        *[f"import foraging_env\nforaging_env.ForagingGrid(render_mode={mode!r})" for mode in MODES],
        RENDERING,
    ],
)
def test_only_a_window_imports_pygame(code: str) -> None:
    check = (
        "\nimport sys\nheavy = {'pygame', 'torch', 'scipy', 'matplotlib'} & set(sys.modules)\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code + check], check=True)
