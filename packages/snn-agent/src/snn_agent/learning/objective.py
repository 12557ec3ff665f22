"""What gradient descent minimises: REINFORCE, optionally with a clipped importance ratio, and the critic's error."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from snn_agent.errors import ConfigError
from snn_agent.learning.shapes import require_same_shape


class PolicyDiagnostics(NamedTuple):
    """How the policy moved, scalar tensors without gradient.

    Attributes:
        clip_fraction: share of the decisions whose importance ratio lies outside the clip range; 0 without clipping.
        approx_kl: estimate of KL(old ‖ new) in nats, ``E[(ratio − 1) − log ratio]`` (Schulman, *Approximating KL
            divergence*, 2020): unbiased and never negative.
        entropy: mean entropy in nats.
    """

    clip_fraction: Tensor
    approx_kl: Tensor
    entropy: Tensor


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """``Σ w·x / Σ w``, and 0 where all weights are 0, [N], [N] -> scalar."""
    total = weight.sum()
    return (weight * values).sum() / torch.where(total > 0, total, 1.0)


def policy_objective(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantage: Tensor,
    entropy: Tensor,
    clip_ratio: float | None,
    entropy_weight: float,
    weight: Tensor,
) -> tuple[Tensor, PolicyDiagnostics]:
    """The policy's loss, whose negative gradient raises the probability of actions that went better than expected.

    Without ``clip_ratio``: ``−E[A · log π(a)]``, plain REINFORCE (Williams, 1992), exact for one pass over the data.
    With it, for several passes: ``−E[min(ρ·A, clip(ρ, 1−c, 1+c)·A)]``, ``ρ = π(a)/π_old(a)`` (PPO, Schulman et al.,
    arXiv 1707.06347, eq. 7). At ρ = 1, so in the first pass, both have the same gradient because ∇ρ = ρ·∇log π.
    From both, ``entropy_weight · E[entropy]`` is subtracted. E is the mean weighted by ``weight``.

    Args:
        log_prob: [N] log π(a) now, with gradient.
        old_log_prob: [N] log π(a) when the action was taken.
        advantage: [N], any unit.
        entropy: [N] nats, with gradient.
        clip_ratio: c > 0, or None.
        entropy_weight: in the advantage's unit per nat, >= 0.
        weight: [N], 0 where a step is no real transition, else usually 1.

    Returns:
        Scalar loss and diagnostics.
    """
    require_same_shape(
        "[N]", log_prob=log_prob, old_log_prob=old_log_prob, advantage=advantage, entropy=entropy, weight=weight
    )
    if clip_ratio is not None and not clip_ratio > 0.0:
        raise ConfigError(f"clip_ratio must be positive, or None for no clipping, got {clip_ratio!r}.")
    log_ratio = log_prob - old_log_prob.detach()
    ratio = log_ratio.exp()
    if clip_ratio is None:
        gain = advantage * log_prob
        outside = torch.zeros_like(ratio)
    else:
        gain = torch.minimum(ratio * advantage, ratio.clamp(1.0 - clip_ratio, 1.0 + clip_ratio) * advantage)
        outside = ((ratio - 1.0).abs() > clip_ratio).to(ratio.dtype)
    mean_entropy = weighted_mean(entropy, weight)
    loss = -weighted_mean(gain, weight) - entropy_weight * mean_entropy
    with torch.no_grad():
        diagnostics = PolicyDiagnostics(
            clip_fraction=weighted_mean(outside, weight),
            approx_kl=weighted_mean((ratio - 1.0) - log_ratio, weight),
            entropy=mean_entropy.detach(),
        )
    return loss, diagnostics


def value_objective(value: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Half the mean squared error of the critic, ``½ · E[(v − G)²]``, [N] each -> scalar.

    Its gradient is ``E[(v − G) · ∇v]``; targets are data and get none.
    """
    require_same_shape("[N]", value=value, target=target, weight=weight)
    return 0.5 * weighted_mean((value - target.detach()).square(), weight)
