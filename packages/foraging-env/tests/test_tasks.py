"""Schedules: which task is in force when, and what the named ones mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ascii_worlds import make
from hypothesis import given
from hypothesis import strategies as st
from naive_world import phase_by_counting
from strategies import random_actions

from foraging_env import TASK_PRESETS, ForagingConfig, ForagingGrid, ForagingGridVector, Task, TaskSchedule
from foraging_env.oracles import marginal_value
from foraging_env.task_presets import make_timetable, seasons
from foraging_env.tasks import Timetable

UP, DOWN, LEFT, RIGHT = range(4)


@st.composite
def arithmetic(draw: st.DrawFn) -> TaskSchedule:
    """Schedules that differ in their durations only, and in whether they repeat."""
    durations = draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
    return TaskSchedule(tasks=tuple(Task(duration_steps=steps) for steps in durations), repeat=draw(st.booleans()))


@given(schedule=arithmetic())
def test_phases_and_switches_are_those_of_counting_step_by_step(schedule: TaskSchedule) -> None:
    table = Timetable(ForagingConfig(), schedule)
    phases = [phase_by_counting(schedule, step) for step in range(120)]
    assert table.phase_at(np.arange(120)).tolist() == phases
    assert table.rule_of(np.array(phases)).tolist() == [phase % len(schedule.tasks) for phase in phases]
    for step in range(60):
        later = [other for other in range(step + 1, 120) if phases[other] != phases[other - 1]]
        assert table.next_switch(step) == (later[0] if later else None)


def test_total_steps_and_the_end_of_a_schedule() -> None:
    tasks = (Task(duration_steps=3), Task(duration_steps=4, changes={"bump_cost": 0.5}))
    assert TaskSchedule(tasks=tasks).total_steps == 7
    once = Timetable(ForagingConfig(), TaskSchedule(tasks=tasks, repeat=False))
    assert once.phase_at(np.array([0, 2, 3, 6, 7, 10**9])).tolist() == [0, 0, 1, 1, 1, 1]
    for_ever = Timetable(ForagingConfig(), TaskSchedule(tasks=tasks))
    assert for_ever.phase_at(np.array([0, 2, 3, 6, 7, 10**9])).tolist() == [0, 0, 1, 1, 2, 10**9 // 7 * 2 + 1]
    assert [once.config_at(1).bump_cost, for_ever.config_at(3).bump_cost] == [0.5, 0.5]


def test_a_task_changes_what_it_names_and_nothing_else() -> None:
    base = ForagingConfig(size=9, n_poison=2, view_radius=3)
    changes: dict[str, Any] = {
        "n_food": 3, "n_poison": 1, "food_reward": 2.0, "step_cost": 0.0, "bump_cost": 0.1, "poison_cost": 3.0,
        "walls": ((1, 1),), "patches": ((2, 2, 4, 4),), "depletion": 0.5,
    }  # fmt: skip
    table = Timetable(base, TaskSchedule(tasks=(Task(duration_steps=5), Task(duration_steps=5, changes=changes))))
    assert table.config_at(0) == base
    assert table.config_at(1) == base.replace(**changes)


@pytest.mark.parametrize("tasks", sorted(TASK_PRESETS))
def test_a_switch_comes_inside_an_episode_survives_resets_and_never_ends_one(tasks: str) -> None:
    env = ForagingGrid(tasks=tasks, task_steps=13, observation="egocentric")
    space = env.observation_space
    observation, info = env.reset(seed=0)
    for step, action in enumerate(random_actions(0, 200, 1)[:, 0].tolist(), start=1):
        expected = phase_by_counting(env.timetable.schedule, step)
        observation, _, terminated, truncated, info = env.step(action)
        assert (info["phase"], info["lifetime_step"]) == (expected, step)
        assert terminated is False
        assert truncated is False
        assert space.contains(observation)
        if step % 50 == 0:
            observation, info = env.reset()
            assert (info["phase"], info["lifetime_step"]) == (expected, step)
    _, info = env.reset(seed=1)
    assert (info["phase"], info["lifetime_step"]) == (0, 0)


def test_swap_trades_the_values_of_food_and_poison() -> None:
    env = make("Afp .p. ff.", tasks="swap", task_steps=2, poison_cost=3.0, step_cost=0.0)
    rewards, phases = [], []
    for action in (RIGHT, RIGHT) * 3:
        state = env.get_state()
        state["agent"][0], state["items"][0] = 0, [1, 6, 7, 2, 4]
        env.set_state(state)
        rewards.append([env.step(action)[1], env.step(action)[1]])
        phases.append(int(env.state.phase[0]))
    assert rewards == [[1.0, -3.0], [-3.0, 1.0]] * 3
    assert phases == [1, 2, 3, 4, 5, 6]


def test_swap_brings_as_much_poison_as_food() -> None:
    env = ForagingGrid(tasks="swap")
    env.reset(seed=0)
    assert env.timetable.book.n_poison_slots == 10
    assert ForagingGrid(tasks="swap", n_poison=4).timetable.book.n_poison_slots == 4


@pytest.mark.parametrize("size", [8, 15])
def test_migrate_moves_all_food_clockwise_through_the_quarters(size: int) -> None:
    env = ForagingGrid(size=size, tasks="migrate", task_steps=6)
    env.reset(seed=0)
    half = size // 2
    quarters = []
    for action in random_actions(0, 8 * 6, 1)[:, 0].tolist():
        row, column = np.divmod(env.state.items[0], size)
        assert row.max() - row.min() < half
        assert column.max() - column.min() < half
        quarters.append((row.min() >= size - half, column.min() >= size - half))
        env.step(action)
    top_left, top_right, bottom_right, bottom_left = (False, False), (False, True), (True, True), (True, False)
    once_around = [top_left] * 6 + [top_right] * 6 + [bottom_right] * 6 + [bottom_left] * 6
    assert quarters == once_around * 2


@pytest.mark.parametrize("of", ["density", "value"])
@pytest.mark.parametrize("wave", ["sine", "square"])
def test_seasons_wave_between_all_and_a_fifth(wave: str, of: str) -> None:
    base = ForagingConfig(n_food=20, food_reward=2.0)
    table = Timetable(base, seasons(base, 5, wave=wave, of=of, pieces=12))
    configs = [table.config_at(phase) for phase in range(24)]
    height = [config.n_food / 20 if of == "density" else config.food_reward / 2.0 for config in configs]
    other = {config.food_reward if of == "density" else config.n_food for config in configs}
    assert other == {2.0 if of == "density" else 20}
    assert height[12:] == height[:12], "a year is twelve pieces"
    assert (max(height), min(height)) == pytest.approx((1.0, 0.2))
    assert np.mean(height) == pytest.approx(0.6, abs=0.01)
    if wave == "square":
        assert sorted(set(height)) == pytest.approx([0.2, 1.0])
        assert height[:6] == [height[0]] * 6
    else:
        exact = 0.6 + 0.4 * np.cos(np.arange(12) * np.pi / 6)
        assert height[:12] == pytest.approx(exact.tolist(), abs=0.5 / 20 + 1e-9)


def test_winter_is_seen_in_the_world() -> None:
    env = ForagingGrid(tasks="seasons", task_steps=4)
    env.reset(seed=0)
    counts = []
    for action in random_actions(0, 32, 1)[:, 0].tolist():
        counts.append(int((env.state.items[0] >= 0).sum()))
        env.step(action)
    assert counts[::4] == [10, 9, 6, 3, 2, 3, 6, 9]
    assert counts == [count for count in counts[::4] for _ in range(4)]


def test_obstacles_come_and_go() -> None:
    env = ForagingGrid(size=9, tasks="obstacles", task_steps=3, flatten=False)
    observation, _ = env.reset(seed=0)
    n_walls = []
    for action in random_actions(0, 12, 1)[:, 0].tolist():
        n_walls.append(int(observation[2].sum()))
        observation = env.step(action)[0]
    # A cross of 9 + 9 - 1 cells less four doors.
    assert n_walls == [0, 0, 0, 13, 13, 13] * 2


def test_unending_values_are_fresh_in_every_phase() -> None:
    table = make_timetable(ForagingConfig(), "unending", 7)
    assert not table.is_static
    values = table.values_of(np.arange(5000))
    for drawn in (np.asarray(values.food_reward), -np.asarray(values.poison_cost)):
        assert drawn.min() > -1.0, "the ends of the interval are as unlikely as any other number"
        assert drawn.max() < 1.0
        assert len(np.unique(drawn)) == 5000
        assert abs(drawn.mean()) < 4 / np.sqrt(3 * 5000)
        assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 4 / np.sqrt(5000)
    correlation = np.corrcoef(np.asarray(values.food_reward), np.asarray(values.poison_cost))[0, 1]
    assert abs(correlation) < 4 / np.sqrt(5000)


def test_unending_pays_its_values_in_both_forms() -> None:
    """Every meal of every phase is paid at the phase's own price, which ``config_at`` tells."""
    kwargs: dict[str, Any] = {
        "size": 4,
        "n_food": 6,
        "n_poison": 6,
        "tasks": "unending",
        "task_steps": 5,
        "step_cost": 0.0,
    }
    single, vector = ForagingGrid(**kwargs), ForagingGridVector(2, **kwargs)
    single.reset(seed=0)
    vector.reset(seed=0)
    phases = set()
    for action in random_actions(0, 400, 2):
        before = single.state
        _, reward, _, _, info = single.step(int(action[0]))
        _, rewards, _, _, _ = vector.step(action)
        assert rewards[0] == reward
        config = single.timetable.config_at(int(before.phase[0]))
        poisoned = info["poison_collected"] > before.poison_collected[0]
        assert reward == (config.food_reward if info["ate"] else -config.poison_cost if poisoned else 0.0)
        if info["ate"] or poisoned:
            phases.add(int(before.phase[0]))
    assert len(phases) > 60


