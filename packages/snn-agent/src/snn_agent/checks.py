"""Argument checks whose errors say what is wrong, which values are allowed and what to do."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor

from snn_agent.errors import ConfigError


def integer(name: str, value: Any, low: int, high: int | None = None, hint: str = "") -> int:
    """Return ``value`` as an ``int`` in ``[low, high]``, or raise ConfigError."""
    allowed = f"at least {low}" if high is None else f"in [{low}, {high}]"
    message = f"{name} must be an integer {allowed}, got {value!r}. {hint}".rstrip()
    if isinstance(value, (bool, np.bool_)):
        raise ConfigError(message)
    try:
        result = operator.index(value)
    except TypeError:
        raise ConfigError(message) from None
    if result < low or (high is not None and result > high):
        raise ConfigError(message)
    return result


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf, hint: str = "") -> float:
    """Return ``value`` as a finite ``float`` in ``[low, high]``, or raise ConfigError."""
    allowed = "a finite number"
    if low > -math.inf or high < math.inf:
        allowed += f" in [{low:g}, {high:g}]"
    message = f"{name} must be {allowed}, got {value!r}. {hint}".rstrip()
    result = _finite(value, message)
    if not low <= result <= high:
        raise ConfigError(message)
    return result


def positive(name: str, value: Any, below: float = math.inf, hint: str = "") -> float:
    """Return ``value`` as a finite ``float`` with ``0 < value < below``, or raise ConfigError."""
    allowed = "a finite number above 0" if below == math.inf else f"a number above 0 and below {below:g}"
    message = f"{name} must be {allowed}, got {value!r}. {hint}".rstrip()
    result = _finite(value, message)
    if not 0.0 < result < below:
        raise ConfigError(message)
    return result


def flag(name: str, value: Any) -> bool:
    """Return ``value`` as a ``bool``, or raise ConfigError; 0 and "false" are refused as likely slips."""
    if not isinstance(value, (bool, np.bool_)):
        raise ConfigError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return ``value`` if it is one of the ``allowed`` strings, or raise ConfigError."""
    names = list(allowed)
    if not isinstance(value, str) or value not in names:
        listed = ", ".join(repr(entry) for entry in names)
        raise ConfigError(f"{name} must be one of {listed}, got {value!r}.")
    return value


def shape(name: str, tensor: Tensor, expected: tuple[int | None, ...], meaning: str) -> None:
    """Raise ConfigError unless ``tensor`` has the ``expected`` shape, where ``None`` stands for any size."""
    sizes = tuple(tensor.shape)
    if len(sizes) != len(expected) or any(want not in (None, size) for want, size in zip(expected, sizes, strict=True)):
        wanted = ", ".join("any" if size is None else str(size) for size in expected)
        raise ConfigError(f"{name} must have the shape {meaning} = [{wanted}], got {list(sizes)}.")


def alike(name: str, tensor: Tensor, model_name: str, model: Tensor) -> None:
    """Raise ConfigError unless ``tensor`` has the dtype and the device of ``model``."""
    if tensor.dtype != model.dtype or tensor.device != model.device:
        raise ConfigError(
            f"{name} is {tensor.dtype} on {tensor.device}, but {model_name} is {model.dtype} on {model.device}. "
            f"Give both the same: {name}.to({model_name})."
        )


def _finite(value: Any, message: str) -> float:
    """Return ``value`` as a finite ``float``, or raise ConfigError with the ``message``."""
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise ConfigError(message)
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise ConfigError(message) from None
    if not math.isfinite(result):
        raise ConfigError(message)
    return result
