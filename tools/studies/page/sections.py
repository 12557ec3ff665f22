"""The parts of the page that are words and numbers."""

from __future__ import annotations

import inspect
import json
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from runs import RunConfig

from snn_agent.experiments.curves import AXES, SHARES, reached
from snn_agent.experiments.statistics import Estimate
from snn_agent.experiments.targets import Target
from snn_agent.experiments.verdict import RULE, Verdict
from snn_agent.training.report.pieces import quiet, table
from snn_agent.training.report.scale import joules, steps
from studies.arms import STUDIES
from studies.page.data import Run, StudyData
from studies.page.figures import measure
from studies.page.numbers import ArmNumbers, beside_envelope
from studies.page.targets import TARGETS_RULE

MACHINE = ("processor", "cores", "platform", "python", "torch", "numba", "device")
"""What is told of the machines, of all that a run knows of its own."""


def head(data: StudyData) -> str:
    """What was compared, how far it is, and on what it was made."""
    counts = {status: sum(run.status == status for run in data.runs) for status in ("done", "failed", "missing")}
    tiles = [
        (f"{len(data.arms)} × {len(data.seeds)}", "arms × seeds"),
        (f"{counts['done']} of {len(data.runs)}", "runs done"),
        (str(counts["failed"]), "runs failed"),
        (str(counts["missing"]), "runs missing"),
    ]
    boxes = "".join(f'<div class="tile"><b>{escape(value)}</b><span>{text}</span></div>' for value, text in tiles)
    about = inspect.getdoc(STUDIES[data.study]) or ""
    seeds = f"Seeds {', '.join(map(str, data.seeds))}, the same for all arms."
    lines = [f"<h1>Study: {escape(data.study)}</h1>", *(f"<p>{_code(words)}</p>" for words in about.split("\n\n"))]
    lines += [f'<div class="tiles">{boxes}</div>', quiet(seeds)]
    if counts["missing"]:
        lines.append('<p class="notice">The study is not finished: what is missing is listed below.</p>')
    return "\n".join(lines)


def _code(words: str) -> str:
    """A docstring's paragraph as HTML."""
    return re.sub("``(.+?)``", r"<code>\1</code>", escape(words))


def machine(data: StudyData) -> str:
    """Commits and machines of the runs."""
    known = [run.summary["environment"] for run in data.done if isinstance(run.summary.get("environment"), dict)]
    rows = [[name, _values(known, name)] for name in ("commit", *MACHINE)]
    unknown = len(data.done) - len(known)
    note = quiet(f"Of {unknown} of {len(data.done)} runs it was not recorded.") if unknown else ""
    return note + (f'<div class="facts">{table([], rows)}</div>' if known else "")


def _values(known: Sequence[Mapping[str, Any]], name: str) -> str:
    """Each value that runs have told, with how many did where they differ."""
    told = [str(facts.get(name, "not known")) for facts in known]
    values = list(dict.fromkeys(told))
    return values[0] if len(values) == 1 else "; ".join(f"{value} ({told.count(value)} runs)" for value in values)


def verdict(found: Mapping[str, Verdict | str]) -> str:
    """What the rule says of each arm, and the rule once."""
    said = [str(words).splitlines()[0] for words in found.values()]
    return "".join(f"<p>{escape(words)}</p>" for words in said) + f'<p class="rule">{escape(str(RULE))}</p>'


def targets(found: Mapping[str, Sequence[Target]]) -> str:
    """What came of each target, by arm, and the rule once."""
    said = "".join(f"<li>{escape(arm)}, {escape(str(target))}</li>" for arm, all_ in found.items() for target in all_)
    return f'<ul>{said}</ul><p class="rule">{escape(TARGETS_RULE)}</p>'


def scores(data: StudyData, numbers: Mapping[str, ArmNumbers]) -> str:
    """Final scores of the arms."""
    titles = ["arm", "runs", f"{measure(data)}: mean (95 % interval)", "interquartile mean", "normalised"]
    titles += [f"beside the envelope of {label}" for label in data.envelopes]
    rows = [
        [
            arm,
            f"{arm_.done}" + f" + {arm_.failed} failed" * bool(arm_.failed),
            _interval(arm_.food, 1),
            _interval(arm_.food_iqm, 1),
            _interval(arm_.normalised, 3),
            *(beside_envelope(data.curves(arm), fixed) for fixed in data.envelopes.values()),
        ]
        for arm, arm_ in numbers.items()
    ]
    note = (
        "Final evaluation, in worlds never trained on. Beside the envelope: mean ratio to the best fixed size at each "
        "budget of training energy, less one, over the seeds that all of them have; of done runs alone."
    )
    made = "; ".join(f"{label}: {', '.join(fixed)}" for label, fixed in data.envelopes.items() if fixed)
    note += f" In the folder there are, {made}." if made else " There is none: the folder has no run of these sizes."
    return table(titles, rows, numbers=len(titles), words=1) + quiet(note) + _failures_note(data)


