"""``AdaptiveTrainer``: rollout, learning, structure, again — with checkpoints from which a run goes on exactly."""

from __future__ import annotations

import collections
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from snn_agent import checks
from snn_agent.config import LearningConfig, StructureConfig, TrainingConfig
from snn_agent.errors import ConfigError, NonFiniteError
from snn_agent.learning.contract import UpdateDiagnostics
from snn_agent.metrics.energy import ENERGY_MODELS
from snn_agent.metrics.operations import count_decision, input_events, is_ternary, learning_work, out_degree
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.agent import Agent
from snn_agent.training.callbacks import Callback, UpdateRecord
from snn_agent.training.checkpoint import Checkpoint
from snn_agent.training.rollout import Finished, Life
from snn_agent.training.seeds import stream_seed
from snn_agent.training.signals import StopRequest
from snn_agent.training.sinks import RunFiles
from snn_agent.training.snapshot import restore, take_snapshot
from snn_agent.training.worlds import AnyEnv, Worlds
from snn_agent.types import Rollout

RECENT_EPISODES = 100
ENERGY_MODEL = "45nm_fp32"


class AdaptiveTrainer:
    """Trains an organism in an environment and lets its structure adapt.

    Args:
        organism: who learns; it is changed in place.
        env: id of an environment, an environment, or a vector environment that resets itself.
        learning: how weights change.
        structure: how neurons are born and die.
        training: worlds, rollouts, seed, checkpoints.
        env_kwargs: arguments of the environment, if it is given by its id.
        run_dir: where metrics, events and checkpoints go; None keeps nothing. It must be empty or absent.
        callbacks: listeners.
        record: what else is to be written into every checkpoint (the run's config).

    Raises:
        ConfigError: ``run_dir`` holds a run already, or the environment does not fit the organism.
        SpaceError: the environment's spaces are not ones an organism can live in.
    """

    def __init__(
        self,
        organism: GrowingSparseSNN,
        env: AnyEnv,
        learning: LearningConfig | None = None,
        structure: StructureConfig | None = None,
        training: TrainingConfig | None = None,
        *,
        env_kwargs: dict[str, Any] | None = None,
        run_dir: Path | str | None = None,
        callbacks: Sequence[Callback] = (),
        record: dict[str, Any] | None = None,
        resume: Checkpoint | None = None,
    ) -> None:
        self.organism = organism
        self.learning = learning or LearningConfig()
        self.structure = structure or StructureConfig()
        self.training = training or TrainingConfig()
        self.run_dir = None if run_dir is None else Path(run_dir)
        self.worlds = Worlds(env, self.training.n_worlds, env_kwargs)
        if self.worlds.adapter.input_features != organism.config.input_features or (
            self.worlds.adapter.n_actions != organism.config.output_features
        ):
            raise ConfigError(
                f"the environment has {self.worlds.adapter.input_features} inputs and {self.worlds.adapter.n_actions} "
                f"actions, but the organism {organism.config.input_features} and {organism.config.output_features}. "
                f"Make it with GrowingSparseSNN.for_spaces."
            )
        organism.adapter = self.worlds.adapter
        if self.run_dir is not None and resume is None:
            _claim(self.run_dir)
        self.agent = Agent(organism, self.learning, self.structure, self.training.seed)
        self.life = Life(self.worlds, organism, stream_seed(self.training.seed, "env"))
        self.record = record or {}
        self.seconds = 0.0
        self.recent = collections.deque[tuple[float, int, float]](maxlen=RECENT_EPISODES)
        sizes: dict[str, int] = {}
        if resume is not None:
            restore(self.agent, self.life, resume)
            self.seconds = float(resume.state["seconds"])
            self.recent.extend((float(r), int(n), math.nan if f is None else f) for r, n, f in resume.state["recent"])
            sizes = resume.state["file_sizes"]
        self.files = None if self.run_dir is None else RunFiles(self.run_dir, sizes)
        self.callbacks = [*([] if self.files is None else [self.files]), *callbacks]
        self._goal_steps = self._goal_episodes = math.inf

    @property
    def progress(self) -> float:
        """Share of the training that is done, in [0, 1]."""
        counters = self.agent.counters
        return min(1.0, max(counters.env_step / self._goal_steps, counters.episode / self._goal_episodes))

    def train(self, total_steps: int | None = None, *, episodes: int | None = None) -> dict[str, Any]:
        """Train until the organism has lived so many steps (or episodes), counted from its birth.

        Ctrl-C and SIGTERM end the run after the present update, with a checkpoint.

        Returns:
            A summary: counters, sizes, seconds and why the run ended ("done" or "asked to stop").

        Raises:
            ConfigError: not exactly one goal is given.
            NonFiniteError: a loss, gradient, observation or reward is not finite; the last good state has been saved.
        """
        if (total_steps is None) == (episodes is None):
            raise ConfigError("give train() one goal: total_steps=…, or episodes=….")
        self._goal_steps = math.inf if total_steps is None else checks.integer("total_steps", total_steps, 1)
        self._goal_episodes = math.inf if episodes is None else checks.integer("episodes", episodes, 1)
        hidden_at_start = self.organism.hidden
        for callback in self.callbacks:
            callback.on_start(self)
        with StopRequest() as stop:
            try:
                while self.progress < 1.0 and not stop.asked:
                    self._update()
                    if self.agent.counters.update % self.training.checkpoint_every_updates == 0:
                        self.save()
            except NonFiniteError:
                self.save()
                raise
            self.save()
        counters = self.agent.counters
        summary = {
            "ended": "asked to stop" if stop.asked and self.progress < 1.0 else "done",
            "updates": counters.update,
            "env_steps": counters.env_step,
            "episodes": counters.episode,
            "wall_seconds": self.seconds,
            "env_steps_per_second": counters.env_step / max(self.seconds, 1e-9),
            "neurons_initial": self.organism.config.init_hidden if counters.growth_events else hidden_at_start,
            "neurons_final": self.organism.hidden,
            "growth_events": counters.growth_events,
            "pruning_events": counters.pruning_events,
        }
        for callback in self.callbacks:
            callback.on_end(self, summary)
        return summary

    def save(self) -> Path | None:
        """Write a checkpoint of this moment (once), if the run has a directory."""
        if self.run_dir is None or self.files is None:
            return None
        folder, name = self.run_dir / "checkpoints", f"update-{self.agent.counters.update:08d}"
        if (folder / name).exists():
            return folder / name
        extra = {
            "seconds": self.seconds,
            "recent": [[r, n, None if math.isnan(f) else f] for r, n, f in self.recent],
            "file_sizes": self.files.sizes,
            "run": self.record,
        }
        snapshot = take_snapshot(self.agent, self.life, extra)
        path = checkpoints.save(folder, name, snapshot, self.training.keep_checkpoints)
        for callback in self.callbacks:
            callback.on_checkpoint(self, path)
        return path

    def _update(self) -> None:
        start = time.perf_counter()
        agent, training = self.agent, self.training
        rollout, finished, membranes = self.life.rollout(
            self.organism, agent.membranes, training.rollout_steps, agent.generators["policy"]
        )
        agent.learner, diagnostics = agent.rule.update(
            self.organism, agent.learner, rollout, self.progress, agent.generators["learning"]
        )
        agent.membranes = membranes
        self._count(rollout, finished)
        n_decisions = rollout.action.numel()
        mean_counts = rollout.counts / n_decisions
        self._account(rollout, mean_counts, n_decisions)
        agent.record_activity(mean_counts / self.organism.config.ticks)
        flat = rollout.observation.reshape(n_decisions, -1)
        self.organism.see(flat)
        events = agent.restructure(tuple(entry[0] for entry in self.recent), flat[-training.n_worlds :], self.progress)
        seconds = time.perf_counter() - start
        self.seconds += seconds
        line = self._record(diagnostics, mean_counts, n_decisions / seconds)
        for callback in self.callbacks:
            for event in events:
                callback.on_event(self, event)
            callback.on_update(self, line)

    def _count(self, rollout: Rollout, finished: Finished) -> None:
        counters = self.agent.counters
        counters.update += 1
        counters.env_step += int(rollout.valid.sum())
        counters.episode += len(finished.returns)
        food = [float(n) for n in finished.food] or [math.nan] * len(finished.returns)
        self.recent.extend(zip(finished.returns, finished.lengths, food, strict=True))

    def _account(self, rollout: Rollout, mean_counts: torch.Tensor, n_decisions: int) -> None:
        """Enter the work of one update into the energy ledger."""
        organism, learning = self.organism, self.learning
        sample = organism.scale(rollout.observation[-1])
        outgoing = organism.outgoing.detach()
        has_outputs = organism.config.readout in ("rate", "first_spike", "membrane")
        degree = out_degree(organism.incoming.detach())
        poisson = organism.config.encoding == "poisson"
        # A Poisson input is a spike with the probability of the number, drawn anew each tick.
        events = input_events(sample, degree)
        if poisson:
            events = float(sample.double().mean(dim=0) @ degree) * organism.config.ticks
        ternary = poisson or is_ternary(sample)
        decision = count_decision(
            events=events,
            ternary=ternary,
            spike_counts=mean_counts[None],
            outgoing_degree=out_degree(outgoing),
            inputs=organism.config.input_features,
            actions=organism.config.output_features,
            ticks=organism.config.ticks,
            output_neurons=organism.config.output_features if has_outputs else 0,
            readout_macs=organism.config.output_features + (organism.hidden if learning.baseline == "critic" else 0),
            constant_input=not poisson,
        )
        work = learning_work(
            decision,
            samples=n_decisions * learning.reuse_epochs,
            optimizer_steps=learning.reuse_epochs * learning.minibatches,
            parameters=sum(tensor.numel() for tensor in organism.learnt().values()),
            output_synapses=float((outgoing != 0).sum()),
            ticks=organism.config.ticks,
        )
        self.agent.ledger = self.agent.ledger.after_decisions(decision, n_decisions).after_learning(work)

    def _record(self, diagnostics: UpdateDiagnostics, mean_counts: torch.Tensor, speed: float) -> UpdateRecord:
        counters, ledger, model = self.agent.counters, self.agent.ledger, ENERGY_MODELS[ENERGY_MODEL]
        n = max(1, len(self.recent))
        returns, lengths, food = zip(*self.recent, strict=True) if self.recent else ((math.nan,), (0,), (math.nan,))
        return UpdateRecord(
            update=counters.update,
            env_steps=counters.env_step,
            episodes=counters.episode,
            return_mean=sum(returns) / n,
            length_mean=sum(lengths) / n,
            food_mean=sum(food) / n,
            hidden_neurons=self.organism.hidden,
            firing_rate=float(mean_counts.mean()) / self.organism.config.ticks,
            silent_share=float((mean_counts == 0).double().mean()),
            growth_events=counters.growth_events,
            pruning_events=counters.pruning_events,
            synaptic_operations=ledger.synaptic_operations,
            inference_joules=ledger.joules("inference", model),
            learning_joules=ledger.joules("learning", model),
            seconds=self.seconds,
            env_steps_per_second=speed,
            **diagnostics._asdict(),
        )


def _claim(run_dir: Path) -> None:
    if run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
        raise ConfigError(
            f"{run_dir} is not empty, and what is in it is never overwritten. Choose another run directory, or go on "
            f"with that run by resuming it."
        )
    run_dir.mkdir(parents=True, exist_ok=True)
