"""The page of a study: sections put together and written at once."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Final

import snn_agent.training.report as report
from studies.page import figures, sections
from studies.page.data import StudyData
from studies.page.looks import legend
from studies.page.numbers import arm_numbers
from studies.page.targets import targets
from studies.page.tidy import write_whole
from studies.page.verdicts import REFERENCE, verdicts

FILE: Final = "report.html"

PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
"""Nothing is loaded and nothing runs: figures are SVG, and what points at a mark is told by the browser itself."""


def write_page(data: StudyData, folder: Path) -> Path:
    """Write ``report.html`` into a folder; an older one is replaced only when it is whole.

    Args:
        data: a study of which a run is done.
        folder: there must be one.

    Returns:
        Where it is.
    """
    # The page of one run has the tones and tables; the figures' own rules come after it.
    styles = (Path(report.__file__).with_name("page.css"), Path(__file__).with_name("study.css"))
    page = PAGE.format(
        title=escape(f"{data.study} – study report"),
        style="".join(path.read_text(encoding="utf-8") for path in styles),
        body=body(data),
    )
    target = folder / FILE
    write_whole(target, lambda draft: draft.write_text(page, encoding="utf-8"))
    return target


def body(data: StudyData) -> str:
    """All of the page that is seen."""
    numbers = {arm: arm_numbers(data, arm) for arm in data.seen}
    reference = reference_arm(data)
    judged, aimed = verdicts(data), targets(data)
    parts = [
        sections.head(data),
        _section("Verdict", sections.verdict(judged)) if judged else "",
        _section("Targets", sections.targets(aimed)) if aimed else "",
        _section("Scores", sections.scores(data, numbers)),
        _section("Size and energy", sections.energy(data, numbers)),
        _section("Learning curves", _figures(data, figures.score_curves(data)) + sections.reaching(data)),
        _section(
            "Distributions over seeds", _figures(data, [figures.profile(data), figures.improvement(data, reference)])
        ),
        _section("Score against energy", _figures(data, figures.fronts(data, numbers))),
        _section("Size over time", _figures(data, [figures.sizes(data), figures.events(data)])),
        _section("Failed and missing runs", sections.unfinished(data)),
        _section("Machine and commit", sections.machine(data)),
        _section("Again", sections.commands(data)),
    ]
    return "\n".join(part for part in parts if part)


def reference_arm(data: StudyData) -> str:
    """What the others are held against: the experiment's reference where the study has it, else its first arm."""
    return REFERENCE if REFERENCE in data.seen else data.seen[0]


def _figures(data: StudyData, drawn: list[str]) -> str:
    looks = {arm: index for index, arm in enumerate(data.arms) if arm in data.seen}
    return f'{legend(list(looks), list(looks.values()))}<div class="charts">{"".join(drawn)}</div>'


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>"
