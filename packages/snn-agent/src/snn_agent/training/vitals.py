"""How the organism is doing, beside what it earns: surprise of its critic and rank of its activity."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from snn_agent.config import LearningConfig
from snn_agent.learning.returns import lambda_returns
from snn_agent.network.activity import effective_rank
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.plasticity.novelty import critic_error
from snn_agent.training.deciding import FrozenNetwork
from snn_agent.types import Events, Rollout

RANK_EVERY: Final = 32
"""Updates between two looks at the rank. Which updates these are follows from their number, so a resumed run needs to
remember nothing."""
RANK_DECISIONS: Final = 256
"""Most decisions that it is taken over."""


def critic_error_of(rollout: Rollout, config: LearningConfig) -> float:
    """:func:`~snn_agent.plasticity.novelty.critic_error` over all decisions of a rollout."""
    target = lambda_returns(
        rollout.reward, rollout.terminated, rollout.truncated, rollout.next_value, config.gamma, config.lam,
        rollout.valid,
    )  # fmt: skip
    # NumPy chooses: PyTorch wakes its threads to look for what is valid, which costs milliseconds on a busy machine.
    valid = rollout.valid.cpu().numpy()
    chosen = (torch.from_numpy(tensor.cpu().numpy()[valid]) for tensor in (target, rollout.value))
    return critic_error(*chosen)


@torch.no_grad()
def effective_rank_of(organism: GrowingSparseSNN, rollout: Rollout) -> float:
    """Effective rank of the spike counts on up to 256 observations of a rollout, each decided on from rest.

    They are drawn at random, always alike, so that they come from many worlds: successive observations of one resemble
    each other. At most 256, so the rank of larger layers is that of the sample.
    """
    rows = torch.from_numpy(np.flatnonzero(rollout.valid.cpu().numpy())).to(rollout.valid.device)
    if len(rows) == 0:
        return 0.0
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0)).to(rows.device)
    rows, seen = rows[order[:RANK_DECISIONS]], rollout.observation
    if isinstance(seen, Events):
        observations = seen.take(rows.cpu().numpy()).dense().to(organism.device)
    else:
        observations = seen.reshape(rollout.action.numel(), -1)[rows]
    return effective_rank(_counts(organism, observations))


def _counts(organism: GrowingSparseSNN, observations: Tensor) -> Tensor:
    """Spike counts [N, H] from rest."""
    draws = organism.draws.get_state()  # Poisson inputs must not shift those of the run
    counts = FrozenNetwork(organism).decide(observations, None).counts
    organism.draws.set_state(draws)
    return counts
