"""Saving worlds as plain named arrays, and refusing arrays that no world can have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from foraging_env.rules import OUTSIDE
from foraging_env.tasks import Timetable
from foraging_env.types import GridState

SavedState = dict[str, np.ndarray[Any, np.dtype[Any]]]
"""Field name -> array with leading axis B; fit for ``numpy.savez`` or safetensors."""


def save(state: GridState) -> SavedState:
    """Copies of all arrays of a state."""
    return {name: np.ascontiguousarray(array).copy() for name, array in state._asdict().items()}


def take_array(saved: Mapping[str, Any], name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """One array of a saved state, checked for presence, shape and dtype and copied."""
    if name not in saved:
        raise ValueError(f"the state lacks the array {name!r}. Pass what get_state() of an equal environment returned.")
    array = np.asarray(saved[name])
    if array.shape != shape:
        raise ValueError(
            f"state[{name!r}] has shape {array.shape}, but this environment needs {shape}. "
            f"States fit environments with the same number of worlds and items."
        )
    if array.dtype != dtype:
        raise ValueError(f"state[{name!r}] has dtype {array.dtype}, but must have {np.dtype(dtype)}.")
    return array.copy()


def load(saved: Mapping[str, Any], timetable: Timetable, n_worlds: int) -> GridState:
    """The state that :func:`save` saved.

    Raises:
        ValueError: an array is missing, has the wrong shape or dtype, or holds what no world of this config can have.
    """
    if not isinstance(saved, Mapping):
        raise ValueError(
            f"a state must be a mapping from name to array, got {type(saved).__name__}. "
            f"Pass what get_state() returned, not what .state shows."
        )
    book = timetable.book
    dtypes = dict.fromkeys(GridState._fields, np.int64)
    dtypes |= {"items": np.int16, "richness": np.float64, "episode_return": np.float64, "stream": np.uint64}  # type: ignore[dict-item]
    arrays = {}
    for name, dtype in dtypes.items():
        shape = (n_worlds, book.n_slots) if name == "items" else (n_worlds,)
        arrays[name] = take_array(saved, name, shape, dtype)
    arrays["items"] = np.ascontiguousarray(arrays["items"].T).T  # slot-wise in memory, as the laws like it
    state = GridState(**arrays)
    _check(state, timetable)
    return state


def _check(state: GridState, timetable: Timetable) -> None:
    book = timetable.book

    def refuse(name: str, bad: np.ndarray[Any, np.dtype[np.bool_]], rule: str) -> None:
        if bad.any():
            world = int(np.flatnonzero(bad)[0])
            value = getattr(state, name)[world].tolist()
            raise ValueError(f"state[{name!r}] of world {world} is {value}, but {rule}.")

    n_cells = book.n_cells
    refuse("lifetime_step", state.lifetime_step < 0, "steps lived are counted from 0")
    refuse("phase", state.phase != timetable.phase_at(state.lifetime_step), "that task is not in force at this step")
    refuse("agent", (state.agent < 0) | (state.agent >= n_cells), f"cells go from 0 to {n_cells - 1}")
    rule = timetable.rule_of(state.phase)
    refuse("agent", ~book.is_open[rule, state.agent], "that cell is a wall")
    refuse("heading", (state.heading < 0) | (state.heading > 3), "moves go from 0 to 3")
    for name in ("episode_step", "food_collected", "poison_collected"):
        refuse(name, getattr(state, name) < 0, "counts cannot be negative")
    refuse("episode_return", ~np.isfinite(state.episode_return), "a return is a finite number")
    refuse("episode_step", state.episode_step > state.lifetime_step, "an episode is not longer than the life it is in")
    eaten = state.food_collected + state.poison_collected
    refuse("food_collected", eaten > state.episode_step, "with the poison that is more than one item a step")
    n_patches = np.array([max(1, len(config.patches)) for config in timetable.configs])
    refuse("last_patch", (state.last_patch < -1) | (state.last_patch >= n_patches.max()), "there is no such patch")
    refuse("richness", ~((state.richness >= 0) & (state.richness <= 1)), "a share lies in [0, 1]")
    bad = (state.items < -1) | (state.items >= n_cells)
    refuse(
        "items",
        np.logical_or.reduce(bad, axis=1),
        f"cells go from 0 to {n_cells - 1}, and -1 stands for an item that is gone",
    )
    cells = np.sort(np.concatenate([state.items, state.agent[:, None].astype(np.int16)], axis=1), axis=1)
    twice = (cells[:, 1:] == cells[:, :-1]) & (cells[:, 1:] >= 0)
    refuse("items", np.logical_or.reduce(twice, axis=1), "items lie on distinct cells, none of them the agent's")
    region = book.slot_region[rule]
    cell = np.where(state.items >= 0, state.items, n_cells)
    inside = book.region_rank[np.maximum(region, 0), cell] != OUTSIDE
    refuse(
        "items",
        np.logical_or.reduce((state.items >= 0) & ~((region >= 0) & inside), axis=1),
        "an item lies where its kind cannot",
    )
    if book.respawn:
        refuse(
            "items",
            np.logical_or.reduce((state.items < 0) & (region >= 0), axis=1),
            "with respawn no item is ever missing",
        )
