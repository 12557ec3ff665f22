"""``ForagingGrid``: one world as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import Env, error
from gymnasium.spaces import Discrete

from foraging_env import checks
from foraging_env.config import Cell, ForagingConfig, Patch
from foraging_env.observation import ObsArray, View
from foraging_env.render import NO_RENDER_MODE, draw_scene, open_window, scene_text
from foraging_env.saving import SavedState, load, save, take_array
from foraging_env.scalar import ScalarWorld
from foraging_env.scalar_view import ScalarView
from foraging_env.task_presets import make_timetable
from foraging_env.tasks import TaskSchedule
from foraging_env.types import GridState

if TYPE_CHECKING:
    from foraging_env.render.window import Window


class ForagingGrid(Env[ObsArray, np.int64]):
    """A grid world in which an agent forages for food among walls and poison.

    ## Description
    One agent lives on a ``size × size`` grid with ``n_food`` food items on distinct free cells. It moves by one cell
    a step; a move into the border or a wall leaves it where it is (a *bump*). Entering a food cell eats the food, and
    with ``respawn`` a new item appears at once on a uniformly drawn free cell. Walls, poison, patches that run dry,
    partial views and tasks that change during a lifetime can be switched on.

    ## Action Space
    ``Discrete(4)``: 0 up, 1 down, 2 left, 3 right (:class:`foraging_env.Action`).

    ## Observation Space
    ``Box(0, 1, (2 · size²,), float32)``: channel 0 marks the agent's cell, channel 1 the food, row by row, flattened.

    | option | observation |
    |---|---|
    | ``observation="egocentric"`` | a ``size × size`` window centred on the agent; channel 0: what cannot be entered |
    | ``view_radius=r`` | further than r cells along either axis is hidden; an egocentric window is 2r + 1 wide |
    | walls in the config or a task | global view: one more channel (egocentric views show walls in channel 0) |
    | poison in the config or a task | one more channel, the last |
    | ``flatten=False`` | shape (channels, rows, columns) |
    | ``obs_dtype="uint8"`` | the same numbers as bytes |

    ## Starting State
    The agent in the centre (or the nearest open cell), on a drawn cell with ``random_start``; items drawn uniformly
    without replacement from the free cells of their region.

    ## Rewards
    ``food_reward`` (1) per food, ``-step_cost`` (0.01) per step, ``-bump_cost`` (0) per bump, ``-poison_cost`` (1) per
    poison; all add up.

    ## Episode End
    *Terminated* when no food is left and none can come back (``respawn=False``). *Truncated* by the ``TimeLimit`` of
    500 steps that ``gymnasium.make`` adds; the class itself has no limit.

    ## Information
    The same keys from ``reset`` and ``step``: ``food_collected`` and ``poison_collected`` (this episode), ``ate`` and
    ``bumped`` (this step), ``agent_row``, ``agent_col``, ``nearest_food_distance`` (Manhattan, -1 without food),
    ``phase`` (number of the task in force) and ``lifetime_step``.

    ## Arguments
    See :class:`foraging_env.ForagingConfig` for the world's. Beside them:

    * ``tasks``: which config is in force when: the name of a preset (``foraging_env.TASK_PRESETS``) or a
      :class:`foraging_env.TaskSchedule`. Tasks follow the *lifetime* step, which goes on over resets; ``reset(seed=…)``
      begins a new life. ``task_steps`` sets the length of a preset's tasks.
    * ``render_mode``: ``"human"`` (a window: ``pip install "foraging-env[render]"``), ``"rgb_array"``, ``"ansi"``.

    ## Vectorized environment
    ``gymnasium.make_vec("ForagingGrid-v0", num_envs=n)`` gives :class:`foraging_env.ForagingGridVector`: the same
    laws and random streams, bit for bit, some hundred times as fast as ``SyncVectorEnv``.

    ## Version History
    * v0: initial version
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["human", "rgb_array", "ansi"], "render_fps": 10}  # type: ignore[misc]

    def __init__(
        self,
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
    ) -> None:
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
        self._view = View(self.timetable)
        self._observer = ScalarView(self._view)
        self.observation_space = self._view.space()
        self.action_space = Discrete(4)
        self._world: ScalarWorld | None = None
        self._key_source: np.random.Generator | None = None
        self._needs_reset = True
        self._window: Window | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObsArray, dict[str, Any]]:
        """Begin an episode. A ``seed`` begins a new life: new random stream, lifetime step 0."""
        if options:
            raise ValueError(f"ForagingGrid.reset() knows no options, got {options!r}. Leave them out.")
        super().reset(seed=seed)
        generator = self.np_random
        if self._world is None or seed is not None or generator is not self._key_source:
            self._world = ScalarWorld(self.timetable, int(generator.integers(2**64, dtype=np.uint64)))
            self._key_source = generator
        self._world.new_episode()
        self._needs_reset = False
        if self.render_mode == "human":
            self._render_human()
        return self._observer.observe(self._world), self._info(False, False)

    def step(self, action: int | np.integer[Any]) -> tuple[ObsArray, float, bool, bool, dict[str, Any]]:
        """Move by one cell. See the class for what comes back; ``truncated`` is always False here."""
        world = self._world
        if world is None or self._needs_reset:
            why = "has not begun" if world is None else "is over: no food is left"
            raise error.ResetNeeded(f"step() was called, but the episode {why}. Call reset() first.")
        reward = world.step(checks.action(action))
        self._needs_reset = terminated = world.terminated
        if self.render_mode == "human":
            self._render_human()
        return self._observer.follow(world), reward, terminated, False, self._info(world.ate, world.bumped)

    def _info(self, ate: bool, bumped: bool) -> dict[str, Any]:
        world = self._world
        assert world is not None
        row, column = divmod(world.agent, self.config.size)
        return {
            "food_collected": world.food_collected,
            "poison_collected": world.poison_collected,
            "ate": ate,
            "bumped": bumped,
            "agent_row": row,
            "agent_col": column,
            "nearest_food_distance": self._observer.nearest_food_distance(world),
            "phase": world.phase,
            "lifetime_step": world.lifetime_step,
        }

    @property
    def state(self) -> GridState:
        """The world as a batch of one, for oracles and analysis; changing it changes nothing here."""
        if self._world is None:
            raise error.ResetNeeded("there is no state before the first reset(). Call reset() first.")
        return self._world.to_state()

    def get_state(self) -> SavedState:
        """The whole world as plain arrays with a leading axis of 1; :meth:`set_state` goes on from it exactly."""
        return save(self.state) | {"needs_reset": np.array([self._needs_reset])}

    def set_state(self, state: Mapping[str, Any]) -> tuple[ObsArray, dict[str, Any]]:
        """Become the world that :meth:`get_state` returned (here or in another environment of equal arguments).

        Returns the observation and info of that moment (``ate`` and ``bumped`` are False).

        Raises:
            ValueError: an array is missing or misshapen, or holds what no world of these arguments can have.
        """
        loaded = load(state, self.timetable, 1)
        needs_reset = take_array(state, "needs_reset", (1,), np.bool_)
        if self._world is None:
            self._world = ScalarWorld(self.timetable, 0)
        self._world.from_state(loaded)
        self._key_source = self.np_random  # the restored stream goes on; the generator is not asked again
        self._needs_reset = bool(needs_reset[0])
        return self._observer.observe(self._world), self._info(False, False)

    def render(self) -> Any:
        """The picture (``rgb_array``: uint8 [height, width, 3]) or text (``ansi``) of this moment; None otherwise."""
        if self.render_mode is None:
            gymnasium.logger.warn(NO_RENDER_MODE)
            return None
        if self.render_mode == "human":
            return self._render_human()
        if self.render_mode == "ansi":
            return scene_text(self._view, self.state)
        return draw_scene(self._view, self.state)

    def _render_human(self) -> None:
        if self._window is None:
            self._window = open_window(self._view, self.metadata["render_fps"])
        self._window.show(self.state)

    def get_keys_to_action(self) -> dict[str | int | tuple[int, ...], int]:
        """Arrow keys and w, s, a, d for :func:`gymnasium.utils.play.play` (with ``wait_on_player=True``)."""
        arrows = (1073741906, 1073741905, 1073741904, 1073741903)  # SDL key codes: up, down, left, right
        keys: dict[str | int | tuple[int, ...], int] = {(key,): action for action, key in enumerate(arrows)}
        return keys | {letter: action for action, letter in enumerate("wsad")}

    def close(self) -> None:
        """Close the window, if there is one. May be called again."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the window, which belongs to this process."""
        return self.__dict__ | {"_window": None}
