"""What an update and a whole run are told by: the line in ``metrics.csv`` and the summary."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from torch import Tensor

from snn_agent.config import LearningConfig
from snn_agent.learning.contract import UpdateDiagnostics
from snn_agent.metrics.energy import ENERGY_MODELS
from snn_agent.training.agent import Agent
from snn_agent.training.callbacks import UpdateRecord
from snn_agent.training.vitals import RANK_EVERY, critic_error_of, effective_rank_of
from snn_agent.types import Rollout

ENERGY_MODEL = "45nm_fp32"

Episode = tuple[float, int, float]
"""Return, length and food (NaN where it is not counted) of an episode that ended."""


def record_of(
    agent: Agent,
    learning: LearningConfig,
    diagnostics: UpdateDiagnostics,
    rollout: Rollout,
    mean_counts: Tensor,
    recent: Collection[Episode],
    seconds: float,
    speed: float,
) -> UpdateRecord:
    """The line of the update that has just been carried out.

    Args:
        agent: after the update's births and deaths.
        learning: how it learns.
        diagnostics: what the learner said.
        rollout: what was learnt from.
        mean_counts: [H] spikes a decision of the neurons that made it.
        recent: the last episodes that ended.
        seconds: wall-clock of the run so far.
        speed: environment steps a second of this update.
    """
    counters, ledger, model = agent.counters, agent.ledger, ENERGY_MODELS[ENERGY_MODEL]
    n = max(1, len(recent))
    returns, lengths, food = zip(*recent, strict=True) if recent else ((math.nan,), (math.nan,), (math.nan,))
    return UpdateRecord(
        update=counters.update,
        env_steps=counters.env_step,
        episodes=counters.episode,
        return_mean=sum(returns) / n,
        length_mean=sum(lengths) / n,
        food_mean=sum(food) / n,
        hidden_neurons=agent.organism.hidden,
        firing_rate=float(mean_counts.mean()) / agent.organism.config.ticks,
        silent_share=float((mean_counts == 0).double().mean()),
        critic_error=critic_error_of(rollout, learning),
        effective_rank=math.nan if counters.update % RANK_EVERY else effective_rank_of(agent.organism, rollout),
        growth_events=counters.growth_events,
        pruning_events=counters.pruning_events,
        synaptic_operations=ledger.synaptic_operations,
        inference_joules=ledger.joules("inference", model),
        learning_joules=ledger.joules("learning", model),
        seconds=seconds,
        env_steps_per_second=speed,
        **diagnostics._asdict(),
    )


def summary_of(agent: Agent, ended: str, seconds: float) -> dict[str, Any]:
    """Counters, sizes, seconds and joules of a run, and why it ended."""
    counters = agent.counters
    return {
        "ended": ended,
        "updates": counters.update,
        "env_steps": counters.env_step,
        "episodes": counters.episode,
        "wall_seconds": seconds,
        "env_steps_per_second": counters.env_step / max(seconds, 1e-9),
        "neurons_initial": agent.hidden_at_start,
        "neurons_final": agent.organism.hidden,
        "growth_events": counters.growth_events,
        "pruning_events": counters.pruning_events,
        "energy": agent.ledger.report(),
    }
