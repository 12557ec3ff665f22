"""How arms are told apart without relying on colour: each has a hue, a dash and a mark of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

HUES: Final = 6
"""Of ``study.css``, each with a dark and a light shade; after Okabe and Ito's palette."""

DASHES: Final = ("", "9 3", "2 3", "9 3 2 3")
AREA: Final = 58.0
"""Of each mark, so that none looks weightier than another."""


def _ring(corners: int, turn: float = -90.0, inner: float = 1.0) -> str:
    """A polygon around the origin as a path; with ``inner`` below 1 a star, whose dents are so much nearer."""
    n = corners if inner == 1.0 else 2 * corners
    radius = math.sqrt(2.0 * AREA / (n * inner * math.sin(math.tau / n)))
    places = []
    for k in range(n):
        angle, far = math.radians(turn + 360.0 * k / n), radius * (inner if k % 2 else 1.0)
        places.append(f"{far * math.cos(angle):.2f} {far * math.sin(angle):.2f}")
    return f"M{'L'.join(places)}Z"


MARKS: Final = (
    _ring(24),  # a disc
    _ring(4, 45.0),
    _ring(3),
    _ring(4),
    _ring(3, 90.0),
    _ring(5, inner=0.42),
    _ring(4, inner=0.4),
    _ring(4, 45.0, inner=0.4),
    _ring(3, 0.0),
    _ring(3, inner=0.35),
    _ring(3, 180.0),
    _ring(8, inner=0.6),
)


def classes(index: int) -> str:
    """The arm's hue, as a class of ``study.css``."""
    return f"arm hue-{index % HUES}"


def dash(index: int) -> str:
    """The arm's dash, as an attribute; hues and dashes come together again only after twelve arms."""
    pattern = DASHES[index % len(DASHES)]
    return f' stroke-dasharray="{pattern}"' if pattern else ""


def mark(index: int, x: float, y: float, title: str = "") -> str:
    """The arm's mark at a place, with words for who points at it."""
    told = f"<title>{escape(title)}</title>" if title else ""
    shape = MARKS[index % len(MARKS)]
    return f'<path class="spot" transform="translate({x:.2f} {y:.2f})" d="{shape}">{told}</path>'


def legend(arms: Sequence[str], indices: Sequence[int]) -> str:
    """What each arm looks like."""
    items = [
        f'<li><svg viewBox="0 0 40 18" aria-hidden="true"><g class="{classes(index)}">'
        f'<line class="line" x1="1" y1="9" x2="39" y2="9"{dash(index)}/>{mark(index, 20.0, 9.0)}</g></svg>'
        f"{escape(arm)}</li>"
        for arm, index in zip(arms, indices, strict=True)
    ]
    return f'<ul class="arms">{"".join(items)}</ul>'
