"""The tasks of a life: worlds to live in and worlds to be examined in, of equal spaces."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from snn_agent import checks
from snn_agent.errors import ConfigError, SpaceError
from snn_agent.training.worlds import AnyEnv, Worlds

AnyTask: TypeAlias = AnyEnv | tuple[str, dict[str, Any]]
"""Id of an environment, an id with its arguments, an environment, or a vector environment that resets itself."""


class Task(NamedTuple):
    """One task."""

    name: str
    worlds: Worlds  # that it is lived in
    examination: AnyEnv  # what :func:`snn_agent.training.evaluation.evaluate` is asked with
    kwargs: dict[str, Any]


def make_tasks(given: Sequence[AnyTask], n_worlds: int, names: Sequence[str] | None = None) -> tuple[Task, ...]:
    """The tasks, each with its worlds.

    An examination must not disturb the life it interrupts. So environments given by their id are made anew for it, and
    those given as objects are copied once, here, before anybody has stepped them.

    Args:
        given: one or more.
        n_worlds: B, for those given by their id.
        names: what to call them; None: their ids, or what they are.

    Raises:
        ConfigError: there is none, a name is missing or given twice, one is no environment, or cannot be copied.
        SpaceError: their spaces are not equal, or not ones that an organism can live in.
    """
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise ConfigError(f"tasks must be a list of one or more environments, got {given!r}.")
    called = [_name(task) for task in given] if names is None else list(names)
    if len(called) != len(given) or (len(set(called)) < len(called) and names is not None):
        raise ConfigError(f"names must have one for each of {len(given)} tasks, no two alike, got {called}.")
    tasks = tuple(_make(task, n_worlds, name) for task, name in zip(given, called, strict=True))
    first = tasks[0].worlds.vector
    for task in tasks[1:]:
        for kind in ("single_observation_space", "single_action_space"):
            wanted, got = getattr(first, kind), getattr(task.worlds.vector, kind)
            if wanted != got:
                raise SpaceError(
                    f"all tasks of a sequence must have equal spaces, but {kind} is {wanted} in {tasks[0].name!r} and "
                    f"{got} in {task.name!r}. Wrap the environments so that they are alike."
                )
    return tasks


def make_sequence(sequence: Sequence[int] | None, n_tasks: int) -> tuple[int, ...]:
    """The task of each phase, checked; None: each task once, in order.

    Raises:
        ConfigError: it is empty, or a phase names no task.
    """
    if sequence is None:
        return tuple(range(n_tasks))
    if not len(sequence):
        raise ConfigError("sequence must name the task of at least one phase, got none. None means each task once.")
    hint = f"There are {n_tasks} tasks, numbered from 0."
    return tuple(checks.integer(f"sequence[{k}]", task, 0, n_tasks - 1, hint) for k, task in enumerate(sequence))


def _make(given: AnyTask, n_worlds: int, name: str) -> Task:
    if isinstance(given, tuple):
        if len(given) != 2 or not isinstance(given[0], str) or not isinstance(given[1], dict):
            raise ConfigError(f"a task as a pair must be (id, arguments), got {given!r}.")
        return Task(name, Worlds(given[0], n_worlds, given[1]), *given)
    if isinstance(given, str):
        return Task(name, Worlds(given, n_worlds), given, {})
    try:
        examination = copy.deepcopy(given)
    except Exception as problem:  # whatever an environment holds that cannot be copied
        raise ConfigError(
            f"the task {name!r} is examined in a copy of its environment, but that cannot be copied ({problem}). Give "
            f"it by its id, or as a pair (id, arguments)."
        ) from problem
    return Task(name, Worlds(given, n_worlds), examination, {})


def _name(task: AnyTask) -> str:
    if isinstance(task, tuple):
        arguments = ", ".join(f"{key}={value!r}" for key, value in task[1].items()) if len(task) == 2 else ""
        return f"{task[0]}({arguments})"
    if isinstance(task, str):
        return task
    spec = getattr(task, "spec", None)
    return str(spec.id) if spec is not None else type(task).__name__
