"""The gradient of the objective with respect to logits and values, written out.

The objective itself, and what it means, is in :mod:`snn_agent.learning.objective`; autograd on that is the truth which
the tests compare with. Written out, on plain arrays, it takes a tenth of the time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Batch(NamedTuple):
    """N decisions to learn from, as plain arrays."""

    action: Array  # int64 [N]
    log_prob: Array  # [N] when they were made
    advantage: Array  # [N]
    target: Array  # [N]
    weight: Array  # [N]


class ObjectiveGradient(NamedTuple):
    """The gradient and the numbers that are reported with it."""

    of_logits: Array  # [N, A]
    of_value: Array  # [N]
    policy_loss: float
    value_loss: float
    entropy: float
    approx_kl: float
    clip_fraction: float


def objective_gradient(
    logits: Array, value: Array, batch: Batch, clip_ratio: float | None, entropy_weight: float, value_weight: float
) -> ObjectiveGradient:
    """The gradient of ``policy_objective + value_weight · value_objective`` (E13).

    With w the weights over their sum, π the probabilities and a the action taken::

        ∂/∂logit_j = −w·A·ρ·[not clipped]·(1[j = a] − π_j) + entropy_weight · w · π_j·(log π_j + H)
        ∂/∂v       = value_weight · w · (v − G)

    where ρ is 1 without ``clip_ratio``, and a decision is clipped if its ratio is beyond the range on the side to which
    its advantage pulls.

    Args:
        logits: [N, A].
        value: [N].
        batch: the decisions.
        clip_ratio: c > 0, or None.
        entropy_weight: >= 0.
        value_weight: 0 where there is no critic.
    """
    rows = np.arange(len(logits))
    log_pi = logits - logits.max(axis=1, keepdims=True)
    log_pi -= np.log(np.exp(log_pi).sum(axis=1, keepdims=True))
    pi = np.exp(log_pi)
    entropy = -np.einsum("na,na->n", pi, log_pi)
    log_ratio = log_pi[rows, batch.action] - batch.log_prob
    ratio = np.exp(log_ratio)
    weight = batch.weight / max(float(batch.weight.sum()), 1e-12)
    advantage, error = batch.advantage, value - batch.target
    if clip_ratio is None:
        gain, pull, outside = advantage * (log_ratio + batch.log_prob), advantage, np.zeros_like(ratio)
    else:
        low, high = 1.0 - clip_ratio, 1.0 + clip_ratio
        gain = np.minimum(ratio * advantage, np.clip(ratio, low, high) * advantage)
        clipped = ((advantage > 0) & (ratio > high)) | ((advantage < 0) & (ratio < low))
        pull, outside = np.where(clipped, 0.0, ratio * advantage), np.abs(ratio - 1.0) > clip_ratio
    pull = weight * pull
    of_logits = pi * (pull[:, None] + (entropy_weight * weight)[:, None] * (log_pi + entropy[:, None]))
    of_logits[rows, batch.action] -= pull
    mean_entropy = float(weight @ entropy)
    return ObjectiveGradient(
        of_logits=of_logits,
        of_value=value_weight * weight * error,
        policy_loss=-float(weight @ gain) - entropy_weight * mean_entropy,
        value_loss=0.5 * float(weight @ (error * error)),
        entropy=mean_entropy,
        approx_kl=float(weight @ (ratio - 1.0 - log_ratio)),
        clip_fraction=float(weight @ outside),
    )
