"""A saved world goes on exactly: in the same environment, another one, the other form, and from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import random_actions, worlds

from foraging_env import ForagingGrid, ForagingGridVector, GridState

Saved = dict[str, np.ndarray[Any, np.dtype[Any]]]
Actions = np.ndarray[Any, np.dtype[np.int64]]
Form = ForagingGrid | ForagingGridVector


def same(ours: Any, theirs: Any) -> bool:
    """Equal in type, structure, dtype and every bit."""
    return data_equivalence(ours, theirs, exact=True)


def roll(env: ForagingGrid, actions: Actions) -> list[Any]:
    """Everything a world says on these actions, [T]; it is reset without a seed where its episode ends."""
    said: list[Any] = []
    for action in actions.tolist():
        said.append(env.step(action))
        if said[-1][2]:
            said.append(env.reset())
    return [*said, env.get_state()]


def roll_vector(env: ForagingGridVector, actions: Actions) -> list[Any]:
    """The same for a batch, actions [T, B]."""
    said: list[Any] = []
    for action in actions:
        said.append(env.step(action))
        done = said[-1][2] | said[-1][3]
        if env.autoreset_mode is AutoresetMode.DISABLED and done.any():
            said.append(env.reset(options={"reset_mask": done}))
    return [*said, env.get_state()]


def stack(states: list[Saved]) -> Saved:
    """Saved worlds as one batch."""
    return {name: np.concatenate([state[name] for state in states]) for name in states[0]}


@settings(max_examples=100)
@given(kwargs=worlds(), seed=st.integers(0, 2**31), split=st.integers(0, 25))
def test_a_single_world_goes_on_exactly(kwargs: dict[str, Any], seed: int, split: int) -> None:
    actions = random_actions(seed, split + 25, 1)[:, 0]
    env = ForagingGrid(**kwargs)
    env.reset(seed=seed)
    roll(env, actions[:split])
    last = env.step(int(actions[0]))  # its episode may be over now: that, too, is saved
    saved = env.get_state()
    fresh, used = ForagingGrid(**kwargs), ForagingGrid(**kwargs)
    used.reset(seed=seed + 1)
    for other in (env, fresh, used):
        observation, info = other.set_state(saved)
        assert same(observation, last[0])
        assert info == last[4] | {"ate": False, "bumped": False}
        assert same(other.get_state(), saved)
    if last[2]:
        assert same(fresh.reset(), env.reset())
        used.reset()
    expected = roll(env, actions[split:])
    assert same(roll(fresh, actions[split:]), expected)
    assert same(roll(used, actions[split:]), expected)


@settings(max_examples=80)
@given(
    kwargs=worlds(),
    n=st.integers(1, 4),
    mode=st.sampled_from(list(AutoresetMode)),
    limit=st.sampled_from([-1, 3, 17]),
    seed=st.integers(0, 2**31),
    split=st.integers(0, 25),
)
def test_a_batch_goes_on_exactly(
    kwargs: dict[str, Any], n: int, mode: AutoresetMode, limit: int, seed: int, split: int
) -> None:
    actions = random_actions(seed, split + 25, n)
    kwargs = kwargs | {"autoreset_mode": mode, "max_episode_steps": limit}
    env, fresh, used = (ForagingGridVector(n, **kwargs) for _ in range(3))
    env.reset(seed=seed)
    used.reset(seed=seed + 1)
    roll_vector(env, actions[:split])
    saved = env.get_state()
    expected = roll_vector(env, actions[split:])
    for other in (fresh, used, env):
        other.set_state(saved)
        assert same(other.get_state(), saved)
        assert same(roll_vector(other, actions[split:]), expected)


@settings(max_examples=80)
@given(kwargs=worlds(), n=st.integers(1, 4), seed=st.integers(0, 2**31), steps=st.integers(0, 20))
def test_singles_and_batch_exchange_their_worlds(kwargs: dict[str, Any], n: int, seed: int, steps: int) -> None:
    actions = random_actions(seed, steps + 15, n)
    singles = [ForagingGrid(**kwargs) for _ in range(n)]
    batch = ForagingGridVector(n, autoreset_mode=AutoresetMode.DISABLED, **kwargs)
    batch.reset(seed=seed)
    roll_vector(batch, actions[:steps])
    for world, single in enumerate(singles):
        single.reset(seed=seed + world)
        roll(single, actions[:steps, world])
    states = [single.get_state() for single in singles]
    assert same(stack(states), batch.get_state())

    moved = ForagingGridVector(n, autoreset_mode=AutoresetMode.DISABLED, **kwargs)
    observations, infos = moved.set_state(stack(states))
    for world in range(n):
        observation, info = singles[world].set_state(
            {name: array[[world]] for name, array in moved.get_state().items()}
        )
        assert same(observations[world], observation)
        assert {name: infos[name][world] for name in info} == info
        roll(singles[world], actions[steps:, world])
    roll_vector(moved, actions[steps:])
    assert same(stack([single.get_state() for single in singles]), moved.get_state())


def both_forms() -> list[Form]:
    """A used environment of each form."""
    forms: list[Form] = [ForagingGrid(n_poison=2), ForagingGridVector(3, n_poison=2)]
    for env in forms:
        env.reset(seed=4)
        wander(env, 30)
    return forms


def wander(env: Form, steps: int) -> list[Any]:
    """Some steps of either form, with their results."""
    if isinstance(env, ForagingGrid):
        return roll(env, random_actions(1, steps, 1)[:, 0])
    return roll_vector(env, random_actions(1, steps, env.num_envs))


@pytest.mark.parametrize("form", [0, 1])
def test_saved_in_a_file_and_read_again(form: int, tmp_path: Path) -> None:
    env, other = both_forms()[form], both_forms()[form]
    np.savez(tmp_path / "world.npz", **env.get_state())  # type: ignore[arg-type]
    expected = wander(env, 50)
    with np.load(tmp_path / "world.npz", allow_pickle=False) as file:
        other.set_state(dict(file))
    assert same(wander(other, 50), expected)


@pytest.mark.parametrize("form", [0, 1])
def test_what_is_handed_out_and_taken_in_is_copied(form: int) -> None:
    env, other = both_forms()[form], both_forms()[form]
    saved = env.get_state()
    for array in (*saved.values(), *env.state):
        array.fill(0)
    expected = wander(env, 20)
    given_state = other.get_state()
    other.set_state(given_state)
    for array in given_state.values():
        array.fill(0)
    assert same(wander(other, 20), expected)


@pytest.mark.parametrize("form", [0, 1])
def test_the_saved_arrays_are_the_state_and_plain(form: int) -> None:
    env = both_forms()[form]
    saved, state = env.get_state(), env.state
    assert isinstance(state, GridState)
    assert set(saved) == {*GridState._fields, "needs_reset"}
    for name, array in saved.items():
        assert type(array) is np.ndarray
        assert array.dtype.kind in "iufb"
        assert array.flags.c_contiguous
        assert len(array) == getattr(env, "num_envs", 1)
        if name != "needs_reset":
            assert same(np.ascontiguousarray(getattr(state, name)), array)


@pytest.mark.parametrize("form", [0, 1])
def test_a_reset_without_a_seed_goes_on_in_the_restored_stream(form: int) -> None:
    env = both_forms()[form]
    saved = env.get_state()
    expected = [env.reset()[0], env.reset()[0]]
    fresh = ForagingGridVector(3, n_poison=2) if form else ForagingGrid(n_poison=2)
    fresh.set_state(saved)
    assert same([fresh.reset()[0], fresh.reset()[0]], expected)
    assert not same(expected[0], expected[1])


@pytest.mark.parametrize("form", [0, 1])
def test_a_reset_with_a_seed_begins_anew_whatever_was_restored(form: int) -> None:
    env, other = both_forms()[form], both_forms()[form]
    env.set_state(env.get_state())
    assert same(env.reset(seed=9), other.reset(seed=9))
    assert (env.state.lifetime_step == 0).all()


@pytest.mark.parametrize("form", [0, 1])
def test_a_refused_state_changes_nothing(form: int) -> None:
    env, other = both_forms()[form], both_forms()[form]
    other.reset(seed=77)
    before = env.get_state()
    for name in before:
        broken = other.get_state()
        broken[name] = broken[name].astype(np.complex128)
        with pytest.raises(ValueError, match=name):
            env.set_state(broken)
        assert same(env.get_state(), before)


def test_the_comparison_can_fail() -> None:
    env, other = both_forms()[0], both_forms()[0]
    state = env.get_state()
    state["stream"] += np.uint64(1)
    other.set_state(state)
    assert not same(wander(env, 200), wander(other, 200))
