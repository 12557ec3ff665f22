"""What the seeds of a study say together: means, and how far they can be trusted.

Scores are arrays [seeds], or [tasks, seeds] where an arm was run on several tasks. A task is a stratum: resampling
draws seeds anew within each task. Every seed that was begun counts; see :func:`with_failures`.

Sources: Agarwal et al., *Deep reinforcement learning at the edge of the statistical precipice*, NeurIPS 2021
(interquartile mean, stratified bootstrap); Efron, *Bootstrap methods: another look at the jackknife*, Annals of
Statistics 7, 1979, and Efron & Tibshirani, *An introduction to the bootstrap*, 1993, chapter 13 (percentile interval).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from snn_agent import checks
from snn_agent.errors import ConfigError

Row = npt.NDArray[np.float64]
Statistic = Callable[[Row], Row]
"""From values [..., N] of tasks and seeds together to [...], or to [..., G] numbers for each."""

DRAWS = 10_000
"""Resamples of a bootstrap; its ends then move by about 3 % of a standard error from one generator to another."""

DRAWS_OF_A_TABLE = 2_000


class Estimate(NamedTuple):
    """A number and the interval it was estimated with; in the unit of the scores."""

    value: float
    low: float
    high: float


class Band(NamedTuple):
    """Numbers and their intervals, each taken by itself; all of one shape."""

    value: Row
    low: Row
    high: Row


def interquartile_mean(values: npt.ArrayLike) -> float:
    """Mean of the middle half: a quarter of the values (fractions of one counted in part) is left out at each end.

    Where their number is divisible by four this is Agarwal et al.'s, which otherwise leaves out a whole number of
    values.

    Args:
        values: [seeds] or [tasks, seeds], taken together; in any unit, which is that of the mean.

    Raises:
        ConfigError: if there are none, or some are not finite.
    """
    return float(interquartile_means(scores_table("values", values).ravel()))


def interquartile_means(values: Row) -> Row:
    """The same of each row: [..., N] to [...]."""
    n = values.shape[-1]
    edges = np.clip((np.arange(n + 1) / n - 0.25) * 2.0, 0.0, 1.0)
    result: Row = np.sort(values, axis=-1) @ np.diff(edges)
    return result


def means(values: Row) -> Row:
    """The mean of each row: [..., N] to [...]."""
    result: Row = values.mean(axis=-1)
    return result


def with_failures(scores: npt.ArrayLike, worst: float) -> Row:
    """Scores in which failed seeds, NaN, count with the worst score; a copy.

    A seed that failed (it crashed, diverged or never learnt) is a result of its arm. Its score is what acting at random
    is worth: the random reference's score, or 0 where scores are normalised by it. Energy is another matter, in which 0
    would be the best there is: a failed run counts with the joules that it spent.

    Args:
        scores: [seeds] or [tasks, seeds], NaN where a seed failed.
        worst: score of a failed seed, in the same unit.

    Raises:
        ConfigError: if ``worst``, or a score that is not NaN, is not finite.
    """
    worst = checks.number("worst", worst)
    found = np.array(scores, dtype=np.float64)
    found[np.isnan(found)] = worst
    scores_table("scores", found)
    return found


def resample(scores: npt.ArrayLike, generator: np.random.Generator, draws: int = DRAWS) -> Row:
    """Scores as other seeds might have given them: within each task, as many seeds as there are, with replacement.

    Axes before the last two are drawn alike, so arms that stand there, [arms, tasks, seeds], stay paired.

    Args:
        scores: [..., tasks, seeds], or [seeds].
        generator: gives the draws, ``draws × tasks × seeds`` whole numbers.
        draws: how many resamples.

    Returns:
        [draws, ..., tasks × seeds].
    """
    table = _finite("scores", scores)
    draws = checks.integer("draws", draws, 1)
    tasks, seeds = table.shape[-2:]
    chosen = generator.integers(seeds, size=(draws, tasks, seeds))
    drawn = np.moveaxis(table[..., np.arange(tasks)[:, None], chosen], -3, 0)
    return drawn.reshape(*drawn.shape[:-2], tasks * seeds)


def percentiles(drawn: Row, confidence: float) -> tuple[Row, Row]:
    """Ends of the percentile interval: as much of the drawn [draws, ...] lies below the one as above the other."""
    tail = 0.5 * (1.0 - checks.positive("confidence", confidence, below=1.0))
    low, high = np.quantile(drawn, [tail, 1.0 - tail], axis=0)
    return low, high


def band(
    scores: npt.ArrayLike,
    statistic: Statistic,
    generator: np.random.Generator,
    *,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Band:
    """A statistic and its interval: stratified bootstrap, percentile method.

    With few seeds it is somewhat too narrow: the 95 % interval of the mean of n normal values covers it about as often
    as Student's t of n − 1 degrees stays within 1.96·√(1 − 1/n): 90 % for n = 10, 94 % for n = 40.

    Args:
        scores: [seeds] or [tasks, seeds]; or [arms, tasks, seeds], which are paired.
        statistic: of values [..., N] or [..., arms, N].
        generator: gives the draws.
        draws: how many resamples; in memory they are ``draws × scores`` numbers at a time.
        confidence: share of the resamples that the interval spans, above 0 and below 1.

    Raises:
        ConfigError: if there are no scores, or some are not finite.
    """
    table = _finite("scores", scores)
    value = statistic(table.reshape(*table.shape[:-2], -1))
    return Band(value, *percentiles(statistic(resample(table, generator, draws)), confidence))


def bootstrap(
    scores: npt.ArrayLike,
    statistic: Statistic,
    generator: np.random.Generator,
    *,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Estimate:
    """The same for a statistic that is one number."""
    value, low, high = band(scores, statistic, generator, draws=draws, confidence=confidence)
    return Estimate(float(value), float(low), float(high))


def interval(values: npt.ArrayLike, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean, for tables: the same numbers each time."""
    _, low, high = bootstrap(values, means, np.random.default_rng(seed), draws=DRAWS_OF_A_TABLE)
    return low, high