def _failures_note(data: StudyData) -> str:
    if not any(run.status == "failed" for run in data.runs):
        return ""
    random = not math.isnan(data.reference("random"))
    words = "what acting at random is worth" if random else "the least that any run scored"
    return quiet(f"A failed run counts: with {words} ({data.worst:.2f} {measure(data)}) and the joules it had spent.")


def energy(data: StudyData, numbers: Mapping[str, ArmNumbers]) -> str:
    """Sizes, events, energy and time of the arms."""
    titles = ["arm", "neurons: mean → final", "births", "deaths", "training J (95 % interval)", "of them acting"]
    titles += ["seconds", "nJ a decision", f"nJ a {measure(data)} item (95 % interval)"]
    rows = [
        [
            arm,
            f"{arm_.neurons_mean:.0f} → {arm_.neurons_final:.0f}",
            f"{arm_.births:.1f}",
            f"{arm_.deaths:.1f}",
            _interval(arm_.joules, 3),
            f"{arm_.joules_acting:.3f}",
            f"{arm_.seconds:.0f}",
            f"{1e9 * arm_.joules_per_decision:.1f}",
            _interval(Estimate(*(1e9 * value for value in arm_.joules_per_food)), 0),
        ]
        for arm, arm_ in numbers.items()
    ]
    note = (
        "Means over seeds. Births and deaths: structural events, of any number of neurons each. Joules are estimated, "
        "not measured: 45 nm, 32-bit floats, arithmetic only (the model 45nm_fp32). A decision and an item: acting "
        "alone, in the final evaluation."
    )
    return table(titles, rows, numbers=len(titles), words=1) + quiet(note)


def reaching(data: StudyData) -> str:
    """When the arms had learnt shares of what the greedy forager eats; nothing where that is unknown."""
    greedy = data.reference("greedy")
    if math.isnan(greedy):
        return ""
    units = {"steps": steps(1e6), "joules": joules(1.0)}
    titles = ["arm", *(f"{share:.0%} of greedy: {by}" for share in SHARES for by in AXES)]
    rows = []
    for arm in data.seen:
        curves, failed = list(data.curves(arm).values()), len(data.of(arm, "failed"))
        medians = np.array([reached(curves, by, greedy, failed=failed).median for by in AXES])  # [axes, shares]
        cells = []
        for share in range(len(SHARES)):
            for axis, by in enumerate(AXES):
                value = float(medians[axis, share])
                unit = units.get(by)
                told = f"{value:.0f} s" if unit is None else unit.show(value)
                cells.append(told if math.isfinite(value) else "–")
        rows.append([arm, *cells])
    note = (
        f"Median over seeds of the place from which on the score in training stays above that share of the greedy "
        f"forager's {greedy:.1f} {measure(data)}; a dash where fewer than half of the runs got there."
    )
    return table(titles, rows, numbers=len(titles), words=1) + quiet(note)


def unfinished(data: StudyData) -> str:
    """Runs that failed or are missing."""
    rows = [[run.arm, str(run.seed), run.status, run.reason, _left(run)] for run in data.runs if run.status != "done"]
    if not rows:
        return "<p>All runs are done; none failed.</p>"
    counts = ", ".join(
        f"{n} {status}" for status in ("failed", "missing") if (n := sum(row[2] == status for row in rows))
    )
    return f"<p>{counts}.</p>" + table(["arm", "seed", "status", "reason", "how far"], rows)


def _left(run: Run) -> str:
    if "env_steps" not in run.numbers:
        return "–"
    return f"{run.numbers['env_steps']:,} steps, {run.numbers['joules']:.4g} J"


def commands(data: StudyData) -> str:
    """How the page, the tables and the runs are made again."""
    study = STUDIES[data.study]()
    only = ["--only", *data.arms] if set(data.arms) < set(study) else []
    base = ["python", "tools/study.py", data.study, "--folder", str(data.folder), "--seeds", str(max(data.seeds) + 1)]
    run = data.done[0]
    config = data.folder / run.arm / f"seed-{run.seed}" / "config.json"
    one = ["python", "tools/train.py", "--config", str(config), "--run-dir", "ELSEWHERE", "--milestones", "0"]
    return (
        "<p>Every figure and table of this page, from the runs in the folder; what is missing there is run first. With "
        f"another folder, all runs anew:</p><pre>{escape(shlex.join([*base, *only, *_length(data)]))}</pre>"
        f"<p>One run by itself, here {escape(run.arm)} with seed {run.seed}:</p><pre>{escape(shlex.join(one))}</pre>"
    )


def _length(data: StudyData) -> list[str]:
    """The option that gave the runs another length than the study's, if there was one."""
    for name, arm in STUDIES[data.study]().items():
        config = data.folder / name / "config.json"
        if name in data.arms and isinstance(arm, RunConfig) and config.exists():
            steps = int(json.loads(config.read_text())["total_steps"])
            return ["--steps", str(steps)] if steps != arm.total_steps else []
    return []


def _interval(value: Estimate, digits: int) -> str:
    if not math.isfinite(value.value):
        return "–"
    return f"{value.value:.{digits}f} ({value.low:.{digits}f} to {value.high:.{digits}f})"
