"""Who takes part in a benchmark of whole training loops, on the same worlds and with the same settings of learning."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from presets import FIXED, PRESETS
from runs import RunConfig

SB3 = "sb3"
ENDLESS = 10**12
"""Environment steps that no benchmark reaches."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contestant:
    """One training loop on the default world; the learning rate stays constant, for a benchmark has no planned end.

    Attributes:
        name: what the tables call it.
        engine: of ours, or :data:`SB3` for PPO with a multilayer perceptron of the same width.
        hidden: H; not read if the structure is that of the default preset.
        growing: whether it is the default preset as it is, which begins small and grows.
        reuse_epochs: passes over each rollout.
        worlds: B.
        rollout_steps: L.
        ticks: T.
        threads: of the arithmetic.
        seed: of everything.
    """

    name: str
    engine: str = "auto"
    hidden: int = 512
    growing: bool = False
    reuse_epochs: int = 4
    worlds: int = 256
    rollout_steps: int = 32
    ticks: int = 10
    threads: int = 2
    seed: int = 0


def config_of(contestant: Contestant) -> RunConfig:
    """The run's config: the default preset with the contestant's sizes."""
    base = PRESETS["default"]()
    sizes = {"init_hidden": contestant.hidden, "max_hidden": max(512, contestant.hidden), "ticks": contestant.ticks}
    return dataclasses.replace(
        base,
        engine=contestant.engine,
        network=base.network if contestant.growing else base.network.replace(**sizes),
        learning=dataclasses.replace(base.learning, reuse_epochs=contestant.reuse_epochs, schedule="constant"),
        structure=base.structure if contestant.growing else FIXED,
        training=dataclasses.replace(
            base.training,
            n_worlds=contestant.worlds,
            rollout_steps=contestant.rollout_steps,
            seed=contestant.seed,
        ),
    )


class Clock:
    """Takes samples at intervals, at the first update that ends in each, and says when the time is over."""

    def __init__(self, seconds: float, interval: float) -> None:
        self.seconds, self.interval = seconds, interval
        self.start = time.perf_counter()
        self.samples: list[dict[str, Any]] = []

    def tick(self, env_steps: int, food: float, neurons: int) -> bool:
        """Note this moment if it is one to be noted; returns whether the time is over."""
        now = time.perf_counter() - self.start
        if now >= len(self.samples) * self.interval or now >= self.seconds:
            known = None if food != food else food  # NaN is no JSON
            self.samples.append({"seconds": now, "env_steps": env_steps, "food": known, "neurons": neurons})
        return now >= self.seconds
