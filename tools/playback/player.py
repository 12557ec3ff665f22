"""Lets an organism of a run live in one world, and tells every decision in full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import error
from runs import parse_env_kwargs, read_config, task_worlds

from foraging_env import Action, ForagingGrid, GridState
from foraging_env.observation import View
from playback.chapters import Chapter, chapters_of, read_history, tasks_in_life
from playback.moment import Brain, Moment
from playback.tasks import head_asked_for
from snn_agent.errors import CheckpointError
from snn_agent.metrics.energy import ENERGY_MODELS
from snn_agent.network import heads
from snn_agent.network.trace import trace
from snn_agent.training.checkpoint import load
from snn_agent.training.costs import InputActivity, decision_cost
from snn_agent.training.seeds import stream, stream_seed
from snn_agent.training.snapshot import rebuild_organism
from snn_agent.types import OrganismState

ENERGY_MODEL = ENERGY_MODELS["45nm_fp32"]


class Player:
    """Plays a run's organism, at any of its chapters, in worlds that it was not trained in.

    Equal arguments and calls give equal moments.

    Attributes:
        chapters: what can be played, the earliest first.
        history: how the run went.
        tasks: that it went through.
        brain: the organism that plays now.
        view: what is needed to draw a ``Moment.world``; None where the world is not ours.
    """

    brain: Brain
    view: View | None
    _env: gymnasium.Env[Any, Any]
    _grid: ForagingGrid | None

    def __init__(
        self, run: Path, *, seed: int = 0, deterministic: bool = False, pictures: bool = True, task: int | None = None
    ) -> None:
        """Open the newest chapter and begin an episode.

        Args:
            run: a run directory.
            seed: of the worlds and the policy's draws.
            deterministic: take the most probable action instead of drawing one.
            pictures: whether moments hold the picture that Gymnasium draws, where it can.
            task: act with the head that was put away for this task, where a chapter has one; None: the active head.

        Raises:
            ConfigError: there is no run, or no head for that task at its end.
            CheckpointError: it has no checkpoint.
        """
        config = read_config(run)
        self._run = run
        self.chapters = chapters_of(run)
        self.history = read_history(run)
        self.tasks = tasks_in_life(self.history, self.chapters)
        self._run_config, self._deterministic, self._task = config, deterministic, task
        self._pictures = pictures
        self._worlds = [world.kwargs for world in task_worlds(config)] or [parse_env_kwargs(config.env_kwargs)]
        self._world_number = -1
        self._first_seed, self._draws = stream_seed(seed, "playback"), stream(seed, "playback policy")
        self.episode = -1
        self.open(len(self.chapters) - 1)
        if self.brain.head is None:
            head_asked_for(self._organism, task)  # the newest organism knows all heads there are

    @property
    def name(self) -> str:
        """Id of the environment."""
        return self._run_config.env_id

    @property
    def life(self) -> str:
        """What the organism lives in, of which it plays; empty in a life of one task."""
        words = self.tasks.words(self.brain.env_step, self.brain.task)
        return words if self.brain.head is None else f"{words}; plays with the head of task {self.brain.head}"

    @property
    def chapter(self) -> Chapter:
        """The chapter that is open."""
        return self.chapters[self.index]

    def open(self, index: int) -> None:
        """Go to another chapter and begin a new episode, in the same worlds in the same order.

        Raises:
            CheckpointError: it is damaged.
        """
        self._become(index)
        self.episode = -1
        self.begin()

    def follow(self) -> bool:
        """Take what the run has written since: the newest organism goes on in the episode that is under way.

        If it lives in another task by now, it begins an episode in that one's world.

        Returns:
            Whether there was a newer one.
        """
        try:
            chapters, self.history = chapters_of(self._run), read_history(self._run)
            self.tasks = tasks_in_life(self.history, chapters)
            newest = len(chapters) - 1
            self.chapters, self.index = chapters, newest
            if chapters[newest].env_step == self.brain.env_step:
                return False
            if self._become(newest):
                self.begin()
        except (CheckpointError, OSError):
            return False  # superseded between the look and the grasp; the next look finds its successor
        return True

    def _become(self, index: int) -> bool:
        """Let the organism of a chapter play from now on, its membranes at rest; whether it is in another world."""
        chapter = self.chapters[index]
        saved = load(chapter.path)
        organism = rebuild_organism(
            saved.state["organism"], saved.model, engine=self._run_config.engine, device=self._run_config.device
        )
        ids = saved.optimizer.get("statistics.id", torch.arange(organism.hidden)).cpu()
        head = self._task if self._task in heads.known(organism) else None
        if head is not None:
            ids = ids[heads.read_by(organism, head).cpu()]
            organism = heads.for_task(organism, head)
        order = torch.argsort(ids)
        self.index, self._organism, self._order = index, organism, order.numpy()
        self._state: OrganismState = organism.initial_state(1)
        born = [self.history.born_at.get(neuron, 0) for neuron in ids[order].tolist()]
        config, task = organism.config, int(organism.task)
        moved = self._enter_world(self.tasks.played(chapter.env_step, task, head))
        self.brain = Brain(
            env_step=chapter.env_step,
            update=chapter.update,
            ids=ids[order].numpy(),
            born=np.array(born, dtype=np.int64),
            threshold=organism.threshold.detach().cpu().numpy()[self._order],
            actions=_action_names(self._grid is not None, config.output_features),
            ticks=config.ticks,
            tick_s=config.neuron.dt_s,
            task=task,
            head=head,
            birth_task=organism.birth_task.cpu().numpy()[self._order],
            protected=organism.protected.cpu().numpy()[self._order],
        )
        return moved

    def _enter_world(self, number: int) -> bool:
        """Be in the world of a task; whether it is another one than before."""
        number = number if number < len(self._worlds) else 0  # one world for all tasks, as far as the run tells
        if number == self._world_number:
            return False
        if self._world_number >= 0:
            self._env.close()
        config, kwargs = self._run_config, self._worlds[number]
        self._env, self._world_number = _make(config.env_id, kwargs, pictures=self._pictures), number
        world = self._env.unwrapped
        self._grid = world if isinstance(world, ForagingGrid) else None
        self.view = None if self._grid is None else View(self._grid.timetable)
        return True

    def begin(self) -> None:
        """Begin the next episode, in the next world."""
        self.episode += 1
        if self.episode == 0:
            self._draws = self._draws.manual_seed(self._first_seed)
        self._observation, info = self._env.reset(seed=self._first_seed + self.episode)
        self._phase = self._phase_in(info)
        self._state = self._organism.initial_state(1)
        self._step, self._reward, self._joules, self._over = 0, 0.0, 0.0, False

    def step(self) -> Moment:
        """Let the organism decide once; after the end of an episode the next one begins."""
        if self._over:
            self.begin()
        organism = self._organism
        world, picture, phase = self._world(), self._picture(), self._phase
        features = organism.adapter.features(np.asarray(self._observation)[None], organism.device)
        seen = trace(organism, features, self._state)
        self._state = seen.state
        probabilities = seen.output.logits[0].softmax(dim=-1).cpu()
        if self._deterministic:
            action = int(probabilities.argmax())
        else:
            action = int(torch.multinomial(probabilities, 1, generator=self._draws))
        cost = decision_cost(
            organism, InputActivity.of(organism, features), seen.output.counts[0].double().cpu(), reads_critic=False
        )
        joules = ENERGY_MODEL.joules(cost.work())
        self._observation, reward, ends, cut, info = self._env.step(action + organism.adapter.action_start)
        self._phase = self._phase_in(info)
        self._step += 1
        self._reward += float(reward)
        self._joules += joules
        self._over = bool(ends or cut)
        return Moment(
            step=self._step - 1,
            world=world,
            picture=picture,
            spikes=seen.spikes[:, 0].cpu().numpy()[:, self._order],
            potentials=seen.potentials[:, 0].cpu().numpy()[:, self._order],
            output_spikes=None if seen.output_spikes is None else seen.output_spikes[:, 0].cpu().numpy(),
            probabilities=probabilities.numpy(),
            action=action,
            value=float(seen.output.value[0]),
            reward=float(reward),
            total_reward=self._reward,
            food=info.get("food_collected"),
            joules=joules,
            total_joules=self._joules,
            over=self._over,
            phase=phase,
            phase_task=self._task_in(phase),
        )

    def moments(self, steps: int) -> Iterator[Moment]:
        """The next so many steps, across episodes."""
        for _ in range(steps):
            yield self.step()

    def close(self) -> None:
        """Release the environment."""
        self._env.close()

    def _world(self) -> GridState | None:
        return None if self._grid is None else self._grid.state

    def _phase_in(self, info: dict[str, Any]) -> int | None:
        """The phase that a world tells of; None where it has but one."""
        if self._grid is not None:
            switch = self._grid.timetable.next_switch(0)
            if switch is None or switch > self._run_config.total_steps:  # nobody lives to see it
                return None
        phase = info.get("phase")
        return int(phase) if isinstance(phase, int | np.integer) else None

    def _task_in(self, phase: int | None) -> int | None:
        """The task of a phase, where phases of equal tasks are alike."""
        if phase is None or self._grid is None:
            return None
        timetable = self._grid.timetable
        if timetable.schedule is None or timetable.schedule.fresh_values_seed is not None:
            return None
        return int(timetable.rule_of(np.array([phase]))[0])

    def _picture(self) -> Any:
        return self._env.render() if self._env.render_mode == "rgb_array" else None


def _make(env_id: str, kwargs: dict[str, Any], *, pictures: bool) -> gymnasium.Env[Any, Any]:
    """The environment, drawing pictures where it can."""
    if pictures:
        try:
            return gymnasium.make(env_id, render_mode="rgb_array", **kwargs)
        except (error.Error, TypeError):
            pass  # it cannot be drawn; it can be played all the same
    return gymnasium.make(env_id, **kwargs)


def _action_names(is_foraging: bool, n_actions: int) -> tuple[str, ...]:
    if is_foraging:
        return tuple(action.name.lower() for action in Action)
    return tuple(str(number) for number in range(n_actions))
