"""The page of a study of several tasks: sections put together and written at once."""

from __future__ import annotations

from html import escape
from pathlib import Path

import snn_agent.training.report as report
from snn_agent.training.report.pieces import quiet
from studies import page as study_page
from studies.continual_page import figures, sections
from studies.continual_page.data import ContinualStudy, SequenceData
from studies.continual_page.metrics import verdicts
from studies.page.looks import legend
from studies.page.page import FILE, PAGE
from studies.page.tidy import write_whole


def write_page(data: ContinualStudy, folder: Path) -> Path:
    """Write ``report.html`` into a folder; an older one is replaced only when it is whole.

    Args:
        data: a study of which a run is done.
        folder: there must be one.

    Returns:
        Where it is.
    """
    styles = (
        Path(report.__file__).with_name("page.css"),
        Path(study_page.__file__).with_name("study.css"),
        Path(__file__).with_name("continual.css"),
    )
    whole = PAGE.format(
        title=escape(f"{data.study} – study report"),
        style="".join(path.read_text(encoding="utf-8") for path in styles),
        body=body(data),
    )
    target = folder / FILE
    write_whole(target, lambda draft: draft.write_text(whole, encoding="utf-8"))
    return target


def body(data: ContinualStudy) -> str:
    """All of the page that is seen."""
    judged = {sequence.comparison.sequence: verdicts(sequence) for sequence in data.sequences}
    parts = [
        sections.head(data),
        _section("Goal", sections.goal(judged)),
        *(
            _section(_name(sequence), _sequence(sequence, sections.verdict(judged[sequence.comparison.sequence])))
            for sequence in data.sequences
            if sequence.seen
        ),
        _section("Failed and missing runs", sections.unfinished(data)),
        _section("Machine and commit", sections.machine(data)),
        _section("Again", sections.commands(data)),
    ]
    return "\n".join(parts)


def _sequence(data: SequenceData, verdict: str) -> str:
    """Everything about one sequence."""
    key = legend(figures.letters(data), list(range(len(data.names))))
    maps = "".join(figures.heat_map(data, arm) for arm in data.seen)
    lines = "".join(figures.curves(data, arm) for arm in data.seen)
    lineages = "".join(figures.genealogy_figure(data, arm) for arm in data.seen)
    scale = (
        "<p>Normalised score, the stronger the colour the better; a frame marks the task that is being lived.</p>"
        + figures.shades()
    )
    parts = [
        sections.tasks(data),
        f"<h3>Verdict</h3>{verdict}{quiet(_references(data))}" if verdict else "",
        f"<h3>Metrics</h3>{sections.numbers(data)}",
        f'<h3>Task by time</h3>{scale}<div class="charts">{maps}</div>',
        f'<h3>Curves</h3>{key}<div class="charts">{lines}</div>',
    ]
    if lineages:
        parts.append(f'<h3>Genealogy</h3>{key}<div class="charts">{lineages}</div>{sections.fates(data)}')
    return "\n".join(part for part in parts if part)


def _references(data: SequenceData) -> str:
    """Who the rule's references are in this study."""
    found = data.comparison
    return f"fixed-512 stands for {found.plain}, progressive for {found.progressive}, ewc for {found.ewc}."


def _name(data: SequenceData) -> str:
    return f"{data.comparison.sequence}: {' → '.join(data.letter(task) for task in data.order)}"


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>"
