"""What is told of an evaluation, against numbers worked by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from scores import describe, interval


def test_a_quantity_is_described_by_its_means_and_interval() -> None:
    values = [1.0, 2.0, 3.0, 100.0, 4.0, 5.0, 6.0, 0.0]
    found = describe("food", values)
    assert set(found) == {"food_mean", "food_iqm", "food_interval"}
    assert found["food_mean"] == pytest.approx(121.0 / 8.0)
    assert found["food_iqm"] == pytest.approx(3.5)  # of 2, 3, 4, 5
    assert found["food_interval"] == list(interval(values))
    # The mean's lower end is that of resamples without the 100, its upper end that of two or more of them.
    assert 0.0 < found["food_interval"][0] < 6.0
    assert found["food_interval"][1] > 200.0 / 8.0
