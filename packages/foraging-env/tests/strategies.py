"""Hypothesis strategies: random worlds, schedules and action sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from foraging_env import TASK_PRESETS, ForagingConfig, Task, TaskSchedule
from foraging_env.config import cross_walls


@st.composite
def configs(draw: st.DrawFn, *, max_size: int = 9) -> ForagingConfig:
    """Any valid world up to a size, crowded ones and ones with walls, poison and patches among them."""
    size = draw(st.integers(2, max_size))
    walls: tuple[tuple[int, int], ...] = ()
    if size >= 7 and draw(st.booleans()):
        walls = cross_walls(size)
    elif size >= 3 and draw(st.booleans()):
        walls = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=3).map(tuple))
    fields: dict[str, Any] = {
        "size": size,
        "n_food": draw(st.integers(1, min(size * size - 1, 12))),
        "n_poison": draw(st.sampled_from([0, 0, 1, 3])),
        "respawn": draw(st.booleans()),
        "random_start": draw(st.booleans()),
        "food_reward": draw(st.sampled_from([1.0, -0.5])),
        "step_cost": draw(st.sampled_from([0.01, 0.0])),
        "bump_cost": draw(st.sampled_from([0.0, 0.3])),
        "poison_cost": draw(st.sampled_from([1.0, -2.0])),
        "walls": walls,
        "depletion": draw(st.sampled_from([1.0, 0.7])),
        "observation": draw(st.sampled_from(["global", "egocentric"])),
        "view_radius": draw(st.none() | st.integers(1, size - 1)),
        "flatten": draw(st.booleans()),
        "obs_dtype": draw(st.sampled_from(["float32", "uint8"])),
    }
    if draw(st.booleans()):
        half = size // 2
        fields["patches"] = draw(
            st.sampled_from([((0, 0, size, half),), ((0, 0, half, size), (half, 0, size - half, size))])
        )
    # Drawn worlds may be too crowded or cut in two: those are refused at construction, as they should be.
    try:
        return ForagingConfig(**fields)
    except ValueError:
        return ForagingConfig(**(fields | {"walls": (), "patches": (), "n_food": 1, "n_poison": 0}))


@st.composite
def schedules(draw: st.DrawFn, config: ForagingConfig) -> TaskSchedule | None:
    """No schedule, a preset with short tasks, or a hand-made one; always one that fits the config."""
    kind = draw(st.sampled_from(["none", "none", "preset", "custom"]))
    steps = draw(st.integers(1, 12))
    if kind == "preset":
        schedule = TASK_PRESETS[draw(st.sampled_from(sorted(TASK_PRESETS)))]
        try:
            made = schedule(config, steps)
            _fits(config, made)
            return made
        except ValueError:
            return None
    if kind == "custom":
        tasks = (
            Task(duration_steps=steps, changes={"food_reward": -0.5, "step_cost": 0.1}),
            Task(duration_steps=draw(st.integers(1, 9)), changes={"bump_cost": 0.7}),
        )
        return TaskSchedule(tasks=tasks, repeat=draw(st.booleans()))
    return None


def _fits(config: ForagingConfig, schedule: TaskSchedule) -> None:
    from foraging_env.tasks import Timetable

    Timetable(config, schedule)


@st.composite
def worlds(draw: st.DrawFn, *, max_size: int = 9) -> dict[str, Any]:
    """Keyword arguments of an environment: a config and, sometimes, a schedule."""
    config = draw(configs(max_size=max_size))
    schedule = draw(schedules(config))
    kwargs = config.to_kwargs()
    if schedule is not None:
        kwargs["tasks"] = schedule
    return kwargs


def random_actions(seed: int, n_steps: int, n_worlds: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Uniform actions [n_steps, n_worlds]."""
    return np.random.default_rng(seed).integers(4, size=(n_steps, n_worlds))
