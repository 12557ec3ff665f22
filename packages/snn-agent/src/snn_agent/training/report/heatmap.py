"""Every neuron's firing rate over the run: a row for each neuron, drawn as a picture that needs no script.

Its colours grow darker with the rate and have one hue, so they can be told apart without colour vision and in print;
on a dark page ``page.css`` turns their lightness round.
"""

from __future__ import annotations

import json
from html import escape
from typing import Final

import numpy as np
import numpy.typing as npt

from snn_agent.training.activity_log import ACTIVITY_EVERY
from snn_agent.training.report.activity import ABSENT, ROWS, Activity
from snn_agent.training.report.frame import ticks_across, ticks_up
from snn_agent.training.report.life import Life
from snn_agent.training.report.png import data_uri, indexed_png
from snn_agent.training.report.scale import PERCENT, Axis, axis, short
from snn_agent.training.report.switches import lines, signs, strip

WIDTH: Final = 800
"""Pixels across."""

TITLE: Final = "Every neuron's firing rate"

ANCHORS: Final = ((196, 208, 221), (125, 171, 216), (46, 110, 176), (8, 35, 77))
"""Colours of a rate of 0, at a third and two thirds of the way, and of the highest rate: red, green, blue."""

LIVING: Final = 255
"""Shades of a rate; place 0 of the palette is no neuron."""


def palette() -> npt.NDArray[np.uint8]:
    """[256, 4]: first what is not there, then the shades from a rate of 0 to the highest."""
    places = np.linspace(0.0, 1.0, LIVING)
    knots = np.linspace(0.0, 1.0, len(ANCHORS))
    colours = np.zeros((1 + LIVING, 4))
    for channel in range(3):
        colours[1:, channel] = np.interp(places, knots, [anchor[channel] for anchor in ANCHORS])
    colours[1:, 3] = 255
    return colours.round().astype(np.uint8)


def shades(permille: npt.NDArray[np.int32], top: float) -> npt.NDArray[np.uint8]:
    """Places in the palette: with the square root of the rate, so that low rates, the most, can be told apart."""
    share = np.sqrt(np.clip(permille, 0, None) / (1000.0 * top))
    found = 1 + np.round((LIVING - 1) * np.clip(share, 0.0, 1.0))
    return np.where(permille == ABSENT, 0, found).astype(np.uint8)


def picture(activity: Activity, top: float) -> bytes:
    """The picture as PNG: from the run's begin to the last moment, each moment reaching back to the one before."""
    wanted = (np.arange(WIDTH) + 0.5) / WIDTH * activity.env_steps[-1]
    moments = np.searchsorted(activity.env_steps, wanted)
    cells = shades(activity.permille[:, moments], top)
    return indexed_png(cells.repeat(max(1, ROWS // len(cells)), axis=0), palette())


def draw_heatmap(activity: Activity | None, life: Life | None = None) -> str:
    """The figure as HTML; in place of the picture a sentence where no neuron's activity is known."""
    if activity is None or not activity.permille.size:
        why = (
            "The run has no activity.jsonl, so what each neuron did is not known."
            if activity is None
            else "activity.jsonl holds no whole line, so what each neuron did is not known."
        )
        return f'<figure class="chart wide">{_caption("")}<p class="nothing">{why}</p></figure>'
    shown = activity.shown()
    n, top = len(shown.ids), axis([float(activity.permille.max()) / 1000.0], zero=True).high
    across = axis([0.0, float(shown.env_steps[-1])], intervals=5)
    across = Axis(0.0, float(shown.env_steps[-1]), tuple(t for t in across.ticks if t <= shown.env_steps[-1] * 1.001))
    oldest, youngest = int(shown.ids[0]), int(shown.ids[-1])
    numbers = [tick for tick in axis([oldest, youngest], intervals=5).ticks if oldest <= tick <= youngest]
    rows = np.searchsorted(shown.ids, numbers)
    names = {(int(row) + 0.5) / n: short(number) for row, number in zip(rows, numbers, strict=True)}
    some = f"{n:,} of {len(activity.ids):,} neurons are shown, evenly spread. " if n < len(activity.ids) else ""
    label = (
        f"Heat map of {len(activity.ids):,} neurons over {short(float(shown.env_steps[-1]))} steps, rates from "
        f"{PERCENT.show(float(activity.permille[activity.permille != ABSENT].min()) / 1000.0)} to "
        f"{PERCENT.show(float(activity.permille.max()) / 1000.0)} of the ticks"
    )
    read_off = json.dumps({"across": [across.low, across.high]})
    return (
        f'<figure class="chart wide heat">{_caption(some)}<div class="frame">{strip(life, across)}{ticks_up(names)}'
        f'<div class="plot" tabindex="0" role="img" aria-label="{escape(label)}" data-heat="{escape(read_off)}">'
        f'<img class="shades" alt="" src="{data_uri(picture(shown, top))}">'
        f"{_switches(life, across)}{signs(life, across)}"
        f'<i class="cursor" hidden></i><i class="dot" hidden></i></div>{ticks_across(across)}</div>'
        f'{_legend(top)}<p class="readout">last: <b>{len(activity.last):,} neurons at {shown.env_steps[-1]:,.0f} steps'
        "</b></p></figure>"
    )


def _switches(life: Life | None, across: Axis) -> str:
    drawn = lines(life, across)
    return f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>' if drawn else ""


def _caption(some: str) -> str:
    note = (
        "A row for each neuron by its number, in the order of birth, the oldest on top, from where it was born to "
        f"where it died. {some}Running mean of about ten updates, noted every {ACTIVITY_EVERY}."
    )
    return f"<figcaption><b>{TITLE}</b> <span>{note}</span></figcaption>"


def _legend(top: float) -> str:
    """The scale, with round shares of the highest rate where the square root puts them."""
    strip = data_uri(indexed_png(np.arange(1, 1 + LIVING, dtype=np.uint8)[None, :], palette()))
    marks = "".join(
        f'<span style="left:{100.0 * part**0.5:.0f}%">{PERCENT.show(part * top) if part else "0"}</span>'
        for part in (0.0, 1 / 16, 1 / 4, 1.0)
    )
    return (
        '<div class="legend"><span>spikes per tick and neuron</span>'
        f'<div class="strip"><img class="shades" alt="" src="{strip}"><div aria-hidden="true">{marks}</div></div>'
        '<span><i class="blank"></i> no neuron: not yet born, or dead</span></div>'
    )
