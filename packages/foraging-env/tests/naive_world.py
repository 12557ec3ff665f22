"""A second opinion: the laws as the documentation words them, written with loops, sets and dicts.

Slow and simple on purpose; shares nothing with the package but its config. It predicts a step completely, but for
the cells on which items are drawn anew: of those it knows which are allowed, and adopts what it is shown.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from foraging_env import ForagingConfig, ForagingGrid, TaskSchedule
from foraging_env.types import GridState

Cell = tuple[int, int]
Slot = tuple[str, int]
MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))  # up, down, left, right


def walk(config: ForagingConfig, cell: Cell, action: int) -> Cell:
    """Where a move leads."""
    row, column = cell[0] + MOVES[action][0], cell[1] + MOVES[action][1]
    free = 0 <= row < config.size and 0 <= column < config.size and (row, column) not in config.walls
    return (row, column) if free else cell


def open_cells(config: ForagingConfig) -> list[Cell]:
    """All cells that can be entered, in reading order."""
    every = [(row, column) for row in range(config.size) for column in range(config.size)]
    return [cell for cell in every if cell not in config.walls]


def region(config: ForagingConfig, slot: Slot) -> set[Cell]:
    """Cells on which the item of a slot may appear."""
    cells = set(open_cells(config))
    kind, index = slot
    if kind == "food" and config.patches:
        row, column, height, width = config.patches[index % len(config.patches)]
        cells &= {(row + i, column + j) for i in range(height) for j in range(width)}
    return cells


def distance(a: Cell, b: Cell) -> int:
    """Steps between two cells of an empty grid."""
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def phase_by_counting(schedule: TaskSchedule | None, lifetime_step: int) -> int:
    """The phase in force, found by living through the schedule step by step."""
    if schedule is None or (len(schedule.tasks) == 1 and schedule.fresh_values_seed is None):
        return 0
    phase, left = 0, schedule.tasks[0].duration_steps
    for _ in range(lifetime_step):
        left -= 1
        if left == 0:
            if not schedule.repeat and phase == len(schedule.tasks) - 1:
                return phase
            phase += 1
            left = schedule.tasks[phase % len(schedule.tasks)].duration_steps
    return phase


@dataclasses.dataclass
class Prediction:
    """What a step must bring. ``drawn`` maps a slot to the cells its item may have been drawn on."""

    agent: Cell
    ate: bool
    bumped: bool
    poisoned: bool
    reward: float
    kept: dict[Slot, Cell]
    drawn: dict[Slot, set[Cell]]
    terminated: bool
    phase: int


class NaiveWorld:
    """One world that believes only itself."""

    def __init__(self, config: ForagingConfig, schedule: TaskSchedule | None = None) -> None:
        self.schedule = schedule
        tasks = schedule.tasks if schedule is not None else ()
        self.configs = [dataclasses.replace(config, **task.changes) for task in tasks] or [config]
        self.n_food_slots = max(task.n_food for task in self.configs)
        self.lifetime_step = self.phase = 0
        self.agent: Cell = (0, 0)
        self.items: dict[Slot, Cell] = {}
        self.food_collected = self.poison_collected = 0
        self.last_patch, self.bites = -1, 0

    @property
    def config(self) -> ForagingConfig:
        """What is in force."""
        return self.configs[self.phase % len(self.configs)]

    def in_use(self) -> list[Slot]:
        """The slots that the task in force fills."""
        return [("food", i) for i in range(self.config.n_food)] + [("poison", i) for i in range(self.config.n_poison)]

    def see(self, state: GridState) -> tuple[Cell, dict[Slot, Cell]]:
        """Agent and items of the real world."""
        size = self.config.size
        items: dict[Slot, Cell] = {}
        for index, cell in enumerate(state.items[0].tolist()):
            slot = ("food", index) if index < self.n_food_slots else ("poison", index - self.n_food_slots)
            if cell >= 0:
                items[slot] = divmod(cell, size)
        return divmod(int(state.agent[0]), size), items

    def refuge(self, cell: Cell) -> Cell:
        """The nearest open cell, the first in reading order of equally near ones."""
        return min(open_cells(self.config), key=lambda other: (distance(cell, other), other))

    def begin_episode(self, state: GridState) -> None:
        """Check how the real world has been laid out anew, and take it over."""
        agent, items = self.see(state)
        if self.config.random_start:
            assert agent in open_cells(self.config)
        else:
            assert agent == self.refuge((self.config.size // 2, self.config.size // 2))
        self.agent, self.items = agent, {}
        self.adopt(items, {slot: region(self.config, slot) for slot in self.in_use()})
        self.food_collected = self.poison_collected = 0
        self.last_patch, self.bites = -1, 0

    def adopt(self, items: dict[Slot, Cell], drawn: dict[Slot, set[Cell]]) -> None:
        """Check the real world's items against the own ones and those that were drawn; then they are the own ones."""
        assert set(items) == set(self.items) | set(drawn)
        for slot, cell in self.items.items():
            assert items[slot] == cell, f"{slot} moved"
        for slot, allowed in drawn.items():
            assert items[slot] in allowed, f"{slot} was drawn on {items[slot]}"
        assert len(set(items.values())) == len(items), "two items share a cell"
        assert self.agent not in items.values(), "an item lies under the agent"
        self.items = items

    def predict(self, action: int, prices: ForagingConfig | None = None) -> Prediction:
        """Take a step in mind. ``prices``: where the values are not the config's own."""
        config, prices = self.config, prices or self.config
        target = walk(config, self.agent, action)
        bumped, self.agent = target == self.agent, target
        eaten = next((slot for slot, cell in self.items.items() if cell == target), None)
        ate, poisoned = eaten is not None and eaten[0] == "food", eaten is not None and eaten[0] == "poison"
        richness = 0.0
        drawn: dict[Slot, set[Cell]] = {}
        if eaten is not None:
            del self.items[eaten]
            if config.respawn:
                drawn[eaten] = region(config, eaten)
            self.food_collected += ate
            self.poison_collected += poisoned
            if ate:
                richness = self.bite(eaten[1])
        reward = richness * prices.food_reward - prices.step_cost
        reward -= prices.bump_cost * bumped + prices.poison_cost * poisoned
        self.lifetime_step += 1
        phase = phase_by_counting(self.schedule, self.lifetime_step)
        if phase != self.phase:
            self.phase = phase
            self.conform(drawn)
        food_left = any(kind == "food" for kind, _ in [*self.items, *drawn])
        return Prediction(
            self.agent, ate, bumped, poisoned, reward, self.items, drawn, not food_left and not config.respawn, phase
        )

    def bite(self, index: int) -> float:
        """Share of full value of the next food from a patch: ``depletion ** bites`` in a row from there."""
        patch = index % max(1, len(self.config.patches))
        if patch != self.last_patch:
            self.last_patch, self.bites = patch, 0
            self.worth = 1.0
        value = self.worth
        self.bites += 1
        self.worth *= self.config.depletion
        return value

    def conform(self, drawn: dict[Slot, set[Cell]]) -> None:
        """A new task has come into force: everything that does not fit it goes, and comes back where it fits."""
        self.agent = self.refuge(self.agent)
        for slot in {*self.items, *drawn, *self.in_use()}:
            allowed = region(self.config, slot)
            is_there = slot in self.items or slot in drawn
            if slot not in self.in_use():
                self.items.pop(slot, None)
                drawn.pop(slot, None)
            elif slot in drawn or (not is_there and self.config.respawn):
                drawn[slot] = allowed
            elif is_there and (self.items[slot] not in allowed or self.items[slot] == self.agent):
                del self.items[slot]
                drawn[slot] = allowed

    def info(self, ate: bool, bumped: bool) -> dict[str, Any]:
        """What the environment should tell."""
        distances = [distance(self.agent, cell) for (kind, _), cell in self.items.items() if kind == "food"]
        return {
            "food_collected": self.food_collected,
            "poison_collected": self.poison_collected,
            "ate": ate,
            "bumped": bumped,
            "agent_row": self.agent[0],
            "agent_col": self.agent[1],
            "nearest_food_distance": min(distances, default=-1),
            "phase": self.phase,
            "lifetime_step": self.lifetime_step,
        }

    def check(self, predicted: Prediction, state: GridState, reward: float, terminated: bool, info: Any) -> None:
        """Compare a prediction with what the real world did, and take its draws over."""
        agent, items = self.see(state)
        assert agent == predicted.agent
        self.adopt(items, predicted.drawn)
        assert math.isclose(reward, predicted.reward, rel_tol=1e-12, abs_tol=1e-12)
        assert terminated is predicted.terminated
        assert info == self.info(predicted.ate, predicted.bumped)
        assert int(state.phase[0]) == predicted.phase


