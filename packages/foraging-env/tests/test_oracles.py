"""The reference foragers against brute force and against the scores that are published for them."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
from ascii_worlds import make
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_world import Cell, walk
from strategies import configs

from foraging_env import (
    PRESETS,
    ForagingConfig,
    ForagingGrid,
    ForagingGridVector,
    greedy_actions,
    normalised_score,
    reference_scores,
)
from foraging_env.oracles import marginal_value, path_lengths
from foraging_env.rules import compile_rules

UP, DOWN, LEFT, RIGHT = range(4)


def search(config: ForagingConfig, start: Cell) -> dict[Cell, int]:
    """Steps from one cell to every cell that can be reached, by breadth-first search."""
    steps, queue = {start: 0}, deque([start])
    while queue:
        cell = queue.popleft()
        for action in range(4):
            target = walk(config, cell, action)
            if target not in steps:
                steps[target] = steps[cell] + 1
                queue.append(target)
    return steps


def greedy(env: ForagingGrid) -> int:
    """The greedy forager's move in a single environment."""
    return int(greedy_actions(env.state, env.timetable)[0])


@settings(max_examples=60)
@given(config=configs())
def test_path_lengths_are_those_of_a_breadth_first_search(config: ForagingConfig) -> None:
    lengths = path_lengths(compile_rules((config,)))
    for start in range(config.n_cells):
        row = lengths[start].tolist()
        if divmod(start, config.size) in config.walls:
            assert set(row) == {-1}
        else:
            steps = search(config, divmod(start, config.size))
            assert row == [steps.get(divmod(cell, config.size), -1) for cell in range(config.n_cells)]


@settings(max_examples=100)
@given(config=configs(), seed=st.integers(0, 2**31))
def test_greedy_never_bumps(config: ForagingConfig, seed: int) -> None:
    env = ForagingGridVector(3, **config.to_kwargs(), autoreset_mode="SameStep")
    _, infos = env.reset(seed=seed)
    for _ in range(40):
        action = greedy_actions(env.state, env.timetable)
        _, _, terminated, _, infos = env.step(action)
        assert not infos["bumped"].any()
        assert "final_info" not in infos or not infos["final_info"]["bumped"].any()
        assert terminated.any() == ("final_info" in infos)


def only_food_is_good(config: ForagingConfig, **changes: Any) -> ForagingConfig:
    """The same world with food that pays, poison that costs and nothing that comes back."""
    return config.replace(food_reward=1.0, poison_cost=1.0, respawn=False, **changes)


@settings(max_examples=100)
@given(config=configs(), seed=st.integers(0, 2**31))
def test_greedy_takes_the_shortest_way_to_the_only_food(config: ForagingConfig, seed: int) -> None:
    env = ForagingGrid(**only_food_is_good(config, n_food=1, patches=()).to_kwargs())
    env.reset(seed=seed)
    agent, food = (divmod(int(cell), config.size) for cell in (env.state.agent[0], env.state.items[0, 0]))
    for _ in range(search(config, agent)[food]):
        assert env.state.food_collected[0] == 0
        env.step(greedy(env))
    assert env.state.food_collected[0] == 1


@settings(max_examples=60)
@given(config=configs(max_size=6), seed=st.integers(0, 2**31))
def test_greedy_heads_for_the_nearest_food(config: ForagingConfig, seed: int) -> None:
    env = ForagingGrid(**only_food_is_good(config).to_kwargs())
    env.reset(seed=seed)
    state = env.state
    steps = search(config, divmod(int(state.agent[0]), config.size))
    nearest = min(steps[divmod(int(cell), config.size)] for cell in state.items[0, : config.n_food])
    for _ in range(nearest):
        env.step(greedy(env))
    assert env.state.food_collected[0] == 1


def test_greedy_walks_around_walls_and_avoids_poison_where_that_costs_nothing() -> None:
    env = make(
        """
        .....
        .###.
        .#Ap.
        .....
        f....
        """
    )
    assert greedy(env) == DOWN
    env = make("..f .p. A..")
    assert greedy(env) == UP, "both ways are equally short and free: the first in order of the actions"
    env = make("..f p.. A..")
    assert greedy(env) == RIGHT, "one step around the poison"
    env = make("f... p... A... ....")
    assert greedy(env) == UP, "a detour of two steps is not free"


