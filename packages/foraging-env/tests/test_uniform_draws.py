"""Every free cell is as likely as any other: chi-square tests with fixed seeds, and that such a test can fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from foraging_env import ForagingConfig, ForagingGridVector
from foraging_env.layout import draw_free_cell, empty_state, new_episode
from foraging_env.rng import below, random_bits
from foraging_env.rules import RuleBook, compile_rules

Ints = npt.NDArray[np.int64]
RIGHT = 3
N_DRAWS = 40_000


def streams(n: int) -> npt.NDArray[np.uint64]:
    """Positions as new worlds have them."""
    return np.random.default_rng(0).integers(2**64, size=n, dtype=np.uint64)


def p_value(drawn: Ints, cells: list[int]) -> float:
    """Of the hypothesis that the drawn cells come uniformly from ``cells``; no other cell may have been drawn."""
    counts = np.bincount(drawn, minlength=max(cells) + 1)
    assert counts[cells].sum() == len(drawn), "a cell that was not free has been drawn"
    return float(stats.chisquare(counts[cells]).pvalue)


WALLS = ((0, 0), (1, 1), (2, 3))
CASES = {
    "plain": (ForagingConfig(size=5, n_food=4), 1, [12, 0, 24, 7]),
    "walls": (ForagingConfig(size=5, n_food=4, walls=WALLS), 1, [12, 1, 24, 8]),
    "patch": (ForagingConfig(size=5, n_food=4, patches=((1, 1, 3, 4),)), 1, [12, 6, -1, 24]),
    "nothing in the way": (ForagingConfig(size=5, n_food=4), 0, [-1, -1, -1, -1]),
    "nearly full": (ForagingConfig(size=3, n_food=6), 1, [0, 1, 2, 3, 4, 6]),
}


@pytest.mark.parametrize("case", CASES)
def test_draw_free_cell_is_uniform(case: str) -> None:
    config, region, occupied = CASES[case]
    book = compile_rules((config,))
    bits = random_bits(streams(N_DRAWS))
    rows = np.tile(np.array(occupied, dtype=np.int16), (N_DRAWS, 1))
    drawn = draw_free_cell(book, np.full(N_DRAWS, region), rows, bits)
    allowed = {row * config.size + column for row in range(config.size) for column in range(config.size)}
    if config.patches:
        allowed = {row * 5 + column for row in (1, 2, 3) for column in (1, 2, 3, 4)}
    free = allowed - {row * config.size + column for row, column in config.walls} - set(occupied)
    assert p_value(drawn, sorted(free)) > 0.001


Draw = Callable[[RuleBook, Ints, npt.NDArray[np.int16], npt.NDArray[np.uint64]], Ints]


def next_free_one(book: RuleBook, region: Ints, occupied: npt.NDArray[np.int16], bits: npt.NDArray[np.uint64]) -> Ints:
    """The classic mistake: draw any cell and, where it is taken, go on to the next free one."""
    cell = below(bits, np.uint64(book.n_cells))
    while (taken := (occupied == cell[:, None]).any(axis=1)).any():
        cell[taken] = (cell[taken] + 1) % book.n_cells
    return cell


@pytest.mark.parametrize(("draw", "is_fair"), [(draw_free_cell, True), (next_free_one, False)])
def test_the_test_finds_a_biased_draw(draw: Draw, is_fair: bool) -> None:
    book = compile_rules((ForagingConfig(size=5, n_food=4),))
    occupied = np.tile(np.array([12, 0, 24, 7], dtype=np.int16), (N_DRAWS, 1))
    bits = random_bits(streams(N_DRAWS))
    drawn = draw(book, np.zeros(N_DRAWS, dtype=np.int64), occupied, bits)
    assert (p_value(drawn, sorted(set(range(25)) - {12, 0, 24, 7})) > 0.001) is is_fair


@pytest.mark.parametrize("is_plain", [True, False])
def test_food_that_comes_back_is_uniform_over_the_free_cells(is_plain: bool) -> None:
    """Thousands of copies of one world, each with its own stream, eat the same item."""
    walls = () if is_plain else ((0, 4), (4, 4))
    env = ForagingGridVector(N_DRAWS, size=5, n_food=4, walls=walls, obs_dtype="uint8")
    assert env.timetable.book.is_plain is is_plain
    env.reset(seed=1)
    state = env.get_state()
    state["stream"], state["agent"][:], state["items"][:] = streams(N_DRAWS), 12, [3, 13, 0, 22]
    env.set_state(state)
    env.step(np.full(N_DRAWS, RIGHT))
    after = env.get_state()
    assert (after["food_collected"] == 1).all()
    free = set(range(25)) - {13, 3, 0, 22} - ({4, 24} if walls else set())
    assert p_value(after["items"][:, 1].astype(np.int64), sorted(free)) > 0.001
    assert (after["items"][:, [0, 2, 3]] == [3, 0, 22]).all()


@pytest.mark.parametrize("walls", [(), ((2, 2),)])
def test_the_layout_is_uniform_over_all_placements(walls: tuple[tuple[int, int], ...]) -> None:
    """Agent, food and poison together: every arrangement of the three on the free cells is equally likely."""
    book = compile_rules((ForagingConfig(size=3, n_food=1, n_poison=1, random_start=True, walls=walls),))
    n_worlds = 100_000
    state = new_episode(book, np.zeros(n_worlds, dtype=np.int64), empty_state(book, streams(n_worlds)))
    food, poison = state.items.astype(np.int64).T
    placements = (state.agent * 9 + food) * 9 + poison
    cells = [cell for cell in range(9) if divmod(cell, 3) not in walls]
    possible = [(a * 9 + b) * 9 + c for a in cells for b in cells for c in cells if len({a, b, c}) == 3]
    assert p_value(placements, possible) > 0.001


def test_one_stream_is_uniform_in_time() -> None:
    """The food of a single world over many episodes, which are drawn one after the other."""
    book = compile_rules((ForagingConfig(size=3, n_food=1),))
    state = empty_state(book, np.array([5], dtype=np.uint64))
    drawn = np.zeros(10_000, dtype=np.int64)
    for episode in range(len(drawn)):
        state = new_episode(book, np.zeros(1, dtype=np.int64), state)
        drawn[episode] = state.items[0, 0]
    assert p_value(drawn, [0, 1, 2, 3, 5, 6, 7, 8]) > 0.001
    assert p_value(drawn[::2] * 9 + drawn[1::2], [a * 9 + b for a in range(9) for b in range(9) if a != 4 != b]) > 0.001
