"""Tasks that our world offers to a continual run, taken from its task schedules, and what scores in them are worth."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from runs import FORAGING, parse_env_kwargs

import foraging_env
from foraging_env.task_presets import make_timetable
from foraging_env.tasks import CHANGEABLE, Timetable

EPISODE_STEPS: Final = 500
FOR_LIFE: Final = 2**61
"""Lifetime steps that nobody lives."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskSequence:
    """Some phases of a task schedule as tasks, and the order in which they are lived.

    Attributes:
        schedule: name of the preset of ``foraging_env.TASK_PRESETS``.
        phases: its phases that are the tasks 0, 1 …
        names: what these are called.
        order: the task of each phase of the run.
    """

    schedule: str
    phases: tuple[int, ...]
    names: tuple[str, ...]
    order: tuple[int, ...]


SEQUENCES: Final[Mapping[str, TaskSequence]] = MappingProxyType(
    {
        "swap": TaskSequence(
            schedule="swap", phases=(0, 1), names=("food is good", "poison is good"), order=(0, 1, 0, 1)
        ),
        "migrate": TaskSequence(
            schedule="migrate", phases=(0, 1, 2), names=("north-west", "north-east", "south-east"), order=(0, 1, 2, 0)
        ),
        "obstacles": TaskSequence(
            schedule="obstacles", phases=(0, 1), names=("open", "four rooms"), order=(0, 1, 0, 1)
        ),
        "seasons": TaskSequence(
            schedule="seasons", phases=(0, 2, 4), names=("summer", "autumn", "winter"), order=(0, 1, 2, 0)
        ),
        "unending": TaskSequence(
            schedule="unending", phases=(0, 1, 2), names=("food is good", "poison is good", "both are bad"),
            order=(0, 1, 2, 0),
        ),
    }
)  # fmt: skip
"""Sequences by name. The first three values that ``unending`` draws are tasks apart: food is worth 0.77 and poison
-0.14, then -0.95 and 0.94, then -0.79 and -0.35, so that another policy is best in each."""


def tasks_of(sequence: TaskSequence, env_kwargs: tuple[str, ...]) -> tuple[str, ...]:
    """The tasks of a sequence as :class:`runs.RunConfig` has them: static worlds, one for each.

    Where a world by itself would have another view than the schedule's, as one without walls beside one with walls, the
    task is a schedule that begins with it, stays in it for life, and has the others after that.

    Args:
        sequence: which.
        env_kwargs: of the world that the schedule is made for.
    """
    timetable = make_timetable(world_config(parse_env_kwargs(env_kwargs)), sequence.schedule)
    whole = _channels(timetable)
    texts = []
    for name, phase in zip(sequence.names, sequence.phases, strict=True):
        changes = _changes(timetable, phase)
        if _channels(Timetable(timetable.config_at(phase))) != whole:
            others = [other for other in range(len(timetable.configs)) if other != phase]
            changes = {"tasks": {
                "tasks": [
                    {"duration_steps": FOR_LIFE, "changes": changes},
                    *({"duration_steps": 1, "changes": _changes(timetable, other)} for other in others),
                ],
                "repeat": False,
            }}  # fmt: skip
        texts.append(" ".join([f"{name}:", *(f"{key}={_compact(value)}" for key, value in changes.items())]))
    return tuple(texts)


def world_config(env_kwargs: Mapping[str, Any]) -> foraging_env.ForagingConfig:
    """The config that is in force at the begin of a life in a world with these arguments.

    Raises:
        ValueError: they are not ones of our world.
    """
    fields = {field.name for field in dataclasses.fields(foraging_env.ForagingConfig)}
    base = foraging_env.ForagingConfig(**{name: value for name, value in env_kwargs.items() if name in fields})
    return make_timetable(base, env_kwargs.get("tasks"), env_kwargs.get("task_steps")).config_at(0)


class TaskScale(NamedTuple):
    """Returns per episode between which a task's score is normalised."""

    random: float
    oracle: float

    def normalise(self, score: float) -> float:
        """0 for acting at random, 1 for the oracle."""
        return (score - self.random) / (self.oracle - self.random)


def task_scale(env_id: str, env_kwargs: Mapping[str, Any]) -> TaskScale | None:
    """What random acting and the best known policy get in a task; None where the world is not ours.

    The oracle is the better of the greedy forager and of one that eats nothing: where nothing is worth eating, greed is
    worse than acting at random.
    """
    if env_id.removeprefix("foraging_env:") != FORAGING:
        return None
    config = world_config(env_kwargs)
    found = foraging_env.reference_scores(config, EPISODE_STEPS)
    return TaskScale(found.random_return, max(found.greedy_return, -config.step_cost * EPISODE_STEPS))


def _changes(timetable: Timetable, phase: int) -> dict[str, Any]:
    """What a phase changes of the timetable's base."""
    config = timetable.config_at(phase)
    return {name: value for name in CHANGEABLE if (value := getattr(config, name)) != getattr(timetable.base, name)}


def _channels(timetable: Timetable) -> tuple[bool, bool]:
    """What a view from above has channels for."""
    return timetable.has_walls, timetable.has_poison


def _compact(value: Any) -> str:
    """JSON without blanks, between which a task's changes stand."""
    return json.dumps(value, separators=(",", ":"))
