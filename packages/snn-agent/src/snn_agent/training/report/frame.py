"""The words around a plot: what stands beside it and below it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from snn_agent.training.report.scale import Axis, steps


def percent(share: float) -> str:
    """A place in a plot, as CSS has it."""
    return f"{100.0 * share:.2f}%"


def ticks_up(names: Mapping[float, str]) -> str:
    """Words left of a plot, by how far down they stand, 0 to 1."""
    spans = [f'<span style="top:{percent(down)}">{escape(name)}</span>' for down, name in names.items()]
    return f'<div class="up" aria-hidden="true">{"".join(spans)}</div>'


def ticks_across(across: Axis) -> str:
    """Environment steps below a plot."""
    unit = steps(across.high)
    return words_across({across.share(tick): unit.show(tick) if tick else "0" for tick in across.ticks})


def words_across(names: Mapping[float, str]) -> str:
    """Words below a plot, by how far to the right they stand, 0 to 1."""
    spans = [
        f'<span{" class=edge" * (share > 0.95)} style="left:{percent(share)}">{escape(name)}</span>'
        for share, name in names.items()
    ]
    return f'<div class="across" aria-hidden="true">{"".join(spans)}</div>'
