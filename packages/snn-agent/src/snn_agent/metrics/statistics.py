"""What each neuron has lately done and been worth: the numbers by which structural rules judge it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from snn_agent.errors import ConfigError


class NeuronStatistics(NamedTuple):
    """Running statistics of the H living neurons, a value.

    Averages are exponential and corrected for their start at zero, by each neuron's own age: after the first update
    they equal what was seen, so a newborn is not taken for a silent neuron. At age 0 they are 0 and mean nothing.

    Attributes:
        rate: [H] running mean of the firing rate, spikes/tick.
        utility: [H] running mean of ``|rate| · Σ|outgoing weights|``, the contribution utility of Dohare et al.
            (*Loss of plasticity in deep continual learning*, Nature 632, 2024).
        age: int64 [H], updates lived through.
        id: int64 [H], the neuron's name: given once, stable for life, never given again.
        birth_update: int64 [H], the run's update at which it was born.
    """

    rate: Tensor
    utility: Tensor
    age: Tensor
    id: Tensor
    birth_update: Tensor


def init(n: int, first_id: int = 0, update: int = 0, device: torch.device | str = "cpu") -> NeuronStatistics:
    """Statistics of n newborns named ``first_id``, ``first_id + 1``, …, born at the given update of the run."""
    if n < 0:
        raise ConfigError(f"the number of neurons must not be negative, got {n}.")
    return NeuronStatistics(
        rate=torch.zeros(n, device=device),
        utility=torch.zeros(n, device=device),
        age=torch.zeros(n, dtype=torch.int64, device=device),
        id=torch.arange(first_id, first_id + n, device=device),
        birth_update=torch.full((n,), update, dtype=torch.int64, device=device),
    )


@torch.no_grad()
def update(stats: NeuronStatistics, mean_rate: Tensor, outgoing_norm: Tensor, decay: float) -> NeuronStatistics:
    """The statistics after one more update.

    With age t, ``m_t = m_{t−1} + α_t · (x − m_{t−1})``, ``α_t = (1 − β) / (1 − β^t)``: the recursive form of the
    exponential average ``e_t / (1 − β^t)``, ``e_t = β·e_{t−1} + (1 − β)·x``.

    Args:
        stats: not changed.
        mean_rate: [H] spikes/tick over the last rollout.
        outgoing_norm: [H] Σ|outgoing weights|.
        decay: β in [0, 1), the same at each call; the average reaches back about 1/(1 − β) updates.

    Raises:
        ConfigError: a shape does not fit, or ``decay`` is out of range.
    """
    if not 0.0 <= decay < 1.0:
        raise ConfigError(f"the decay of the neuron statistics must lie in [0, 1), got {decay!r}.")
    if not mean_rate.shape == outgoing_norm.shape == stats.rate.shape:
        raise ConfigError(
            f"mean_rate and outgoing_norm must be {list(stats.rate.shape)} like the statistics, got "
            f"{list(mean_rate.shape)} and {list(outgoing_norm.shape)}. After births or deaths, resize() them as well."
        )
    age = stats.age + 1
    weight = ((1.0 - decay) / (1.0 - decay ** age.double())).to(stats.rate.dtype)
    return stats._replace(
        rate=torch.lerp(stats.rate, mean_rate, weight),
        utility=torch.lerp(stats.utility, mean_rate.abs() * outgoing_norm, weight),
        age=age,
    )


@torch.no_grad()
def resize(stats: NeuronStatistics, keep: Tensor, n_new: int, first_new_id: int, update: int) -> NeuronStatistics:
    """The statistics after neurons died and were born.

    Args:
        stats: not changed.
        keep: int64 [K], indices of the survivors, in their new order.
        n_new: newborns, which follow the survivors.
        first_new_id: their first name, above all names ever given.
        update: the run's update at which they are born.

    Raises:
        ConfigError: an index is out of range or occurs twice, or a name is taken.
    """
    indices, hidden = keep.tolist(), len(stats.id)
    if len(set(indices)) < len(indices) or any(not 0 <= index < hidden for index in indices):
        raise ConfigError(f"keep must hold distinct indices in [0, {hidden}), got {indices}.")
    if n_new and hidden and first_new_id <= int(stats.id.max()):
        raise ConfigError(f"first_new_id must be above {int(stats.id.max())}, a name given before, got {first_new_id}.")
    born = init(n_new, first_new_id, update, stats.rate.device)
    keep = keep.to(stats.rate.device)
    return NeuronStatistics(*(torch.cat([old[keep], new]) for old, new in zip(stats, born, strict=True)))


def mean_contribution(stats: NeuronStatistics, outgoing: Tensor) -> Tensor:
    """What each neuron adds to the outputs on average, ``rate · w_out``, in drive per tick; [H, A] or [H] as outgoing.

    Where neurons die, the sum of their rows goes to the output's bias, so the mean output stays (Dohare et al., 2024).
    """
    return stats.rate.reshape(-1, *[1] * (outgoing.ndim - 1)) * outgoing
