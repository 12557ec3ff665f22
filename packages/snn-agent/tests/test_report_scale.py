"""Numbers for people, against what they must keep."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn_agent.training.report.scale import axis, joules, short, steps
from snn_agent.training.report.thinning import thin

numbers = st.floats(-1e12, 1e12).filter(lambda value: value == 0.0 or abs(value) > 1e-12)


@given(numbers)
def test_short_keeps_three_digits_and_is_short(value: float) -> None:
    text = short(value)
    assert float(text.replace(",", "")) == pytest.approx(value, rel=5e-3)
    assert len(text) <= 6 or abs(value) >= 1000 or "e" in text or value < 0 or abs(value) < 0.1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (605184.0, "605,184"), (151.125, "151.1"), (0.0116415, "0.01164"), (64.0, "64"), (3.2e-8, "3.20e-08"),
     (0.5, "0.5"), (-2.5, "-2.5"), (math.nan, "–"), (math.inf, "–")],
)  # fmt: skip
def test_short_as_people_write(value: float, text: str) -> None:
    assert short(value) == text


@given(st.lists(numbers, min_size=1, max_size=6), st.booleans())
def test_an_axis_holds_its_values_between_even_round_ticks(values: list[float], zero: bool) -> None:
    found = axis(values, zero=zero)
    size = max(map(abs, values))
    for value in [*values, 0.0] if zero else values:
        assert found.low - 1e-9 * size <= value <= found.high + 1e-9 * size
        assert -1e-6 <= found.share(value) <= 1.0 + 1e-6
    assert (found.low, found.high) == (found.ticks[0], found.ticks[-1])
    assert 2 <= len(found.ticks) <= 8
    gaps = [b - a for a, b in itertools.pairwise(found.ticks)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps), rel=1e-6)
    assert gaps[0] > 0


def test_an_axis_without_numbers_is_still_one() -> None:
    assert axis([math.nan]).ticks[0] == 0.0
    assert axis([]).high == 1.0
    assert axis([0.0], zero=True).low == 0.0


@pytest.mark.parametrize(
    ("value", "text"), [(2.5, "2.5 J"), (0.0118, "11.8 mJ"), (3.1e-8, "31 nJ"), (5e-13, "5.00e-13"), (0.0, "0")]
)
def test_joules_get_the_prefix_that_fits(value: float, text: str) -> None:
    assert joules(value).show(value) == text


def test_steps_in_thousands_and_millions() -> None:
    assert [steps(n).show(n) for n in (9000.0, 25_000.0, 3e6)] == ["9,000", "25 k", "3 M"]


@given(st.integers(0, 5000), st.integers(2, 700))
def test_thinning_keeps_both_ends_and_spreads_evenly(n: int, most: int) -> None:
    rows = thin(n, most).tolist()
    assert len(rows) == min(n, most)
    assert rows == sorted(set(rows))
    if n:
        assert (rows[0], rows[-1]) == (0, n - 1)
        gaps = {b - a for a, b in itertools.pairwise(rows)}
        assert not gaps or max(gaps) - min(gaps) <= 1
