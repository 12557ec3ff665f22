"""How whole distributions of runs compare: who is likely to do better, and how many runs exceed a score.

Source: Agarwal et al., *Deep reinforcement learning at the edge of the statistical precipice*, NeurIPS 2021, sections
4.2 and 4.3. Scores are [seeds] or [tasks, seeds] in which failed seeds were filled in (``statistics.with_failures``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.experiments.statistics import DRAWS, Band, Estimate, Row, band, percentiles, scores_table


def probability_of_improvement(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    generator: np.random.Generator,
    *,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Estimate:
    """Chance that a run of X scores higher than one of Y on the same task, averaged over tasks; a tie counts half.

    ``P = mean over tasks of U / (N·M)`` with Mann and Whitney's U (Annals of Mathematical Statistics 18, 1947): of all
    pairs of a run of X and one of Y, the share in which X won. A run's score is held against all others, so seeds are
    not paired: both arms are resampled by themselves, within each task.

    Args:
        x: [N] or [tasks, N].
        y: [M] or [tasks, M].
        generator: gives the draws.
        draws: how many resamples.
        confidence: share of the resamples that the interval spans.

    Raises:
        ConfigError: if the numbers of tasks differ, there are no scores, or some are not finite.
    """
    ours, theirs = scores_table("x", x), scores_table("y", y)
    if len(ours) != len(theirs):
        raise ConfigError(f"both arms must have the same tasks, got {len(ours)} and {len(theirs)}.")
    draws = checks.integer("draws", draws, 1)
    one, other = ours[:, :, None], theirs[:, None, :]
    wins = (one > other) + 0.5 * (one == other)  # [tasks, N, M]
    # P is linear in how often each run was drawn, which needs far less memory than the runs themselves.
    share_x, share_y = (_shares(table, generator, draws) for table in (ours, theirs))
    drawn = np.einsum("dtn,tnm,dtm->d", share_x, wins, share_y, optimize=True) / len(ours)
    low, high = percentiles(drawn, confidence)
    return Estimate(float(wins.mean()), float(low), float(high))


def performance_profile(
    scores: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    generator: np.random.Generator,
    *,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Band:
    """Share of runs whose score is above each threshold τ, with the interval at each τ by itself.

    It shows what means hide: an arm whose profile is nowhere below another's has no quantile below the other's.

    Args:
        scores: [seeds] or [tasks, seeds].
        thresholds: τ [G], in the unit of the scores.
        generator: gives the draws.
        draws: how many resamples.
        confidence: share of the resamples that the band spans.

    Returns:
        Three rows [G] of numbers in [0, 1].

    Raises:
        ConfigError: if there are no scores, or some are not finite.
    """
    grid = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))

    def shares_above(values: Row) -> Row:
        return np.stack([(values > threshold).mean(axis=-1) for threshold in grid], axis=-1)

    return band(scores_table("scores", scores), shares_above, generator, draws=draws, confidence=confidence)


def _shares(table: Row, generator: np.random.Generator, draws: int) -> Row:
    """How often each seed is in each resample, over the number of seeds; [draws, tasks, seeds]."""
    tasks, seeds = table.shape
    counts = generator.multinomial(seeds, np.full(seeds, 1.0 / seeds), size=(draws, tasks))
    shares: Row = counts / seeds
    return shares
