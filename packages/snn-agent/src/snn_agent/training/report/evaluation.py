"""What the organism reached at the end, beside what others reach."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from snn_agent.training.report.data import RunData
from snn_agent.training.report.pieces import quiet, table
from snn_agent.training.report.scale import PLAIN, axis, short

MEASURES: Final = (("food", "food per episode"), ("return", "return per episode"), ("normalised", "normalised score"))


def evaluation(data: RunData) -> str:
    """Where the run stands between the references, and each measure with its interval."""
    scores = data.evaluation
    if "tasks" in scores:
        return _of_tasks(scores)
    rows = []
    for name, words in MEASURES:
        mean = scores.get(f"{name}_mean", scores.get("normalised_score") if name == "normalised" else None)
        if mean is None:
            continue
        low, high = scores.get(f"{name}_interval", (math.nan, math.nan))
        between = f"{short(low)} to {short(high)}" if math.isfinite(low) else "–"
        rows.append([words, PLAIN.show(mean), between, PLAIN.show(scores.get(f"{name}_iqm"))])
    if not rows:
        return quiet("The run was not evaluated; that is done when it reaches its goal.")
    titles = ["measure", "mean", "95 % interval", "middle half"]
    told = (
        f"Means over {scores.get('episodes', '–')} whole episodes in worlds never trained on, without learning; "
        "middle half: mean without the lowest and the highest quarter of the episodes."
    )
    return quiet(told) + _span(data) + table(titles, rows, numbers=4, words=1)


def _of_tasks(scores: Mapping[str, Any]) -> str:
    """Each task's return, with the head that the organism has for it."""
    titles = ["task", "return", "95 % interval", "middle half", "normalised", "food", "neurons used"]
    rows = []
    for task in scores["tasks"]:
        low, high = task["return_interval"]
        rest = [PLAIN.show(task.get(name)) for name in ("normalised_return", "food_mean", "neurons_used")]
        returns = [PLAIN.show(task["return_mean"]), f"{short(low)} to {short(high)}", PLAIN.show(task["return_iqm"])]
        rows.append([task["name"], *returns, *rest])
    means = [PLAIN.show(scores["return_mean"]), "", "", PLAIN.show(scores.get("normalised_return")), "", ""]
    told = (
        f"Means over {scores.get('episodes', '–')} whole episodes of each task in worlds never trained on, without "
        "learning, with the head that the organism has for it. Middle half: mean without the lowest and the highest "
        "quarter of the episodes. Normalised: 0 is random, 1 is the best known policy. Neurons used: the fewest that "
        "carry 95 % of the utility."
    )
    return quiet(told) + table(titles, [*rows, ["mean of the tasks", *means]], numbers=len(titles), words=1)


def interval(scores: Mapping[str, Any], name: str) -> str:
    """The 95 % interval of a measure in words."""
    low, high = scores.get(f"{name}_interval", (math.nan, math.nan))
    return f"95 % interval {short(low)} to {short(high)}"


def _span(data: RunData) -> str:
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
