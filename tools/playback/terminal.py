"""The same scene for a terminal: world, neurons, decision and numbers as text."""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from foraging_env.observation import View
from foraging_env.render.text import scene_text
from playback.panels.canvas import Image
from playback.panels.numbers import numbers_of
from playback.panels.world import fit
from playback.stage import Scene

SPIKE: Final = "◆"
SHADES: Final = "·░▒▓█"  # potential from rest to the threshold; the first is at rest or below
MIN_COLUMNS: Final = 16
GAP: Final = 3  # between world and brain, and between numbers
BAR: Final = 16  # characters of a probability of 1
ARROWS: Final = {"up": "▲", "down": "▼", "left": "◀", "right": "▶"}
PICTURE_COLUMNS: Final = 44

SPIKE_STYLE: Final = "bold dark_orange"
QUIET_STYLE: Final = "grey70"
NEWBORN_STYLE: Final = "dark_sea_green2"
CHOSEN_STYLE: Final = "bold deep_sky_blue1"
FAINT_STYLE: Final = "grey50"


def scene_view(scene: Scene, view: View | None, name: str, *, width: int, coloured: bool) -> RenderableType:
    """A scene for rich to print.

    Args:
        scene: what is on show.
        view: what the grid of its world is drawn with; None where the world is not ours.
        name: id of the environment.
        width: of the terminal, in characters.
        coloured: whether the terminal has colours: other worlds have nothing but a picture.
    """
    world = _world(scene, view, name, coloured)
    lines = world.plain.splitlines()
    rows = max(len(lines) - len(scene.moment.probabilities) - len(_title(scene).plain.splitlines()) - 2, 6)
    room = width - max(map(len, lines)) - GAP
    brain = Group(_title(scene), Text(), neurons_text(scene, rows, room), Text(), outputs_text(scene))
    table = Table.grid(padding=(0, GAP))
    table.add_row(world, brain)
    return Group(table, numbers_text(scene, width))


def neurons_text(scene: Scene, rows: int, room: int) -> Text:
    """A character a neuron in the order of their birth: ◆ spikes, else its potential in shades of grey.

    Args:
        scene: what is on show.
        rows: that are to be filled, if ``room`` allows.
        room: the longest row.
    """
    hidden = scene.brain.hidden
    columns = max(min(max(-(-hidden // rows), MIN_COLUMNS), room), 1)
    ratio = np.clip(scene.potentials / scene.brain.threshold, 0, 1)
    shades = (ratio * (len(SHADES) - 1) + 0.5).astype(np.int64)
    text = Text()
    for index in range(hidden):
        if scene.spiked[index]:
            text.append(SPIKE, SPIKE_STYLE)
        else:
            text.append(SHADES[shades[index]], NEWBORN_STYLE if scene.newborn[index] else QUIET_STYLE)
        if index % columns == columns - 1 and index + 1 < hidden:
            text.append("\n")
    return text


def outputs_text(scene: Scene) -> Text:
    """A line an action: its name, a bar, the probability, a mark for each output spike until now; ``>`` is chosen."""
    moment, names = scene.moment, scene.brain.actions
    width = max(map(len, names))
    text = Text()
    for index, (name, share) in enumerate(zip(names, moment.probabilities.tolist(), strict=True)):
        chosen = index == moment.action
        filled = round(share * BAR)
        bar = "━" * filled + "╌" * (BAR - filled)
        line = f"{'>' if chosen else ' '} {ARROWS.get(name, ' ')} {name:<{width}} {bar} {share:4.0%} "
        text.append(line, CHOSEN_STYLE if chosen else FAINT_STYLE)
        if moment.output_spikes is not None:
            count = int(moment.output_spikes[: scene.tick + 1, index].sum())
            text.append(SPIKE * count, SPIKE_STYLE)
        text.append("\n" if index + 1 < len(names) else "")
    return text


def numbers_text(scene: Scene, width: int) -> Text:
    """The numbers of the window's lower left, in one line as far as that is wide enough."""
    text, column = Text(), 0
    for label, value in itertools.chain(*numbers_of(scene)):
        length = len(f"{label} {value}")
        if column and column + GAP + length > width:
            text.append("\n")
            column = 0
        elif column:
            text.append(" " * GAP)
            column += GAP
        text.append(f"{label} ", FAINT_STYLE)
        text.append(value)
        column += length
    return text


def _title(scene: Scene) -> Text:
    tick = "whole decision" if scene.whole else f"tick {scene.tick + 1} of {scene.brain.ticks}"
    text = Text(f"Brain after {scene.brain.env_step:,} steps", "bold")
    text.append(f"\nchapter {scene.chapter + 1} of {scene.n_chapters}   {tick}", "not bold grey50")
    if scene.life:
        text.append(f"\n{scene.life}", "not bold")
    return text


def _world(scene: Scene, view: View | None, name: str, coloured: bool) -> Text:
    moment = scene.moment
    if view is not None and moment.world is not None:
        return Text(scene_text(view, moment.world).rpartition("\n")[0])  # its numbers stand below
    if moment.picture is not None and coloured:
        return picture_text(moment.picture)
    return Text(f"{name}\nhas no picture in characters\n")


def picture_text(picture: Image) -> Text:
    """A picture in half blocks, two pixels a character, one above the other."""
    small = fit(picture, PICTURE_COLUMNS, PICTURE_COLUMNS)
    small = small[: len(small) // 2 * 2]
    text = Text()
    for upper, lower in zip(small[::2].tolist(), small[1::2].tolist(), strict=True):
        for over, under in zip(upper, lower, strict=True):
            text.append("▀", f"rgb({over[0]},{over[1]},{over[2]}) on rgb({under[0]},{under[1]},{under[2]})")
        text.append("\n")
    return text


def plain(renderable: RenderableType, width: int) -> str:
    """As text without colours, of lines as long as need be."""
    console = Console(width=width, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())
