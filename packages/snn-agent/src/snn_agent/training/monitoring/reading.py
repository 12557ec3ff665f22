"""The numbers that the exporter tells, taken from the run between two updates."""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import torch
from torch import Tensor

from snn_agent.metrics.energy import EnergyLedger
from snn_agent.training.callbacks import Run, UpdateRecord

RATE_BOUNDS: Final = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Upper ends of the buckets of firing rates, spikes per tick and neuron: from never to every
tick, the low ones close to each other. They never change, so that runs can be laid side by side."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """One moment of a run as plain numbers, so that answering a scrape touches nothing that training changes."""

    record: UpdateRecord
    progress: float  # in [0, 1]
    neurons_added: int  # born since the run began
    neurons_removed: int  # died since then
    food_collected: float | None  # in all ended episodes; None where the environment does not count food
    energy_estimate: float  # spikes × neurons of a decision, mean over the last update's decisions
    neurons_up_to: tuple[int, ...]  # neurons that have acted and whose running rate is at most RATE_BOUNDS[i]; then all
    rate_sum: float  # of the running rates of those neurons, spikes/tick


def take(run: Run, record: UpdateRecord, before: EnergyLedger) -> Reading:
    """Read the run.

    Args:
        run: after an update and the births and deaths that followed it.
        record: of that update.
        before: the energy ledger before that update.
    """
    agent = run.agent
    added = agent.next_id - agent.hidden_at_start  # names are given once, one after the other
    spent = agent.ledger.original_estimate - before.original_estimate
    rate = agent.statistics.rate[agent.statistics.age > 0].cpu()  # a newborn has no rate yet, and is not silent
    return Reading(
        record=record,
        progress=run.progress,
        neurons_added=added,
        neurons_removed=agent.hidden_at_start + added - record.hidden_neurons,
        food_collected=None if math.isnan(record.food_mean) else agent.counters.food_collected,
        energy_estimate=spent / max(1.0, agent.ledger.decisions - before.decisions),
        neurons_up_to=neurons_up_to(rate),
        rate_sum=float(rate.sum()),
    )


def neurons_up_to(rate: Tensor) -> tuple[int, ...]:
    """How many of the rates, [H] in spikes/tick, are at most each of :data:`RATE_BOUNDS`; the last number is H."""
    bucket = torch.bucketize(rate, torch.tensor(RATE_BOUNDS, dtype=rate.dtype))  # the first bound that is not below it
    return tuple(torch.bincount(bucket, minlength=len(RATE_BOUNDS) + 1).cumsum(0).tolist())
