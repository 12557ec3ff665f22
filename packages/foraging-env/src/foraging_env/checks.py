"""Argument checks whose errors say what is wrong, which values are allowed and what to do."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import error
from gymnasium.vector import AutoresetMode


def integer(name: str, value: Any, low: int, high: int | None = None, hint: str = "") -> int:
    """Return ``value`` as an ``int`` in ``[low, high]``, or raise ValueError."""
    allowed = f"at least {low}" if high is None else f"in [{low}, {high}]"
    message = f"{name} must be an integer {allowed}, got {value!r}. {hint}".rstrip()
    if isinstance(value, (bool, np.bool_)):
        raise ValueError(message)
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(message) from None
    if number < low or (high is not None and number > high):
        raise ValueError(message)
    return number


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf, hint: str = "") -> float:
    """Return ``value`` as a finite ``float`` in ``[low, high]``, or raise ValueError."""
    allowed = "a finite number"
    if low > -math.inf or high < math.inf:
        allowed += f" in [{low:g}, {high:g}]"
    message = f"{name} must be {allowed}, got {value!r}. {hint}".rstrip()
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise ValueError(message)
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(message) from None
    if not math.isfinite(result) or not low <= result <= high:
        raise ValueError(message)
    return result


def flag(name: str, value: Any) -> bool:
    """Return ``value`` as a ``bool``, or raise ValueError; 0 and "false" are refused as likely slips."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return ``value`` if it is one of the ``allowed`` strings, or raise ValueError."""
    names = list(allowed)
    if not isinstance(value, str) or value not in names:
        listed = ", ".join(repr(entry) for entry in names)
        raise ValueError(f"{name} must be one of {listed}, got {value!r}.")
    return value


def int_tuples(name: str, value: Any, width: int, meaning: str) -> tuple[tuple[int, ...], ...]:
    """Return ``value`` as a tuple of ``width``-tuples of int, or raise ValueError."""
    message = f"{name} must be a sequence of {meaning}, got {value!r}."
    try:
        rows = tuple(tuple(row) for row in value)
        numbers = tuple(tuple(operator.index(entry) for entry in row) for row in rows)
    except TypeError:
        raise ValueError(message) from None
    if any(len(row) != width or any(isinstance(entry, bool) for entry in row) for row in rows):
        raise ValueError(message)
    return numbers


def action(value: Any) -> int:
    """Return one action as an ``int`` in 0 … 3, or raise InvalidAction."""
    try:
        index = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        index = -1
    if not 0 <= index <= 3:
        raise error.InvalidAction(
            f"action must be one integer, 0 up, 1 down, 2 left or 3 right, got {value!r}. "
            f"An array holds actions for a vector environment: see gymnasium.make_vec."
        )
    return index


def render_mode(value: Any, allowed: Iterable[str]) -> str | None:
    """Return ``value`` if it is None or one of the ``allowed`` modes, or raise ValueError."""
    return None if value is None else choice("render_mode", value, allowed)


def actions(value: Any, num_envs: int) -> npt.NDArray[np.int64]:
    """Return a batch of actions as int64 [num_envs], or raise InvalidAction."""
    try:
        given = np.asarray(value)
    except ValueError:  # rows of different lengths
        raise error.InvalidAction(f"actions must be {num_envs} integers, one a world, got {value!r}.") from None
    if given.shape != (num_envs,) or given.dtype.kind not in "iu":
        raise error.InvalidAction(
            f"actions must be {num_envs} integers, one a world, got an array of shape {given.shape} and dtype "
            f"{given.dtype}."
        )
    array = given.astype(np.int64, copy=True)
    if np.count_nonzero(array & ~3):  # any bit above the two that four actions need, the sign among them
        world = int(np.flatnonzero((array < 0) | (array > 3))[0])
        raise error.InvalidAction(
            f"actions must be 0 up, 1 down, 2 left or 3 right, got {int(given[world])} for world {world}."
        )
    return array


def reset_mask(options: Any, num_envs: int) -> npt.NDArray[np.bool_] | None:
    """Return a copy of ``options["reset_mask"]``, or None without one; the options are left as they are."""
    if not options:
        return None
    if not isinstance(options, Mapping) or set(options) != {"reset_mask"}:
        got = list(options) if isinstance(options, Mapping) else options
        raise ValueError(f"options must be None or {{'reset_mask': mask}}, reset() knows no others, got {got!r}.")
    mask = options["reset_mask"]
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (num_envs,):
        got = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else repr(mask)
        raise ValueError(f"options['reset_mask'] must be a NumPy array of {num_envs} bools, got {got}.")
    if not mask.any():
        raise ValueError("options['reset_mask'] selects no world. Set at least one entry, or do not call reset().")
    return mask.copy()


def seeds(value: Any, num_envs: int) -> list[int | None]:
    """Return a seed for each world: ``s + i`` from one integer, a sequence as it is, or all None."""
    if value is None:
        return [None] * num_envs
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0):
        if len(value) != num_envs:
            raise ValueError(f"seed must be one integer or {num_envs} of them, one a world, got {len(value)}.")
        return [None if entry is None else integer("each seed", entry, 0) for entry in value]
    first = integer("seed", value, 0, hint="Or give a list with one seed, or None, a world.")
    return [first + world for world in range(num_envs)]


def episode_limit(value: Any) -> int | None:
    """Return ``max_episode_steps`` as an int, or None for no limit (None and -1, as Gymnasium has it)."""
    if value is None or (isinstance(value, (int, np.integer)) and value == -1):
        return None
    return integer("max_episode_steps", value, 1, hint="Use -1 or None for no limit.")


def autoreset_mode(value: Any) -> AutoresetMode:
    """Return an autoreset mode given as such or by its value ("NextStep", "SameStep", "Disabled")."""
    try:
        return AutoresetMode(value)
    except ValueError:
        names = ", ".join(repr(mode.value) for mode in AutoresetMode)
        raise ValueError(f"autoreset_mode must be an AutoresetMode or one of {names}, got {value!r}.") from None
