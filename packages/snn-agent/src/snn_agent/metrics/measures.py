"""Measures of a whole hidden layer: how active it is, and how many different things it can say."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_agent.errors import ConfigError
from snn_agent.network.activity import effective_rank as effective_rank  # which structural rules judge by, too
from snn_agent.network.activity import require_matrix, small_gram


def firing_rates(spike_counts: Tensor, ticks: int) -> Tensor:
    """Mean firing rate of each neuron in spikes/tick, in [0, 1]: ``E_n[counts] / T``, [N, H] -> [H]."""
    if ticks < 1:
        raise ConfigError(f"a decision takes at least one tick, got ticks={ticks}.")
    return spike_counts.mean(dim=0) / ticks


def mean_firing_rate(rate: Tensor) -> float:
    """Mean over neurons of their rates [H], in spikes/tick; 0 for no neurons."""
    return float(rate.mean()) if len(rate) else 0.0


def sparsity(rate: Tensor) -> float:
    """Share of neuron-ticks without a spike, ``1 − mean rate``, as a neuron spikes at most once a tick; [H].

    NeuroBench's *activation sparsity* of the hidden layer (Yik et al., Nature Communications 16, 2025).
    """
    return 1.0 - mean_firing_rate(rate)


def silent_fraction(rate: Tensor, threshold: float) -> float:
    """Share of neurons whose rate [H] is below a threshold in spikes/tick."""
    return float((rate < threshold).double().mean()) if len(rate) else 0.0


def dormant_fraction(activity: Tensor, tau: float = 0.025) -> float:
    """Share of τ-dormant neurons, those with ``s_i = E|h_i| / mean_k E|h_k| <= τ``; activity is ``E|h|``, [H].

    Sokar et al., *The dormant neuron phenomenon in deep reinforcement learning*, ICML 2023, definition 3.1. The score
    is relative to the layer's *mean*, as in their code. In a layer that is silent altogether all are dormant.
    """
    if not len(activity):
        return 0.0
    magnitude = activity.abs().double()
    return float((magnitude <= tau * magnitude.mean()).double().mean())


def threshold_rank(activity: Tensor, delta: float = 0.01) -> int:
    """``min k: Σ_{i<=k} σ_i / Σσ >= 1 − δ``: singular values that hold all but a δth of the activity [N, H].

    *srank* of Kumar et al., *Implicit under-parameterization*, ICLR 2021 (arXiv 2010.14498); 0 if activity is zero.
    """
    if not 0.0 <= delta < 1.0:
        raise ConfigError(f"delta must lie in [0, 1), got {delta!r}.")
    require_matrix(activity)
    sigma = torch.linalg.svdvals(activity.double())
    total = sigma.sum()
    if not total > 0.0:
        return 0
    return int((sigma.cumsum(dim=0) < (1.0 - delta) * total).sum()) + 1


def participation_ratio(activity: Tensor) -> float:
    """``(Σλ)² / Σλ²`` over the eigenvalues of the covariance of the activity [N, H]; 0 if nothing varies.

    Dimension of the cloud of activity vectors around their mean: 1 on a line, d if d directions vary equally (Gao et
    al., *A theory of multineuronal dimensionality*, bioRxiv 214262, 2017).
    """
    require_matrix(activity)
    exact = activity.double()
    centred = exact - exact.mean(dim=0)
    small = small_gram(centred)
    if small.trace() <= 1e-24 * exact.square().sum():  # all rows equal but for rounding
        return 0.0
    return float(small.trace().square() / small.square().sum())  # Σλ² is the squared Frobenius norm
