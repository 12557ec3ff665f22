"""The page: data, style and script in one file that needs nothing else."""

from __future__ import annotations

import base64
import json
import os
import re
import zlib
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

from foraging_env.render import palette
from playback.files import draft_of
from playback.player import Player
from playback.replay.pack import FINEST, pack
from playback.replay.recording import Stretch, record
from snn_agent import checks

BUDGET_BYTES: Final = 2_000_000
"""What a page may take, as far as the coarsest plan can keep it."""

SCRIPTS: Final = (
    "data.js", "theme.js", "tasks.js", "clock.js", "sprites.js", "world.js", "brain.js", "decision.js", "raster.js",
    "episode.js", "growth.js", "readout.js", "controls.js", "main.js",
)  # fmt: skip
"""Parts of the script, in the order in which they stand in the page."""


class Plan(NamedTuple):
    """How much a page keeps: steps of the earlier chapters, levels of potential (:func:`pack`), and pictures."""

    earlier_steps: int
    levels: int
    pictures: bool


PLANS: Final = (
    Plan(60, FINEST, True),
    Plan(30, FINEST, True),
    Plan(30, 3, True),
    Plan(15, 3, False),
    Plan(15, 1, False),
    Plan(5, 1, False),
    Plan(5, 0, False),
)
"""The first that keeps the budget is taken."""


def write_replay(player: Player, path: Path, *, steps: int = 500) -> Path:
    """Write a replay of an organism's life: an episode of the newest chapter, and of each earlier one its beginning.

    The page is one file that opens in any current browser, without a network. Equal runs give equal pages. If it would
    be larger than 2 MB, the earlier chapters get fewer steps and potentials fewer levels, and the page says so; many
    more steps or neurons can make it larger all the same. The player is left with the newest chapter, where the
    recording ends.

    Args:
        player: of the run; its seed settles the world.
        path: where the page goes.
        steps: of the newest chapter's episode; fewer if it ends before.

    Returns:
        ``path``.

    Raises:
        ConfigError: ``path`` exists already, or its folder does not, or ``steps`` is not positive.
        CheckpointError: a chapter is damaged.
    """
    steps = checks.integer("steps", steps, 1)
    with draft_of(path) as draft:
        page = _page(player, record(player, steps, PLANS[0].earlier_steps))
        with draft.open("x", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
    return path


def _page(player: Player, stretches: list[Stretch]) -> str:
    """The first page that keeps the budget, else that of the last plan."""
    page = ""
    for plan in PLANS:
        page = _compose(player, stretches, plan)
        if len(page.encode()) <= BUDGET_BYTES:
            break
    return page


def _compose(player: Player, stretches: list[Stretch], plan: Plan) -> str:
    *earlier, newest = stretches
    kept = [stretch.first(plan.earlier_steps) for stretch in earlier]
    packed = pack([*kept, newest], player.history, levels=plan.levels, pictures=plan.pictures)
    table = packed.table | {"name": player.name, "palette": _palette(), "notes": _notes(player, newest, plan)}
    here = Path(__file__).parent
    fields = {
        "title": escape(f"{player.name} – a life replayed"),
        "style": (here / "replay.css").read_text(encoding="utf-8"),
        "table": json.dumps(table, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        "block": base64.b64encode(zlib.compress(packed.block, 9)).decode(),
        "script": "\n".join((here / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    frame = (here / "replay.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda place: fields[place[1]], frame)


def _palette() -> dict[str, Any]:
    """The colours of the world by name, [red, green, blue]; FLOOR is two."""
    return {name: getattr(palette, name) for name in dir(palette) if name.isupper()}


def _notes(player: Player, newest: Stretch, plan: Plan) -> list[str]:
    """What the page lacks, in sentences."""
    notes = []
    if plan != PLANS[0]:
        resolution = f"in steps of 1/{plan.levels} of the threshold" if plan.levels else "left out"
        notes.append(
            f"To keep this page small, earlier chapters have at most {plan.earlier_steps} steps and membrane "
            f"potentials are {resolution}."
        )
    if player.view is None:
        drawn = plan.pictures and newest.pictures
        notes.append(
            f"This world is shown in small pictures of {player.name}." if drawn else "This world has no picture."
        )
    return notes
