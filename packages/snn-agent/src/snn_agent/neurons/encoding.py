"""How an observation becomes input over the ticks of a decision."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.errors import ConfigError


def constant(observation: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the observation ``[B, D]`` as a drive that is held over all ticks, ``[B, D]`` in ``dtype``.

    Because it is the same in each tick, the weighted input of the neurons has to be computed only once a decision.
    Values are taken as they are; 0 … 1 suits the initial weights.
    """
    return observation.to(dtype)


def poisson(observation: Tensor, ticks: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return random input spikes ``[T, B, D]``, 0 or 1, whose rate is the observation: on average :func:`constant`.

    In each tick each input spikes with the probability that its observation gives, independently (a Bernoulli draw
    a tick, which is a Poisson train of rate ``observation / dt`` where the probability is small).

    Args:
        observation: probabilities 0 … 1, ``[B, D]``.
        ticks: T, at least 1.
        generator: the stream of the draws, on the device of the observation.
        dtype: of the result.

    Raises:
        ConfigError: ``ticks`` is below 1, or a value is no probability.
    """
    ticks = checks.integer("ticks", ticks, 1)
    probability = observation.to(dtype)
    if not bool(((probability >= 0) & (probability <= 1)).all()):
        low, high = float(probability.min()), float(probability.max())
        raise ConfigError(
            f"poisson encoding needs observations in [0, 1], got values from {low:g} to {high:g}. "
            f"Scale the observations first, or use the constant encoding."
        )
    draws = torch.rand((ticks, *probability.shape), generator=generator, device=observation.device, dtype=dtype)
    return (draws < probability).to(dtype)
