"""Watch an organism live: ``python tools/play.py [RUN]`` opens a window, its world at the left, its brain at the right.

Press H there for the keys. Without a display: --render ansi plays in the terminal, and --record out.gif, .mp4, .png or
.html makes a film, a picture, or a page for any browser. Without RUN it is the organism that comes with the project.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Final, Literal

import torch
import tyro
from gymnasium import error
from playback.files import fresh, refuse_existing, write_picture
from playback.film import SUFFIXES, filming
from playback.panels.frame import HEIGHT, WIDTH, Painter
from playback.player import Player
from playback.stage import SPEEDS, USUAL_SPEED, Stage
from playback.terminal import plain, scene_view
from rich.console import Console
from rich.live import Live as Redrawn
from rich.progress import track

from snn_agent import checks
from snn_agent.errors import BackendUnavailable, ConfigError, SnnAgentError

ORGANISM: Final = Path(__file__).parent / "organisms" / "forager"
PICTURE: Final = ".png"
PAGE: Final = ".html"
FILM_STEPS: Final = 200
PAGE_STEPS: Final = 500
TEXT_SPEED: Final = 5  # five decisions a second
TEXT_FPS: Final = 20
TEXT_COLUMNS: Final = 160  # of lines that go to a file
MAX_FPS: Final = 50  # more is beyond what a GIF can say


@dataclasses.dataclass(frozen=True)
class Options:
    """What to watch, and how."""

    run: Annotated[Path, tyro.conf.Positional] = ORGANISM
    """Run directory."""
    seed: int = 0
    """Of the worlds and the policy's draws."""
    chapter: str = "last"
    """Which of the kept organisms: first, last, or a number from 1."""
    task: int | None = None
    """Act with the head that was put away for this task, and with the neurons that it reads."""
    deterministic: bool = False
    """Take the most probable action instead of drawing one."""
    steps: int | None = None
    """Steps to play; windows and terminals play on without end unless told otherwise, a page has 500, the rest 200."""
    render: Literal["window", "rgb_array", "ansi"] | None = None
    """Where to: a window (the default), a file by --record (the default with it), or text."""
    record: Path | None = None
    """File to make: .gif or .mp4, .png of the last step, .html."""
    fps: float = 10.0
    """Frames a second of a .gif or .mp4."""
    ticks: bool = False
    """A frame of the .gif or .mp4 for every tick instead of every decision."""
    follow: bool = False
    """Whether the run is still being trained, and the window is to show its newest organism."""
    speed: int | None = None
    """Of a window or terminal, from 1 (a tick a second) to 9 (as fast as it goes), as on the keys."""

    def __post_init__(self) -> None:
        if self.steps is not None:
            checks.integer("steps", self.steps, 1)
        if self.task is not None:
            checks.integer("task", self.task, 0)
        if self.speed is not None:
            checks.integer("speed", self.speed, 1, len(SPEEDS))
        checks.number("fps", self.fps, 0.1, MAX_FPS)
        if self.follow and (self.record is not None or self.render not in (None, "window")):
            raise ConfigError("--follow is about the window. Leave --record and --render out, or leave --follow out.")
        if self.record is None:
            if self.render == "rgb_array":
                raise ConfigError("--render rgb_array draws for a file. Say which: --record out.gif.")
            if self.ticks:
                raise ConfigError("--ticks is about the frames of --record. To see single ticks live, take --speed 1.")
            return
        if self.render not in (None, "rgb_array"):
            raise ConfigError(f"--record makes its file without --render {self.render}. Leave that out.")
        known = (*SUFFIXES, PICTURE, PAGE)
        if self.record.suffix not in known:
            raise ConfigError(f"--record knows files that end in {', '.join(known)}, got {self.record.name!r}.")
        refuse_existing(self.record)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    torch.set_num_threads(1)  # one world is too little work for more
    try:
        options = tyro.cli(Options, args=arguments, description=__doc__)
        player = Player(options.run, seed=options.seed, deterministic=options.deterministic, task=options.task)
        try:
            _choose_chapter(player, options.chapter)
            _play(player, options)
        finally:
            player.close()
    except KeyboardInterrupt:
        return 130
    except (SnnAgentError, error.Error, OSError) as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        return 2
    return 0


