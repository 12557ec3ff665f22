"""The parts of the page that are words and numbers."""

from __future__ import annotations

import inspect
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from html import escape

from snn_agent.experiments.continual_verdict import RULE, ContinualVerdict
from snn_agent.experiments.statistics import Estimate, Row
from snn_agent.training.report.pieces import quiet, table
from snn_agent.training.report.scale import short
from studies.continual import CONTINUAL
from studies.continual_page.data import ContinualStudy, LifeRun, SequenceData
from studies.continual_page.lineage import lineage
from studies.continual_page.metrics import METRICS, Key, arm_values
from studies.page.numbers import estimate

Judged = Mapping[str, ContinualVerdict | str]


def head(data: ContinualStudy) -> str:
    """What was compared, and how far it is."""
    counts = {status: sum(run.status == status for run in data.runs) for status in ("done", "failed", "missing")}
    tiles = [
        (str(len(data.sequences)), "sequences of tasks"),
        (f"{len(data.arms)} × {len(data.seeds)}", "arms × seeds"),
        (f"{counts['done']} of {len(data.runs)}", "runs done"),
        (f"{counts['failed']}, {counts['missing']}", "runs failed, runs missing"),
    ]
    boxes = "".join(f'<div class="tile"><b>{escape(value)}</b><span>{text}</span></div>' for value, text in tiles)
    about = inspect.getdoc(CONTINUAL[data.study]) or ""
    told = [re.sub("``(.+?)``", r"<code>\1</code>", escape(words)) for words in about.split("\n\n")]
    lines = [f"<h1>Study: {escape(data.study)}</h1>", *(f"<p>{words}</p>" for words in told)]
    lines += [f'<div class="tiles">{boxes}</div>', quiet(f"Seeds {', '.join(map(str, data.seeds))}, the same for all.")]
    if counts["missing"]:
        lines.append('<p class="notice">The study is not finished: what is missing is listed below.</p>')
    return "\n".join(lines)


def goal(judged: Mapping[str, Judged]) -> str:
    """Of every arm that grows, on every sequence, whether the goal is reached, part by part; and the rule."""
    titles = ["arm", "seeds", "keeps", "recovers", "cheaper", "better than ewc", "goal"]
    rows, reasons = [], []
    for found in judged.values():
        for arm, verdict in found.items():
            if isinstance(verdict, str):
                reasons.append(quiet(verdict))
                continue
            parts = [verdict.keeps, verdict.recovers, verdict.cheaper, verdict.better]
            end = ("reached" if verdict.holds else "not reached") if verdict.decided else "undecided"
            rows.append([arm, str(verdict.seeds), *("shown" if part else "not shown" for part in parts), end])
    listed = table(titles, rows) if rows else ""
    return listed + "".join(reasons) + f'<p class="rule">{escape(str(RULE))}</p>'


def verdict(found: Judged) -> str:
    """What the rule says of each arm, in sentences."""
    return "".join(f"<p>{escape(str(words).splitlines()[0])}</p>" for words in found.values())


def tasks(data: SequenceData) -> str:
    """The tasks, and what scores in them are worth."""
    rows = [
        [data.letter(task), name, short(scale.random), short(scale.oracle)]
        for task, (name, scale) in enumerate(zip(data.names, data.scales, strict=True))
    ]
    note = (
        f"Phases of {data.phase_steps:,} steps. Scores are returns per episode of 500 steps, normalised so that acting "
        "at random is 0 and the oracle is 1: the better of the greedy forager and of one that eats nothing."
    )
    return table(["task", "what it is", "random", "oracle"], rows, numbers=4, words=2) + quiet(note)


def numbers(data: SequenceData) -> str:
    """All metrics of all arms with 95 % intervals."""
    values = {arm: arm_values(data, arm) for arm in data.seen}
    known = {key for found in values.values() for key in found}
    columns = [(name, task) for name in METRICS for task in (None, *range(len(data.names))) if (name, task) in known]
    groups = dict.fromkeys(METRICS[name].group for name, _ in columns if METRICS[name].group)
    tables = "".join(
        _numbers_of(data, values, [key for key in columns if METRICS[key[0]].group == of]) for of in groups
    )
    told = (
        "Means over seeds with 95 % bootstrap intervals. A failed seed has average performance 0, has lost all and "
        "never recovered, with the energy that it spent; other numbers are of done runs alone. Scratch is "
        f"{data.comparison.plain} in its first phase for A, and an arm of its own that lives in no other task for the "
        "others: beside it, arms of other sizes differ by their size, too."
    )
    shown = {name for name, _ in columns}
    notes = [f"{metric.title}: {metric.note}" for name, metric in METRICS.items() if name in shown and metric.group]
    defined = "".join(f"<li>{escape(words)}</li>" for words in notes)
    return f"{tables}{quiet(told)}<details><summary>What the columns are</summary><ul>{defined}</ul></details>"


