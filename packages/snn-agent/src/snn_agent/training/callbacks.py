"""What can listen to a training run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Protocol

from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.agent import Agent, StructuralEvent


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpdateRecord:
    """One line of ``metrics.csv``: what one update of the run was like. Means are over the rollout's decisions."""

    update: int
    env_steps: int
    episodes: int
    return_mean: float  # of the episodes that ended in the last 100; NaN before the first
    length_mean: float
    food_mean: float  # NaN where the environment does not count food
    hidden_neurons: int
    firing_rate: float  # spikes per tick and neuron
    silent_share: float  # of neurons that never spiked in this rollout
    loss: float
    policy_loss: float
    value_loss: float
    entropy: float
    approx_kl: float
    clip_fraction: float
    gradient_norm: float
    critic_error: float  # RMS(G − v) / std(G): 0 is a perfect critic, 1 knows the mean only; NaN if all G are equal
    effective_rank: float  # of the hidden activity, on up to 256 decisions; at every 32nd update, else NaN
    growth_events: int
    pruning_events: int
    synaptic_operations: float  # of acting, cumulative
    inference_joules: float  # of acting, cumulative, 45 nm fp32
    learning_joules: float  # cumulative, 45 nm fp32
    seconds: float  # wall-clock since the run began, pauses left out
    env_steps_per_second: float  # over this update


class Run(Protocol):
    """What a callback may see of the run; :class:`snn_agent.training.trainer.AdaptiveTrainer` is one."""

    organism: GrowingSparseSNN
    agent: Agent
    run_dir: Path | None

    @property
    def progress(self) -> float:
        """Share of the training that is done, in [0, 1]."""
        ...


class Callback:
    """Listens to a run; every method may be left as it is."""

    def on_start(self, run: Run) -> None:
        """Before the first update."""

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        """After each update."""

    def on_event(self, run: Run, event: StructuralEvent) -> None:
        """After neurons were born or died."""

    def on_checkpoint(self, run: Run, path: Path) -> None:
        """After a checkpoint was written."""

    def on_end(self, run: Run, summary: dict[str, Any]) -> None:
        """When the run is over; ``summary["ended"]`` is "done", "asked to stop" or "failed" (an error follows)."""
