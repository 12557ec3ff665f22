"""Tell who lived and died in a run: ``python tools/genealogy.py RUN``; with ``--csv FILE``, a line for each neuron.

The event log is replayed, and those who live at its end are compared with those of the newest checkpoint.
"""

from __future__ import annotations

import csv
import dataclasses
import statistics
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from snn_agent.errors import CheckpointError, SnnAgentError
from snn_agent.metrics.genealogy import Genealogy, NeuronLife, genealogy, read_events
from snn_agent.training.checkpoint import load_newest
from snn_agent.types import StructuralEvent

console = Console(highlight=False)


@dataclasses.dataclass(frozen=True)
class Options:
    """What to tell."""

    run: Annotated[Path, tyro.conf.Positional]
    """Run directory."""
    csv: Path | None = None
    """Where to write a line for each neuron that ever lived."""
    oldest: int = 5
    """How many of the oldest survivors are listed."""


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    options = tyro.cli(Options, args=arguments, description=__doc__)
    try:
        path, saved = load_newest(options.run)
        counters = saved.state["counters"]
        # What a killed run did after its checkpoint will be lived again, maybe otherwise.
        events = [event for event in read_events(options.run) if event.update <= counters["update"]]
        told = genealogy(events, int(saved.state["hidden_at_start"]))
        ids = saved.optimizer["statistics.id"].tolist()
        if [life.id for life in told.survivors] != ids:
            raise CheckpointError(
                f"the event log of {options.run} ends with {len(told.survivors)} living neurons that are not the "
                f"{len(ids)} of {path}. Events at its end were lost or changed."
            )
        if options.csv is not None:
            write_csv(options.csv, told)
    except SnnAgentError as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        return 2
    console.print(
        f"{options.run}: {told.sizes[0]} founders, {len(told.lives)} neurons ever, {len(ids)} live after "
        f"{counters['env_step']:,} steps ({counters['update']:,} updates), as in {path.name}",
        soft_wrap=True,
    )
    console.print(rules_table(events, told))
    console.print(survivors_table(told, counters["update"], options.oldest))
    if options.csv is not None:
        console.print(f"lives: {options.csv}", soft_wrap=True)
    return 0


def rules_table(events: list[StructuralEvent], told: Genealogy) -> Table:
    """What each rule did, and how long those lived whom it ended."""
    table = Table(title="What the rules did; ages at death in updates", title_justify="left")
    table.add_column("rule", no_wrap=True)
    turnover = any(event.synapses_ended or event.synapses_begun for event in events)
    for column in ("events", "born", "died", "median age", "oldest", *(["synapses − / +"] if turnover else [])):
        table.add_column(column, justify="right")
    for rule in sorted({event.rule for event in events}):
        own = [event for event in events if event.rule == rule]
        ages = [life.age_at_death for life in told.lives if life.died_by == rule and life.age_at_death is not None]
        ended, begun = sum(event.synapses_ended for event in own), sum(event.synapses_begun for event in own)
        table.add_row(
            rule,
            str(len(own)),
            str(sum(len(event.born) for event in own)),
            str(sum(len(event.died) for event in own)),
            f"{statistics.median(ages):g}" if ages else "–",
            str(max(ages)) if ages else "–",
            *([f"{ended} / {begun}"] if turnover else []),
        )
    return table


def survivors_table(told: Genealogy, update: int, oldest: int) -> Table:
    """The survivors of the longest life, and how many were born of each."""
    children = Counter(life.parent for life in told.lives)
    table = Table(title=f"Oldest of {len(told.survivors)} survivors; ages in updates", title_justify="left")
    for column in ("id", "age", "born at step", "born by", "parent", "children"):
        table.add_column(column, justify="right", no_wrap=True)
    for life in sorted(told.survivors, key=lambda life: (life.born_update, life.id))[:oldest]:
        table.add_row(
            str(life.id),
            str(update - life.born_update),
            f"{life.born_env_step:,}",
            life.born_by or "founder",
            "–" if life.parent is None else str(life.parent),
            str(children[life.id]),
        )
    return table


def write_csv(file: Path, told: Genealogy) -> None:
    """A line for each neuron, with the fields of a life and its age at death; what has not happened is empty."""
    with file.open("w", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow([*(field.name for field in dataclasses.fields(NeuronLife)), "age_at_death"])
        writer.writerows([*dataclasses.astuple(life), life.age_at_death] for life in told.lives)


if __name__ == "__main__":
    sys.exit(main())