def _choose_chapter(player: Player, chapter: str) -> None:
    """Open what ``--chapter`` names; the player has the last one open."""
    count = len(player.chapters)
    index = {"first": 0, "last": count - 1}.get(chapter)
    if index is None:
        if not chapter.isdecimal() or not 1 <= int(chapter) <= count:
            raise ConfigError(f"--chapter must be first, last or a number in [1, {count}], got {chapter!r}.")
        index = int(chapter) - 1
    if index != player.index:
        player.open(index)


def _play(player: Player, options: Options) -> None:
    if options.record is not None:
        if options.record.suffix == PAGE:
            _write_page(player, options.record, options.steps)
        elif options.record.suffix == PICTURE:
            _picture(player, options.record, options.steps)
        else:
            _film(player, options.record, options)
    elif options.render == "ansi":
        _play_text(player, options)
    else:
        try:
            _play_window(player, options)
        except BackendUnavailable as problem:
            if options.render == "window" or options.follow:
                raise
            print(f"No window: {problem} A page for any browser instead; --render ansi plays in the terminal.")
            runs = Path("runs")
            runs.mkdir(exist_ok=True)
            _write_page(player, fresh(runs, f"replay-{options.run.resolve().name}", PAGE), options.steps)


def _play_window(player: Player, options: Options) -> None:
    from playback.live import Live
    from playback.window import Window

    window = Window(WIDTH, HEIGHT, f"{options.run.resolve().name} in {player.name}")
    try:
        stage, stem = Stage(player, options.speed or USUAL_SPEED), options.run.resolve().name
        live = Live(stage, lambda: Painter.of(player), window, folder=Path(), stem=stem, follow=options.follow)
        live.run(options.steps)
    finally:
        window.close()


def _play_text(player: Player, options: Options) -> None:
    console = Console(highlight=False)
    stage = Stage(player, options.speed or TEXT_SPEED)
    if not console.is_terminal:
        for step in range(options.steps or FILM_STEPS):
            if step:
                stage.beat()
            view = scene_view(stage.scene, player.view, player.name, width=TEXT_COLUMNS, coloured=False)
            print(plain(view, TEXT_COLUMNS), end="\n\n")
        return
    coloured = console.color_system is not None
    with Redrawn(console=console, auto_refresh=False, vertical_overflow="crop") as redrawn:
        before = time.monotonic()
        while options.steps is None or stage.decisions <= options.steps:
            view = scene_view(stage.scene, player.view, player.name, width=console.width, coloured=coloured)
            redrawn.update(view, refresh=True)
            time.sleep(1 / TEXT_FPS)
            now = time.monotonic()
            stage.advance(now - before)
            before = now


def _film(player: Player, path: Path, options: Options) -> None:
    stage, painter = Stage(player, USUAL_SPEED if options.ticks else len(SPEEDS)), Painter.of(player)
    frames = (options.steps or FILM_STEPS) * (player.brain.ticks if options.ticks else 1)
    console = Console(stderr=True)
    with filming(path, options.fps) as film:
        for index in track(range(frames), path.name, console=console, transient=True, disable=not console.is_terminal):
            if index:
                stage.beat()
            film.add(painter.draw(stage.scene._replace(pace="")))
    seconds, megabytes = frames / options.fps, path.stat().st_size / 1e6
    print(f"{path}: {frames} frames of {WIDTH}×{HEIGHT}, {seconds:.0f} s, {megabytes:.1f} MB")


def _picture(player: Player, path: Path, steps: int | None) -> None:
    stage, painter = Stage(player), Painter.of(player)
    for _ in range((steps or FILM_STEPS) - 1):
        stage.step()
    for _ in range(player.brain.ticks // 2):  # in the middle of a decision there is most to see
        stage.tick()
    write_picture(painter.draw(stage.scene._replace(pace="")), path)
    print(f"{path}: {WIDTH}×{HEIGHT}")


def _write_page(player: Player, path: Path, steps: int | None) -> None:
    from playback.replay import write_replay

    write_replay(player, path, steps=steps or PAGE_STEPS)
    print(f"replay: {path}")


if __name__ == "__main__":
    sys.exit(main())
