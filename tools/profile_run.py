"""Where the time of training goes, stage by stage: ``python tools/profile_run.py --hidden 512``.

Trains for some updates on the default world and measures what each stage takes, as a share and in microseconds for a
step of the environment. Stages that lie in another one are set in; what is left of it is "the rest".
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Any

import torch
import tyro
from presets import FIXED
from rich.console import Console
from rich.table import Table
from runs import FORAGING

import snn_agent.learning.fused_update as fused_update
import snn_agent.learning.reinforce as reinforce
import snn_agent.training.recording as recording
import snn_agent.training.trainer as trainer_module
from snn_agent import AdaptiveTrainer, GrowingSparseSNN, LearningConfig, NetworkConfig, TrainingConfig
from snn_agent.training.acting import make_actor
from snn_agent.training.worlds import Worlds


@dataclasses.dataclass(frozen=True)
class Options:
    """What to run."""

    hidden: int = 512
    """Hidden neurons, neither growing nor dying."""
    passes: int = 4
    """Passes over each rollout."""
    updates: int = 20
    """Updates that are measured, after two that are not."""
    threads: int = 2
    """Threads of the arithmetic on the CPU."""
    engine: str = "auto"
    """What computes the neurons."""


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def watch(self, owner: Any, name: str, stage: str) -> None:
        """Count what a function of ``owner`` takes into a stage."""
        function: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(function)
        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

        setattr(owner, name, timed)


def make_trainer(options: Options) -> AdaptiveTrainer:
    """A run on the original task that keeps no files."""
    kwargs = {"obs_dtype": "uint8"}
    spaces = Worlds(FORAGING, 1, kwargs).vector
    organism = GrowingSparseSNN.for_spaces(
        spaces.single_observation_space,
        spaces.single_action_space,
        NetworkConfig(init_hidden=options.hidden, max_hidden=max(512, options.hidden)),
        engine=options.engine,
    )
    learning = LearningConfig(reuse_epochs=options.passes)
    return AdaptiveTrainer(organism, FORAGING, learning, FIXED, TrainingConfig(), env_kwargs=kwargs)


def measure(options: Options) -> tuple[dict[str, float], float, int]:
    """Seconds by stage, seconds in all, and environment steps."""
    torch.set_num_threads(options.threads)
    trainer = make_trainer(options)
    steps_an_update = trainer.training.n_worlds * trainer.training.rollout_steps
    trainer.train(total_steps=2 * steps_an_update)
    clock = Clock()
    clock.watch(trainer.life, "rollout", "rollout")
    clock.watch(trainer.worlds.vector, "step", "rollout: environment")
    clock.watch(trainer.life, "_read", "rollout: observations to events")
    clock.watch(type(make_actor(trainer.organism)), "act", "rollout: decisions")
    clock.watch(trainer.agent.rule, "update", "learning")
    clock.watch(reinforce.Reinforce, "_samples", "learning: returns and advantages")
    clock.watch(fused_update, "side_by_side", "learning: kernel (network, objective, optimizer)")
    for name in ("account_acting", "account_learning"):
        clock.watch(trainer_module, name, "energy ledger")
    for name in ("critic_error_of", "effective_rank_of"):
        clock.watch(recording, name, "critic's error and rank of the activity")
    clock.watch(trainer.agent, "restructure", "structural rules")
    start = time.perf_counter()
    trainer.train(total_steps=(2 + options.updates) * steps_an_update)
    return clock.seconds, time.perf_counter() - start, options.updates * steps_an_update


def rows(seconds: dict[str, float], whole: float) -> list[tuple[str, float]]:
    """Stages in order, with what is left of each that holds others."""
    table: list[tuple[str, float]] = []
    top = [stage for stage in seconds if ":" not in stage]
    for stage in sorted(top, key=lambda name: -seconds[name]):
        inner = {name: value for name, value in seconds.items() if name.startswith(f"{stage}:")}
        table.append((stage, seconds[stage]))
        table += [(f"  {name.partition(': ')[2]}", value) for name, value in sorted(inner.items(), key=lambda x: -x[1])]
        if inner:
            table.append(("  the rest", seconds[stage] - sum(inner.values())))
    table.append(("the rest", whole - sum(seconds[stage] for stage in top)))
    return table


def main(arguments: list[str] | None = None) -> None:
    """Entry point."""
    options = tyro.cli(Options, args=arguments, description=__doc__)
    seconds, whole, steps = measure(options)
    table = Table("stage", "share", "µs a step", title=f"{options.hidden} neurons, {options.passes} passes")
    for stage, value in rows(seconds, whole):
        table.add_row(stage, f"{value / whole:.1%}", f"{value / steps * 1e6:.2f}")
    console = Console(width=90)
    console.print(table)
    console.print(f"{steps / whole / 1e3:.1f} k environment steps a second, {options.threads} threads")


if __name__ == "__main__":
    main()
