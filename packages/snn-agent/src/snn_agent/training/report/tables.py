"""The parts of a report that are words and numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from snn_agent.metrics.energy import ENERGY_MODELS
from snn_agent.training.report.data import RunData
from snn_agent.training.report.evaluation import interval
from snn_agent.training.report.life import Life
from snn_agent.training.report.pieces import quiet, table
from snn_agent.training.report.scale import PLAIN, joules, short

OPEN_EVENTS: Final = 8
"""Most structural events that are listed unfolded."""

LISTED_EVENTS: Final = 2000
"""Most structural events that are listed at all."""

ENDS: Final[Mapping[str, str]] = {
    "done": "Finished: the run reached its goal.",
    "asked to stop": "Stopped before its goal, by Ctrl-C or a signal. Everything was saved and the run can go on.",
    "failed": "Ended by an error before its goal.",
}


def head(data: RunData) -> str:
    """What this is, how it ended and what is missing."""
    env = [str(data.config.get("env_id", "")), *map(str, data.config.get("env_kwargs", []))]
    lines = [f"<h1>{escape(data.name)}</h1>", f'<p class="quiet">{escape(" ".join(env).strip())}</p>']
    ended = str(data.summary.get("ended", ""))
    text = ENDS.get(ended, "There is no summary, so how the run ended is not known.")
    lines.append(f"<p>{text}</p>" if ended == "done" else f'<p class="notice">{text}</p>')
    notes = ["Curves run over environment steps."]
    if not data.updates:
        notes.append("metrics.csv has no line: no update was finished.")
    shown = len(data.column("env_steps"))
    if shown < data.updates:
        notes.append(f"Curves show {shown:,} of {data.updates:,} updates, evenly spread.")
    if data.unreadable:
        notes.append(f"Lines of metrics.csv that could not be read and are left out: {data.unreadable:,}.")
    if data.life:
        notes.append("The strip above a curve says which task was lived; an upright line: another phase begins.")
    how = "Point, touch, or use the arrow keys on a curve or the heat map to read off values."
    return "\n".join([*lines, *map(quiet, notes), f'<p class="quiet screen">{how}</p>'])


def tiles(data: RunData) -> str:
    """The headline: result, size, time and cost."""
    shown = _result(data)
    size = [data.summary.get(name, math.nan) for name in ("neurons_initial", "neurons_final")]
    changes = [data.summary.get(name, 0) for name in ("growth_events", "pruning_events")]
    if "neurons_final" in data.summary:
        shown.append((f"{size[0]} → {size[1]}", f"neurons; growth events {changes[0]}, pruning events {changes[1]}"))
    steps = float(data.summary.get("env_steps", data.last("env_steps")))
    seconds = float(data.summary.get("wall_seconds", data.last("seconds")))
    speed = steps / seconds if seconds else math.nan
    shown.append((PLAIN.show(steps), "environment steps lived"))
    shown.append((f"{_whole(seconds)} s", f"of training, {_whole(speed)} steps a second"))
    price = data.evaluation.get("energy", {}).get("45nm_fp32", {}).get("joules_per_food")
    if price is not None:
        shown.append((joules(price).show(price), "for each food item, acting alone (estimate, see Energy)"))
    boxes = [f'<div class="tile"><b>{escape(value)}</b><span>{escape(text)}</span></div>' for value, text in shown]
    return f'<div class="tiles">{"".join(boxes)}</div>'


def _whole(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "–"


def _result(data: RunData) -> list[tuple[str, str]]:
    if "tasks" in data.evaluation:
        return _result_of_tasks(data.evaluation)
    name = "food" if data.counts_food else "return"
    if f"{name}_mean" not in data.evaluation:
        value = data.last(f"{name}_mean")
        return [(PLAIN.show(value), f"{name} per episode, mean of the last 100 in training; it was not evaluated")]
    scores = data.evaluation
    text = f"{name} per episode in {scores['episodes']} worlds never trained on; {interval(scores, name)}"
    shown = [(PLAIN.show(scores[f"{name}_mean"]), text)]
    if "normalised_score" in scores:
        text = f"normalised score: 0 is random, 1 is greedy; {interval(scores, 'normalised')}"
        shown.append((f"{scores['normalised_score']:.3f}", text))
    return shown


def _result_of_tasks(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    n = len(scores["tasks"])
    text = f"return per episode, mean of {n} tasks, each in {scores['episodes']} worlds never trained on"
    shown = [(PLAIN.show(scores["return_mean"]), text)]
    if "normalised_return" in scores:
        text = f"normalised return, mean of {n} tasks: 0 is random, 1 is the best known policy"
        shown.append((f"{scores['normalised_return']:.3f}", text))
    return shown


def events(data: RunData) -> str:
    """Who was born and who died, and why; folded where it is long."""
    if not data.events:
        return quiet("No neuron was born and none died.")
    rows = [
        [
            f"{event['env_step']:,}",
            f"+{len(event['born'])}" if event["born"] else "",
            f"−{len(event['died'])}" if event["died"] else "",
            f"{event['size_before']} → {event['size_after']}",
            event["rule"],
            event["reason"],
        ]
        for event in data.events[-LISTED_EVENTS:]
    ]
    listed = table(["env steps", "born", "died", "neurons", "rule", "reason"], rows, numbers=4)
    left = len(data.events) - len(rows)
    note = f"<p>The last {len(rows):,} of {len(data.events):,}; all are in events.jsonl.</p>" if left else ""
    opened = " open" if len(data.events) <= OPEN_EVENTS else ""
    return f"<details{opened}><summary>Structural events: {len(data.events):,}</summary>{note}{listed}</details>"


def energy(data: RunData) -> str:
    """What a decision and a food item cost by each model, with the prices."""
    prices = data.evaluation.get("energy")
    if not prices and data.life and data.life.moments:
        return _energy_of_tasks(data.life)
    if not prices:
        return quiet("Energy per decision and per food item come with an evaluation, and there is none.")
    rows = []
    for name, cost in prices.items():
        model = ENERGY_MODELS.get(name)
        words = f", {model.word_pj} pJ a 32-bit word moved" if model and model.word_pj else ""
        definition = f"{model.ac_pj} pJ an accumulate, {model.mac_pj} pJ a multiply-accumulate{words}" if model else ""
        per_decision, per_food = cost["joules_per_decision"], cost.get("joules_per_food")
        food = "–" if per_food is None else joules(per_food).show(per_food)
        rows.append([joules(per_decision).show(per_decision), food, f"{name}: {definition}"])
    operations = data.evaluation
    return (
        "<p>Acting, in the evaluation; estimates from published prices of single operations, not measurements.</p>"
        + table(["per decision", "per food item", "model and its prices"], rows, numbers=2)
        + f"<p>A decision takes {short(operations['synaptic_operations_per_decision'])} synaptic operations "
        f"({short(operations['synaptic_operations_per_decision_resent'])} if the input were sent again each tick) and "
        f"{short(operations['spikes_per_decision'])} hidden spikes. A synaptic operation is a spike or non-zero input "
        "that meets a non-zero weight. The energy holds synapses, the update of each neuron each tick, and the "
        "readout; the critic is not needed for acting and left out.</p>"
    )


def _energy_of_tasks(life: Life) -> str:
    last = life.moments[-1]
    rows = [
        [life.names[task], joules(line.joules_per_decision).show(line.joules_per_decision)]
        for task, line in sorted(last.items())
    ]
    told = "Acting, when it was examined last, with the head that it has for the task; all living neurons count."
    return quiet(told) + table(["task", "per decision (45nm_fp32, estimated)"], rows, numbers=2, words=1)


def settings(data: RunData) -> str:
    """What settled the run."""
    facts = {name: data.summary[name] for name in ("config_hash", "seed", "engine", "device") if name in data.summary}
    # The summary knows which engine "auto" was.
    run = {name: value for name, value in data.config.items() if not isinstance(value, dict)} | facts
    groups = {"run": run} | {name: value for name, value in data.config.items() if isinstance(value, dict)}
    if not run:
        return quiet("There is no config.json in the run directory.")
    return f'<div class="knobs">{"".join(_group(name, values) for name, values in groups.items())}</div>'


def environment(data: RunData) -> str:
    """On what the run was made."""
    facts = data.summary.get("environment")
    if not isinstance(facts, dict):
        return quiet("The run's summary does not say on what it was made.")
    rows = [[str(name), "not known" if value is None else _text(value)] for name, value in facts.items()]
    return f'<div class="facts">{table([], rows)}</div>'


def _group(title: str, values: Mapping[str, Any]) -> str:
    plain = [[name, _text(value)] for name, value in values.items() if not isinstance(value, dict)]
    inner = [_group(f"{title}.{name}", value) for name, value in values.items() if isinstance(value, dict)]
    return f"<section><h3>{escape(title)}</h3>{table([], plain)}</section>{''.join(inner)}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return " ".join(map(str, value)) if isinstance(value, list) else json.dumps(value)


def again(commands: Mapping[str, str]) -> str:
    """The command lines."""
    return "".join(f"<p>{escape(what)}</p><pre>{escape(command)}</pre>" for what, command in commands.items())
