"""``AdaptiveTrainer``: rollout, learning, structure, again — with checkpoints from which a run goes on exactly."""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from snn_agent import checks
from snn_agent.config import LearningConfig, StructureConfig, TrainingConfig
from snn_agent.errors import ConfigError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.surgery import StructuralEdit
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.accounting import account_acting, account_learning
from snn_agent.training.agent import Agent
from snn_agent.training.callbacks import Callback
from snn_agent.training.checkpoint import Checkpoint
from snn_agent.training.costs import InputActivity
from snn_agent.training.experience import recent_experience
from snn_agent.training.recording import Episode, record_of, summary_of
from snn_agent.training.rollout import Life
from snn_agent.training.seeds import stream_seed
from snn_agent.training.signals import StopRequest
from snn_agent.training.sinks import RunFiles
from snn_agent.training.snapshot import Memory, restore, take_snapshot
from snn_agent.training.worlds import AnyEnv, Worlds
from snn_agent.types import Rollout

RECENT_EPISODES = 100


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
        resume: the checkpoint to go on from; the organism must be the one that it holds, and the other arguments those
            of its run. Newer checkpoints in ``run_dir``, damaged or of a future that is lived again, are set aside.
        env_stream: name of the stream of random numbers that seeds the worlds.

    Raises:
        ConfigError: ``run_dir`` holds a run already, or the environment does not fit the organism.
        CheckpointError: organism, rules or worlds are not those of the checkpoint.
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
        env_stream: str = "env",
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
        self.life = Life(self.worlds, organism, stream_seed(self.training.seed, env_stream))
        self.record = record or {}
        self.memory = Memory()  # of whoever directs the run; replaced by whoever changes it, never changed in place
        self.last_rollout: Rollout | None = None  # what the last update learnt from
        self.seconds = 0.0
        self.recent = collections.deque[Episode](maxlen=RECENT_EPISODES)
        sizes: dict[str, int] = {}
        if resume is not None:
            restore(self.agent, self.life, resume)
            self.seconds = float(resume.state["seconds"])
            self.recent.extend((float(r), int(n), math.nan if f is None else f) for r, n, f in resume.state["recent"])
            sizes = resume.state["file_sizes"]
            if self.run_dir is not None:
                checkpoints.set_aside_later(self.run_dir / "checkpoints", self._name)
        self.files = None if self.run_dir is None else RunFiles(self.run_dir, sizes)
        self.callbacks = [*([] if self.files is None else [self.files]), *callbacks]
        self._goal_steps = self._goal_episodes = math.inf

    @property
    def progress(self) -> float:
        """Share of the training that is done, in [0, 1]."""
        counters = self.agent.counters
        return min(1.0, max(counters.env_step / self._goal_steps, counters.episode / self._goal_episodes))

    def train(
        self,
        total_steps: int | None = None,
        *,
        episodes: int | None = None,
        grow_interval: int | None = None,
        prune_interval: int | None = None,
    ) -> dict[str, Any]:
        """Train until the organism has lived so many steps (or episodes), counted from its birth.

        Ctrl-C and SIGTERM end the run after the present update, with a checkpoint. Where an error ends it, the state
        before that update is saved.

        Args:
            total_steps: environment steps, the goal.
            episodes: or episodes, the goal.
            grow_interval: how often growth is considered, in the structure's ``interval_unit``; None: as it says.
            prune_interval: likewise for pruning.

        Returns:
            A summary: counters, sizes, seconds, joules by model, and why the run ended ("done" or "asked to stop").

        Raises:
            ConfigError: not exactly one goal is given.
            NonFiniteError: a loss, gradient, observation or reward is not finite; the last good state has been saved.
        """
        if (total_steps is None) == (episodes is None):
            raise ConfigError("give train() one goal: total_steps=…, or episodes=….")
        self._goal_steps = math.inf if total_steps is None else checks.integer("total_steps", total_steps, 1)
        self._goal_episodes = math.inf if episodes is None else checks.integer("episodes", episodes, 1)
        intervals = {"grow_interval": grow_interval, "prune_interval": prune_interval}
        if changed := {name: value for name, value in intervals.items() if value is not None}:
            self.structure = dataclasses.replace(self.structure, **changed)  # type: ignore[arg-type]
            self.agent.change_intervals(self.structure)
        for callback in self.callbacks:
            callback.on_start(self)
        ended = "failed"
        try:
            with StopRequest() as stop:
                while self.progress < 1.0 and not stop.asked:
                    self._update_or_save()
                    if self.agent.counters.update % self.training.checkpoint_every_updates == 0:
                        self.save()
                self.save()
            ended = "done" if self.progress >= 1.0 else "asked to stop"
        finally:
            summary = summary_of(self.agent, ended, self.seconds)
            for callback in self.callbacks:
                callback.on_end(self, summary)
        return summary

    def enter(self, worlds: Worlds, env_stream: str) -> None:
        """Go on in other worlds of equal spaces, from the beginning of their episodes. What is remembered of the
        episodes that break off is dropped: membranes, traces, recent returns.
        """
        self.worlds, self.organism.adapter = worlds, worlds.adapter
        self.life = Life(worlds, self.organism, stream_seed(self.training.seed, env_stream))
        self.agent.membranes = None
        self.agent.learner = self.agent.learner.for_new_episodes()
        self.recent.clear()

    def operate(self, edit: StructuralEdit) -> None:
        """Carry out an edit that no rule proposed, between two updates, and tell the listeners."""
        event = self.agent.operate(edit)
        for callback in self.callbacks:
            callback.on_event(self, event)

    def act(self, organism: GrowingSparseSNN | None = None) -> tuple[Rollout, InputActivity]:
        """One rollout without learning: its steps, episodes and energy are counted, and the worlds go on from it.

        Args:
            organism: who acts, of as many neurons as the run's; None: the run's.

        Returns:
            What happened, and what entered the organism in it.
        """
        agent, acting = self.agent, organism or self.organism
        rollout, finished, agent.membranes = self.life.rollout(
            acting, agent.membranes, self.training.rollout_steps, agent.generators["policy"]
        )
        inputs = InputActivity.of(acting, rollout.observation)
        agent.ledger = account_acting(agent.ledger, acting, self.learning, rollout, inputs)
        counters = agent.counters
        counters.env_step += int(rollout.valid.sum())
        counters.episode += len(finished.returns)
        counters.food_collected += sum(food for food in finished.food if not math.isnan(food))
        self.recent.extend(zip(finished.returns, finished.lengths, finished.food, strict=True))
        return rollout, inputs

    def save(self) -> Path | None:
        """Write a checkpoint of this moment (once), if the run has a directory."""
        return None if self.run_dir is None else self._write(self.snapshot(), self._name)

    def snapshot(self) -> Checkpoint:
        """The run at this moment, from which it can go on exactly; shares memory with the run."""
        extra = {
            "seconds": self.seconds,
            "recent": [[r, n, None if math.isnan(f) else f] for r, n, f in self.recent],
            "file_sizes": {} if self.files is None else self.files.sizes,
            "run": self.record,
        }
        return take_snapshot(self.agent, self.life, extra, self.memory)

    @property
    def _name(self) -> str:
        return f"update-{self.agent.counters.update:08d}"

    def _write(self, snapshot: Checkpoint, name: str) -> Path:
        assert self.run_dir is not None
        assert self.files is not None
        folder = self.run_dir / "checkpoints"
        if (folder / name).exists():
            return folder / name
        self.files.sync()
        path = checkpoints.save(folder, name, snapshot, self.training.keep_checkpoints)
        for callback in self.callbacks:
            callback.on_checkpoint(self, path)
        return path

    def _update_or_save(self) -> None:
        """One update; if it fails, the state before it is saved, for what it leaves behind is half an update."""
        good, name = None if self.run_dir is None else checkpoints.copied(self.snapshot()), self._name
        try:
            self._update()
        except Exception:
            if good is not None:
                self._write(good, name)
            raise

    def _update(self) -> None:
        start = time.perf_counter()
        agent, progress = self.agent, self.progress
        rollout, inputs = self.act()
        agent.learner, diagnostics = agent.rule.update(
            self.organism, agent.learner, rollout, progress, agent.generators["learning"]
        )
        agent.counters.update += 1
        self.last_rollout = rollout
        n_decisions = rollout.action.numel()
        mean_counts = rollout.counts / n_decisions
        agent.ledger = account_learning(
            agent.ledger, self.organism, self.learning, rollout, inputs, held=agent.learner.held(self.organism.synapses)
        )
        agent.record_activity(mean_counts / self.organism.config.ticks)
        if isinstance(rollout.observation, Tensor):  # events are never scaled
            self.organism.see(rollout.observation.reshape(n_decisions, -1))
        returns = tuple(entry[0] for entry in self.recent)
        experience = functools.cache(functools.partial(recent_experience, rollout, self.learning))
        events = agent.restructure(returns, experience, self.progress)
        seconds = time.perf_counter() - start
        self.seconds += seconds
        line = record_of(
            agent, self.learning, diagnostics, rollout, mean_counts, self.recent, self.seconds, n_decisions / seconds
        )
        for callback in self.callbacks:
            for event in events:
                callback.on_event(self, event)
            callback.on_update(self, line)


def _claim(run_dir: Path) -> None:
    if run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
        raise ConfigError(
            f"{run_dir} is not empty, and what is in it is never overwritten. Choose another run directory, or go on "
            f"with that run by resuming it."
        )
    run_dir.mkdir(parents=True, exist_ok=True)
