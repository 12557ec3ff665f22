"""Where one task ended and another began, over any plot along environment steps: a strip above it and upright lines."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from snn_agent.training.continual.journal import PhaseLine
from snn_agent.training.report.frame import percent
from snn_agent.training.report.life import Life
from snn_agent.training.report.scale import Axis
from snn_agent.training.report.thinning import thin

HUES: Final = 6
"""Of ``page.css``, each with a dash of its own; after the last the first comes back."""

MOST: Final = 120
"""Phases that are marked; where there are more of them, marks would hide the curve, and there are none."""


def look(task: int) -> str:
    """The task's hue and dash, as a class of ``page.css``."""
    return f"task-{task % HUES}"


def strip(life: Life | None, across: Axis) -> str:
    """The name of each phase's task over the steps in which it was lived, as HTML."""
    if life is None or len(life.phases) > MOST:
        return ""
    ends = [*(line.env_step for line in life.phases[1:]), across.high]
    spans = []
    for line, end in zip(life.phases, ends, strict=True):
        if (left := across.share(line.env_step)) < 1.0:
            width = percent(min(1.0, across.share(end)) - left)
            place = f"left:{percent(left)};width:{width}"
            about = f'class="{look(line.task)}" style="{place}" title="{escape(_told(line))}"'
            spans.append(f"<span {about}>{escape(line.name)}</span>")
    return f'<div class="phases" aria-hidden="true">{"".join(spans)}</div>'


def lines(life: Life | None, across: Axis) -> str:
    """Upright lines where phases begin and where the organism noticed something, as SVG in a square of 1000."""
    if life is None:
        return ""
    begins = [] if len(life.phases) > MOST else life.phases[1:]
    kinds = {"switch": begins, "noticed": _noticed(life)}
    return "".join(f'<path class="{name}" d="{_upright(found, across)}"/>' for name, found in kinds.items() if found)


def signs(life: Life | None, across: Axis) -> str:
    """A sign at the foot of each line where the organism noticed something, as HTML."""
    return "".join(
        f'<span class="mark notice-sign" title="{escape(_told(line))}" '
        f'style="left:{percent(across.share(line.env_step))};top:100%">◇</span>'
        for line in (_noticed(life) if life else [])
    )


def _noticed(life: Life) -> list[PhaseLine]:
    return [life.detections[index] for index in thin(len(life.detections), MOST)]


def _upright(found: Iterable[PhaseLine], across: Axis) -> str:
    shares = (across.share(line.env_step) for line in found)
    return "".join(f"M{1000.0 * share:.1f} 0V1000" for share in shares if share <= 1.0)


def _told(line: PhaseLine) -> str:
    """A line of ``phases.jsonl`` in words."""
    if line.kind == "detected":
        return f"at {line.env_step:,} steps it noticed a change and took its task for {line.task}"
    told = "" if line.kind == "given" else "; it is not told"
    return f"phase {line.phase}, from {line.env_step:,} steps: {line.name}, task {line.task}{told}"
