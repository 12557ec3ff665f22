"""The section of a life of several tasks: its score on each of them throughout, and what each phase came to."""

from __future__ import annotations

import json
from html import escape
from typing import Final

import numpy as np

from snn_agent.training.continual.journal import EvaluationLine, PhaseLine
from snn_agent.training.report.charts import draw_path, until
from snn_agent.training.report.data import RunData
from snn_agent.training.report.frame import ticks_across, ticks_up
from snn_agent.training.report.life import Life
from snn_agent.training.report.pieces import quiet, table
from snn_agent.training.report.scale import PLAIN, axis, joules, short
from snn_agent.training.report.switches import MOST, lines, look, signs, strip

LISTED: Final = 200
"""Most phases in the table."""

NAMED: Final = 2
"""Most alarms of a phase that are told one by one."""

TITLE: Final = "Score on every task"
NOTE: Final = (
    "mean return of whole episodes with frozen weights, always in the same worlds, of which none is trained in; "
    "the strip on top is the task being lived"
)


def tasks(data: RunData) -> str:
    """Curve and table; nothing in a life of one task."""
    life = data.life
    if life is None:
        return ""
    notes = []
    if len(life.phases) > MOST:
        notes.append(f"There were {len(life.phases):,} phases, too many to be marked in the curves.")
    if life.detections:
        notes.append("◇ the organism noticed a change, or believed so.")
    words = "".join(map(quiet, notes))
    return f'{words}<div class="charts">{_scores(life.thinned(), data)}</div>{_phases(life)}'


def _scores(life: Life, data: RunData) -> str:
    """A line for each task, as HTML."""
    head = f"<figcaption><b>{TITLE}</b> <span>{NOTE}</span></figcaption>"
    x, curves = life.env_steps, [life.scores(task) for task in range(len(life.names))]
    if not len(x):
        return f'<figure class="chart wide">{head}<p class="nothing">No examination was made yet.</p></figure>'
    across = until(np.append(data.column("env_steps"), x))
    up = axis([float(value) for curve in curves for value in curve])
    grid = "".join(f"M0 {1000.0 * (1.0 - up.share(tick)):.1f}H1000" for tick in up.ticks)
    paths = "".join(
        f'<path class="score {look(task)}" d="{draw_path(x, curve, across, up)}"/>' for task, curve in enumerate(curves)
    )
    last = ", ".join(f"{name} {PLAIN.show(float(curve[-1]))}" for name, curve in zip(life.names, curves, strict=True))
    last += f" at {short(float(x[-1]))} steps"
    legend = "".join(
        f'<span><svg viewBox="0 0 40 10" aria-hidden="true"><path class="score {look(task)}" d="M1 5H39"/></svg>'
        f"{escape(name)}</span>"
        for task, name in enumerate(life.names)
    )
    return (
        f'<figure class="chart wide">{head}<div class="legend tasks">{legend}</div><div class="frame">'
        f"{strip(life, across)}{ticks_up({1.0 - up.share(tick): PLAIN.show(tick) for tick in up.ticks})}"
        f'<div class="plot" tabindex="0" role="img" aria-label="{escape(f"{TITLE}, last {last}")}" '
        f'data-scores="{escape(json.dumps({"across": [across.low, across.high]}))}">'
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="grid" d="{grid}"/>{lines(life, across)}{paths}</svg>{signs(life, across)}'
        f'<i class="cursor" hidden></i><i class="dot" hidden></i></div>{ticks_across(across)}</div>'
        f'<p class="readout">last: <b>{escape(last)}</b></p></figure>'
    )


def _phases(life: Life) -> str:
    noticing = life.phases[0].kind != "given"
    shown = life.phases[-LISTED:]
    left = len(life.phases) - len(shown)
    titles = ["phase", "task", "begin", *(f"score: {name}" for name in life.names), "neurons", "protected", "recruited"]
    titles += ["energy", *["noticed"] * noticing]
    rows = [_row(life, line, noticing) for line in shown]
    some = f" The last {len(shown):,} of {len(life.phases):,} phases; all are in phases.jsonl." if left else ""
    told = (
        "Scores and neurons: when the phase was examined last. Protected, at its end: neurons whose inputs stay as "
        f"they are. Recruited: born for a new task. Energy: of acting and learning in the phase, estimated.{some}"
    )
    numbers = len(titles) - noticing
    return table(titles, rows, numbers=numbers, words=2) + quiet(told)


def _row(life: Life, line: PhaseLine, noticing: bool) -> list[str]:
    alarms = [alarm for alarm in life.detections if alarm.phase == line.phase]
    found = life.of_phase(line.phase)
    last: dict[int, EvaluationLine] = dict(found[-1]) if found else {}
    if last:
        first, end = (next(iter(moment.values())) for moment in (found[0], found[-1]))
        spent = end.joules - first.joules
        size, energy = f"{end.neurons:,}", joules(spent).show(spent) if spent else "0"
    else:
        size = energy = "–"
    scores = [PLAIN.show(last[task].score) if task in last else "–" for task in range(len(life.names))]
    recruited = sum(turn.recruited for turn in (line, *alarms))
    row = [str(line.phase), line.name, f"{line.env_step:,}", *scores, size, f"{(line, *alarms)[-1].protected:,}"]
    row += [f"{recruited:,}", energy]
    return [*row, _noticed(line, alarms)] if noticing else row


def _noticed(line: PhaseLine, alarms: list[PhaseLine]) -> str:
    """When after the phase's begin there was an alarm, and what the organism took its task for from then on."""
    if not alarms:
        return "nothing"
    told = [f"after {alarm.env_step - line.env_step:,} steps: task {alarm.task}" for alarm in alarms[:NAMED]]
    more = [f"{len(alarms) - NAMED:,} more"] if len(alarms) > NAMED else []
    return "; ".join([*told, *more])
