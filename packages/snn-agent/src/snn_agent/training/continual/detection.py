"""Noticing by itself that the world has become another one, and recognising one that was met before."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from snn_agent.config import ContinualConfig
from snn_agent.metrics.change import Cusum
from snn_agent.plasticity.contract import state_from_json, state_to_json
from snn_agent.types import Events, Rollout

SETTLING_UPDATES: Final = 20
"""Updates after a boundary in which nothing is watched; the detector then needs its own warm-up. What is learnt first
after a switch, and a head that is new or has just been taken up, change the reward faster than the detector's means can
follow: twice the ten updates that the neurons' own statistics look back are left for it. A second switch in that time
is not noticed."""
LAG_UPDATES: Final = 10
"""So long an alarm may take: the newest updates may belong to the next task already, and say nothing of the last."""
LEVEL_UPDATES: Final = 20
"""Updates over which it is remembered what a head got at the end of its time."""
STANDARD_ERRORS: Final = 3.0
"""A head that gets less than it used to by more than this is not in its task."""


class Level(NamedTuple):
    """What a head got at the end of its time: rewards per step of n rollouts."""

    mean: float
    spread: float  # standard deviation between rollouts
    n: int

    def admits(self, reward: float) -> bool:
        """Whether one rollout's reward per step is not clearly below: ``x >= m − 3·s·sqrt(1 + 1/n)``, the standard
        error of the difference between a rollout and the mean of n. Rollouts count as independent.
        """
        error = self.spread * math.sqrt(1.0 + 1.0 / self.n)
        return reward >= self.mean - STANDARD_ERRORS * error - 1e-9 * abs(self.mean)


def recognise(rewards: Mapping[int, float], levels: Mapping[int, Level]) -> int | None:
    """The task whose head fits the world: the best of those that are not clearly below their own level; None: no one.

    Args:
        rewards: reward per step of each task's head in the present world; of equal ones the first is taken.
        levels: of the same tasks.
    """
    fitting = [task for task, reward in rewards.items() if levels[task].admits(reward)]
    return max(fitting, key=lambda task: rewards[task], default=None)


def reward_per_step(rollout: Rollout) -> float:
    """Mean reward of the steps that were real transitions; NaN where there was none."""
    valid = rollout.valid.cpu().numpy()
    rewards = rollout.reward.cpu().numpy()[valid].astype(np.float64)
    return float(rewards.mean()) if rewards.size else math.nan


def states_of(rollout: Rollout, n: int, generator: torch.Generator) -> Tensor:
    """At most n of a rollout's observations, drawn at random, [N, D] on the device of the rollout."""
    rows = torch.from_numpy(np.flatnonzero(rollout.valid.cpu().numpy()))
    rows = rows[torch.randperm(len(rows), generator=generator)[:n]]
    seen, device = rollout.observation, rollout.action.device
    if isinstance(seen, Events):
        return seen.take(rows.numpy()).dense().to(device)
    return seen.reshape(rollout.action.numel(), -1)[rows.to(device)].clone()


class Watch:
    """Watches one task after the other for the moment at which it ends.

    Where tasks are consolidated it also keeps states of the present task that are older than an alarm is late, so that
    those of the next task are not taken for them.
    """

    def __init__(self, config: ContinualConfig) -> None:
        self.config = config
        direction = "down" if config.detector == "reward" else "up"
        self.detector = Cusum.for_run_length(config.false_alarm_updates, direction=direction)
        self.begin()

    def begin(self) -> None:
        """Watch a task from its begin."""
        self.since = 0  # updates
        self.change: Any = self.detector.init()
        self.rewards: tuple[float, ...] = ()  # per step, of the last updates, the newest last
        self.states: dict[str, Tensor] = {}  # "newer" and "older" ones of this task

    def see(self, rollout: Rollout, critic_error: float, generator: torch.Generator) -> bool:
        """Take an update in; returns whether there is an alarm.

        Args:
            rollout: what was learnt from.
            critic_error: RMS(G − v) / std(G) in it; its square is watched where the critic is.
            generator: for the choice of states.
        """
        self.since += 1
        reward = reward_per_step(rollout)
        if not math.isnan(reward):
            self.rewards = (*self.rewards, reward)[-(LEVEL_UPDATES + LAG_UPDATES) :]
        if self.config.consolidation != "none" and self.since % LAG_UPDATES == 0:
            drawn = {"newer": states_of(rollout, self.config.fisher_samples, generator)}
            self.states = drawn | ({"older": self.states["newer"]} if self.states else {})
        value = reward if self.config.detector == "reward" else critic_error**2
        if self.since <= SETTLING_UPDATES or math.isnan(value):
            return False
        self.change, alarm = self.detector.update(self.change, value)
        return bool(alarm)

    def level(self) -> Level:
        """What the present head got, the updates left out that may belong to the next task already."""
        rewards = self.rewards[:-LAG_UPDATES] or self.rewards
        if not rewards:
            return Level(0.0, math.inf, 1)  # nothing is known, so nothing is below it
        spread = statistics.stdev(rewards) if len(rewards) > 1 else math.inf
        return Level(statistics.fmean(rewards), spread, len(rewards))

    def old_states(self) -> Tensor:
        """States of the task that ends, at least ten updates old."""
        return self.states["older"]

    def to_json(self) -> dict[str, Any]:
        """All but the states, as plain values."""
        return {"since": self.since, "rewards": list(self.rewards), "change": state_to_json(self.change)}

    def restore(self, saved: Mapping[str, Any], states: Mapping[str, Tensor]) -> None:
        """Go on from :meth:`to_json` and the states."""
        self.since, self.rewards = int(saved["since"]), tuple(saved["rewards"])
        self.change = state_from_json(self.detector.init(), saved["change"])
        self.states = dict(states)
