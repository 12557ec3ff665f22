"""A plot as SVG text: axes with round ticks, and what is drawn between them, in the units of the data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from snn_agent.experiments.statistics import Band, Estimate, Row
from snn_agent.training.report.scale import axis, short
from studies.page.looks import classes, dash, mark

WIDTH: Final = 460.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 14.0, 24.0, 46.0
ROW, LETTER = 26.0, 7.2
"""Height of a row, and width of a letter, of which names take no more."""

LOG_FROM: Final = 5.0
"""Ratio of the greatest to the least value from which a scale that may be logarithmic is."""

MARKS: Final = 5
APART: Final = 40.0
"""Of a curve, at most, and how far apart they are at least."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """An axis: its range, its round ticks and its label."""

    low: float
    high: float
    ticks: Sequence[float]
    label: str
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 at the low end and 1 at the high one."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def linear(values: Iterable[float], label: str, *, zero: bool = False, intervals: int = 4) -> Scale:
    """A scale on which all finite values lie."""
    found = axis(values, zero=zero, intervals=intervals)
    return Scale(low=found.low, high=found.high, ticks=found.ticks, label=label)


def until(last: float, label: str) -> Scale:
    """From 0 to just so far, with round ticks on the way."""
    found = axis([0.0, last])
    ticks = [tick for tick in found.ticks if tick <= last * 1.001]
    return Scale(low=0.0, high=last, ticks=ticks, label=label)


def spread(values: Iterable[float], label: str) -> Scale:
    """Logarithmic where the values, all above 0, are far apart; else linear."""
    found = list(values)
    low, high = min(found), max(found)
    if high < LOG_FROM * low or low <= 0.0:
        return linear(found, label)
    rounds = [digit * 10.0**power for power in range(-12, 13) for digit in (1, 2, 5)]
    first = max(value for value in rounds if value <= low)
    last = min(value for value in rounds if value >= high)
    ticks = [value for value in rounds if first <= value <= last]
    return Scale(low=first, high=last, ticks=ticks, label=f"{label} (logarithmic)", log=True)


class Plot:
    """A figure in the making.

    Args:
        title: what is shown.
        note: how it is to be read.
        across: the horizontal scale.
        up: the vertical one.
        height: of the whole, where the width is 460.
    """

    def __init__(self, title: str, note: str, across: Scale, up: Scale, height: float = 330.0) -> None:
        self.title, self.note, self.across, self.up, self.height = title, note, across, up, height
        self.left, self.right = LEFT, WIDTH - RIGHT
        self.parts: list[str] = []

    def x(self, value: float) -> float:
        """The place of a value of the horizontal scale."""
        return self.left + (self.right - self.left) * self.across.share(value)

    def y(self, value: float) -> float:
        """The place of a value of the vertical scale."""
        return self.height - BOTTOM - (self.height - TOP - BOTTOM) * self.up.share(value)

    def places(self, x: Iterable[float], y: Iterable[float]) -> str:
        """Points, as SVG has them."""
        return " ".join(f"{self.x(a):.2f},{self.y(b):.2f}" for a, b in zip(x, y, strict=True))

    def curve(self, arm: str, index: int, x: Row, y: Band, marked: Sequence[int] | None = None) -> None:
        """A line with the arm's looks and the area of its interval; marked at these points, or at up to five places."""
        if not len(x):
            return
        if marked is None:
            n = max(1, min(MARKS, int((self.x(x[-1]) - self.x(x[0])) / APART)))
            # Marks of neighbouring arms stand beside each other, not upon.
            marked = [round((len(x) - 1) * (k + (index % 6 + 0.5) / 6) / n) for k in range(n)]
        corners = self.places([*x, *x[::-1]], [*y.high, *y.low[::-1]])
        marks = "".join(mark(index, self.x(float(x[k])), self.y(float(y.value[k]))) for k in marked)
        self.parts.append(
            f'<g class="{classes(index)}"><title>{escape(arm)}</title><polygon class="area" points="{corners}"/>'
            f'<polyline class="line" points="{self.places(x, y.value)}"{dash(index)}/>{marks}</g>'
        )

    def point(self, arm: str, index: int, x: Estimate, y: Estimate, told: str) -> None:
        """An arm's mark with its intervals."""
        bars = (
            f'<line class="whisker" x1="{self.x(x.low):.2f}" y1="{self.y(y.value):.2f}" x2="{self.x(x.high):.2f}" '
            f'y2="{self.y(y.value):.2f}"/>'
        )
        if y.low != y.high:
            bars += (
                f'<line class="whisker" x1="{self.x(x.value):.2f}" y1="{self.y(y.low):.2f}" x2="{self.x(x.value):.2f}" '
                f'y2="{self.y(y.high):.2f}"/>'
            )
        spot = mark(index, self.x(x.value), self.y(y.value), f"{arm}: {told}")
        self.parts.append(f'<g class="{classes(index)}">{bars}{spot}</g>')

    def add(self, part: str) -> None:
        """Anything else, in SVG."""
        self.parts.append(part)

    def html(self) -> str:
        """The figure."""
        right, bottom = self.right, self.height - BOTTOM
        grid = []
        for tick in self.across.ticks:
            x = self.x(tick)
            grid.append(f'<line class="rule" x1="{x:.2f}" y1="{TOP}" x2="{x:.2f}" y2="{bottom}"/>')
            edge = x > WIDTH - RIGHT - 12
            grid.append(_text("tick x", x + 8 * edge, bottom + 17, short(tick), "end" if edge else "middle"))
        for tick in self.up.ticks:
            y = self.y(tick)
            grid.append(f'<line class="rule" x1="{self.left}" y1="{y:.2f}" x2="{right}" y2="{y:.2f}"/>')
            grid.append(_text("tick y", self.left - 6, y + 4.5, short(tick), "end"))
        words = _text("label", (self.left + right) / 2, self.height - 8, self.across.label, "middle")
        words += _text("label", 4, 13, self.up.label, "start") if self.up.label else ""
        return (
            f'<figure class="study"><figcaption><b>{escape(self.title)}</b> '
            f"<span>{escape(self.note)}</span></figcaption>"
            f'<svg viewBox="0 0 {WIDTH:g} {self.height:g}" role="img"><title>{escape(self.title)}</title>'
            f"<desc>{escape(self.note)}</desc>{''.join(grid)}{''.join(self.parts)}{words}</svg></figure>"
        )


def rows(title: str, note: str, across: Scale, names: Sequence[str], told: Sequence[str] = ()) -> Plot:
    """A plot with a row for each name, of which the first is on top and at height 0, the next at −1, and so on.

    Args:
        title: see :class:`Plot`.
        note: likewise.
        across: likewise.
        names: left of the rows.
        told: right of them, if anything.
    """
    n = len(names)
    up = Scale(low=-n + 0.5, high=0.5, ticks=(), label="")
    plot = Plot(title, note, across, up, height=TOP + BOTTOM + ROW * n)
    plot.left = 18.0 + LETTER * max(map(len, names))
    plot.right -= LETTER * max(map(len, told), default=0)
    for number, name in enumerate(names):
        plot.add(_text("row", plot.left - 10, plot.y(-number) + 4.5, name, "end"))
    for number, words in enumerate(told):
        plot.add(_text("row", plot.right + 10, plot.y(-number) + 4.5, words, "start"))
    return plot


def _text(kind: str, x: float, y: float, words: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}">{escape(words)}</text>'
