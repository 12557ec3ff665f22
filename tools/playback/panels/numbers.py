"""The numbers of a moment: of the episode in the first row, of the organism in the second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from playback.panels import tones
from playback.panels.canvas import Area, Image, write

if TYPE_CHECKING:
    from playback.stage import Scene

LABEL_PX: Final = 11
VALUE_PX: Final = 18


def numbers_of(scene: Scene) -> list[list[tuple[str, str]]]:
    """Two rows of labels and values. Energy is that of the model 45nm_fp32, in nanojoules."""
    moment, brain = scene.moment, scene.brain
    episode = [("step", f"{moment.step}"), ("reward so far", f"{moment.total_reward:+.2f}")]
    energy = [("nJ this decision", f"{moment.joules * 1e9:.1f}")]
    if moment.food is not None:
        episode.insert(1, ("food eaten", f"{moment.food}"))
        each = f"{moment.total_joules / moment.food * 1e9:,.0f}" if moment.food else "none yet"
        energy.append(("nJ a food item", each))
    episode.append(("reward expected", f"{moment.value:+.2f}"))
    if moment.phase is not None:
        task = "" if moment.phase_task is None else f", task {moment.phase_task}"
        episode.append(("world's phase", f"{moment.phase}{task}"))
    organism = [("neurons", f"{brain.hidden}"), ("firing", f"{moment.rate:.1%}")]
    return [episode, [*organism, *energy]]


def draw_numbers(frame: Image, area: Area, scene: Scene) -> None:
    """Draw them, each row spread over the width."""
    for place, row in enumerate(numbers_of(scene)):
        top = area.top + place * (area.height // 2)
        pitch = area.width / len(row)
        for column, (label, value) in enumerate(row):
            x = area.left + round(column * pitch)
            write(frame, x, top + LABEL_PX, label, LABEL_PX, tones.FAINT)
            write(frame, x, top + LABEL_PX + VALUE_PX + 2, value, VALUE_PX, tones.INK)
