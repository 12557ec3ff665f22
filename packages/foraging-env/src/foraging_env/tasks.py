"""Task schedules for continual learning: which config is in force at which lifetime step.

A schedule is a sequence of tasks, each some changes to a base config for some steps. It is read from the world's
*lifetime* step, which survives resets; a switch may therefore fall inside an episode and never ends one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from foraging_env import checks
from foraging_env.config import ForagingConfig
from foraging_env.reward import Values
from foraging_env.rng import advance, jump, random_bits, unit_float
from foraging_env.rules import RuleBook, compile_rules
from foraging_env.types import IntArray

CHANGEABLE: Final = (
    "n_food", "n_poison", "food_reward", "step_cost", "bump_cost", "poison_cost", "walls", "patches", "depletion",
)  # fmt: skip
"""Fields that a task may change; the others settle the spaces and are the same for a whole life."""

MAX_TOTAL_STEPS: Final = 2**62  # lifetime steps are counted in 64 bits


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One stretch of a life: ``changes`` to the base config, in force for ``duration_steps`` lifetime steps."""

    duration_steps: int
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        duration = checks.integer("duration_steps", self.duration_steps, 1, hint="A task lasts at least one step.")
        object.__setattr__(self, "duration_steps", duration)
        if not isinstance(self.changes, Mapping):
            raise ValueError(f"changes must be a mapping from config field to value, got {self.changes!r}.")
        for name in self.changes:
            checks.choice("each key of changes", name, CHANGEABLE)
        object.__setattr__(self, "changes", dict(self.changes))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskSchedule:
    """A sequence of tasks.

    Attributes:
        tasks: the tasks in order.
        repeat: whether the first follows the last for ever; otherwise the last one stays in force.
        fresh_values_seed: when given, every phase draws its own ``food_reward`` and ``-poison_cost`` uniformly from
            [-1, 1), from this seed and the phase's number, over whatever the task says.
    """

    tasks: tuple[Task, ...]
    repeat: bool = True
    fresh_values_seed: int | None = None

    def __post_init__(self) -> None:
        try:
            tasks = tuple(task if isinstance(task, Task) else Task(**task) for task in self.tasks)
        except TypeError as problem:
            raise ValueError(f"tasks must be a sequence of Task, got {self.tasks!r} ({problem}).") from None
        if not tasks:
            raise ValueError("tasks is empty. A schedule needs at least one Task.")
        object.__setattr__(self, "tasks", tasks)
        if self.total_steps > MAX_TOTAL_STEPS:
            raise ValueError(
                f"duration_steps add up to {self.total_steps}, more than 2**62. For a last task that stays for ever, "
                f"give repeat=False."
            )
        object.__setattr__(self, "repeat", checks.flag("repeat", self.repeat))
        if self.fresh_values_seed is not None:
            seed = checks.integer("fresh_values_seed", self.fresh_values_seed, 0, 2**64 - 1)
            object.__setattr__(self, "fresh_values_seed", seed)

    @property
    def total_steps(self) -> int:
        """Steps of one pass through all tasks."""
        return sum(task.duration_steps for task in self.tasks)


