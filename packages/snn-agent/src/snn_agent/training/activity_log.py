"""How busy each neuron was over the run's life: the lines of ``activity.jsonl``."""

from __future__ import annotations

import json
from typing import Final

import torch

from snn_agent.metrics.statistics import NeuronStatistics

ACTIVITY_FILE: Final = "activity.jsonl"

ACTIVITY_EVERY: Final = 8
"""Updates between two lines. The rates look back about ten updates, so lines in between would tell little; 1,700
updates of 512 neurons make 0.8 MB."""


def is_due(update: int) -> bool:
    """Whether an update gets a line: the 1st, the 9th, …, by its number, so a resumed run needs to remember nothing."""
    return update % ACTIVITY_EVERY == 1


def activity_line(statistics: NeuronStatistics, update: int, env_step: int) -> str:
    """One line, JSON: ``{"update":9,"env_step":73728,"id":[0,1,64],"rate_permille":[31,0,null]}``.

    Args:
        statistics: of the H living neurons, after the update's births and deaths.
        update: the run's update.
        env_step: steps lived so far.

    Returns:
        ``id``, names of the living neurons, in the order of their birth; ``rate_permille``, running mean of each one's
        firing rate in spikes per 1,000 ticks, rounded; null for those that were born in this update.
    """
    permille = torch.round(1000.0 * statistics.rate).to(torch.int64).tolist()
    rates = [rate if age else None for rate, age in zip(permille, statistics.age.tolist(), strict=True)]
    line = {"update": update, "env_step": env_step, "id": statistics.id.tolist(), "rate_permille": rates}
    return json.dumps(line, separators=(",", ":"))
