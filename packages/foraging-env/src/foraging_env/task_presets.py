"""The named task schedules, each made to measure for a base config."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from foraging_env import checks
from foraging_env.config import ForagingConfig, cross_walls
from foraging_env.tasks import Task, TaskSchedule, Timetable

DEFAULT_TASK_STEPS: Final = 10_000
"""Lifetime steps of one task in a preset: 20 episodes of 500 steps."""

Preset = Callable[[ForagingConfig, int], TaskSchedule]


def swap(base: ForagingConfig, task_steps: int = DEFAULT_TASK_STEPS) -> TaskSchedule:
    """Food and poison trade value, again and again. There is as much poison as food if the base has none."""
    n_poison = base.n_poison or base.n_food
    value, cost = base.food_reward, base.poison_cost
    return TaskSchedule(
        tasks=(
            Task(duration_steps=task_steps, changes={"n_poison": n_poison}),
            Task(
                duration_steps=task_steps,
                changes={"n_poison": n_poison, "food_reward": -cost, "poison_cost": -value},
            ),
        )
    )


def migrate(base: ForagingConfig, task_steps: int = DEFAULT_TASK_STEPS) -> TaskSchedule:
    """The patch where food appears moves clockwise through the four quarters of the grid."""
    half = base.size // 2
    if half * half <= base.n_food + base.n_poison:
        raise ValueError(
            f"the tasks preset 'migrate' puts all items into a patch of {half}×{half} cells, which cannot hold "
            f"n_food={base.n_food} and n_poison={base.n_poison} beside the agent. Take a larger size or fewer items."
        )
    far = base.size - half
    corners = ((0, 0), (0, far), (far, far), (far, 0))
    return TaskSchedule(
        tasks=tuple(
            Task(duration_steps=task_steps, changes={"patches": ((row, column, half, half),)})
            for row, column in corners
        )
    )


def seasons(
    base: ForagingConfig,
    task_steps: int = DEFAULT_TASK_STEPS,
    *,
    wave: str = "sine",
    of: str = "density",
    pieces: int = 8,
) -> TaskSchedule:
    """Food grows scarce and plentiful, or cheap and dear, along a wave with a year of ``pieces * task_steps`` steps.

    Args:
        base: the world at the height of summer.
        task_steps: lifetime steps of one piece of the year.
        wave: ``"sine"`` (in ``pieces`` equal steps) or ``"square"`` (half the pieces rich, half poor).
        of: what follows the wave, ``"density"`` (``n_food``) or ``"value"`` (``food_reward``).
        pieces: parts of a year, even.
    """
    checks.choice("wave", wave, ("sine", "square"))
    checks.choice("of", of, ("density", "value"))
    checks.integer("pieces", pieces, 2)
    if pieces % 2:
        raise ValueError(f"pieces must be even, so that summer and winter are equally long, got {pieces}.")
    poorest = 0.2  # winter has a fifth of summer's food
    tasks = []
    for piece in range(pieces):
        height = math.cos(2 * math.pi * piece / pieces) if wave == "sine" else (1.0 if piece < pieces // 2 else -1.0)
        share = poorest + (1 - poorest) * (1 + height) / 2
        changes: dict[str, Any] = (
            {"n_food": max(1, round(base.n_food * share))}
            if of == "density"
            else {"food_reward": base.food_reward * share}
        )
        tasks.append(Task(duration_steps=task_steps, changes=changes))
    return TaskSchedule(tasks=tuple(tasks))


def deplete(base: ForagingConfig, task_steps: int = DEFAULT_TASK_STEPS) -> TaskSchedule:
    """Two patches of two cells at opposite sides; each bite leaves a patch 15 % poorer until the other is visited.

    In a patch the next food always lies one step away, and the other patch a grid's width: when to leave is the
    marginal value theorem's question (Charnov, 1976), and :func:`foraging_env.oracles.marginal_value` answers it.
    """
    top = base.size // 2 - 1
    patches = ((top, 1, 2, 1), (top, base.size - 2, 2, 1))
    if base.size < 5:
        raise ValueError(f"the tasks preset 'deplete' needs size at least 5 for its two patches, got {base.size}.")
    return TaskSchedule(
        tasks=(
            Task(
                duration_steps=task_steps,
                changes={"patches": patches, "n_food": 2, "n_poison": 0, "depletion": 0.85},
            ),
        )
    )


def obstacles(base: ForagingConfig, task_steps: int = DEFAULT_TASK_STEPS) -> TaskSchedule:
    """Walls appear that divide the open grid into four rooms, and vanish again."""
    if base.size < 7:
        raise ValueError(f"the tasks preset 'obstacles' needs size at least 7 for four rooms, got {base.size}.")
    return TaskSchedule(
        tasks=(
            Task(duration_steps=task_steps, changes={"walls": ()}),
            Task(duration_steps=task_steps, changes={"walls": cross_walls(base.size)}),
        )
    )


def unending(base: ForagingConfig, task_steps: int = DEFAULT_TASK_STEPS) -> TaskSchedule:
    """Every phase draws fresh values of food and poison from [-1, 1), for ever."""
    n_poison = base.n_poison or base.n_food
    task = Task(duration_steps=task_steps, changes={"n_poison": n_poison})
    return TaskSchedule(tasks=(task,), fresh_values_seed=0)


TASK_PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "swap": swap,
        "migrate": migrate,
        "seasons": seasons,
        "deplete": deplete,
        "obstacles": obstacles,
        "unending": unending,
    }
)
"""Schedules by name: ``gymnasium.make("ForagingGrid-v0", tasks="swap")``."""


def make_timetable(
    base: ForagingConfig,
    tasks: str | TaskSchedule | Mapping[str, Any] | None,
    task_steps: int | None = None,
) -> Timetable:
    """Compile the ``tasks`` and ``task_steps`` arguments of an environment.

    ``tasks`` is a preset's name, a schedule, a schedule as the dict that ``dataclasses.asdict`` gives (which is what
    an environment spec becomes when saved as JSON), or None; ``task_steps`` sets the length of a preset's tasks.

    Raises:
        ValueError: no such preset, not a schedule, or one that does not fit the base config.
    """
    if task_steps is not None:
        task_steps = checks.integer("task_steps", task_steps, 1)
        if not isinstance(tasks, str):
            raise ValueError("task_steps sets the length of a preset's tasks. Give tasks the name of a preset with it.")
    if tasks is None:
        return Timetable(base)
    if isinstance(tasks, str):
        preset = TASK_PRESETS[checks.choice("tasks", tasks, TASK_PRESETS)]
        return Timetable(base, preset(base, DEFAULT_TASK_STEPS if task_steps is None else task_steps))
    if isinstance(tasks, Mapping):
        try:
            tasks = TaskSchedule(**tasks)
        except TypeError as problem:
            raise ValueError(f"tasks is not a schedule: {problem}.") from None
    if not isinstance(tasks, TaskSchedule):
        raise ValueError(
            f"tasks must be the name of a preset, a TaskSchedule, its dict or None, got {type(tasks).__name__}. "
            f"Tasks of your own go into TaskSchedule(tasks=(…))."
        )
    return Timetable(base, tasks)