class Timetable:
    """A schedule compiled for a base config: the tables and values of every phase.

    A *phase* is numbered from 0 and counts on through repetitions: in a repeated A, B the phases 0, 2, 4 … are A.
    """

    def __init__(self, base: ForagingConfig, schedule: TaskSchedule | None = None) -> None:
        if not isinstance(base, ForagingConfig):
            raise ValueError(f"the config must be a ForagingConfig, such as PRESETS['default'], got {base!r}.")
        self.base = base
        self.schedule = schedule
        tasks = schedule.tasks if schedule is not None else (Task(duration_steps=1),)
        self.configs = tuple(_apply(task, base, index) for index, task in enumerate(tasks))
        if not base.respawn and len({(config.n_food, config.n_poison) for config in self.configs}) > 1:
            raise ValueError(
                "tasks that change n_food or n_poison need respawn=True: without it, items that have been eaten and "
                "items that are yet to come cannot be told apart."
            )
        self.book: RuleBook = compile_rules(self.configs)
        self.has_walls = any(config.walls for config in self.configs)
        self.has_poison = self.book.n_poison_slots > 0
        self.depletes = bool((self.book.depletion < 1.0).any())
        self._repeat = schedule is not None and schedule.repeat
        self._ends = np.cumsum([task.duration_steps for task in tasks])
        seed = schedule.fresh_values_seed if schedule is not None else None
        self._values_key = None if seed is None else np.uint64(seed)
        self.is_static = schedule is None or (len(tasks) == 1 and (seed is None or not schedule.repeat))
        columns = ("food_reward", "step_cost", "bump_cost", "poison_cost")
        self._prices = [np.array([getattr(config, name) for config in self.configs]) for name in columns]
        self.static_values = Values(*(float(prices[0]) for prices in self._prices))
        if self.is_static and self._values_key is not None:
            first = self.values_of(np.zeros(1, dtype=np.int64))
            self.static_values = Values(*(float(np.asarray(price)[0]) for price in first))
        if not self.has_poison:
            self.static_values = self.static_values._replace(poison_cost=0.0)  # spares looking for what is not there

    def __reduce__(self) -> tuple[type[Timetable], tuple[ForagingConfig, TaskSchedule | None]]:
        """Pickled as its arguments; the compiled tables are shared within a process."""
        return Timetable, (self.base, self.schedule)

    def phase_at(self, lifetime_step: IntArray) -> IntArray:
        """Number of the phase in force at each lifetime step, [B] -> [B]."""
        if self.is_static:
            return np.zeros_like(lifetime_step)
        n_tasks, total = len(self.configs), int(self._ends[-1])
        if not self._repeat:
            return np.minimum(np.searchsorted(self._ends, lifetime_step, side="right"), n_tasks - 1)
        cycle, position = np.divmod(lifetime_step, total)
        return cycle * n_tasks + np.searchsorted(self._ends, position, side="right")

    def rule_of(self, phase: IntArray) -> IntArray:
        """Row of the rule book (= index of the task) for each phase, [B] -> [B]."""
        return phase % len(self.configs)

    def values_of(self, phase: IntArray) -> Values:
        """What events are worth in each phase, arrays [B]."""
        rule = self.rule_of(phase)
        food, step, bump, poison = (prices[rule] for prices in self._prices)
        if self._values_key is not None:
            # The first position is passed over: where the seed is 0 it hashes to 0, and the price would be -1 exactly.
            stream = jump(np.broadcast_to(self._values_key, phase.shape), 2 * phase + 1)
            food = unit_float(random_bits(stream)) * 2.0 - 1.0
            poison = 1.0 - unit_float(random_bits(advance(stream))) * 2.0
        return Values(food, step, bump, poison)

    def config_at(self, phase: int) -> ForagingConfig:
        """The full config of one phase, its drawn values included."""
        values = self.values_of(np.array([phase]))
        return self.configs[phase % len(self.configs)].replace(
            food_reward=float(np.asarray(values.food_reward)[0]),
            poison_cost=float(np.asarray(values.poison_cost)[0]),
        )

    def next_switch(self, lifetime_step: int) -> int | None:
        """The first lifetime step after this one at which another phase begins; None if none does."""
        if self.is_static:
            return None
        total = int(self._ends[-1])
        cycle, position = divmod(lifetime_step, total) if self._repeat else (0, lifetime_step)
        later = self._ends[self._ends > position]
        if not self._repeat and len(later) < 2:
            return None
        return cycle * total + int(later[0])


def _apply(task: Task, base: ForagingConfig, index: int) -> ForagingConfig:
    """The config of one task; errors say which task it is that does not fit."""
    try:
        return base.replace(**task.changes)
    except ValueError as problem:
        raise ValueError(f"tasks[{index}] does not fit the config it changes: {problem}") from None