def hungry_action(naive: NaiveWorld, rng: np.random.Generator) -> int:
    """Half the time towards the nearest item, so that much is eaten; any move otherwise."""
    if rng.random() < 0.5 or not naive.items:
        return int(rng.integers(4))
    goal = min(naive.items.values(), key=lambda cell: distance(naive.agent, cell))
    return min(range(4), key=lambda action: distance(walk(naive.config, naive.agent, action), goal))


def live(kwargs: dict[str, Any], seed: int, n_steps: int) -> NaiveWorld:
    """Step a world and the naive one side by side, through terminations and task switches."""
    env = ForagingGrid(**kwargs)
    naive = NaiveWorld(env.config, env.timetable.schedule)
    draws_values = env.timetable.schedule is not None and env.timetable.schedule.fresh_values_seed is not None
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed)
    naive.begin_episode(env.state)
    assert info == naive.info(False, False)
    for _ in range(n_steps):
        prices = env.timetable.config_at(naive.phase) if draws_values else None
        action = hungry_action(naive, rng)
        predicted = naive.predict(action, prices)
        _, reward, terminated, truncated, info = env.step(action)
        naive.check(predicted, env.state, reward, terminated, info)
        assert truncated is False
        if terminated:
            env.reset()
            naive.begin_episode(env.state)
    return naive
