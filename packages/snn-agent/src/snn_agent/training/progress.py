"""What a person sees of a run: a live bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from snn_agent.training.agent import StructuralEvent
from snn_agent.training.callbacks import Callback, Run, UpdateRecord

LINE_SECONDS = 10.0
"""Seconds between two plain lines."""


class ProgressDisplay(Callback):
    """Steps, speed, reward, food, neurons, firing rate and the time that is left."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = 0.0
        self._unsaid: str | None = None  # the newest state, if no line has said it

    def on_start(self, run: Run) -> None:
        """Open the bar."""
        del run
        self._last_line = time.monotonic()
        if self.console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.percentage:>3.0f} %"),
                BarColumn(bar_width=24),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
                console=self.console,
            )
            self._bar.start()
            self._task = self._bar.add_task("learning …", total=1.0)

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        """Move the bar, or print a line every ten seconds."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=run.progress, description=describe(record))
            return
        self._unsaid = f"{run.progress:4.0%}  {describe(record)}"
        if time.monotonic() - self._last_line >= LINE_SECONDS:
            self._last_line = time.monotonic()
            self._say()

    def on_event(self, run: Run, event: StructuralEvent) -> None:
        """Say who was born or died."""
        del run
        changes = [f"{len(event.born)} born"] * bool(event.born) + [f"{len(event.died)} died"] * bool(event.died)
        self._print(
            f"  {event.env_step / 1e6:.2f} M steps: {' and '.join(changes)} ({event.rule}); {event.size_after} neurons"
        )

    def on_end(self, run: Run, summary: dict[str, Any]) -> None:
        """Close the bar, or print where the run ended."""
        del run, summary
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._say()

    def _say(self) -> None:
        if self._unsaid is not None:
            self._print(self._unsaid)
            self._unsaid = None

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)  # a line stays a line, however long


def describe(record: UpdateRecord) -> str:
    """One line about the state of the run."""
    counts_food = not math.isnan(record.food_mean)
    fortune = f"food {record.food_mean:.1f}" if counts_food else f"return {record.return_mean:.2f}"
    return (
        f"{record.env_steps / 1e6:.2f} M steps  {record.env_steps_per_second / 1e3:.0f} k/s  {fortune}  "
        f"{record.hidden_neurons} neurons  {record.firing_rate:.1%} firing"
    )
