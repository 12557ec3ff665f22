"""Moments as compact data: named arrays in one block of bytes, and a table of where each is.

Spikes are packed as bits, potentials as half bytes. Both keep the ticks of a neuron together, where neighbours resemble
each other: so deflate leaves 83 kB of the potentials of 186 neurons in 500 steps, where 216 kB are left if the neurons
of a tick stand together (measured).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from foraging_env.render.board import Board, world_board
from playback.chapters import History, tasks_in_life
from playback.moment import Brain, Moment
from playback.replay.recording import Stretch

Array = npt.NDArray[Any]
ALIGN: Final = 8  # a browser's typed arrays must begin at a multiple of their item's size
FINEST: Final = 7
"""Levels of potential on either side of zero that a half byte holds, zero itself beside."""


class Packed(NamedTuple):
    """A recording as a page holds it.

    Attributes:
        table: what is not an array, and where the arrays are; JSON-ready.
        block: the arrays, one after the other.
    """

    table: dict[str, Any]
    block: bytes


def pack(stretches: Sequence[Stretch], history: History, *, levels: int, pictures: bool) -> Packed:
    """Pack a recording.

    Args:
        stretches: what was lived, the earliest chapter first.
        history: how the run went.
        levels: of potential on either side of zero, up to :data:`FINEST`; 0 leaves potentials out.
        pictures: whether to keep them, where there are any.
    """
    arrays: dict[str, Array] = {
        f"history/{name}": np.asarray(getattr(history, name), dtype="<f8")
        for name in ("steps", "neurons", "score", "event_steps", "births", "deaths")
    }
    tasks = tasks_in_life(history, [stretch.chapter for stretch in stretches])
    maps: list[dict[str, Any]] = []
    chapters = []
    for number, (chapter, brain, moments, small, view, life) in enumerate(stretches):
        parts = {
            "ids": brain.ids.astype("<i4"),
            "born": brain.born.astype("<f8"),
            "spikes": pack_bits(np.stack([moment.spikes for moment in moments])),
            **_numbers(moments),
        }
        if levels:
            potentials = np.stack([moment.potentials for moment in moments])
            parts["potentials"] = pack_potentials(potentials, brain.threshold, levels)
        outputs = [moment.output_spikes for moment in moments if moment.output_spikes is not None]
        if outputs:
            parts["output_spikes"] = pack_bits(np.stack(outputs))
        if view is not None:
            parts |= _worlds([world_board(view, moment.world) for moment in moments if moment.world is not None], maps)
        elif pictures and small:
            parts["pictures"] = np.stack(small)
        if tasks.coloured:
            parts |= {"birth_task": brain.birth_task.astype("<i4"), "protected": brain.protected.astype(np.uint8)}
        parts |= _phases(moments)
        arrays |= {f"{number}/{name}": part for name, part in parts.items()}
        chapters.append(_chapter(chapter.env_step, chapter.update, brain, len(moments)) | {"life": life})
    where, block = _join(arrays)
    view = stretches[-1].view
    table = {
        "chapters": chapters,
        "actions": list(stretches[-1].brain.actions),
        "levels": levels,
        "world": None if view is None else {"side": view.timetable.book.size, "maps": maps},
        "tasks": {"numbers": tasks.numbers, "spans": tasks.spans, "switches": tasks.switches} if tasks.any else None,
        "arrays": where,
    }
    return Packed(table, block)


def pack_bits(spikes: Array) -> npt.NDArray[np.uint8]:
    """Bits of spikes [N, T, H] in the order step, neuron, tick; the first is the highest of its byte."""
    return np.packbits(spikes.transpose(0, 2, 1))


def pack_potentials(potentials: Array, threshold: Array, levels: int) -> npt.NDArray[np.uint8]:
    """Potentials [N, T, H] in units of the threshold [H], cut to -1 … 1 and rounded to 1/levels, as half bytes.

    The order is that of the bits; a half byte holds ``levels`` more than the rounded multiple of 1/levels, and the
    first one is the high half of its byte.
    """
    unit = np.maximum(np.abs(threshold), np.finfo(np.float32).tiny)
    codes: Array = (np.rint(np.clip(potentials / unit, -1, 1) * levels) + levels).astype(np.uint8)
    halves: Array = codes.transpose(0, 2, 1).reshape(-1)
    if len(halves) % 2:
        halves = np.append(halves, np.uint8(0))
    return np.asarray((halves[0::2] << 4) | halves[1::2], dtype=np.uint8)


def _chapter(env_step: int, update: int, brain: Brain, steps: int) -> dict[str, Any]:
    return {
        "envStep": env_step,
        "update": update,
        "hidden": brain.hidden,
        "ticks": brain.ticks,
        "tickSeconds": brain.tick_s,
        "steps": steps,
        "task": brain.task,
    }


def _phases(moments: Sequence[Moment]) -> dict[str, Array]:
    """Phases of a world that goes through several, and tasks where they come back (else -1), [N] each; or nothing."""
    if moments[0].phase is None:
        return {}
    tasks = [-1 if moment.phase_task is None else moment.phase_task for moment in moments]
    return {"phase": np.array([moment.phase for moment in moments], dtype="<i4"), "phase_task": np.array(tasks, "<i4")}


def _numbers(moments: Sequence[Moment]) -> dict[str, Array]:
    """What a moment tells in one number, [N], and the probabilities, [N, A]."""
    foods = [-1 if moment.food is None else moment.food for moment in moments]
    return {
        "food": np.array(foods, dtype="<i4"),
        "action": np.array([moment.action for moment in moments], dtype="<i2"),
        "probabilities": np.array([moment.probabilities for moment in moments], dtype="<f4"),
    } | {
        name: np.array([getattr(moment, name) for moment in moments], dtype="<f4")
        for name in ("total_reward", "joules")
    }


def _worlds(boards: Sequence[Board], maps: list[dict[str, Any]]) -> dict[str, Array]:
    """What is on the boards, [N] or padded with -1 to [N, most]; each new set of walls and patches joins ``maps``."""
    numbers = []
    for board in boards:
        plan = {"walls": board.walls.tolist(), "patches": [list(map(int, patch)) for patch in board.patches]}
        if plan not in maps:
            maps.append(plan)
        numbers.append(maps.index(plan))
    parts: dict[str, Array] = {
        "agent": np.array([board.agent for board in boards], dtype="<i2"),
        "heading": np.array([board.heading for board in boards], dtype=np.uint8),
        "map": np.array(numbers, dtype="<i2"),
        "items": _padded([board.food for board in boards]),
        "poison": _padded([board.poison for board in boards]),
    }
    if boards[0].seen is not None:
        edges = [[edge for part in board.seen for edge in (part.start, part.stop)] for board in boards if board.seen]
        parts["seen"] = np.array(edges, dtype="<i2")  # [N, 4]: first row, row after the last; the same of columns
    return parts


def _padded(rows: Sequence[Array]) -> Array:
    most = max(map(len, rows))
    return np.array([np.pad(row, (0, most - len(row)), constant_values=-1) for row in rows], dtype="<i2")


def _join(arrays: Mapping[str, Array]) -> tuple[dict[str, dict[str, Any]], bytes]:
    where: dict[str, dict[str, Any]] = {}
    block = bytearray()
    for name, array in arrays.items():
        where[name] = {"type": array.dtype.str.strip("<|"), "start": len(block), "shape": list(array.shape)}
        block += array.tobytes()
        block += bytes(-len(block) % ALIGN)
    return where, bytes(block)
