"""One law: the native vector environment and SyncVectorEnv of the single one agree bit for bit."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import random_actions, worlds

import foraging_env

SYNC = gymnasium.VectorizeMode.SYNC


def assert_same(ours: Any, theirs: Any, where: str) -> None:
    """Equal in structure, dtype, shape and every bit."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), where
        assert set(ours) == set(theirs), where
        for key, value in theirs.items():
            assert_same(ours[key], value, f"{where}[{key!r}]")
    elif isinstance(theirs, tuple):
        for index, (left, right) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(left, right, f"{where}[{index}]")
    elif theirs.dtype == object:
        for index, (left, right) in enumerate(zip(ours, theirs, strict=True)):
            assert (left is None) == (right is None), f"{where}[{index}]"
            if right is not None:
                assert_same(left, right, f"{where}[{index}]")
    else:
        assert ours.dtype == theirs.dtype, where
        assert ours.shape == theirs.shape, where
        assert ours.tobytes() == theirs.tobytes(), f"{where}: {ours} != {theirs}"


def make_pair(
    n: int, mode: AutoresetMode, limit: int, kwargs: dict[str, Any], *, copy: bool = True
) -> tuple[gymnasium.vector.VectorEnv[Any, Any, Any], gymnasium.vector.VectorEnv[Any, Any, Any]]:
    native = gymnasium.make_vec("ForagingGrid-v0", n, autoreset_mode=mode, max_episode_steps=limit, copy=copy, **kwargs)
    # TimeLimit takes the limit from the spec of a single environment.
    spec = gymnasium.spec("ForagingGrid-v0")
    spec.max_episode_steps = limit if limit > 0 else None
    sync = gymnasium.make_vec(spec, n, vectorization_mode=SYNC, vector_kwargs={"autoreset_mode": mode}, **kwargs)
    return native, sync


@settings(max_examples=150, deadline=None)
@given(
    kwargs=worlds(),
    n=st.integers(1, 5),
    mode=st.sampled_from(list(AutoresetMode)),
    limit=st.sampled_from([-1, 1, 3, 17]),
    seed=st.integers(0, 2**31),
    copy=st.booleans(),
    data=st.data(),
)
def test_native_vector_equals_sync(
    kwargs: dict[str, Any], n: int, mode: AutoresetMode, limit: int, seed: int, copy: bool, data: st.DataObject
) -> None:
    native, sync = make_pair(n, mode, limit, kwargs, copy=copy)
    assert native.observation_space == sync.observation_space
    assert native.action_space == sync.action_space
    assert_same(native.reset(seed=seed), sync.reset(seed=seed), "reset")
    done = np.zeros(n, dtype=np.bool_)
    for step, action in enumerate(random_actions(seed, 40, n)):
        if mode is AutoresetMode.DISABLED and done.any():
            assert_same(
                native.reset(options={"reset_mask": done}),
                sync.reset(options={"reset_mask": done.copy()}),
                "mask reset",
            )
        ours, theirs = native.step(action), sync.step(action)
        assert_same(ours, theirs, f"step {step}")
        done = theirs[2] | theirs[3]
        if step % 13 == 12:
            mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
            if mask.any():
                seeds = data.draw(st.lists(st.none() | st.integers(0, 99), min_size=n, max_size=n))
                options = {"reset_mask": mask}
                ours_reset = native.reset(seed=seeds, options=options)  # type: ignore[arg-type]
                assert options == {"reset_mask": mask}, "the caller's options were changed"
                theirs_reset = sync.reset(seed=seeds, options={"reset_mask": mask.copy()})  # type: ignore[arg-type]
                assert_same(ours_reset, theirs_reset, f"mask reset at {step}")
                done &= ~mask
    native.close()
    sync.close()


@pytest.mark.parametrize("preset", sorted(foraging_env.PRESETS))
def test_presets_agree_over_three_episodes(preset: str) -> None:
    native, sync = make_pair(3, AutoresetMode.NEXT_STEP, 60, foraging_env.PRESETS[preset].to_kwargs())
    assert_same(native.reset(seed=7), sync.reset(seed=7), "reset")
    for step, action in enumerate(random_actions(7, 180, 3)):
        assert_same(native.step(action), sync.step(action), f"step {step}")


@pytest.mark.parametrize("tasks", sorted(foraging_env.TASK_PRESETS))
def test_task_presets_agree_through_many_switches(tasks: str) -> None:
    kwargs = {"tasks": tasks, "task_steps": 11, "size": 9}
    native, sync = make_pair(4, AutoresetMode.SAME_STEP, 37, kwargs)
    assert_same(native.reset(seed=3), sync.reset(seed=3), "reset")
    for step, action in enumerate(random_actions(3, 150, 4)):
        assert_same(native.step(action), sync.step(action), f"step {step}")


def test_this_comparison_can_fail() -> None:
    native, sync = make_pair(2, AutoresetMode.NEXT_STEP, 500, {"n_food": 9})
    other, _ = make_pair(2, AutoresetMode.NEXT_STEP, 500, {"n_food": 8})
    assert_same(native.reset(seed=1), sync.reset(seed=1), "equal")
    with pytest.raises(AssertionError):
        assert_same(other.reset(seed=1), sync.reset(seed=1), "different")
