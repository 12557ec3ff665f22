"""Reference foragers, the scores they reach, and the optimum of patch leaving.

A score means little alone: on the default world a random walk eats about 8 items in 500 steps and a greedy forager
about 139. ``normalised_score`` puts a result on that scale, 0 random and 1 greedy.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from foraging_env import checks
from foraging_env.config import ForagingConfig
from foraging_env.dynamics import transition
from foraging_env.layout import empty_state, new_episode
from foraging_env.reward import reward
from foraging_env.rules import RuleBook
from foraging_env.tasks import Timetable
from foraging_env.types import FloatArray, GridState, IntArray

MAX_PATH_CELLS = 4096
"""Grids above this have no table of shortest paths, whose memory grows with the square of the cells (128 MiB here)."""

REFERENCE_WORLDS = 512
"""Worlds a reference score averages over; its standard error on the default world is below 0.2 food."""


class ReferenceScores(NamedTuple):
    """Means per episode of the random and the greedy forager."""

    random_food: float
    greedy_food: float
    random_return: float
    greedy_return: float


@functools.lru_cache(maxsize=8)
def path_lengths(book: RuleBook, rule: int = 0) -> IntArray:
    """Steps of the shortest path around walls between every two cells, [N, N]; -1 from or to a wall."""
    n_cells = book.n_cells
    if n_cells > MAX_PATH_CELLS:
        raise ValueError(
            f"shortest paths around walls are tabled for grids of up to {MAX_PATH_CELLS} cells, got {n_cells}. "
            f"Take a smaller size for worlds with walls that are to be scored."
        )
    reached = np.full((n_cells, n_cells), -1, dtype=np.int64)
    frontier = np.diag(book.is_open[rule])
    steps = 0
    while frontier.any():
        reached[frontier] = steps
        origin, cell = np.nonzero(frontier)
        frontier = np.zeros_like(frontier)
        for action in range(4):
            frontier[origin, book.next_cell[rule, cell, action]] = True
        frontier &= reached < 0
        steps += 1
    return reached


def greedy_actions(state: GridState, timetable: Timetable) -> IntArray:
    """The move of a forager that walks the shortest way to the nearest item worth eating, [B].

    ``state`` and ``timetable`` are what ``env.unwrapped.state`` and ``env.unwrapped.timetable`` give. Worth eating is
    what has a positive price in the task in force (food, if nothing on the grid has). Among equally short ways it
    takes one that does not step on an item of the other kind, then the first in action order. On an empty grid it
    walks up.
    """
    book = timetable.book
    rule = timetable.rule_of(state.phase)
    values = timetable.values_of(state.phase)
    is_food = np.arange(book.n_slots) < book.n_food_slots  # [S]
    likes = np.where(
        is_food, (np.asarray(values.food_reward) > 0)[:, None], (np.asarray(values.poison_cost) < 0)[:, None]
    )  # [B, S]
    present = state.items >= 0
    wanted = present & likes
    wanted |= present & is_food & ~np.logical_or.reduce(wanted, axis=1)[:, None]
    target = book.next_cell[rule, state.agent]  # [B, 4]
    goal = np.where(present, state.items, 0).astype(np.int64)
    length = _path_lengths_between(timetable, rule, target[:, :, None], goal[:, None, :])  # [B, 4, S]
    length = np.where(wanted[:, None, :], length, 4 * book.n_cells)
    cost = 2 * length.min(axis=2)
    cost += ((present & ~likes)[:, None, :] & (state.items[:, None, :] == target[:, :, None])).any(axis=2)
    best: IntArray = cost.argmin(axis=1)
    return best


def _path_lengths_between(timetable: Timetable, rule: IntArray, origin: IntArray, goal: IntArray) -> IntArray:
    """Steps from cells to cells, each world by the map of its rule; broadcasts [B, 4, 1] with [B, 1, S]."""
    if timetable.has_walls:
        around_walls: IntArray = _path_tables(timetable.book)[rule[:, None, None], origin, goal]
        return around_walls
    size = timetable.book.size
    straight: IntArray = np.abs(origin // size - goal // size) + np.abs(origin % size - goal % size)
    return straight


@functools.lru_cache(maxsize=8)
def _path_tables(book: RuleBook) -> IntArray:
    return np.stack([path_lengths(book, rule) for rule in range(len(book.refuge))])


@functools.lru_cache(maxsize=64)
def reference_scores(config: ForagingConfig, max_episode_steps: int = 500, seed: int = 0) -> ReferenceScores:
    """Food and return per episode of both foragers on a config, simulated over REFERENCE_WORLDS worlds and cached."""
    checks.integer("max_episode_steps", max_episode_steps, 1)
    checks.integer("seed", seed, 0)
    random_food, random_return = _simulate(config, max_episode_steps, seed, greedy=False)
    greedy_food, greedy_return = _simulate(config, max_episode_steps, seed, greedy=True)
    return ReferenceScores(random_food, greedy_food, random_return, greedy_return)


def normalised_score(
    food: float | FloatArray, config: ForagingConfig, max_episode_steps: int = 500
) -> float | FloatArray:
    """``(food - random) / (greedy - random)``: 0 is the random forager, 1 the greedy one.

    Args:
        food: food per episode, a mean or an array of them.
        config: the world it was collected in.
        max_episode_steps: the episode's length there.
    """
    scores = reference_scores(config, max_episode_steps)
    return (food - scores.random_food) / (scores.greedy_food - scores.random_food)


def _simulate(config: ForagingConfig, max_episode_steps: int, seed: int, *, greedy: bool) -> tuple[float, float]:
    timetable = Timetable(config)
    generator = np.random.default_rng(seed)
    state = empty_state(timetable.book, generator.integers(2**64, size=REFERENCE_WORLDS, dtype=np.uint64))
    state = new_episode(timetable.book, np.zeros(REFERENCE_WORLDS, dtype=np.int64), state)
    alive = np.ones(REFERENCE_WORLDS, dtype=np.bool_)
    food, total = np.zeros(REFERENCE_WORLDS), np.zeros(REFERENCE_WORLDS)
    for _ in range(max_episode_steps):
        action = greedy_actions(state, timetable) if greedy else generator.integers(4, size=REFERENCE_WORLDS)
        state, events = transition(state, action, timetable)
        gained = reward(timetable.static_values, events.richness, events.bumped, events.poisoned)
        food += events.ate & alive
        total += np.where(alive, gained, 0.0)
        alive &= ~events.terminated
    return float(food.mean()), float(total.mean())


class PatchOptimum(NamedTuple):
    """When to leave a depleting patch, and what that earns."""

    bites: int
    rate: float


def marginal_value(
    depletion: float, travel_steps: float, bite_steps: float = 1.0, step_cost: float = 0.0
) -> PatchOptimum:
    """The marginal value theorem's answer for patches whose k-th bite is worth ``depletion ** k`` (k from 0).

    Leave when the next bite would earn less per step than the best long-run rate (Charnov, *Theoretical Population
    Biology* 9, 1976): the best number of bites maximises
    ``sum(depletion ** k for k < bites) / (travel_steps + (bites - 1) * bite_steps) - step_cost``.

    Args:
        depletion: share of value left after each bite, in [0, 1).
        travel_steps: steps from the last bite in one patch to the first in the other, that bite's step included.
        bite_steps: steps of each further bite in the same patch.
        step_cost: taken off every step.

    Raises:
        ValueError: an argument is out of range.
    """
    checks.number("depletion", depletion, 0.0, 1.0)
    if depletion >= 1.0:
        raise ValueError("depletion must be below 1: a patch that never runs dry is never worth leaving.")
    checks.number("travel_steps", travel_steps, 0.0)
    checks.number("bite_steps", bite_steps, 0.0)
    if travel_steps <= 0 or bite_steps <= 0:
        raise ValueError(f"travel_steps and bite_steps must be positive, got {travel_steps} and {bite_steps}.")
    bites, gain, worth = 0, 0.0, 1.0
    rate = -float("inf")
    while True:
        steps = travel_steps + bites * bite_steps
        if (gain + worth) / steps <= rate:
            return PatchOptimum(bites, rate - checks.number("step_cost", step_cost))
        bites, gain = bites + 1, gain + worth
        rate, worth = gain / steps, worth * depletion
