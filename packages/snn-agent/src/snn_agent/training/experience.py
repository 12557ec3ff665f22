"""What structural rules may know of the last rollout."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch

from snn_agent.config import LearningConfig
from snn_agent.learning.returns import lambda_returns
from snn_agent.plasticity.contract import Experience
from snn_agent.types import Events, Rollout

MOST_DECISIONS: Final = 1024
"""So many are enough to tell the directions of 512 neurons apart, and take 2 MB."""


@torch.no_grad()
def recent_experience(rollout: Rollout, config: LearningConfig) -> Experience:
    """Some decisions of a rollout, at most 1,024, drawn alike every time; see :class:`Experience`.

    The targets are the critic's, whatever the baseline of the learner.
    """
    target = lambda_returns(
        rollout.reward, rollout.terminated, rollout.truncated, rollout.next_value, config.gamma, config.lam,
        rollout.valid,
    )  # fmt: skip
    rows = torch.from_numpy(np.flatnonzero(rollout.valid.cpu().numpy())).to(rollout.valid.device)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:MOST_DECISIONS]
    rows = rows[order.to(rows.device)]
    seen, device = rollout.observation, rollout.action.device
    if isinstance(seen, Events):
        observations = seen.take(rows.cpu().numpy()).dense().to(device)
    else:
        observations = seen.reshape(rollout.action.numel(), -1)[rows]
    return Experience(
        observations, rollout.action.reshape(-1)[rows], target.reshape(-1)[rows], rollout.value.reshape(-1)[rows]
    )
