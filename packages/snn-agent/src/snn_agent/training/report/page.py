"""The page: sections put together and written at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from snn_agent.training.report import curves, tables
from snn_agent.training.report.charts import Chart, draw
from snn_agent.training.report.data import RunData, read_run
from snn_agent.training.report.evaluation import evaluation
from snn_agent.training.report.heatmap import draw_heatmap
from snn_agent.training.report.histogram import draw_histogram
from snn_agent.training.report.pieces import quiet
from snn_agent.training.report.tasks import tasks

FILE: Final = "report.html"

POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""What a browser may load for the page: nothing but what is in it."""

PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
<script type="application/json" id="run-data">{data}</script>
<script>
{script}</script>
</body>
</html>
"""


def write_report(
    run_dir: Path | str,
    references: Mapping[str, float] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    commands: Mapping[str, str] | None = None,
) -> Path:
    """Write ``report.html`` into a run directory: one file that needs no network and no library.

    It is made from ``metrics.csv``, ``events.jsonl``, ``activity.jsonl``, ``config.json``, ``summary.json``, and
    ``phases.jsonl`` and ``evaluations.jsonl`` of a life of several tasks (all but the first as far as they are there),
    and replaces an older report only when it is whole.

    Args:
        run_dir: the run.
        references: what others reach, by name, in food per episode if the run counts food, else in return.
        evaluation: means and intervals of whole episodes; None: ``summary.json``'s ``eval``.
        commands: how to repeat the run or go on with it, command lines by what they do.

    Returns:
        Where it is.

    Raises:
        ConfigError: ``run_dir`` holds no ``metrics.csv``.
    """
    data = read_run(Path(run_dir), references, evaluation)
    here = Path(__file__).parent
    page = PAGE.format(
        policy=POLICY,
        title=escape(f"{data.name} – run report"),
        style=(here / "page.css").read_text(),
        body=_body(data, commands or {}),
        data=data.to_json(),
        script=(here / "page.js").read_text(),
    )
    target = Path(run_dir) / FILE
    draft = target.with_name(f".{FILE}.partial")
    with draft.open("w", encoding="utf-8") as file:
        file.write(page)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
    return target


def _body(data: RunData, commands: Mapping[str, str]) -> str:
    sections = [
        tables.head(data),
        tables.tiles(data),
        _section("Final evaluation", evaluation(data)),
        _section("Tasks", tasks(data)) if data.life else "",
        _section("Learning curve", _charts(curves.learning_curves(data), data)),
        _section("Neurons", _charts(curves.neuron_curves(data), data) + tables.events(data)),
        _section("Activity", _activity(data)),
        _section("Learning signals", _charts(curves.optimizer_curves(), data)),
        _section("Energy", quiet(curves.PRICES) + _charts(curves.energy_curves(data), data) + tables.energy(data)),
        _section("Speed", _charts(curves.speed_curves(), data)),
        _section("Settings", tables.settings(data)),
        _section("Environment of the run", tables.environment(data)),
    ]
    if commands:
        sections.append(_section("Again", tables.again(commands)))
    return "\n".join(section for section in sections if section)


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>"


def _activity(data: RunData) -> str:
    drawn = "".join(draw(chart, data) for chart in curves.activity_curves(data))
    spiking = data.config.get("network", {}).get("neuron", {}).get("model") != "relu"
    words = "" if spiking else quiet(curves.ACTIVATIONS)
    pictures = draw_heatmap(data.activity, data.life) + draw_histogram(data.activity)
    return f'{words}<div class="charts">{pictures}{drawn}</div>'


def _charts(charts: Sequence[Chart], data: RunData) -> str:
    return f'<div class="charts">{"".join(draw(chart, data) for chart in charts)}</div>'
