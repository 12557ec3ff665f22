"""Playing by hand, in a terminal and in a window."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator, Sequence

import gymnasium
import pytest

from foraging_env import play
from foraging_env.config import PRESETS, ForagingConfig
from foraging_env.observation import View
from foraging_env.oracles import reference_scores
from foraging_env.play import Game, main
from foraging_env.render.text import scene_text, view_text
from foraging_env.task_presets import TASK_PRESETS
from foraging_env.tasks import Timetable
from foraging_env.types import Action

QUICK = PRESETS["quick"]


def play_ansi(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, *flags: str) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert main(["--render", "ansi", *flags]) == 0
    return capsys.readouterr().out


# ---------------------------------------------------------------------------------------------- the game


@pytest.mark.parametrize("keys", [("up", "down", "left", "right"), ("w", "s", "a", "d")])
def test_keys_move_the_agent(keys: Sequence[str]) -> None:
    game = Game(QUICK, seed=0)
    for action, key in zip(Action, keys, strict=True):
        before = int(game.state.agent[0])
        assert game.press(key)
        assert int(game.state.agent[0]) == game.view.timetable.book.next_cell[0, before, action]
        assert int(game.state.heading[0]) == action


def test_the_end_shows_the_score_next_to_the_references() -> None:
    game = Game(QUICK, steps=3, seed=0)
    over = [game.over]
    for _ in range(3):
        game.press("up")
        over.append(game.over)
    assert over == [False, False, False, True]
    scores = reference_scores(QUICK, 3)
    assert f"food {game.state.food_collected[0]}, return {game.state.episode_return[0]:+.2f}" in game.note[0]
    assert f"random: food {scores.random_food:.1f}, return {scores.random_return:+.1f}" in game.note[1]
    assert f"greedy: food {scores.greedy_food:.1f}, return {scores.greedy_return:+.1f}" in game.note[1]
    game.press("down")
    assert int(game.state.episode_step[0]) == 3
    game.press("r")
    assert (game.over, game.note) == (False, ())
    assert int(game.state.episode_step[0]) == 0


def test_a_world_that_runs_out_of_food_ends_the_episode() -> None:
    game = Game(ForagingConfig(size=2, n_food=1, respawn=False), seed=0)
    for key in ("up", "left", "down", "right"):
        game.press(key)
    assert game.over
    assert int(game.state.food_collected[0]) == 1


@pytest.mark.parametrize("tasks", sorted(TASK_PRESETS))
def test_schedules_play_and_give_no_reference_that_would_not_compare(tasks: str) -> None:
    game = Game(ForagingConfig(), steps=5, seed=0, tasks=tasks, task_steps=2)
    for key in "wasdw":
        game.press(key)
    assert game.over
    assert int(game.state.phase[0]) == game.view.timetable.phase_at(game.state.lifetime_step)[0]
    assert len(game.note) == (2 if game.view.timetable.is_static else 1)


def test_help_comes_and_goes_and_unknown_keys_do_nothing() -> None:
    game = Game(QUICK, seed=0)
    notes = [game.note]
    for key in ("w", "f5", "?", "h", "w"):
        assert game.press(key)
        notes.append(game.note)
    assert notes == [play.WINDOW_KEYS, (), (), play.WINDOW_KEYS, (), ()]
    assert int(game.state.episode_step[0]) == 2


@pytest.mark.parametrize(("preset", "limited"), [("default", False), ("egocentric", True), ("partial", True)])
def test_a_limited_view_is_what_the_player_sees_first(preset: str, limited: bool) -> None:
    game = Game(PRESETS[preset], seed=0)
    assert game.agent_view is limited
    game.press("tab")
    assert game.agent_view is not limited


# ---------------------------------------------------------------------------------------------- in a terminal


def test_letters_from_stdin_play_what_the_env_plays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = play_ansi(monkeypatch, capsys, "WWA\nsd\n", "--preset", "quick", "--seed", "4")
    env = gymnasium.make("ForagingGrid-v0", **QUICK.to_kwargs())
    env.reset(seed=4)
    view = View(Timetable(QUICK))
    pictures = [scene_text(view, env.unwrapped.state)]  # type: ignore[attr-defined]
    for letters in ((0, 0, 2), (1, 3)):
        for action in letters:
            env.step(action)
        pictures.append(scene_text(view, env.unwrapped.state))  # type: ignore[attr-defined]
    first, *rest = (part.removesuffix("\n") for part in shown.split("> "))
    assert first == "\n".join([pictures[0], *play.TEXT_KEYS])
    assert rest == [*pictures[1:], ""]


def test_t_shows_the_world_and_q_leaves(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--size", "9", "--food", "3", "--poison", "2", "--observation", "egocentric", "--view-radius", "2")
    shown = play_ansi(monkeypatch, capsys, "t\nqw\nw\n", *flags, "--seed", "1").split("> ")
    config = ForagingConfig(size=9, n_food=3, n_poison=2, observation="egocentric", view_radius=2)
    game = Game(config, seed=1)
    assert shown[0].startswith(view_text(game.view, game.state))
    assert shown[1].startswith(scene_text(game.view, game.state))
    assert shown[2:] == [""]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_plays(preset: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "step 4" in play_ansi(monkeypatch, capsys, "wasd\n", "--preset", preset, "--steps", "9")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--steps", "0"], "--steps must be at least 1, got 0"),
        (["--size", "1"], "size must be an integer in [2,"),
        (["--seed", "-1"], "-1"),
        (["--task-steps", "5"], "task_steps sets the length of a preset's tasks"),
        (["--preset", "nowhere"], "invalid choice: 'nowhere'"),
        (["--food", "300"], "n_food=300"),
    ],
)
def test_wrong_arguments_are_named(flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leave:
        main(["--render", "ansi", *flags])
    assert leave.value.code == 2
    assert message in capsys.readouterr().err


def test_the_module_runs_and_explains_itself() -> None:
    command = [sys.executable, "-W", "error", "-m", "foraging_env.play", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for flag in ("--preset", "--tasks", "--task-steps", "--size", "--food", "--poison", "--observation"):
        assert flag in done.stdout
    for flag in ("--view-radius", "--seed", "--steps", "--render"):
        assert flag in done.stdout


# ---------------------------------------------------------------------------------------------- in a window


@pytest.fixture
def dummy_display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    yield
    pygame.display.quit()


@pytest.mark.usefixtures("dummy_display")
@pytest.mark.parametrize("leave", ["q", "escape", "close"])
def test_window_plays_injected_keys(leave: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import pygame

    from foraging_env.render.window import Window

    script = ["up", "w", "tab", "left", "tab", "r", "d", leave]
    seen: list[tuple[int, bool, tuple[str, ...]]] = []
    show = Window.show

    def show_and_type(window: Window, state: object, world: int = 0, note: Sequence[str] = ()) -> None:
        show(window, state, world, note)  # type: ignore[arg-type]
        seen.append((int(state.episode_step[0]), window.agent_view, tuple(note)))  # type: ignore[attr-defined]
        name = script.pop(0)
        event = (
            pygame.event.Event(pygame.QUIT)
            if name == "close"
            else pygame.event.Event(pygame.KEYDOWN, key=pygame.key.key_code(name), unicode="")
        )
        pygame.event.post(event)

    monkeypatch.setattr(Window, "show", show_and_type)
    assert main(["--preset", "tiny", "--seed", "0"]) == 0
    assert not script
    assert [step for step, _, _ in seen] == [0, 1, 2, 2, 3, 3, 0, 1]
    assert [agent_view for _, agent_view, _ in seen] == [True, True, True, False, False, True, True, True]
    assert [bool(note) for _, _, note in seen] == [True] + [False] * 7
    assert not pygame.display.get_init()


@pytest.mark.usefixtures("dummy_display")
@pytest.mark.parametrize("why", ["no driver", "off screen"])
def test_without_a_display_it_points_to_the_terminal(
    why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from foraging_env.render.window import Window

    if why == "no driver":
        monkeypatch.setenv("SDL_VIDEODRIVER", "no such driver")
    else:
        monkeypatch.setattr(Window, "visible", False)
        monkeypatch.setattr(Window, "wait_key", lambda _: None)
    assert main(["--preset", "tiny"]) == 2
    message = capsys.readouterr().err
    assert "--render ansi" in message
    assert "Traceback" not in message
