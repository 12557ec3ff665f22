"""A curve over the environment steps, as HTML that stretches to any width and can be read without a script.

The lines are SVG without proportions of its own; words and marks are laid over it, so that they keep their size on a
phone. ``page.js`` adds reading off values by pointer, finger and arrow keys.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

import numpy as np

from snn_agent.training.report.data import RunData
from snn_agent.training.report.frame import percent, ticks_across, ticks_up
from snn_agent.training.report.scale import PLAIN, Axis, Unit, axis, short
from snn_agent.training.report.switches import lines, signs, strip
from snn_agent.training.report.thinning import FloatArray, thin

MARKS: Final = 120
"""Most marks on a curve; more would hide it."""

NEAR: Final = 0.09
"""Share of a curve's height below which the names of two lines would cover each other."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something that happened: a sign at a place."""

    x: float
    y: float
    sign: str
    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One curve and what it needs.

    Attributes:
        title: what is shown.
        note: its definition.
        column: of metrics.csv, or a derived one.
        unit: in which it is shown.
        zero: whether the axis must reach zero.
        joined: whether known points are connected over those between, at which nothing was told.
        band: two columns between which an area is filled.
        stairs: whether a value holds until the next one, so that no slope is drawn between them.
        wide: whether it takes the whole width of the page.
        references: values of others by name, drawn as level lines.
        marks: what happened on the way.
        beside: other columns in the same unit that are read off with it, by the word that names them.
    """

    title: str
    note: str
    column: str
    unit: Unit = PLAIN
    zero: bool = False
    joined: bool = False
    band: tuple[str, str] | None = None
    stairs: bool = False
    wide: bool = False
    references: Mapping[str, float] = field(default_factory=dict)
    marks: Sequence[Mark] = ()
    beside: Mapping[str, str] = field(default_factory=dict)


def draw(chart: Chart, data: RunData) -> str:
    """The chart as HTML; in place of the curve a sentence where there is nothing to draw."""
    x, y = data.column("env_steps"), data.column(chart.column)
    head = f"<figcaption><b>{escape(chart.title)}</b> <span>{escape(chart.note)}</span></figcaption>"
    kind = "chart wide" if chart.wide else "chart"
    seen = np.isfinite(x) & np.isfinite(y)
    if not seen.any():
        why = "No episode ended yet." if chart.column in ("food_mean", "return_mean") else "Nothing was recorded."
        return f'<figure class="{kind}">{head}<p class="nothing">{why}</p></figure>'
    across = until(x, intervals=5 if chart.wide else 3)
    band = () if chart.band is None else tuple(data.column(name) for name in chart.band)
    up = axis([*y[seen].tolist(), *chart.references.values(), *(v for c in band for v in c.tolist())], zero=chart.zero)
    last = int(np.flatnonzero(seen)[-1])
    latest = f"{chart.unit.show(float(y[last]))} at {short(float(x[last]))} steps"
    curve = {
        "column": chart.column,
        "factor": chart.unit.factor,
        "unit": chart.unit.name,
        "joined": chart.joined,
        "across": [across.low, across.high],
        "up": [up.low, up.high],
        "beside": dict(chart.beside),
    }
    label = f"{chart.title}: from {_range(y[seen], chart.unit)}, last {latest}"
    return "".join(
        [
            f'<figure class="{kind}">{head}<div class="frame">{strip(data.life, across)}',
            ticks_up({1.0 - up.share(tick): chart.unit.show(tick) if tick else "0" for tick in up.ticks}),
            f'<div class="plot" tabindex="0" role="img" aria-label="{escape(label)}" ',
            f'data-curve="{escape(json.dumps(curve))}">',
            _lines(x, y, band, across, up, chart, lines(data.life, across)),
            _names(chart, up),
            _marks(chart.marks, across, up),
            signs(data.life, across),
            '<i class="cursor" hidden></i><i class="dot" hidden></i></div>',
            ticks_across(across),
            f'</div><p class="readout">last: <b>{escape(latest)}</b></p></figure>',
        ]
    )


def until(x: FloatArray, intervals: int = 5) -> Axis:
    """Environment steps from 0 to the last of ``x``, with round ticks; NaN are passed over."""
    last = float(np.nanmax(x))
    ticks = axis([0.0, last], intervals=intervals).ticks
    return Axis(0.0, last, tuple(tick for tick in ticks if tick <= last * 1.001))


def _range(values: FloatArray, unit: Unit) -> str:
    return f"{unit.show(float(values.min()))} to {unit.show(float(values.max()))}"


def _lines(
    x: FloatArray, y: FloatArray, band: tuple[FloatArray, ...], across: Axis, up: Axis, chart: Chart, switches: str
) -> str:
    grid = "".join(f"M0 {_y(tick, up)}H1000" for tick in up.ticks)
    level = "".join(f'<path class="level" d="M0 {_y(value, up)}H1000"/>' for value in chart.references.values())
    if chart.joined:
        known = np.isfinite(x) & np.isfinite(y)
        x, y = x[known], y[known]
    return (
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="grid" d="{grid}"/>{_area(x, band, across, up)}{level}{switches}'
        f'<path class="curve" d="{draw_path(x, y, across, up, stairs=chart.stairs)}"/></svg>'
    )


def _area(x: FloatArray, band: tuple[FloatArray, ...], across: Axis, up: Axis) -> str:
    """The area between two columns, where both are known: along one of them and back along the other."""
    if not band:
        return ""
    known = np.isfinite(x) & np.isfinite(band[0]) & np.isfinite(band[1])
    there = [*zip(x[known].tolist(), band[1][known].tolist(), strict=True)]
    back = [*zip(x[known].tolist(), band[0][known].tolist(), strict=True)][::-1]
    corners = "L".join(f"{1000.0 * across.share(place):.1f} {_y(value, up)}" for place, value in there + back)
    return f'<path class="band" d="M{corners}Z"/>'


def _y(value: float, up: Axis) -> str:
    return f"{1000.0 * (1.0 - up.share(value)):.1f}"


def draw_path(x: FloatArray, y: FloatArray, across: Axis, up: Axis, *, stairs: bool = False) -> str:
    """The curve, broken where there is no number; a lone point is a line of no length, which round ends make a dot."""
    parts: list[str] = []
    pen_is_down = False
    for place, value in zip(x.tolist(), y.tolist(), strict=True):
        if not (math.isfinite(place) and math.isfinite(value)):
            pen_is_down = False
            continue
        point_x, point_y = f"{1000.0 * across.share(place):.1f}", _y(value, up)
        if not pen_is_down:
            parts.append(f"M{point_x} {point_y}h0")
        else:
            parts.append(f"H{point_x}V{point_y}" if stairs else f"L{point_x} {point_y}")
        pen_is_down = True
    return "".join(parts)


def _names(chart: Chart, up: Axis) -> str:
    """The names of the level lines, above them; below where the next line above is too near."""
    ordered = sorted(chart.references.items(), key=lambda entry: entry[1])
    names = []
    for index, (name, value) in enumerate(ordered):
        crowded = index + 1 < len(ordered) and up.share(ordered[index + 1][1]) - up.share(value) < NEAR
        text = f"{escape(name)} {escape(chart.unit.show(value))}"
        place = f"top:{percent(1.0 - up.share(value))}"
        names.append(f'<span class="name{" below" if crowded else ""}" style="{place}">{text}</span>')
    return "".join(names)


def _marks(marks: Sequence[Mark], across: Axis, up: Axis) -> str:
    chosen = [marks[index] for index in thin(len(marks), MARKS)]
    return "".join(
        f'<span class="mark {escape(mark.kind)}" title="{escape(mark.text)}" style="left:'
        f'{percent(across.share(mark.x))};top:{percent(1.0 - up.share(mark.y))}">{escape(mark.sign)}</span>'
        for mark in chosen
    )