def test_the_seed_of_fresh_values_decides_them() -> None:
    def prices(seed: int) -> list[float]:
        schedule = TaskSchedule(tasks=(Task(duration_steps=1),), fresh_values_seed=seed)
        table = Timetable(ForagingConfig(n_poison=1), schedule)
        return [table.config_at(phase).food_reward for phase in range(50)]

    assert prices(3) == prices(3)
    assert not set(prices(3)) & set(prices(4)), "neighbouring seeds share no value"


def bites_per_visit(env: ForagingGrid, n_bites: int, rows: tuple[int, int]) -> float:
    """Reward per step of a forager that takes ``n_bites`` in a patch and walks to the other, over whole rounds.

    ``rows`` says on which of its two cells the food of each patch lies at first; the forager stands beside patch 0.
    """
    size = env.config.size
    env.reset(seed=0)
    state = env.get_state()
    state["agent"][0] = rows[0] * size
    state["items"][0] = [rows[0] * size + 1, rows[1] * size + size - 2]
    env.set_state(state)
    env.step(RIGHT)  # the first bite

    def bite(patch: int) -> None:
        collected = env.state.food_collected[0] + 1
        while env.state.food_collected[0] < collected:
            goal, here = (np.divmod(int(cell), size) for cell in (env.state.items[0, patch], env.state.agent[0]))
            if goal[1] != here[1]:
                env.step(RIGHT if goal[1] > here[1] else LEFT)
            else:
                env.step(DOWN if goal[0] > here[0] else UP)

    start = env.state
    for patch in (0, 1) * 4:  # after four visits of each everything is as at the start
        for _ in range(n_bites - 1):
            bite(patch)
        bite(1 - patch)
    end = env.state
    assert (end.agent, end.items.tolist()) == (start.agent, start.items.tolist()), "not a whole round"
    assert end.food_collected[0] - start.food_collected[0] == 8 * n_bites
    return float((end.episode_return - start.episode_return)[0] / (end.lifetime_step - start.lifetime_step)[0])


def test_the_best_time_to_leave_a_patch_is_charnovs() -> None:
    env = ForagingGrid(tasks="deplete", step_cost=0.0)
    depletion = env.timetable.config_at(0).depletion
    (top, left, _, _), (_, right, _, _) = env.timetable.config_at(0).patches
    # As many columns, and one row more on half of the trips: where the food lies depends on the bites taken.
    travel_steps = right - left + 0.5
    measured = {}
    for n_bites in range(1, 16):
        layouts = [(top + a, top + b) for a in (0, 1) for b in (0, 1)]
        measured[n_bites] = float(np.mean([bites_per_visit(env, n_bites, rows) for rows in layouts]))
        predicted = sum(depletion**k for k in range(n_bites)) / (travel_steps + n_bites - 1)
        assert measured[n_bites] == pytest.approx(predicted, rel=3e-3)
    assert max(measured, key=measured.__getitem__) == marginal_value(depletion, travel_steps).bites == 9
