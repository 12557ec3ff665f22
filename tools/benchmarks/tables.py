"""Tables of figures, for the terminal and for a Markdown page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import rich.box
import rich.table
from rich.console import Console


class Table(NamedTuple):
    """Cells as text."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...] = ()


def print_tables(tables: Iterable[Table]) -> None:
    """Print for people who look at a terminal."""
    console = Console(width=130, highlight=False)
    for table in tables:
        console.print(f"\n{table.title}")  # by itself: the title of a rich table is broken to the table's width
        drawn = rich.table.Table(*table.header, box=rich.box.SIMPLE_HEAD)
        for row in table.rows:
            drawn.add_row(*row)
        console.print(drawn)
        for note in table.notes:
            console.print(f"  {note}")


def write_markdown(path: Path, tables: Iterable[Table], machine: dict[str, str], command: str) -> None:
    """Write in the form of ``docs/performance.md``: what, on which machine, by which command, then the figures."""
    versions = ", ".join(f"{name} {value}" for name, value in machine.items() if name not in ("processor", "cores"))
    parts = [f"`python {command}` on {machine['processor']} ({machine['cores']} cores), {versions}."]
    for table in tables:
        lines = ["| " + " | ".join(table.header) + " |", "|" + "---|" * len(table.header)]
        lines += ["| " + " | ".join(row) + " |" for row in table.rows]
        parts += [f"### {table.title}", "\n".join(lines), *table.notes]
    path.write_text("\n\n".join(parts) + "\n")


def short(number: float | None) -> str:
    """``507 k``, ``1.10 M``; a dash for nothing."""
    if number is None:
        return "–"
    if number < 1e3:
        return f"{number:.3g}"
    value, unit = (number / 1e6, "M") if number >= 1e6 else (number / 1e3, "k")
    return f"{value:.2f} {unit}" if value < 10 else f"{value:.1f} {unit}" if value < 100 else f"{value:.0f} {unit}"


def times(number: float | None) -> str:
    """``39 ×``; a dash for nothing."""
    if number is None:
        return "–"
    return f"{number:.0f}" if number >= 10 else f"{number:.1f}" if number >= 1 else f"{number:.2f}"


def percent(share: float | None) -> str:
    """``12.3 %``; a dash for nothing."""
    return "–" if share is None else f"{100 * share:.1f} %"


def mebibytes(number: int | None) -> str:
    """``31.4``; a dash for nothing."""
    return "–" if number is None else f"{number / 2**20:.1f}"
