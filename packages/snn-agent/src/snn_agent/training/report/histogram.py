"""How many neurons fire how often at the end of a run."""

from __future__ import annotations

import math
from html import escape
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from snn_agent.training.report.activity import QUANTILES, Activity
from snn_agent.training.report.frame import ticks_up, words_across
from snn_agent.training.report.scale import PERCENT, Axis, axis, short

PARTS: Final = 5
"""Bars between two ticks."""

FINEST: Final = 0.005
"""Distance of ticks below which a bar for each part would be narrower than the rates, whole spikes per 1,000 ticks."""

ROOM: Final = 3.5
"""Room left of 0 for those that are silent, in bars."""


class Histogram(NamedTuple):
    """Neurons by their firing rate.

    Attributes:
        silent: those with a rate of 0.
        edges: [n + 1] in spikes per tick; a bar holds the rates above its lower edge up to its upper one.
        counts: int64 [n].
        ticks: round rates.
    """

    silent: int
    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    ticks: tuple[float, ...]


def histogram(permille: npt.NDArray[np.int32]) -> Histogram:
    """Sort rates in whole spikes per 1,000 ticks into bars of equal width from 0 to a round number."""
    scale = axis([float(permille.max(initial=0)) / 1000.0], zero=True)
    tick = scale.ticks[1] - scale.ticks[0]
    parts = PARTS if tick >= FINEST else 1
    edges = np.linspace(0.0, scale.high, round(scale.high / tick) * parts + 1)
    firing = permille[permille > 0] / 1000.0
    # A rate on an edge belongs to the bar below it, so that those of 0 have no part in the first one.
    places = np.searchsorted(edges, firing - 1e-9) - 1
    counts = np.bincount(places, minlength=len(edges) - 1)
    return Histogram(int((permille == 0).sum()), edges, counts.astype(np.int64), scale.ticks)


def draw_histogram(activity: Activity | None) -> str:
    """The figure as HTML; nothing where no neuron's activity is known, as the heat map says."""
    if activity is None or not activity.permille.size:
        return ""
    rates = activity.last
    found = histogram(rates)
    width = float(found.edges[1])
    across = Axis(-ROOM * width, float(found.edges[-1]), found.ticks)
    up = axis([float(found.silent), *found.counts.tolist()], zero=True)
    up = up._replace(ticks=tuple(tick for tick in up.ticks if tick == math.floor(tick)))
    bars = [
        _bar(across, up, low, high, count, f"{count} neurons above {PERCENT.show(low)}, up to {PERCENT.show(high)}")
        for low, high, count in zip(found.edges.tolist(), found.edges[1:].tolist(), found.counts.tolist(), strict=False)
    ]
    centre = -0.6 * ROOM * width
    bars.append(_bar(across, up, centre - width / 2, centre + width / 2, found.silent, f"{found.silent} silent", True))
    names = {across.share(centre): "silent"} | {across.share(t): PERCENT.show(t) if t else "0" for t in found.ticks}
    words = _summary(rates, found.silent)
    grid = "".join(f"M0 {1000.0 * (1.0 - up.share(tick)):.1f}H1000" for tick in up.ticks)
    note = (
        f"neurons by spikes per tick, the {len(rates):,} that lived at {short(float(activity.env_steps[-1]))} steps; "
        "silent: less than one spike in 2,000 ticks"
    )
    return (
        f'<figure class="chart"><figcaption><b>Firing-rate distribution</b> <span>{note}</span></figcaption>'
        f'<div class="frame">{ticks_up({1.0 - up.share(tick): short(tick) for tick in up.ticks})}'
        f'<div class="bars" role="img" aria-label="{escape(f"Firing-rate distribution: {words}")}">'
        f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none"><path class="grid" d="{grid}"/>{"".join(bars)}</svg>'
        f'</div>{words_across(names)}</div><p class="readout">{escape(words)}</p></figure>'
    )


def _bar(across: Axis, up: Axis, low: float, high: float, count: int, text: str, silent: bool = False) -> str:
    left, right = 1000.0 * across.share(low), 1000.0 * across.share(high)
    top = 1000.0 * (1.0 - up.share(count))
    kind = ' class="none"' if silent else ""
    return (
        f'<rect{kind} x="{left + 1.0:.1f}" y="{top:.1f}" width="{right - left - 2.0:.1f}" height="{1000.0 - top:.1f}">'
        f"<title>{escape(text)}</title></rect>"
    )


def _summary(rates: npt.NDArray[np.int32], silent: int) -> str:
    low, median, high = (PERCENT.show(float(rate) / 1000.0) for rate in np.quantile(rates, QUANTILES))
    share = PERCENT.show(silent / len(rates))
    return f"silent: {silent} of {len(rates):,} ({share}); half below {median}, 80 % in {low} to {high}"