@pytest.mark.parametrize(
    ("values", "goal"),
    [
        ({}, UP),
        ({"food_reward": -1.0, "poison_cost": -1.0}, DOWN),
        ({"food_reward": 1.0, "poison_cost": -1.0}, DOWN),  # poison is nearer, and both are good
        ({"food_reward": -1.0, "poison_cost": 1.0}, UP),  # nothing is worth eating: food after all
    ],
)
def test_greedy_goes_for_what_is_worth_eating(values: dict[str, Any], goal: int) -> None:
    env = make("..f.. ..... ..A.. ..p.. .....", **values)
    assert greedy(env) == goal


def test_greedy_follows_a_swap_of_values() -> None:
    env = make("..f.. ..... ..A.. ..... ..p..", tasks="swap", task_steps=2, step_cost=0.0)
    rewards = [env.step(greedy(env))[1] for _ in range(12)]
    assert min(rewards) == 0.0
    assert sum(rewards) > 2.0
    assert env.state.poison_collected[0] > 0


def test_the_published_scores() -> None:
    scores = reference_scores(PRESETS["default"])
    assert scores.random_food == pytest.approx(8.2, abs=0.4)
    assert scores.greedy_food == pytest.approx(139, abs=2)
    assert scores.random_return == pytest.approx(scores.random_food - 5.0)
    assert scores.greedy_return == pytest.approx(scores.greedy_food - 5.0)
    quick = reference_scores(PRESETS["quick"])
    assert quick.random_food == pytest.approx(16.8, abs=0.8)
    assert quick.greedy_food == pytest.approx(193, abs=2)


@pytest.mark.parametrize("preset", ["quick", "finite"])
def test_the_scores_are_those_of_foragers_in_the_environment(preset: str) -> None:
    """Other seeds, the environment's own loop, its own counters."""
    config, n = PRESETS[preset], 400
    env = ForagingGridVector(n, **config.to_kwargs(), autoreset_mode="Disabled")
    rng = np.random.default_rng(5)
    measured = []
    for greedily in (False, True):
        env.reset(seed=10_000)
        food, total, alive = np.zeros(n), np.zeros(n), np.ones(n, dtype=np.bool_)
        for _ in range(120):
            action = greedy_actions(env.state, env.timetable) if greedily else rng.integers(4, size=n)
            _, rewards, terminated, _, infos = env.step(action)
            food += infos["ate"] & alive
            total += rewards * alive
            alive &= ~terminated
            if terminated.any():
                env.reset(options={"reset_mask": terminated})
        measured += [food, total]
    scores = reference_scores(config, 120)
    expected = [scores.random_food, scores.random_return, scores.greedy_food, scores.greedy_return]
    for values, mean in zip(measured, expected, strict=True):
        standard_error = np.sqrt(2 / n) * values.std()
        assert abs(values.mean() - mean) < 4 * standard_error + 1e-9


def test_normalised_score_is_0_for_random_and_1_for_greedy() -> None:
    config = PRESETS["quick"]
    scores = reference_scores(config)
    ends = np.array([scores.random_food, scores.greedy_food, (scores.random_food + scores.greedy_food) / 2])
    assert normalised_score(ends, config) == pytest.approx([0.0, 1.0, 0.5])
    assert normalised_score(scores.greedy_food, config) == 1.0
    assert reference_scores(config, 50).greedy_food < scores.greedy_food / 8


@given(
    depletion=st.floats(0.0, 0.98),
    travel=st.floats(0.5, 40.0),
    bite=st.floats(0.2, 3.0),
    cost=st.floats(-1.0, 1.0),
)
def test_marginal_value_is_the_best_of_all_numbers_of_bites(
    depletion: float, travel: float, bite: float, cost: float
) -> None:
    rates = [sum(depletion**k for k in range(bites)) / (travel + (bites - 1) * bite) - cost for bites in range(1, 400)]
    optimum = marginal_value(depletion, travel, bite, cost)
    assert optimum.rate == pytest.approx(max(rates))
    assert rates[optimum.bites - 1] == pytest.approx(max(rates))


def test_longer_ways_mean_longer_stays() -> None:
    bites = [marginal_value(0.85, travel).bites for travel in range(1, 60)]
    assert bites == sorted(bites)
    assert bites[0] == 1, "the second bite earns 0.85 in the step that would earn 1 elsewhere"
    assert bites[-1] > 10
