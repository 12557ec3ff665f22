"""How many different things a layer says: the effective rank of its activity."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from snn_agent.errors import ConfigError

NOTHING: Final = 1e-12
"""Eigenvalues of the Gram matrix below this share of the largest are rounding, and count as 0."""


def effective_rank(activity: Tensor) -> float:
    """``exp(−Σ p_k ln p_k)``, ``p_k = σ_k / Σσ``: how many directions the activity [N, H] uses; 0 if it is zero.

    σ are the singular values. Roy & Vetterli, *The effective rank*, EUSIPCO 2007. Between 1 and min(N, H). They are
    the roots of the eigenvalues of the smaller Gram matrix, which are found two to four times as fast; singular
    values below a millionth of the largest are taken for 0.

    Raises:
        ConfigError: the activity is no matrix, or empty.
    """
    require_matrix(activity)
    eigenvalues = torch.linalg.eigvalsh(small_gram(activity.double()))
    sigma = eigenvalues.masked_fill(eigenvalues <= NOTHING * eigenvalues[-1], 0.0).sqrt()
    total = sigma.sum()
    if not total > 0.0:
        return 0.0
    return float(torch.special.entr(sigma / total).sum().exp())


def small_gram(matrix: Tensor) -> Tensor:
    """``MᵀM`` or ``MMᵀ`` of a matrix [N, H], whichever is smaller; both have the same eigenvalues but for zeros."""
    return matrix.T @ matrix if matrix.shape[0] > matrix.shape[1] else matrix @ matrix.T


def require_matrix(activity: Tensor) -> None:
    """Raise ConfigError unless the activity is a matrix [N, H] that is not empty."""
    if activity.ndim != 2 or not activity.numel():
        raise ConfigError(f"activity must be [N, H], samples by neurons, and not empty, got {list(activity.shape)}.")
