"""A line chart as SVG text, without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 220, 40, 50
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette, which colour-blind people can tell apart."""

Points = Sequence[tuple[float, float]]


def line_chart(title: str, x_label: str, y_label: str, lines: Mapping[str, Points]) -> str:
    """Lines by name, from the origin to their greatest values; a line without points is only named."""
    x_ticks = _ticks(max((x for points in lines.values() for x, _ in points), default=1.0))
    y_ticks = _ticks(max((y for points in lines.values() for _, y in points), default=1.0))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * x / x_ticks[-1],
            HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / y_ticks[-1],
        )

    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text((LEFT + right) / 2, TOP / 2, title, "middle", size=15),
        _text((LEFT + right) / 2, HEIGHT - 12, x_label, "middle"),
        _text(8, TOP - 8, y_label, "start"),
    ]
    for tick in x_ticks:
        x, _ = place(tick, 0.0)
        parts += [_line((x, TOP), (x, bottom)), _text(x, bottom + 16, f"{tick:g}", "middle")]
    for tick in y_ticks:
        _, y = place(0.0, tick)
        parts += [_line((LEFT, y), (right, y)), _text(LEFT - 6, y + 4, f"{tick:g}", "end")]
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = TOP + 12 + 20 * number
        parts.append(f'<rect x="{right + 12}" y="{y - 9}" width="14" height="4" fill="{colour}"/>')
        parts.append(_text(right + 32, y - 3, name, "start"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _ticks(greatest: float) -> list[float]:
    """About five round numbers from 0 to at least ``greatest``."""
    if greatest <= 0.0:
        return [0.0, 1.0]
    rough = greatest / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * 0.999)
    return [step * n for n in range(math.ceil(greatest / step * 0.999) + 1)]


def _text(x: float, y: float, words: str, anchor: str, size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    places = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
    return f'<line {places} stroke="#ddd"/>'
