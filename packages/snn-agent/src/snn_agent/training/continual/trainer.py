"""``ContinualTrainer``: one organism, one life, a sequence of tasks."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from snn_agent import checks
from snn_agent.config import ContinualConfig, LearningConfig, StructureConfig, TrainingConfig
from snn_agent.errors import CheckpointError, ConfigError
from snn_agent.network import heads
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.callbacks import Callback, Run, UpdateRecord
from snn_agent.training.checkpoint import Checkpoint
from snn_agent.training.continual.beliefs import Beliefs
from snn_agent.training.continual.boundary import Crossing, begin_first, consolidating, cross, sharing_of
from snn_agent.training.continual.detection import Watch, recognise, reward_per_step, states_of
from snn_agent.training.continual.examination import examine
from snn_agent.training.continual.journal import Journal, PhaseLine
from snn_agent.training.continual.tasks import AnyTask, make_sequence, make_tasks
from snn_agent.training.seeds import stream
from snn_agent.training.snapshot import MEMORY, Memory
from snn_agent.training.trainer import AdaptiveTrainer


class ContinualTrainer:
    """Trains an organism in one task after the other, and examines it on all of them throughout.

    Phase k ends with the first update at or after ``(k + 1) · phase_steps`` environment steps, if the organism is told
    or not; then it lives in fresh worlds of the next phase's task. Where it is to find out by itself
    (``boundaries="detected"``), an alarm is the begin of a new task if all tasks share a head. If each has its own, it
    tries who it is: the present head and each that was put away act for one rollout without learning, steps and energy
    counted, and the best of those that do not do clearly worse than at the end of their own time is put on; if there is
    none, the task is new.

    Progress, on which the learning rate's schedule and ``grow_until`` depend, is that of the whole sequence.

    Args:
        organism: who learns; it is changed in place.
        tasks: environments of equal spaces: ids, (id, arguments) pairs, environments or vector environments.
        learning: how weights change.
        structure: how neurons are born and die.
        training: worlds, rollouts, seed, checkpoints.
        continual: what is done where tasks end and begin; None: nothing.
        sequence: task of each phase, as its index in ``tasks``; None: each once, in order.
        phase_steps: environment steps of a phase.
        evaluate_every: environment steps between two examinations on all tasks, besides those at the begin and the end
            of each phase; None: only those.
        evaluation_episodes: episodes of each task in an examination.
        names: of the tasks, for the files.
        run_dir: as :class:`~snn_agent.AdaptiveTrainer`'s; ``phases.jsonl`` and ``evaluations.jsonl`` go there, too.
        callbacks: listeners.
        record: what else is to be written into every checkpoint.
        resume: the checkpoint to go on from, exactly; the organism must be the one that it holds.

    Raises:
        ConfigError: arguments contradict each other, a phase names no task or is shorter than a rollout, or the
            organism has lived through tasks already.
        SpaceError: the tasks' spaces are not equal.
        CheckpointError: the checkpoint is not of this life.
    """

    def __init__(
        self,
        organism: GrowingSparseSNN,
        tasks: Sequence[AnyTask],
        learning: LearningConfig | None = None,
        structure: StructureConfig | None = None,
        training: TrainingConfig | None = None,
        *,
        continual: ContinualConfig | None = None,
        sequence: Sequence[int] | None = None,
        phase_steps: int,
        evaluate_every: int | None = None,
        evaluation_episodes: int = 64,
        names: Sequence[str] | None = None,
        run_dir: Path | str | None = None,
        callbacks: Sequence[Callback] = (),
        record: dict[str, Any] | None = None,
        resume: Checkpoint | None = None,
    ) -> None:
        self.organism, self.continual = organism, continual or ContinualConfig()
        learning, training = learning or LearningConfig(), training or TrainingConfig()
        self.continual.refuse_unfit(learning, organism.config)
        self.tasks = make_tasks(tasks, training.n_worlds, names)
        self.sequence = make_sequence(sequence, len(self.tasks))
        self.phase_steps = checks.integer("phase_steps", phase_steps, 1)
        rollout = training.rollout_steps * max(self.tasks[task].worlds.n_worlds for task in self.sequence)
        if self.phase_steps < rollout:
            raise ConfigError(
                f"phase_steps = {self.phase_steps} is less than one rollout of {rollout} steps, so phases would be "
                f"passed over. Give longer phases, fewer worlds or shorter rollouts."
            )
        self.evaluate_every = None if evaluate_every is None else checks.integer("evaluate_every", evaluate_every, 1)
        self.evaluation_episodes = checks.integer("evaluation_episodes", evaluation_episodes, 1)
        first = self.sequence[0] if self.continual.boundaries == "given" else 0
        self.beliefs = Beliefs(self.continual, first)
        self.phase, self.counted, self.seed = 0, 0, training.seed  # counted: steps until the last update
        saved = self._saved(resume)
        self.trainer = AdaptiveTrainer(
            organism,
            self.tasks[self.sequence[self.phase]].worlds.vector,
            learning,
            structure,
            training,
            run_dir=run_dir,
            callbacks=[*callbacks, _Follower(self._follow)],
            record=record,
            resume=resume,
            env_stream=_env_stream(self.phase),
        )
        if self.continual.heads == "task" or self.continual.consolidation != "none":
            consolidating(self.trainer.agent.learner)
        if resume is None:
            begin_first(organism, first)
        self.journal = Journal(self.trainer.run_dir, saved.get("file_sizes", {}))
        self._remember()

    @property
    def total_steps(self) -> int:
        """Environment steps of the whole sequence."""
        return self.phase_steps * len(self.sequence)

    def train(self) -> dict[str, Any]:
        """Live through the sequence, or what is left of it; see :meth:`snn_agent.AdaptiveTrainer.train`.

        Returns:
            Its summary, and ``phases`` that were begun, neurons ``protected``, and ``sharing`` of the last task.
        """
        if not self.journal.phases:
            self._tell("given" if self.continual.boundaries == "given" else "hidden", Crossing(0, 0, 0.0))
            self._examine()
            self._remember()
        summary = self.trainer.train(self.total_steps)
        protected = int(self.organism.protected.sum())
        return summary | {
            "phases": self.phase + 1, "protected": protected, "sharing": sharing_of(self.trainer.agent),
        }  # fmt: skip

    def _follow(self, record: UpdateRecord) -> None:
        """What follows an update."""
        rollout, true, believed = self.trainer.last_rollout, self.sequence[self.phase], int(self.organism.task)
        assert rollout is not None
        self.beliefs.lived[true, believed] += int(rollout.valid.sum())
        watch = self.beliefs.watch
        if watch is not None and watch.see(rollout, record.critic_error, self._stream("states")):
            self._suspect(watch)
        steps = self.trainer.agent.counters.env_step
        ended = steps >= (self.phase + 1) * self.phase_steps
        every = self.evaluate_every
        if ended or (every is not None and steps // every > self.counted // every):
            self._examine()
        self.counted = steps
        if ended and self.phase + 1 < len(self.sequence):
            self._next_phase()
        self._remember()

    def _next_phase(self) -> None:
        """Other worlds; the organism is told, or not."""
        self.phase += 1
        task, given = self.sequence[self.phase], self.continual.boundaries == "given"
        protected = int(self.organism.protected.sum())
        crossing = self._cross(task) if given else Crossing(protected, 0, sharing_of(self.trainer.agent))
        self.trainer.enter(self.tasks[task].worlds, _env_stream(self.phase))
        self._tell("given" if given else "hidden", crossing)
        self._examine()

    def _suspect(self, watch: Watch) -> None:
        """What follows an alarm."""
        present, beliefs, task = int(self.organism.task), self.beliefs, None
        level = watch.level()
        if self.continual.heads == "task":
            candidates = (present, *heads.known(self.organism))
            rewards = {number: self._try(number) for number in candidates}
            task = recognise(rewards, beliefs.levels | {present: level})
            self.trainer.recent.clear()  # episodes of many minds
        if task is None:
            task = max(beliefs.met) + 1
        if task != present:
            beliefs.levels[present] = level
        crossing = self._cross(task)
        watch.begin()
        self._tell("detected", crossing)

    def _try(self, number: int) -> float:
        """Reward per step of a task's head in one rollout without learning; the worlds go on."""
        return reward_per_step(self.trainer.act(heads.with_head(self.organism, number))[0])

    def _cross(self, task: int) -> Crossing:
        """The boundary as the organism knows it."""
        rollout, watch = self.trainer.last_rollout, self.beliefs.watch
        assert rollout is not None
        last = functools.partial(states_of, rollout, self.continual.fisher_samples, self._stream("states"))
        crossing = cross(
            self.trainer.agent,
            task,
            self.continual,
            is_new=task not in self.beliefs.met,
            observations=last if watch is None else watch.old_states,
            generator=self._stream("boundary"),
            operate=self.trainer.operate,
        )
        self.beliefs.met.add(task)
        return crossing

    def _stream(self, name: str) -> torch.Generator:
        """Random numbers of this update; as they follow from its number, a resumed run needs to remember nothing."""
        return stream(self.seed, f"{name} of update {self.trainer.agent.counters.update}")

    def _examine(self) -> None:
        for number, task in enumerate(self.tasks):
            line = examine(
                self.trainer.agent,
                task,
                number,
                phase=self.phase,
                head=self.beliefs.head_for(number),
                episodes=self.evaluation_episodes,
                seed=self.seed,
            )
            self.journal.add(line)

    def _tell(self, kind: str, crossing: Crossing) -> None:
        counters, true = self.trainer.agent.counters, self.sequence[self.phase]
        line = PhaseLine(
            phase=self.phase,
            task=int(self.organism.task) if kind == "detected" else true,
            name=self.tasks[true].name,
            env_step=counters.env_step,
            update=counters.update,
            kind=kind,
            **crossing._asdict(),
        )
        self.journal.add(line)

    def _life(self) -> dict[str, Any]:
        """What makes this life this one; a run that goes on must have the same."""
        return {
            "config": dataclasses.asdict(self.continual),
            "tasks": [task.name for task in self.tasks],
            "sequence": list(self.sequence),
            "phase_steps": self.phase_steps,
            "evaluate_every": self.evaluate_every,
            "evaluation_episodes": self.evaluation_episodes,
        }

    def _remember(self) -> None:
        """Put into the next checkpoint what the rest of this life depends on."""
        state = {
            "life": self._life(),
            "phase": self.phase,
            "counted": self.counted,
            "beliefs": self.beliefs.to_json(),
            "file_sizes": self.journal.sizes,
        }
        self.trainer.memory = Memory({"continual": state}, self.beliefs.tensors())

    def _saved(self, resume: Checkpoint | None) -> dict[str, Any]:
        """What a checkpoint remembers, taken up here; nothing without one."""
        if resume is None:
            return {}
        saved: dict[str, Any] | None = resume.state.get("continual")
        life = self._life()
        if saved is None or saved["life"] != life:
            other = "it is of none" if saved is None else f"its own is {saved['life']}, this one {life}"
            raise CheckpointError(
                f"the checkpoint is not of this life of tasks: {other}. Resume it with the arguments of its run."
            )
        self.phase, self.counted = int(saved["phase"]), int(saved["counted"])
        memory = {name: t for name, t in resume.optimizer.items() if name.startswith(MEMORY)}
        self.beliefs.restore(saved["beliefs"], {name.removeprefix(MEMORY): t for name, t in memory.items()})
        return saved


class _Follower(Callback):
    """Stands last among the listeners, and has the trainer do what follows an update."""

    def __init__(self, follow: Callable[[UpdateRecord], None]) -> None:
        self.follow = follow

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        """After each update, before its checkpoint."""
        del run
        self.follow(record)


def _env_stream(phase: int) -> str:
    """Name of the stream that seeds a phase's worlds; the first is that of a run without phases."""
    return "env" if phase == 0 else f"env of phase {phase}"
