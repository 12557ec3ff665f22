"""The laws of the world, for a batch of worlds at once.

:mod:`foraging_env.scalar` states the same laws for one world on Python integers, because one world at a time is
what most libraries step; the tests hold the two equal bit for bit.
"""

from __future__ import annotations

import numpy as np

from foraging_env.layout import conform, draw_free_cell, step_over
from foraging_env.rng import advance, below, random_bits
from foraging_env.rules import RuleBook
from foraging_env.tasks import Timetable
from foraging_env.types import NO_CELL, BoolArray, FloatArray, GridState, IntArray, ItemArray, StepEvents, StreamArray


def transition(state: GridState, action: IntArray, timetable: Timetable) -> tuple[GridState, StepEvents]:
    """One step of every world: [B] actions -> the new state and what happened.

    In this order: the agent moves or bumps; it eats what lies on its cell; the eaten item comes back elsewhere if
    ``respawn``; the world ages by a step; a task that begins now is put into force. Neither argument is changed.
    """
    book = timetable.book
    n_worlds = len(action)
    rule = None if timetable.is_static else timetable.rule_of(state.phase)
    move = state.agent * 4 + action
    if rule is not None:
        move += rule * (book.n_cells * 4)
    agent = book.next_cell.reshape(-1).take(move)
    bumped = agent == state.agent

    # Slots first: that is how items lie in memory. At most one hit per world: items lie on distinct cells.
    hit = agent.astype(np.int16) == state.items.T  # [S, B]
    ate = hit[: book.n_food_slots].any(axis=0)
    richness = ate.astype(np.float64)
    if book.n_poison_slots:
        poisoned = hit[book.n_food_slots :].any(axis=0)
        eaters = (ate | poisoned).nonzero()[0]
    else:
        poisoned = np.zeros(n_worlds, dtype=np.bool_)
        eaters = ate.nonzero()[0]
    slot = new_cell = eaters
    items, stream, last_patch, remaining = state.items, state.stream, state.last_patch, state.richness
    if len(eaters):
        slot = hit.T[eaters].argmax(axis=1)
        eater_rule = None if rule is None else rule[eaters]
        if timetable.depletes:
            last_patch, remaining, richness = _deplete(book, eater_rule, eaters, slot, ate, state)
        items, stream, new_cell = _replace_eaten(book, eater_rule, eaters, slot, state)
    after = GridState(
        agent=agent,
        heading=action,
        items=items,
        episode_step=state.episode_step + 1,
        episode_return=state.episode_return,
        food_collected=state.food_collected + ate,
        poison_collected=state.poison_collected + poisoned if book.n_poison_slots else state.poison_collected,
        last_patch=last_patch,
        richness=remaining,
        lifetime_step=state.lifetime_step + 1,
        phase=state.phase,
        stream=stream,
    )
    switched = np.zeros(n_worlds, dtype=np.bool_)
    if not timetable.is_static:
        phase = timetable.phase_at(after.lifetime_step)
        switched = phase != state.phase
        after = after._replace(phase=phase)
        if switched.any():
            after = put_into_force(timetable, after, np.flatnonzero(switched))
    terminated: BoolArray = np.zeros(n_worlds, dtype=np.bool_)
    if not book.respawn:
        terminated = np.logical_and.reduce(after.items[:, : book.n_food_slots] < 0, axis=1)
    return after, StepEvents(
        previous_agent=state.agent,
        agent=agent,
        bumped=bumped,
        ate=ate,
        poisoned=poisoned,
        richness=richness,
        eaters=eaters,
        slot=slot,
        new_cell=new_cell,
        switched=switched,
        terminated=terminated,
    )


def put_into_force(timetable: Timetable, state: GridState, rows: IntArray) -> GridState:
    """Make the worlds ``rows`` obey the config of their (new) phase."""
    part = state.take(rows)
    return state.merge(rows, conform(timetable.book, timetable.rule_of(part.phase), part))


def _replace_eaten(
    book: RuleBook, rule: IntArray | None, rows: IntArray, slot: IntArray, state: GridState
) -> tuple[ItemArray, StreamArray, IntArray]:
    """Take the eaten items away and, with ``respawn``, draw where each comes back. Shapes of rule, rows, slot: [M].

    Returns the items [B, S], the streams [B] and the cells of the new items [M].
    """
    items = state.items.copy(order="K")
    if not book.respawn:
        items[rows, slot] = NO_CELL
        return items, state.stream, np.full(len(rows), NO_CELL, dtype=np.int64)
    position = state.stream[rows]
    bits = random_bits(position)
    stream = state.stream.copy()
    stream[rows] = advance(position)
    occupied = items[rows]  # the agent's cell among them, under the item that has just been eaten
    if book.is_plain:
        ranks = occupied.view(np.uint16)
        ranks.sort(axis=1)
        cell = step_over(ranks, below(bits, np.uint64(book.n_cells - book.n_slots)))
    else:
        cell = draw_free_cell(book, book.slot_region[0 if rule is None else rule, slot], occupied, bits)
    items[rows, slot] = cell
    return items, stream, cell


def _deplete(
    book: RuleBook, rule: IntArray | None, eaters: IntArray, slot: IntArray, ate: BoolArray, state: GridState
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Price the food just eaten by how dry its patch has run, and let it run drier. Shapes of rule, slot: [M].

    Returns the last patches and their remaining richness, and the richness of what was eaten, all [B].
    """
    is_food = ate[eaters]
    rows, slot = eaters[is_food], slot[is_food]
    row_rule = 0 if rule is None else rule[is_food]
    patch = book.slot_patch[row_rule, slot]
    worth = np.where(state.last_patch[rows] == patch, state.richness[rows], 1.0)
    richness = np.zeros(len(ate))
    richness[rows] = worth
    last_patch, remaining = state.last_patch.copy(), state.richness.copy()
    last_patch[rows] = patch
    remaining[rows] = worth * book.depletion[row_rule]
    return last_patch, remaining, richness
