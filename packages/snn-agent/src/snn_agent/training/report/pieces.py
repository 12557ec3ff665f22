"""Small pieces of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def quiet(text: str) -> str:
    """A remark."""
    return f'<p class="quiet">{escape(text)}</p>'


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0, words: int = 0) -> str:
    """A table; after so many columns of ``words``, the columns up to ``numbers`` hold numbers."""

    def cells(row: Sequence[str], tag: str) -> str:
        kinds = [' class="number"' if words <= index < numbers else "" for index in range(len(row))]
        return "".join(f"<{tag}{kind}>{escape(text)}</{tag}>" for text, kind in zip(row, kinds, strict=True))

    header = f"<thead><tr>{cells(titles, 'th')}</tr></thead>" if titles else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f'<div class="scroll"><table>{header}<tbody>{body}</tbody></table></div>'
