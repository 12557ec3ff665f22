"""Statistics of an evaluation, against cases worked by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from scores import interquartile_mean, interval


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([4.0, 1.0, 3.0, 2.0], 2.5),  # the middle two
        ([1.0, 2.0, 100.0, 3.0, 4.0, 5.0, 6.0, 0.0], 3.5),  # 2, 3, 4, 5
        ([0.0, 6.0, 12.0], (0.25 * 0.0 + 1.0 * 6.0 + 0.25 * 12.0) / 1.5),  # a quarter of each outer one counts
        ([7.0], 7.0),
    ],
)
def test_interquartile_mean(values: list[float], expected: float) -> None:
    assert interquartile_mean(values) == pytest.approx(expected)


def test_interval_of_equal_numbers_has_no_width() -> None:
    assert interval([3.0] * 5) == (3.0, 3.0)


def test_interval_covers_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        low, high = interval(generator.normal(size=60).tolist())
        covered += low <= 0.0 <= high
    # 95 % nominal; a percentile bootstrap of 60 values covers a little less. ±4 standard errors.
    assert 0.88 <= covered / 300 <= 0.99
