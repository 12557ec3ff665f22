"""How well a life of many tasks went: what was kept, what was carried over, and how fast it recovered.

Sources: Wołczyk et al., *Continual World*, NeurIPS 2021 (average performance, forgetting, forward transfer);
Lopez-Paz & Ranzato, *Gradient episodic memory*, NeurIPS 2017 (the matrix R); De Lange et al., *Continual evaluation for
lifelong learning*, ICLR 2023 (evaluate all along, not at ends only).

R [P, N] is the score on each task at the end of each phase (``ContinualRun.matrix``), ``tasks`` [P] the task that is
lived in each phase. Curves are of one phase, from its begin (``ContinualRun.curve``). A *scratch* run learns the task
alone, from birth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.experiments.curves import Curve, at, known, reach
from snn_agent.experiments.statistics import Row

ROUNDING: Final = 1e-12


class Forgetting(NamedTuple):
    """What was lost of each task while it was away; NaN where it never was, or where no share of the loss exists."""

    absolute: Row  # [N] in the unit of the score; below 0 where the task got better meanwhile
    relative: Row  # [N] over what was known above the floor


class Recovery(NamedTuple):
    """How long it took until a score was back; a lower bound if it did not come back while anybody looked."""

    value: float  # since the switch, in the unit of the axis
    recovered: bool


def average_performance(matrix: npt.ArrayLike) -> float:
    """``P = (1/N) Σ_j R_{last, j}``: the mean score over all tasks at the end of the life.

    Args:
        matrix: R [P, N].

    Raises:
        ConfigError: R is not such a matrix, or not finite.
    """
    return float(_matrix(matrix)[-1].mean())


def forgetting(matrix: npt.ArrayLike, tasks: Sequence[int], floor: float = 0.0) -> Forgetting:
    """``F_j = R_{left, j} − R_{before it comes back, j}``: what was lost of a task while others were lived.

    A task is away from the end of a phase in which it was lived to the begin of the next such phase, or to the end of
    the life; a loss is taken over that time, and is their mean where a task was away more than once. Where no task
    comes back this is ``F_j = R_jj − R_Nj`` of Continual World. In A→B→C→A′ the formula, by its letter, would look at A
    after it was learnt again, and see nothing lost.

    Args:
        matrix: R [P, N].
        tasks: the task of each phase, [P].
        floor: score at which nothing is known, such as that of acting at random; 0 where scores are normalised.

    Returns:
        Absolute losses, and each over ``R_{left, j} − floor``, before the mean; NaN if that is not above 0.

    Raises:
        ConfigError: R is not such a matrix, or a phase names no task of it.
    """
    table = _matrix(matrix, tasks)
    floor = checks.number("floor", floor)
    absolute: list[list[float]] = [[] for _ in table.T]
    relative: list[list[float]] = [[] for _ in table.T]
    for phase, task in enumerate(tasks):
        back = next((later for later in range(phase + 1, len(tasks)) if tasks[later] == task), len(tasks))
        if back == phase + 1:
            continue  # it is not away
        had, left = table[phase, task], table[back - 1, task]
        absolute[task].append(had - left)
        relative[task].append((had - left) / (had - floor) if had > floor else math.nan)
    return Forgetting(*(np.array([_mean(losses) for losses in kind]) for kind in (absolute, relative)))


def common_areas(curve: Curve, scratch: Curve) -> tuple[float, float]:
    """The mean score of either curve over the steps since its begin that both lived, straight between points.

    Raises:
        ConfigError: one has no known score, or they have no steps in common.
    """
    spans = [known(each, "steps")[0] for each in (curve, scratch)]
    if not all(map(len, spans)):
        raise ConfigError("a curve without a known score has no area. Evaluate within the phase.")
    first, last = max(steps[0] for steps in spans), min(steps[-1] for steps in spans)
    if not first < last:
        raise ConfigError(
            f"the curves have no steps in common: they are known from {first:g} and to {last:g} steps after their "
            f"begin. Evaluate both within the phase, more than once."
        )
    grid = np.unique(np.concatenate([[first, last], *(steps[(steps > first) & (steps < last)] for steps in spans)]))
    scores = np.stack([at(each, "steps", grid) for each in (curve, scratch)])
    areas = 0.5 * (scores[:, 1:] + scores[:, :-1]) @ np.diff(grid) / (last - first)
    return float(areas[0]), float(areas[1])


def forward_transfer(curve: Curve, scratch: Curve) -> float:
    """``(AUC − AUC_scratch) / (1 − AUC_scratch)``: how much of what scratch lacked was there through earlier tasks.

    AUC is the mean score *while* a task is first lived (:func:`common_areas`). This is Continual World's; the quantity
    that supervised learning calls forward transfer is the score *before* the task is lived.

    Args:
        curve: of the phase; scores normalised, so that 1 is the best there is.
        scratch: of the scratch run's first phase, normalised alike.

    Returns:
        1 for what is perfect from the begin, 0 for no transfer, below 0 for harm.

    Raises:
        ConfigError: as in :func:`common_areas`, and if scratch's area is not below 1.
    """
    area, alone = common_areas(curve, scratch)
    if not alone < 1.0:
        raise ConfigError(
            f"forward transfer needs a scratch area below 1, got {alone:g}. Normalise by a better oracle."
        )
    return (area - alone) / (1.0 - alone)


def plasticity_retention(curve: Curve, scratch: Curve) -> float:
    """``AUC / AUC_scratch``: how fast a task is learnt, late in life, over how fast a newborn learns it.

    Below 1 plasticity was lost (Dohare et al., *Loss of plasticity in deep continual learning*, Nature 632, 2024).
    Of a task that was met before, what is remembered counts as well: this is the speed of learning it *again*.

    Args:
        curve: of the phase; scores above 0 when something is known, best normalised.
        scratch: of the scratch run's first phase, in the same unit.

    Raises:
        ConfigError: as in :func:`common_areas`, and if scratch's area is not above 0.
    """
    area, alone = common_areas(curve, scratch)
    if not alone > 0.0:
        raise ConfigError(f"retention needs a scratch area above 0, got {alone:g}. Normalise scores by random acting.")
    return area / alone


def recovery(curve: Curve, level: float, by: str = "steps") -> Recovery:
    """How long after its begin a phase's score comes to stay at a level (see :func:`~.curves.reach`).

    With ``by="joules"`` it is the energy to recover. If it was not there when the phase ended, all that is known is
    that it takes longer than the phase: the value is then that lower bound and is not to be taken for a time. The
    answer is no finer than the evaluations are dense.

    Args:
        curve: of the phase.
        level: for example 90 % of what the score was when the task was left.
        by: ``"steps"`` or ``"joules"``.

    Raises:
        ConfigError: the axis has another name or falls, the level is no number, or no score is known.
    """
    level, axis = checks.number("level", level), known(curve, checks.choice("by", by, ("steps", "joules")))[0]
    if not len(axis):
        raise ConfigError("a curve without a known score says nothing about recovery. Evaluate within the phase.")
    found = reach(curve, by, level)
    return Recovery(found, recovered=True) if math.isfinite(found) else Recovery(float(axis[-1]), recovered=False)


def neurons_carrying(utility: npt.ArrayLike, share: float = 0.95) -> int:
    """The smallest number of neurons that have a share of all utility in a task together; 0 where none has any.

    Args:
        utility: [H] of each neuron *in the task*, ``|rate| · Σ|outgoing weights|`` (E16), not below 0.
        share: in (0, 1].

    Raises:
        ConfigError: utility is no such row, or the share is out of range.
    """
    share = checks.number("share", share, math.nextafter(0.0, 1.0), 1.0)
    worth = np.asarray(utility, dtype=np.float64)
    if worth.ndim != 1 or not np.isfinite(worth).all() or (worth < 0.0).any():
        raise ConfigError(f"utility must be a finite row [H], nothing below 0, got {worth!r}.")
    carried = np.cumsum(np.sort(worth[worth > 0.0])[::-1])
    wanted = share * (1.0 - ROUNDING)  # else 0.55 of 100 would be more than 55
    return int((carried < wanted * carried[-1]).sum()) + 1 if len(carried) else 0


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _matrix(matrix: npt.ArrayLike, tasks: Sequence[int] | None = None) -> Row:
    """R as an array, or ConfigError."""
    table = np.asarray(matrix, dtype=np.float64)
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise ConfigError(f"R must be finite and [P, N], phases by tasks, with at least one of each, got {table!r}.")
    if tasks is not None:
        if len(tasks) != len(table):
            raise ConfigError(f"R must have a row for each of {len(tasks)} phases, got {len(table)}.")
        for phase, task in enumerate(tasks):
            checks.integer(f"tasks[{phase}]", task, 0, table.shape[1] - 1)
    return table
