"""The decisions of a rollout as a flat batch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from snn_agent.types import Events, OrganismState


class Samples(NamedTuple):
    """N decisions to learn from."""

    observation: Tensor | Events  # [N, D]
    action: Tensor  # [N]
    log_prob: Tensor  # [N] when they were made
    advantage: Tensor  # [N]
    target: Tensor  # [N]
    weight: Tensor  # [N] 0 where a step was no real transition
    state: OrganismState | None  # [N, …]

    def take(self, rows: Tensor) -> Samples:
        """Some of the decisions."""
        state = None if self.state is None else self.state.map(lambda tensor: tensor[rows])
        seen = self.observation
        return Samples(
            seen.take(rows.cpu().numpy()) if isinstance(seen, Events) else seen[rows],
            self.action[rows],
            self.log_prob[rows],
            self.advantage[rows],
            self.target[rows],
            self.weight[rows],
            state,
        )
