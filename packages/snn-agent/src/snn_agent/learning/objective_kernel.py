"""The gradient of the objective with respect to evidence and values, written out, as a kernel.

The objective itself, and what it means, is in :mod:`snn_agent.learning.objective`; autograd on that is the truth which
the tests compare with. Written out it takes a twentieth of the time.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from snn_agent.config import LearningConfig
from snn_agent.engine.numba_compile import kernel, running

Array = npt.NDArray[Any]

POLICY_LOSS, VALUE_LOSS, ENTROPY, KL, CLIPPED = range(5)
N_SUMS: Final = 5


class Targets(NamedTuple):
    """What all decisions of a rollout were, and what came of them."""

    action: Array  # int64 [N]
    log_prob: Array  # [N] when they were made
    advantage: Array  # [N]
    target: Array  # [N]
    weight: Array  # [N]


class Objective(NamedTuple):
    """How they are judged."""

    clip_ratio: float  # infinite: no clipping, plain REINFORCE
    entropy_weight: float
    value_weight: float  # 0 where there is no critic

    @classmethod
    def of(cls, config: LearningConfig) -> Objective:
        """The objective of a learner; one that takes a single step a rollout needs no clipping."""
        return cls(
            clip_ratio=config.clip_ratio if config.reuse_epochs * config.minibatches > 1 else np.inf,
            entropy_weight=config.entropy_weight,
            value_weight=config.value_weight if config.baseline == "critic" else 0.0,
        )


@kernel
def weight_of(rows, weight):  # type: ignore[no-untyped-def]
    """The sum of the weights of some decisions."""
    total = 0.0
    for b in range(rows.size):
        total += weight[rows[b]]
    return total


@kernel
def objective_rows(  # type: ignore[no-untyped-def]
    first, last, rows, total_weight, A, Ap, evidence, tally, gain, critic_bias, share, action, log_prob, advantage,
    target, weight, clip_ratio, entropy_weight, value_weight, of_evidence, of_tally, sums,
):  # fmt: skip
    """See :func:`objective_gradient`; for the decisions ``rows[first:last]``, whose sums are added to ``sums``."""
    per_weight = 1.0 / total_weight if total_weight > 0.0 else 0.0
    log_pi, pi = np.empty(A), np.empty(A)
    for b in range(first, last):
        row, at = rows[b], b * Ap
        top = -np.inf
        for a in range(A):
            log_pi[a] = gain * evidence[at + a]
            top = max(top, log_pi[a])
        scale = 0.0
        for a in range(A):
            pi[a] = np.exp(log_pi[a] - top)
            scale += pi[a]
        offset, share_of = top + np.log(scale), 1.0 / scale
        entropy = 0.0
        for a in range(A):
            log_pi[a] -= offset
            pi[a] *= share_of
            entropy -= pi[a] * log_pi[a]
        w, chosen, good = weight[row] * per_weight, action[row], np.float64(advantage[row])
        log_ratio = log_pi[chosen] - log_prob[row]
        ratio = np.exp(log_ratio)
        if clip_ratio < np.inf:
            low, high = 1.0 - clip_ratio, 1.0 + clip_ratio
            merit = min(ratio * good, min(max(ratio, low), high) * good)
            clipped = (good > 0.0 and ratio > high) or (good < 0.0 and ratio < low)
            pull = 0.0 if clipped else w * ratio * good
            sums[CLIPPED] += w if abs(ratio - 1.0) > clip_ratio else 0.0
        else:
            merit, pull = good * log_pi[chosen], w * good
        for a in range(A):
            of_logit = pi[a] * (pull + entropy_weight * w * (log_pi[a] + entropy))
            of_logit -= pull if a == chosen else 0.0
            of_evidence[at + a] = gain * of_logit
        error = tally[b] * share + critic_bias - target[row]
        of_tally[b] = value_weight * w * error * share
        sums[POLICY_LOSS] -= w * (merit + entropy_weight * entropy)
        sums[VALUE_LOSS] += 0.5 * w * error * error
        sums[ENTROPY] += w * entropy
        sums[KL] += w * (ratio - 1.0 - log_ratio)


@kernel
def of_scalars(B, A, Ap, evidence, gain, share, of_evidence, of_tally):  # type: ignore[no-untyped-def]
    """The gradients of gain and critic's bias, always summed in the same order."""
    of_gain, of_critic_bias = 0.0, 0.0
    for b in range(B):
        of_critic_bias += of_tally[b]
        for a in range(A):
            of_gain += np.float64(of_evidence[b * Ap + a]) * evidence[b * Ap + a]
    return of_gain / gain if gain != 0.0 else 0.0, of_critic_bias / share


def objective_gradient(
    rows: Array, A: int, Ap: int, evidence: Array, tally: Array, gain: float, critic_bias: float, ticks: int,
    targets: Targets, objective: Objective,
) -> tuple[Array, Array, float, float, Array]:  # fmt: skip
    """The gradient of ``policy_objective + value_weight · value_objective`` (E13) for the decisions ``rows``.

    With w the weights over their sum, π the probabilities and a the action taken::

        ∂/∂logit_j = −w·A·ρ·[not clipped]·(1[j = a] − π_j) + entropy_weight · w · π_j·(log π_j + H)
        ∂/∂v       = value_weight · w · (v − G)

    where ρ is 1 without clipping, and a decision is clipped if its ratio is beyond the range on the side to which its
    advantage pulls. ``logit = gain · evidence`` and ``v = tally / T + critic_bias``.

    Args:
        rows: int64 [B], which decisions of ``targets``; evidence and tally are in this order.
        A: actions.
        Ap: length of a row of the evidence.
        evidence: [·Ap], of at least B rows.
        tally: [B].
        gain: of the logits.
        critic_bias: of the values.
        ticks: T.
        targets: of all decisions.
        objective: its weights.

    Returns:
        The gradients of evidence [·Ap] (0 beyond B and A), tally [B], gain and critic bias, and float64 [N_SUMS]:
        policy loss, value loss, entropy, divergence and clipped share.
    """
    of_evidence, of_tally, sums = np.zeros_like(evidence), np.empty_like(tally), np.zeros(N_SUMS)
    share, B = 1.0 / ticks, len(rows)
    with running("the objective", evidence.dtype):
        objective_rows(
            0, B, rows, weight_of(rows, targets.weight), A, Ap, evidence, tally, gain, critic_bias, share, *targets,
            *objective, of_evidence, of_tally, sums,
        )  # fmt: skip
        of_gain, of_critic_bias = of_scalars(B, A, Ap, evidence, gain, share, of_evidence, of_tally)
    return of_evidence, of_tally, of_gain, of_critic_bias, sums