def difference(
    arm: npt.ArrayLike,
    reference: npt.ArrayLike,
    generator: np.random.Generator,
    *,
    statistic: Statistic = means,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Estimate:
    """Statistic of an arm less that of the reference. The arms are paired: both have each seed as often as the other.

    Args:
        arm: [seeds] or [tasks, seeds].
        reference: the same seeds in the same order.
        generator: gives the draws.
        statistic: of one arm.
        draws: how many resamples.
        confidence: see :func:`band`.

    Raises:
        ConfigError: if the shapes differ, there are no scores, or some are not finite.
    """
    return bootstrap(
        paired(arm, reference),
        lambda both: statistic(both[..., 0, :]) - statistic(both[..., 1, :]),
        generator,
        draws=draws,
        confidence=confidence,
    )


def ratio(
    arm: npt.ArrayLike,
    reference: npt.ArrayLike,
    generator: np.random.Generator,
    *,
    statistic: Statistic = means,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Estimate:
    """Statistic of an arm over that of the reference, paired as in :func:`difference`.

    With the mean, this is what all seeds of the arm took over what all of the reference took.

    Raises:
        ConfigError: as in :func:`difference`, and if a value of the reference is not above zero.
    """
    both = paired(arm, reference)
    if (both[1] <= 0.0).any():
        raise ConfigError(
            f"a ratio needs a reference above zero, got {both[1].min():g}. Count a failed seed with what it spent, or "
            "with the random reference's score."
        )
    return bootstrap(
        both,
        lambda drawn: statistic(drawn[..., 0, :]) / statistic(drawn[..., 1, :]),
        generator,
        draws=draws,
        confidence=confidence,
    )


def paired(*arms: npt.ArrayLike) -> Row:
    """Arms of the same seeds as one array [arms, tasks, seeds].

    Raises:
        ConfigError: if the shapes differ, there are no values, or some are not finite.
    """
    tables = [scores_table("an arm", arm) for arm in arms]
    if len({table.shape for table in tables}) > 1:
        found = ", ".join(str(list(table.shape)) for table in tables)
        raise ConfigError(
            f"paired arms must have the same seeds, got {found} [tasks, seeds]. Fill failed seeds in with "
            "with_failures; leave seeds that one arm never began out of all."
        )
    return np.stack(tables)


def scores_table(name: str, scores: npt.ArrayLike) -> Row:
    """Scores of one arm as [tasks, seeds].

    Raises:
        ConfigError: if they are not [seeds] or [tasks, seeds], there are none, or some are not finite.
    """
    table = _finite(name, scores)
    if table.ndim != 2:
        raise ConfigError(f"{name} must be [seeds] or [tasks, seeds], got {list(table.shape)}.")
    return table


def _finite(name: str, scores: npt.ArrayLike) -> Row:
    """Scores as [..., tasks, seeds], or ConfigError."""
    table = np.asarray(scores, dtype=np.float64)
    table = table[None] if table.ndim == 1 else table
    if table.ndim < 2 or not table.size:
        raise ConfigError(f"{name} must be [seeds] or [tasks, seeds] with at least one seed, got {list(table.shape)}.")
    if not np.isfinite(table).all():
        raise ConfigError(
            f"{name} must be finite, got {int((~np.isfinite(table)).sum())} of {table.size} that are not. Failed seeds "
            "count: fill them in with with_failures."
        )
    return table