def _numbers_of(data: SequenceData, values: Mapping[str, Mapping[Key, Row]], columns: Sequence[Key]) -> str:
    """A table of some metrics."""
    titles = ["arm", "runs", *(_title(data, key) for key in columns)]
    rows = []
    for arm, found in values.items():
        failed = len(data.of(arm, "failed"))
        runs = f"{len(data.of(arm, 'done'))}" + f" + {failed} failed" * bool(failed)
        rows.append([data.short(arm), runs, *(_cell(key, found) for key in columns)])
    return table(titles, rows, numbers=len(titles), words=1)


def fates(data: SequenceData) -> str:
    """What became of the neurons that were born in each task; nothing where nobody was born and nobody died."""
    rows = []
    for arm in data.seen:
        if any(event.born or event.died for run in data.of(arm, "done") for event in run.events):
            for task, fate in enumerate(lineage(data, arm).fates):
                if fate.born:
                    rows.append([data.short(arm), data.letter(task), *(f"{value:.1f}" for value in fate)])
    titles = ["arm", "born in", "born", "died in that task", "died in another", "alive at the end"]
    note = "Neurons, means over seeds; founders are born in the first task. Recycled neurons die and are born again."
    return table(titles, rows, numbers=6, words=2) + quiet(note) if rows else ""


def unfinished(data: ContinualStudy) -> str:
    """Runs that failed or are missing."""
    rows = [[run.arm, str(run.seed), run.status, run.reason, _left(run)] for run in data.runs if run.status != "done"]
    if not rows:
        return "<p>All runs are done; none failed.</p>"
    counts = ", ".join(
        f"{n} {status}" for status in ("failed", "missing") if (n := sum(row[2] == status for row in rows))
    )
    return f"<p>{counts}.</p>" + table(["arm", "seed", "status", "reason", "joules spent"], rows)


def machine(data: ContinualStudy) -> str:
    """Commits and machines of the runs."""
    known = [run.summary["environment"] for run in data.done if isinstance(run.summary.get("environment"), dict)]
    names = ("commit", "processor", "cores", "python", "torch", "numba", "device")
    rows = [[name, "; ".join(dict.fromkeys(str(facts.get(name, "not known")) for facts in known))] for name in names]
    return f'<div class="facts">{table([], rows)}</div>' if known else quiet("It was not recorded.")


def commands(data: ContinualStudy) -> str:
    """How the page, the tables and the runs are made again."""
    whole = CONTINUAL[data.study]()
    only = ["--only", *data.arms] if set(data.arms) < set(whole) else []
    base = ["python", "tools/study.py", data.study, "--folder", str(data.folder), "--seeds", str(max(data.seeds) + 1)]
    run = data.done[0]
    steps = []
    if run.config is not None and run.config.phase_steps != whole[run.arm].phase_steps:
        steps = ["--steps", str(run.config.phase_steps)]
    config = data.folder / run.arm / f"seed-{run.seed}" / "config.json"
    one = ["python", "tools/train.py", "--config", str(config), "--run-dir", "ELSEWHERE", "--milestones", "0"]
    return (
        "<p>Every figure and table of this page, from the runs in the folder; what is missing there is run first. With "
        f"another folder, all runs anew:</p><pre>{escape(shlex.join([*base, *only, *steps]))}</pre>"
        f"<p>One run by itself, here {escape(run.arm)} with seed {run.seed}:</p><pre>{escape(shlex.join(one))}</pre>"
    )


def _left(run: LifeRun) -> str:
    return "–" if math.isnan(run.joules) else f"{run.joules:.4g}"


def _title(data: SequenceData, key: Key) -> str:
    name, task = key
    return METRICS[name].title + (f" {data.letter(task)}" if task is not None else "")


def _cell(key: Key, found: Mapping[Key, Row]) -> str:
    metric = METRICS[key[0]]
    values = found.get(key)
    if values is None:
        return "–"
    told = estimate(values)
    return interval(Estimate(*(metric.factor * value for value in told)), metric.digits)


def interval(value: Estimate, digits: int) -> str:
    """A mean and its interval in words; a dash where there is none."""
    if not math.isfinite(value.value):
        return "–"
    return f"{value.value:.{digits}f} ({value.low:.{digits}f} to {value.high:.{digits}f})"
