"""The categorical distribution over A actions, given by logits [N, A]."""

from __future__ import annotations

import torch
from torch import Tensor


def log_prob(logits: Tensor, action: Tensor) -> Tensor:
    """``log π(a)`` of the actions taken, [N, A] and int64 [N] -> [N]."""
    return torch.log_softmax(logits, dim=-1).gather(-1, action.unsqueeze(-1)).squeeze(-1)


def entropy(logits: Tensor) -> Tensor:
    """``H = −Σ_a π(a) · log π(a)`` in nats, [N, A] -> [N]."""
    log_probs = torch.log_softmax(logits, dim=-1)
    return -(log_probs.exp() * log_probs).sum(dim=-1)


@torch.no_grad()
def choose(logits: Tensor, uniform: Tensor) -> Tensor:
    """An action a row by a uniform number in [0, 1) each, float64 [N], [N, A] -> int64 [N].

    The cumulative distribution is inverted at the number, in float64, so that a probability is off by less than 1e-15;
    an action of probability 0 is never chosen.
    """
    cumulative = torch.softmax(logits.double(), dim=-1).cumsum(dim=-1)
    cumulative /= cumulative[:, -1:].clone()  # exactly 1 at the end, so no uniform number lies beyond it
    return (cumulative <= uniform[:, None]).sum(dim=-1)


@torch.no_grad()
def sample(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one action a row, [N, A] -> int64 [N]; takes N numbers of the generator, which lives with the logits."""
    uniform = torch.rand(len(logits), generator=generator, dtype=torch.float64, device=logits.device)
    return choose(logits, uniform)


def greedy(logits: Tensor) -> Tensor:
    """The most probable action, the first of equals, [N, A] -> int64 [N]."""
    return logits.argmax(dim=-1)
