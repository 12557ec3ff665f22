"""Numbers for people: round ticks, short figures, units that fit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class Unit(NamedTuple):
    """How a quantity is shown: its number times ``factor``, followed by ``name``."""

    factor: float = 1.0
    name: str = ""

    def show(self, value: float | None) -> str:
        """``151.1 mJ``; a dash where there is no number."""
        if value is None or not math.isfinite(value):
            return "–"
        return f"{short(value * self.factor)} {self.name}".strip()


PLAIN = Unit()
PERCENT = Unit(100.0, "%")


def joules(value: float) -> Unit:
    """The prefix that keeps a number of joules between 1 and 1000."""
    prefixes = ((1.0, "J"), (1e3, "mJ"), (1e6, "µJ"), (1e9, "nJ"), (1e12, "pJ"))
    return next((Unit(factor, name) for factor, name in prefixes if value * factor >= 1.0), Unit())


def steps(most: float) -> Unit:
    """Steps in millions, thousands or one by one."""
    if most >= 1e6:
        return Unit(1e-6, "M")
    return Unit(1e-3, "k") if most >= 1e4 else Unit()


def short(value: float) -> str:
    """Four digits, or all of a whole number's: ``0.01164``, ``151.1``, ``605,184``."""
    if value == 0.0 or not math.isfinite(value):
        return "0" if value == 0.0 else "–"
    if abs(value) >= 1000.0:
        return f"{value:,.0f}"
    if abs(value) < 1e-4:
        return f"{value:.2e}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Axis(NamedTuple):
    """A range of numbers and the round ones in it."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Where a number lies, 0 at the low end and 1 at the high one."""
        return (value - self.low) / (self.high - self.low)


def axis(values: Iterable[float], *, zero: bool = False, intervals: int = 4) -> Axis:
    """The axis on which all the finite ``values`` lie, with about so many intervals between round ticks.

    Args:
        values: what must be seen; may be empty.
        zero: whether zero must be seen as well.
        intervals: wanted between ticks.
    """
    finite = [value for value in values if math.isfinite(value)] + [0.0] * zero
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if not high > low:
        room = abs(high) * 0.5 or 1.0
        low, high = (0.0, room) if zero and high == 0.0 else (low - room, high + room)
    rough = (high - low) / intervals
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in (1, 2, 2.5, 5, 10) if power * digit >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(index * step, 12 - math.floor(math.log10(step))) for index in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)
