"""The laws of :mod:`foraging_env.dynamics` and :mod:`foraging_env.layout` for one world, on Python integers.

A batch kernel needs some fifty array calls a step, whatever the batch; a single world on plain integers is twenty
times faster than such a batch of one, and single worlds are what most libraries step. Same laws, same draws in the
same order: the tests compare the two bit for bit over random configs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foraging_env.reward import Values, reward
from foraging_env.rng import scalar_advance, scalar_below, scalar_random_bits
from foraging_env.rules import OUTSIDE
from foraging_env.tasks import Timetable
from foraging_env.types import NO_CELL, Action, GridState


class ScalarWorld:
    """One world, changed in place.

    Attributes are those of :class:`GridState`, as Python numbers, and those of :class:`StepEvents` for the last step.
    """

    def __init__(self, timetable: Timetable, stream: int) -> None:
        book = timetable.book
        self.timetable = timetable
        self.agent = 0
        self.heading = int(Action.DOWN)
        self.items: list[int] = [NO_CELL] * book.n_slots
        self.episode_step = 0
        self.episode_return = 0.0
        self.food_collected = 0
        self.poison_collected = 0
        self.last_patch = -1
        self.richness = 1.0
        self.lifetime_step = 0
        self.phase = 0
        self.stream = stream
        self.previous_agent = 0
        self.bumped = self.ate = self.switched = False
        self.slot, self.new_cell = -1, NO_CELL
        self._n_food_slots = book.n_food_slots
        self._respawn = book.respawn
        self._tables: dict[int, list[list[int]]] = {}
        self._take_phase()

    def _take_phase(self) -> None:
        """Cache what the current phase puts into force."""
        phase = np.array([self.phase], dtype=np.int64)
        self.rule = int(self.timetable.rule_of(phase)[0])
        self.values = self.timetable.static_values
        if not self.timetable.is_static:
            self.values = Values(*(float(np.asarray(price)[0]) for price in self.timetable.values_of(phase)))
        switch = self.timetable.next_switch(self.lifetime_step)
        self._switch_step = -1 if switch is None else switch
        book = self.timetable.book
        if self.rule not in self._tables:
            self._tables[self.rule] = book.next_cell[self.rule].tolist()
        self._next_cell = self._tables[self.rule]
        self._slot_region: list[int] = book.slot_region[self.rule].tolist()
        self._slot_patch: list[int] = book.slot_patch[self.rule].tolist()
        self._depletion = float(book.depletion[self.rule])

    def new_episode(self) -> None:
        """Lay the world out anew; the stream and the lifetime go on."""
        book = self.timetable.book
        self.heading = int(Action.DOWN)
        self.items = [NO_CELL] * book.n_slots
        self.episode_step, self.episode_return = 0, 0.0
        self.food_collected = self.poison_collected = 0
        self.last_patch, self.richness = -1, 1.0
        if book.random_start:
            self.agent = NO_CELL
            self.agent = self._draw_free_cell(int(book.start_region[self.rule]))
        else:
            centre = (book.size // 2) * book.size + book.size // 2
            self.agent = int(book.refuge[self.rule, centre])
        self._fill([slot for slot, region in enumerate(self._slot_region) if region >= 0])

    def step(self, action: int) -> float:
        """Move; returns the reward. What happened stands in the attributes of the last step."""
        self.previous_agent = self.agent
        self.agent = target = self._next_cell[self.agent][action]
        self.bumped = bumped = target == self.previous_agent
        self.heading = action
        self.slot, self.ate, poisoned, worth = -1, False, False, 0.0
        if target in self.items:
            self.slot = slot = self.items.index(target)
            if slot < self._n_food_slots:
                worth = self._harvest(slot)
                self.ate = True
                self.food_collected += 1
            else:
                poisoned = True
                self.poison_collected += 1
            self.items[slot] = self.new_cell = NO_CELL
            if self._respawn:
                self.items[slot] = self.new_cell = self._draw_free_cell(self._slot_region[slot])
        gained = reward(self.values, worth, bumped, poisoned)
        self.episode_step += 1
        self.episode_return += gained
        self.lifetime_step += 1
        self.switched = self.lifetime_step == self._switch_step
        if self.switched:
            self._switch()
        return gained

    @property
    def terminated(self) -> bool:
        """Whether no food is left and none can come back."""
        if self._respawn:
            return False
        return all(cell < 0 for cell in self.items[: self._n_food_slots])

    def _harvest(self, slot: int) -> float:
        """Share of full value of the food in ``slot``; leaves its patch the drier for it."""
        if not self.timetable.depletes:
            return 1.0
        patch = self._slot_patch[slot]
        worth = self.richness if patch == self.last_patch else 1.0
        self.last_patch, self.richness = patch, worth * self._depletion
        return worth

    def _draw_free_cell(self, region: int) -> int:
        book = self.timetable.book
        rank_of = book.region_rank[region]
        ranks = sorted(rank_of[[*self.items, self.agent]].tolist())
        n_free = int(book.region_size[region]) - sum(rank != OUTSIDE for rank in ranks)
        chosen = scalar_below(scalar_random_bits(self.stream), n_free)
        self.stream = scalar_advance(self.stream)
        for rank in ranks:  # step over the occupied ranks up to the chosen one
            if rank > chosen:
                break
            chosen += 1
        return int(book.region_cells[region, chosen])

    def _fill(self, slots: Sequence[int]) -> None:
        for slot in slots:
            self.items[slot] = self._draw_free_cell(self._slot_region[slot])

    def _switch(self) -> None:
        """Put the task that begins now into force, as :func:`foraging_env.layout.conform` does."""
        self.phase = int(self.timetable.phase_at(np.array([self.lifetime_step], dtype=np.int64))[0])
        self._take_phase()
        book = self.timetable.book
        self.agent = int(book.refuge[self.rule, self.agent])
        wanted = []
        for slot, (cell, region) in enumerate(zip(self.items, self._slot_region, strict=True)):
            fits = cell >= 0 and region >= 0 and book.region_rank[region, cell] != OUTSIDE and cell != self.agent
            if not fits:
                self.items[slot] = NO_CELL
                if region >= 0 and (cell >= 0 or self._respawn):
                    wanted.append(slot)
        self._fill(wanted)

    def to_state(self) -> GridState:
        """The world as a batch of one."""

        def one(value: float, dtype: type) -> np.ndarray:
            return np.array([value], dtype=dtype)

        return GridState(
            agent=one(self.agent, np.int64),
            heading=one(self.heading, np.int64),
            items=np.array([self.items], dtype=np.int16).reshape(1, -1),
            episode_step=one(self.episode_step, np.int64),
            episode_return=one(self.episode_return, np.float64),
            food_collected=one(self.food_collected, np.int64),
            poison_collected=one(self.poison_collected, np.int64),
            last_patch=one(self.last_patch, np.int64),
            richness=one(self.richness, np.float64),
            lifetime_step=one(self.lifetime_step, np.int64),
            phase=one(self.phase, np.int64),
            stream=one(self.stream, np.uint64),
        )

    def from_state(self, state: GridState) -> None:
        """Become the first world of a batch."""
        first = {name: array[0].tolist() for name, array in state._asdict().items()}
        for name, value in first.items():
            setattr(self, name, value)
        self._take_phase()
