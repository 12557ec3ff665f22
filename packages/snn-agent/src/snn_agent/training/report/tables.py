"""The parts of a report that are words and numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from snn_agent.metrics.energy import ENERGY_MODELS
from snn_agent.training.report.data import RunData
from snn_agent.training.report.scale import PLAIN, axis, joules, short

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
    notes = [
        "Curves run over environment steps. Point, touch, or use the arrow keys on a curve to read off its values."
    ]
    if not data.updates:
        notes.append("metrics.csv has no line: no update was finished.")
    shown = len(data.column("env_steps"))
    if shown < data.updates:
        notes.append(f"Curves show {shown:,} of {data.updates:,} updates, evenly spread.")
    if data.unreadable:
        notes.append(f"Lines of metrics.csv that could not be read and are left out: {data.unreadable:,}.")
    return "\n".join(lines + [f'<p class="quiet">{note}</p>' for note in notes])


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
    name = "food" if data.counts_food else "return"
    if f"{name}_mean" not in data.evaluation:
        value = data.last(f"{name}_mean")
        return [(PLAIN.show(value), f"{name} per episode, mean of the last 100 in training; it was not evaluated")]
    scores = data.evaluation
    text = f"{name} per episode in {scores['episodes']} worlds never trained on; {_interval(scores, name)}"
    shown = [(PLAIN.show(scores[f"{name}_mean"]), text)]
    if "normalised_score" in scores:
        text = f"normalised score: 0 is random, 1 is greedy; {_interval(scores, 'normalised')}"
        shown.append((f"{scores['normalised_score']:.3f}", text))
    return shown


def _interval(scores: Mapping[str, Any], name: str) -> str:
    low, high = scores.get(f"{name}_interval", (math.nan, math.nan))
    return f"95 % interval {short(low)} to {short(high)}"


def span(data: RunData) -> str:
    """The result on the line from the least to the greatest reference; nothing where there are not two."""
    name = "food" if data.counts_food else "return"
    value = data.evaluation.get(f"{name}_mean")
    if value is None or len(data.references) < 2:
        return ""
    low, high = data.evaluation.get(f"{name}_interval", (value, value))
    line = axis([*data.references.values(), low, high])
    line = line._replace(low=min(*data.references.values(), low), high=max(*data.references.values(), high))
    place = {key: f"{100.0 * line.share(number):.2f}%" for key, number in (("value", value), ("low", low))}
    ends = [
        f'<span class="end" style="left:{100.0 * line.share(number):.2f}%">{escape(other)}<br>{short(number)}</span>'
        for other, number in data.references.items()
    ]
    width = 100.0 * (line.share(high) - line.share(low))
    return (
        f'<div class="range" role="img" aria-label="{name} {short(value)}, between '
        f'{escape(", ".join(f"{other} {short(number)}" for other, number in data.references.items()))}">'
        f'<i class="rail"></i><i class="whisker" style="left:{place["low"]};width:{width:.2f}%"></i>'
        f'<span class="here" style="left:{place["value"]}">this run {short(value)}</span>'
        f'<span class="point" style="left:{place["value"]}">◆</span>{"".join(ends)}</div>'
        '<p class="quiet">The bar behind ◆ is the 95 % interval over the episodes of this one organism; '
        "it says nothing about other seeds.</p>"
    )


def events(data: RunData) -> str:
    """Who was born and who died, and why; folded where it is long."""
    if not data.events:
        return '<p class="quiet">No neuron was born and none died.</p>'
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
    table = _table(["env steps", "born", "died", "neurons", "rule", "reason"], rows, numbers=4)
    left = len(data.events) - len(rows)
    note = f"<p>The last {len(rows):,} of {len(data.events):,}; all are in events.jsonl.</p>" if left else ""
    opened = " open" if len(data.events) <= OPEN_EVENTS else ""
    return f"<details{opened}><summary>Structural events: {len(data.events):,}</summary>{note}{table}</details>"


def energy(data: RunData) -> str:
    """What a decision and a food item cost by each model, with the prices."""
    prices = data.evaluation.get("energy")
    if not prices:
        return '<p class="quiet">Energy per decision and per food item come with an evaluation, and there is none.</p>'
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
        + _table(["per decision", "per food item", "model and its prices"], rows, numbers=2)
        + f"<p>A decision takes {short(operations['synaptic_operations_per_decision'])} synaptic operations "
        f"({short(operations['synaptic_operations_per_decision_resent'])} if the input were sent again each tick) and "
        f"{short(operations['spikes_per_decision'])} hidden spikes. A synaptic operation is a spike or non-zero input "
        "that meets a non-zero weight. The energy holds synapses, the update of each neuron each tick, and the "
        "readout; the critic is not needed for acting and left out.</p>"
    )


def settings(data: RunData) -> str:
    """What settled the run."""
    facts = {name: data.summary[name] for name in ("config_hash", "seed", "engine", "device") if name in data.summary}
    # The summary knows which engine "auto" was.
    run = {name: value for name, value in data.config.items() if not isinstance(value, dict)} | facts
    groups = {"run": run} | {name: value for name, value in data.config.items() if isinstance(value, dict)}
    if not run:
        return '<p class="quiet">There is no config.json in the run directory.</p>'
    return f'<div class="knobs">{"".join(_group(name, values) for name, values in groups.items())}</div>'


def _group(title: str, values: Mapping[str, Any]) -> str:
    plain = [[name, _text(value)] for name, value in values.items() if not isinstance(value, dict)]
    inner = [_group(f"{title}.{name}", value) for name, value in values.items() if isinstance(value, dict)]
    return f"<section><h3>{escape(title)}</h3>{_table([], plain)}</section>{''.join(inner)}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return " ".join(map(str, value)) if isinstance(value, list) else json.dumps(value)


def again(commands: Mapping[str, str]) -> str:
    """The command lines."""
    return "".join(f"<p>{escape(what)}</p><pre>{escape(command)}</pre>" for what, command in commands.items())


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        kinds = [' class="number"' if index < numbers else "" for index in range(len(row))]
        return "".join(f"<{tag}{kind}>{escape(text)}</{tag}>" for text, kind in zip(row, kinds, strict=True))

    header = f"<thead><tr>{cells(titles, 'th')}</tr></thead>" if titles else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f'<div class="scroll"><table>{header}<tbody>{body}</tbody></table></div>'
