"""Whole training loops behind one small interface: ours on any engine, and Stable-Baselines3's PPO."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, Protocol

import torch
from benchmarks.contestants import ENDLESS, SB3, Clock, Contestant, config_of
from runs import parse_env_kwargs

from snn_agent.engine.select import make_engine
from snn_agent.errors import BackendUnavailable, ConfigError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.callbacks import Callback, Run, UpdateRecord
from snn_agent.training.trainer import AdaptiveTrainer
from snn_agent.training.worlds import Worlds


class Loop(Protocol):
    """A training that can be carried on bit by bit."""

    def advance(self, updates: int) -> int:
        """Carry out some updates; returns the environment steps that were lived."""
        ...

    def live(self, seconds: float, interval: float) -> list[dict[str, Any]]:
        """Train for some seconds; returns the state at the beginning of each interval."""
        ...


def make_loop(contestant: Contestant, run_dir: Path | None = None) -> Loop:
    """The loop of a contestant; ours writes a run directory if it is given one.

    Raises:
        ImportError: Stable-Baselines3 is asked for and not installed.
        ConfigError, BackendUnavailable: there is no such engine here.
    """
    torch.set_num_threads(contestant.threads)
    if contestant.engine != SB3:
        return OwnLoop(contestant, run_dir)
    from benchmarks.sb3_loop import Sb3Loop

    return Sb3Loop(contestant)


def why_missing(engine: str) -> str | None:
    """Why a contestant with this engine cannot take part; None if it can."""
    try:
        if engine == SB3:
            import stable_baselines3  # noqa: F401
        else:
            make_engine(engine, "cpu")
    except (ImportError, ConfigError, BackendUnavailable) as problem:
        return str(problem)
    return None


class OwnLoop:
    """``AdaptiveTrainer`` as ``tools/train.py`` makes it."""

    def __init__(self, contestant: Contestant, run_dir: Path | None) -> None:
        config = config_of(contestant)
        kwargs = parse_env_kwargs(config.env_kwargs)
        spaces = Worlds(config.env_id, 1, kwargs)
        organism = GrowingSparseSNN.for_spaces(
            spaces.vector.single_observation_space,
            spaces.vector.single_action_space,
            config.network,
            engine=config.engine,
            seed=config.training.seed,
        )
        spaces.close()
        self.watch = Watch()
        self.trainer = AdaptiveTrainer(
            organism,
            config.env_id,
            config.learning,
            config.structure,
            config.training,
            env_kwargs=kwargs,
            run_dir=run_dir,
            callbacks=[self.watch],
        )

    def advance(self, updates: int) -> int:
        """See :class:`Loop`."""
        self.watch.clock, self.watch.updates_left = None, updates
        before = self.trainer.agent.counters.env_step
        self.trainer.train(ENDLESS)
        return self.trainer.agent.counters.env_step - before

    def live(self, seconds: float, interval: float) -> list[dict[str, Any]]:
        """See :class:`Loop`."""
        clock = Clock(seconds, interval)
        self.watch.clock, self.watch.updates_left = clock, None
        self.trainer.train(ENDLESS)
        return clock.samples


class Watch(Callback):
    """Ends our training when its updates or its time are over, the way a user would: by a signal."""

    def __init__(self) -> None:
        self.updates_left: int | None = None
        self.clock: Clock | None = None

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        """Count an update, and take a sample."""
        over = False
        if self.clock is not None:
            over = self.clock.tick(record.env_steps, record.food_mean, run.organism.hidden)
        if self.updates_left is not None:
            self.updates_left -= 1
            over |= self.updates_left <= 0
        if over:
            signal.raise_signal(signal.SIGTERM)
