"""Play a world yourself: ``python -m foraging_env.play``, or ``--render ansi`` in a terminal without a display."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

import gymnasium
from gymnasium import error

from foraging_env.config import OBSERVATIONS, PRESETS, ForagingConfig
from foraging_env.env import ForagingGrid
from foraging_env.observation import View
from foraging_env.oracles import reference_scores
from foraging_env.registration import ENV_ID, MAX_EPISODE_STEPS
from foraging_env.render.text import scene_text, view_text
from foraging_env.task_presets import TASK_PRESETS
from foraging_env.types import Action, GridState

WINDOW_FPS: Final = 30

MOVES: Final = {
    "up": Action.UP, "down": Action.DOWN, "left": Action.LEFT, "right": Action.RIGHT,
    "w": Action.UP, "s": Action.DOWN, "a": Action.LEFT, "d": Action.RIGHT,
}  # fmt: skip
WINDOW_KEYS: Final = (
    "Arrows or W A S D: move     Tab: the agent's view or the world",
    "R: start again     H: these keys     Esc or Q: quit",
)
TEXT_KEYS: Final = (
    "w a s d: move, as many letters as you like, then Enter",
    "t: the agent's view or the world   r: start again   h: these keys   q: quit",
)

# The greedy reference looks up the path between every two cells, for hundreds of worlds at once.
MAX_REFERENCE_CELLS: Final = 2500
MAX_REFERENCE_STEPS: Final = 2000


class Game:
    """One player's session: names of keys go in, states and notes come out. Knows nothing of windows or terminals.

    Attributes:
        view: the kind of view the agent has.
        agent_view: whether the player wants to see what the agent sees, instead of the world.
        note: lines to tell the player; empty most of the time.
        over: whether the episode has ended.
    """

    def __init__(
        self,
        config: ForagingConfig,
        *,
        steps: int = MAX_EPISODE_STEPS,
        seed: int | None = None,
        tasks: str | None = None,
        task_steps: int | None = None,
        keys: Sequence[str] = WINDOW_KEYS,
    ) -> None:
        """Begin the first episode.

        Args:
            config: the world.
            steps: length of an episode.
            seed: of the world; None draws one.
            tasks: name of a schedule, or None.
            task_steps: length of each of its tasks.
            keys: lines that explain the keys.

        Raises:
            ValueError: the schedule does not fit the world.
            gymnasium.error.Error: the seed is negative.
        """
        self._env = gymnasium.make(
            ENV_ID, max_episode_steps=steps, tasks=tasks, task_steps=task_steps, **config.to_kwargs()
        )
        world = self._env.unwrapped
        assert isinstance(world, ForagingGrid)
        self._world = world
        self._steps = steps
        self._keys = tuple(keys)
        self.view = View(world.timetable)
        self.agent_view = not self.view.is_full
        self.note: tuple[str, ...] = self._keys
        self.over = False
        self._env.reset(seed=seed)

    @property
    def state(self) -> GridState:
        """The world at this moment, a batch of one."""
        return self._world.state

    def press(self, key: str) -> bool:
        """Do what a key stands for; keys without a meaning do nothing. False: the player wants to leave."""
        if key in ("q", "escape"):
            return False
        if key == "r":
            self._env.reset()
            self.over, self.note = False, ()
        elif key in ("tab", "t"):
            self.agent_view = not self.agent_view
        elif key in ("h", "?"):
            usual = self._result() if self.over else ()
            self.note = usual if self.note == self._keys else self._keys
        elif key in MOVES and not self.over:
            _, _, terminated, truncated, _ = self._env.step(int(MOVES[key]))
            self.over = terminated or truncated
            self.note = self._result() if self.over else ()
        return True

    def _result(self) -> tuple[str, ...]:
        """What the player reached, next to what is to be had."""
        state, config = self.state, self._world.config
        own = f"Over: food {state.food_collected[0]}, return {state.episode_return[0]:+.2f}.   R: play again"
        comparable = (
            self.view.timetable.is_static
            and config.n_cells <= MAX_REFERENCE_CELLS
            and self._steps <= MAX_REFERENCE_STEPS
        )
        if not comparable:
            return (own,)
        scores = reference_scores(config, self._steps)
        return own, (
            f"random: food {scores.random_food:.1f}, return {scores.random_return:+.1f}"
            f"     greedy: food {scores.greedy_food:.1f}, return {scores.greedy_return:+.1f}"
        )


def play_window(game: Game) -> None:
    """Play in a window until the player leaves it.

    Raises:
        gymnasium.error.Error: there is no pygame or no display.
    """
    from foraging_env.render.window import Window

    window = Window(game.view, WINDOW_FPS, caption="ForagingGrid: find the food")
    try:
        if not window.visible:
            raise error.Error("There is no display to open a window on.")
        playing = True
        while playing:
            window.agent_view = game.agent_view
            window.show(game.state, note=game.note)
            key = window.wait_key()
            playing = key is not None and game.press(key)
    finally:
        window.close()


def play_text(game: Game, lines: Iterable[str], out: TextIO) -> None:
    """Play in a terminal: ``lines`` of letters in, pictures to ``out``, until ``q`` or the end of the lines."""
    _write_text(game, out)
    for line in lines:
        if not all(game.press(letter) for letter in line.strip().lower()):
            return
        _write_text(game, out)


def _write_text(game: Game, out: TextIO) -> None:
    picture = view_text if game.agent_view else scene_text
    print(picture(game.view, game.state), *game.note, sep="\n", file=out)
    print("> ", end="", file=out, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m foraging_env.play",
        description="Forage yourself: eat as much as you can. The world waits for your keys.",
    )
    parser.add_argument("--preset", choices=sorted(PRESETS), default="default", help="the world to begin from")
    parser.add_argument("--size", type=int, help="side of the grid in cells")
    parser.add_argument("--food", type=int, help="food items on the grid")
    parser.add_argument("--poison", type=int, help="poison items on the grid")
    parser.add_argument(
        "--observation",
        choices=OBSERVATIONS,
        help="egocentric: see what the agent would see around it (Tab: the world)",
    )
    parser.add_argument("--view-radius", type=int, help="how far you see, in cells")
    parser.add_argument("--tasks", choices=sorted(TASK_PRESETS), help="a schedule that changes the world as you go")
    parser.add_argument("--task-steps", type=int, help="length of each of its tasks in steps")
    parser.add_argument(
        "--steps", type=int, default=MAX_EPISODE_STEPS, help="length of an episode (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, help="play the same world again")
    parser.add_argument(
        "--render",
        choices=("window", "ansi"),
        default="window",
        help="ansi: play in the terminal, for example over SSH",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Play as the command line says; returns the exit code, 2 for arguments or machines that do not allow it."""
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.steps < 1:
        parser.error(f"--steps must be at least 1, got {args.steps}")
    changes = {
        "size": args.size,
        "n_food": args.food,
        "n_poison": args.poison,
        "observation": args.observation,
        "view_radius": args.view_radius,
    }
    in_window = args.render == "window"
    try:
        config = PRESETS[args.preset].replace(**{name: value for name, value in changes.items() if value is not None})
        game = Game(
            config,
            steps=args.steps,
            seed=args.seed,
            tasks=args.tasks,
            task_steps=args.task_steps,
            keys=WINDOW_KEYS if in_window else TEXT_KEYS,
        )
    except (ValueError, error.Error) as problem:
        parser.error(str(problem))
    try:
        if in_window:
            play_window(game)
        else:
            play_text(game, sys.stdin, sys.stdout)
    except error.Error as problem:
        print(f"{problem}\nTo play in the terminal instead, add --render ansi.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
