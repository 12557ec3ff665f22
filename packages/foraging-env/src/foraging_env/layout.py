"""How a world begins, and how it is made to fit a new task: items are placed on free cells.

All placing is one act: draw the cell of one slot's item uniformly from the free cells of the slot's region. A free
cell is open and holds neither the agent nor an item. The draw is exact and takes one random number, however full
the region is.
"""

from __future__ import annotations

import numpy as np

from foraging_env.rng import advance, below, random_bits
from foraging_env.rules import OUTSIDE, RuleBook
from foraging_env.types import NO_CELL, BoolArray, GridState, IntArray, ItemArray, RankArray, StreamArray


def draw_free_cell(book: RuleBook, region: IntArray, occupied: ItemArray, bits: StreamArray) -> IntArray:
    """A uniformly drawn cell of each world's region that is none of its ``occupied`` cells [B, K], [B] -> [B].

    NO_CELL may stand among the occupied cells. With their ranks ``o_0 < o_1 < …`` inside the region, the k-th free
    rank is ``k + #{j : o_j - j <= k}``: no retry, no scan of the grid.
    """
    if book.is_plain:
        ranks = occupied.view(np.uint16).copy()  # NO_CELL reads as OUTSIDE
    else:
        # NO_CELL reads the last column of the row above, which is OUTSIDE in every row.
        ranks = book.region_rank.reshape(-1).take(region[:, None] * (book.n_cells + 1) + occupied, mode="wrap")
    ranks.sort(axis=1)
    n_free = book.region_size.take(region) - (ranks != OUTSIDE).sum(axis=1)
    rank = step_over(ranks, below(bits, n_free.astype(np.uint64)))
    return rank if book.is_plain else book.region_cells.reshape(-1).take(region * book.n_cells + rank)


def step_over(ranks: RankArray, k: IntArray) -> IntArray:
    """The ``k``-th number that is not among the sorted ``ranks``, [B, K], [B] -> [B]. Changes ``ranks``."""
    ranks -= np.arange(ranks.shape[1], dtype=np.uint16)
    passed: IntArray = np.add.reduce(ranks <= k.astype(np.uint16)[:, None], axis=1, dtype=np.int64)
    return k + passed


def fill(book: RuleBook, rule: IntArray, state: GridState, wanted: BoolArray) -> GridState:
    """Place an item in every ``wanted`` slot [B, S], slot by slot, each by one draw. ``rule``: [B] row of the book."""
    items, stream = state.items.copy(order="K"), state.stream.copy()
    agent = state.agent.astype(np.int16)
    used: BoolArray = np.logical_or.reduce(items >= 0, axis=0)  # columns that matter for the draws: few at first
    for slot in np.flatnonzero(wanted.any(axis=0)):
        rows = np.flatnonzero(wanted[:, slot])
        occupied = np.column_stack([items[:, used][rows], agent[rows]])
        region = book.slot_region[rule[rows], slot]
        items[rows, slot] = draw_free_cell(book, region, occupied, random_bits(stream[rows]))
        stream[rows] = advance(stream[rows])
        used[slot] = True
    return state._replace(items=items, stream=stream)


def new_episode(book: RuleBook, rule: IntArray, state: GridState) -> GridState:
    """Lay every world out anew: agent, then items slot by slot. Streams and lifetimes go on."""
    n_worlds = len(state.agent)
    # Slots lie far apart in memory and worlds next to each other: the laws work slot-wise over all worlds.
    items = np.full((book.n_slots, n_worlds), NO_CELL, dtype=np.int16).T
    stream = state.stream
    if book.random_start:
        agent = draw_free_cell(book, book.start_region[rule], items, random_bits(stream))
        stream = advance(stream)
    else:
        centre = (book.size // 2) * book.size + book.size // 2
        agent = book.refuge[rule, centre]
    zeros = np.zeros(n_worlds, dtype=np.int64)
    state = state._replace(
        agent=agent,
        heading=np.ones(n_worlds, dtype=np.int64),
        items=items,
        episode_step=zeros,
        episode_return=np.zeros(n_worlds),
        food_collected=zeros,
        poison_collected=zeros,
        last_patch=np.full(n_worlds, -1, dtype=np.int64),
        richness=np.ones(n_worlds),
        stream=stream,
    )
    return fill(book, rule, state, book.slot_region[rule] >= 0)


def conform(book: RuleBook, rule: IntArray, state: GridState) -> GridState:
    """Make worlds obey the config in row ``rule`` of the book, which has just come into force.

    An agent inside a new wall moves to the nearest open cell. Items that do not fit (slot no longer in use, cell
    outside the slot's region, under the moved agent) vanish; then every slot in use that lost its item, or that
    ``respawn`` would have filled, gets one by a draw.
    """
    agent = book.refuge[rule, state.agent]
    region = book.slot_region[rule]  # [B, S]
    in_use = region >= 0
    present = state.items >= 0
    cell = np.where(present, state.items, book.n_cells)
    in_region = book.region_rank[np.maximum(region, 0), cell] != OUTSIDE
    fits = present & in_use & in_region & (state.items != agent[:, None])
    items = state.items.copy(order="K")
    items[~fits] = NO_CELL
    wanted = in_use & ~fits & (present | book.respawn)
    return fill(book, rule, state._replace(agent=agent, items=items), wanted)


def empty_state(book: RuleBook, stream: StreamArray) -> GridState:
    """Worlds before their first reset, one for each stream: no items, nothing lived."""
    n_worlds = len(stream)
    zeros = np.zeros(n_worlds, dtype=np.int64)
    return GridState(
        agent=zeros,
        heading=zeros,
        items=np.full((book.n_slots, n_worlds), NO_CELL, dtype=np.int16).T,
        episode_step=zeros,
        episode_return=np.zeros(n_worlds),
        food_collected=zeros,
        poison_collected=zeros,
        last_patch=zeros,
        richness=np.ones(n_worlds),
        lifetime_step=zeros,
        phase=zeros,
        stream=stream.astype(np.uint64),
    )
