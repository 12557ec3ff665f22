"""``ForagingGridVector``: many worlds as one Gymnasium vector environment, stepped at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import error
from gymnasium.spaces import Discrete
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from foraging_env import checks
from foraging_env.config import Cell, ForagingConfig, Patch
from foraging_env.dynamics import transition
from foraging_env.infos import Info, batch_infos
from foraging_env.layout import empty_state, new_episode
from foraging_env.observation import GlobalBuffer, ObsArray, View, observe
from foraging_env.render import NO_RENDER_MODE, draw_scene
from foraging_env.reward import reward
from foraging_env.saving import SavedState, load, save, take_array
from foraging_env.task_presets import make_timetable
from foraging_env.tasks import TaskSchedule
from foraging_env.types import BoolArray, FloatArray, GridState, IntArray


class ForagingGridVector(VectorEnv[ObsArray, IntArray, ObsArray]):
    """Many :class:`foraging_env.ForagingGrid` worlds, stepped at once.

    With the same seeds it gives what ``SyncVectorEnv`` of the single environment gives, bit for bit: observations,
    rewards, flags and infos, in every autoreset mode. Arguments beside those of the single environment:

    * ``num_envs``: how many worlds.
    * ``max_episode_steps``: truncation; None or -1 for none. ``gymnasium.make_vec`` passes 500.
    * ``autoreset_mode``: ``NEXT_STEP`` (default), ``SAME_STEP`` or ``DISABLED``, as an ``AutoresetMode`` or its value.
    * ``copy``: whether observations are copies. ``False`` hands out one buffer that every step changes (the full
      global view; other views are new arrays in any case), which is twice as fast.

    ``reset(options={"reset_mask": mask})`` resets some worlds and leaves the others and the options as they are.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}  # type: ignore[misc]

    def __init__(
        self,
        num_envs: int = 1,
        size: int = 15,
        n_food: int = 10,
        *,
        n_poison: int = 0,
        respawn: bool = True,
        random_start: bool = False,
        food_reward: float = 1.0,
        step_cost: float = 0.01,
        bump_cost: float = 0.0,
        poison_cost: float = 1.0,
        walls: Sequence[Cell] = (),
        patches: Sequence[Patch] = (),
        depletion: float = 1.0,
        observation: str = "global",
        view_radius: int | None = None,
        flatten: bool = True,
        obs_dtype: str = "float32",
        tasks: str | TaskSchedule | Mapping[str, Any] | None = None,
        task_steps: int | None = None,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
    ) -> None:
        self.num_envs = checks.integer("num_envs", num_envs, 1)
        self.config = ForagingConfig(
            size=size,
            n_food=n_food,
            n_poison=n_poison,
            respawn=respawn,
            random_start=random_start,
            food_reward=food_reward,
            step_cost=step_cost,
            bump_cost=bump_cost,
            poison_cost=poison_cost,
            walls=walls,  # type: ignore[arg-type]  # any sequence: the config makes tuples of it
            patches=patches,  # type: ignore[arg-type]
            depletion=depletion,
            observation=observation,
            view_radius=view_radius,
            flatten=flatten,
            obs_dtype=obs_dtype,
        )
        self.timetable = make_timetable(self.config, tasks, task_steps)
        self.render_mode = checks.render_mode(render_mode, self.metadata["render_modes"])
        self.max_episode_steps = checks.episode_limit(max_episode_steps)
        self.autoreset_mode = checks.autoreset_mode(autoreset_mode)
        self.copy = checks.flag("copy", copy)
        self.metadata = type(self).metadata | {"autoreset_mode": self.autoreset_mode}  # type: ignore[misc]
        self._view = View(self.timetable)
        self.single_observation_space = self._view.space()
        self.single_action_space = Discrete(4)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._state: GridState | None = None
        self._needs_reset = np.ones(self.num_envs, dtype=np.bool_)
        self._any_stale = True
        self._seeds: list[int | None] = [None] * self.num_envs
        self._buffer: GlobalBuffer | None = None

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObsArray, Info]:
        """Begin episodes. With ``options={"reset_mask": mask}`` only in the worlds where the mask [B] is True.

        ``seed=s`` gives world ``i`` the seed ``s + i``, a sequence gives each its own; a seeded world begins a new
        life, others (``None``) go on with their random streams. ``options`` is not changed.
        """
        mask = checks.reset_mask(options, self.num_envs)
        seeds = checks.seeds(seed, self.num_envs)
        if self._state is None:
            if mask is not None and not mask.all():
                raise error.ResetNeeded("the first reset() must reset every world. Leave out options['reset_mask'].")
            entropy = seeding.np_random()[1]
            seeds = [entropy + i if given is None else given for i, given in enumerate(seeds)]
            self._state = empty_state(self.timetable.book, np.zeros(self.num_envs, dtype=np.uint64))
        chosen = np.ones(self.num_envs, dtype=np.bool_) if mask is None else mask
        seeded = np.array([row for row in np.flatnonzero(chosen).tolist() if seeds[row] is not None], dtype=np.int64)
        if len(seeded):
            keys = np.array([self._new_key(row, seeds[row]) for row in seeded.tolist()], dtype=np.uint64)
            self._state = self._state.merge(seeded, empty_state(self.timetable.book, keys))
        self._state = self._begin_episodes(self._state, chosen)
        self._needs_reset = self._needs_reset & ~chosen
        self._any_stale = bool(self._needs_reset.any())
        self._rewrite(chosen)
        return self._observation(), batch_infos(
            self.timetable.book, self._state, self._no_flags(), self._no_flags(), chosen
        )

    def step(self, actions: IntArray) -> tuple[ObsArray, FloatArray, BoolArray, BoolArray, Info]:
        """Step every world by its action, [B]; worlds whose episode is over are reset as ``autoreset_mode`` says."""
        before = self._require_state()
        action = checks.actions(actions, self.num_envs)
        stale = self._needs_reset if self._any_stale else None
        if stale is not None and self.autoreset_mode is AutoresetMode.DISABLED:
            raise error.ResetNeeded(
                f"step() was called but the episodes of worlds {np.flatnonzero(stale)[:8].tolist()} are over. With "
                f"autoreset_mode DISABLED, call reset(options={{'reset_mask': terminated | truncated}}) first."
            )
        state, events = transition(before, action, self.timetable)
        static = self.timetable.is_static
        values = self.timetable.static_values if static else self.timetable.values_of(before.phase)
        rewards = reward(values, events.richness, events.bumped, events.poisoned)
        state = state._replace(episode_return=state.episode_return + rewards)
        ate, bumped, terminated = events.ate, events.bumped, events.terminated
        if self.max_episode_steps is None:
            truncated = np.zeros(self.num_envs, dtype=np.bool_)
        else:
            truncated = state.episode_step >= self.max_episode_steps
        rewrite = None if static else events.switched
        if stale is not None:
            # A stale world spends this step on its reset: the transition is discarded, the old stream goes on.
            rows = np.flatnonzero(stale)
            state = self._begin_episodes(state.merge(rows, before.take(rows)), stale)
            rewards[stale] = 0.0
            for flags in (ate, bumped, terminated, truncated):
                flags[stale] = False
            rewrite = stale if rewrite is None else stale | rewrite
        done = terminated | truncated
        any_done = bool(np.count_nonzero(done))  # faster than any()
        final: Info = {}
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            self._needs_reset, self._any_stale = done, any_done
        elif any_done:
            final = self._final(state, ate, bumped, done)
            state = self._begin_episodes(state, done)
            ate, bumped = ate & ~done, bumped & ~done
            rewrite = done if rewrite is None else done | rewrite
        self._state = state
        if self._buffer is not None:
            self._buffer.update(events)
            if rewrite is not None:
                self._rewrite(rewrite)
        return (
            self._observation(),
            rewards,
            terminated,
            truncated,
            batch_infos(self.timetable.book, state, ate, bumped, None) | final,
        )

    def _new_key(self, world: int, seed: int | None) -> np.uint64:
        """The key that the single environment draws when it is reset with this seed."""
        generator, self._seeds[world] = seeding.np_random(seed)
        return generator.integers(2**64, dtype=np.uint64)

    def _begin_episodes(self, state: GridState, chosen: BoolArray) -> GridState:
        if chosen.all():
            return new_episode(self.timetable.book, self.timetable.rule_of(state.phase), state)
        rows = np.flatnonzero(chosen)
        part = state.take(rows)
        return state.merge(rows, new_episode(self.timetable.book, self.timetable.rule_of(part.phase), part))

    def _rewrite(self, chosen: BoolArray) -> None:
        """Bring the buffer of a full global view up to date for worlds that it could not follow by steps."""
        state = self._require_state()
        if not self._view.is_full:
            return
        if self._buffer is None:
            # Copies are converted from bytes: reading a quarter of the memory makes up for the conversion and more.
            dtype = np.uint8 if self.copy else self._view.dtype
            self._buffer = GlobalBuffer(self._view, state, dtype)
        elif chosen.any():
            self._buffer.rewrite(state, np.flatnonzero(chosen))

    def _observation(self) -> ObsArray:
        if self._buffer is None:
            return observe(self._view, self._require_state())
        return self._buffer.array.astype(self._view.dtype) if self.copy else self._buffer.array

    def _final(self, state: GridState, ate: BoolArray, bumped: BoolArray, done: BoolArray) -> Info:
        """Last observation and info of the episodes that are over, as SAME_STEP hands them out."""
        rows = np.flatnonzero(done)
        observations = np.full(self.num_envs, None, dtype=object)
        for row, last in zip(rows.tolist(), observe(self._view, state.take(rows)), strict=True):
            observations[row] = last
        info = batch_infos(self.timetable.book, state, ate.copy(), bumped.copy(), done)
        return {"final_obs": observations, "_final_obs": done.copy(), "final_info": info, "_final_info": done.copy()}

    def _no_flags(self) -> BoolArray:
        return np.zeros(self.num_envs, dtype=np.bool_)

    def _require_state(self) -> GridState:
        if self._state is None:
            raise error.ResetNeeded("the worlds do not exist before the first reset(). Call reset() first.")
        return self._state

    @property
    def state(self) -> GridState:
        """All worlds, for oracles and analysis. Copies: changing them changes nothing here."""
        return self._require_state().copies()

    @property
    def np_random_seed(self) -> tuple[int | None, ...]:  # type: ignore[override]
        """The seed of each world's present life; None before the first reset."""
        return tuple(self._seeds)

    def get_state(self) -> SavedState:
        """All worlds as plain arrays with leading axis B; :meth:`set_state` goes on from them exactly."""
        return save(self._require_state()) | {"needs_reset": self._needs_reset.copy()}

    def set_state(self, state: Mapping[str, Any]) -> tuple[ObsArray, Info]:
        """Become the worlds that :meth:`get_state` returned, here or in an environment of equal arguments.

        Returns the observations and infos of that moment (``ate`` and ``bumped`` are False).

        Raises:
            ValueError: an array is missing or misshapen, or holds what no world of these arguments can have.
        """
        loaded = load(state, self.timetable, self.num_envs)
        self._needs_reset = take_array(state, "needs_reset", (self.num_envs,), np.bool_)
        self._any_stale = bool(self._needs_reset.any())
        self._state = loaded
        self._rewrite(np.ones(self.num_envs, dtype=np.bool_))
        return self._observation(), batch_infos(self.timetable.book, loaded, self._no_flags(), self._no_flags(), None)

    def render(self) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], ...] | None:
        """A picture of each world, uint8 [height, width, 3]; None without a render mode."""
        if self.render_mode is None:
            gymnasium.logger.warn(NO_RENDER_MODE)
            return None
        return tuple(draw_scene(self._view, self._require_state(), world) for world in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Nothing to release."""
