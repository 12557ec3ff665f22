"""The streams of random numbers: what they are, and that they are kept apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from foraging_env import ForagingGrid
from foraging_env.rng import (
    advance,
    below,
    jump,
    random_bits,
    scalar_advance,
    scalar_below,
    scalar_random_bits,
    unit_float,
)

words = st.integers(0, 2**64 - 1)


def numbers(stream: int, n: int) -> npt.NDArray[np.uint64]:
    """The next ``n`` numbers of a stream."""
    return random_bits(jump(np.full(n, stream, dtype=np.uint64), np.arange(n)))


def draws_between(before: int, after: int) -> int:
    """How often a stream was advanced, counted."""
    n_draws = 0
    while before != after:
        before, n_draws = scalar_advance(before), n_draws + 1
        assert n_draws < 10_000
    return n_draws


def test_the_stream_is_splitmix64() -> None:
    # Published outputs of the reference implementation (Vigna, https://prng.di.unimi.it/splitmix64.c) for two seeds.
    published = {
        0: [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F],
        1234567: [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431],
    }
    for seed, expected in published.items():
        # It steps before it hashes, so its first number is our second.
        assert numbers(seed, len(expected) + 1)[1:].tolist() == expected


@given(st.lists(st.tuples(words, st.integers(1, 2**15)), min_size=1, max_size=20))
def test_scalar_and_array_functions_agree(cases: list[tuple[int, int]]) -> None:
    stream, n = (np.array(column, dtype=np.uint64) for column in zip(*cases, strict=True))
    bits = random_bits(stream)
    assert bits.tolist() == [scalar_random_bits(position) for position, _ in cases]
    assert advance(stream).tolist() == [scalar_advance(position) for position, _ in cases]
    drawn = below(bits, n)
    assert drawn.dtype == np.int64
    assert drawn.tolist() == [scalar_below(b, m) for b, (_, m) in zip(bits.tolist(), cases, strict=True)]


@given(words, st.integers(0, 300))
def test_a_jump_is_as_many_draws(stream: int, n_draws: int) -> None:
    position = stream
    for _ in range(n_draws):
        position = scalar_advance(position)
    assert jump(np.array([stream], dtype=np.uint64), np.array([n_draws])).tolist() == [position]


@given(words, st.integers(1, 2**15))
def test_below_is_the_rounded_down_share_of_the_upper_half(bits: int, n: int) -> None:
    assert scalar_below(bits, n) == int((bits >> 32) / 2**32 * n)


def test_the_arguments_are_not_changed() -> None:
    stream = np.arange(5, dtype=np.uint64)
    bits = random_bits(stream)
    before = bits.copy()
    advance(stream)
    jump(stream, np.arange(5))
    below(bits, np.uint64(7))
    unit_float(bits)
    assert (stream == np.arange(5)).all()
    assert (bits == before).all()


def test_unit_floats_fill_the_interval_and_stay_below_one() -> None:
    ends = unit_float(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert ends.tolist() == [0.0, 1.0 - 2.0**-53]
    assert stats.kstest(unit_float(numbers(9, 20_000)), "uniform").pvalue > 0.001


def test_streams_of_neighbouring_keys_have_nothing_in_common() -> None:
    bits = np.stack([numbers(key, 300) for key in range(300)])  # [key, draw]
    assert len(np.unique(bits)) == bits.size, "two streams share a number"
    face = below(bits.ravel(), np.uint64(6)).reshape(300, 300)
    for left, right in ((face[::2], face[1::2]), (face[:, ::2], face[:, 1::2])):  # next key; next number
        pairs = np.bincount((left * 6 + right).ravel(), minlength=36)
        assert stats.chisquare(pairs).pvalue > 0.001


def test_worlds_of_different_seeds_have_different_streams() -> None:
    env = ForagingGrid()
    streams = set()
    for seed in range(500):
        env.reset(seed=seed)
        streams.add(int(env.state.stream[0]))
    assert len(streams) == 500


def test_each_placing_takes_one_number() -> None:
    env = ForagingGrid(size=5, n_food=6, n_poison=2)
    env.reset(seed=0)
    n_placed = 0
    for action in np.random.default_rng(0).integers(4, size=300).tolist():
        before = env.state
        env.step(action)
        after = env.state
        n_eaten = int(
            (after.food_collected + after.poison_collected - before.food_collected - before.poison_collected)[0]
        )
        assert draws_between(int(before.stream[0]), int(after.stream[0])) == n_eaten
        n_placed += n_eaten
    assert n_placed > 30


def test_a_reset_goes_on_in_the_stream() -> None:
    for random_start in (False, True):
        env = ForagingGrid(size=5, n_food=6, n_poison=2, random_start=random_start)
        env.reset(seed=0)
        before = int(env.state.stream[0])
        env.reset()
        assert draws_between(before, int(env.state.stream[0])) == 8 + random_start
