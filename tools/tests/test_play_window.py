"""The window on SDL's dummy display, its keys pressed for real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures
from PIL import ImageSequence
from playback.live import Live
from playback.panels import tones
from playback.panels.frame import HEIGHT, WIDTH, Painter
from playback.player import Player
from playback.stage import Stage

pygame = pytest.importorskip("pygame")
from playback.window import Window  # noqa: E402 - it needs pygame

pytest_plugins = ("play_runs",)

SIGNS = {pygame.K_PERIOD: ".", pygame.K_PLUS: "+", pygame.K_MINUS: "-", pygame.K_9: "9", pygame.K_1: "1"}


@pytest.fixture(autouse=True)
def dummy_display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    yield
    pygame.display.quit()


class Watched:
    """A live view with its parts, and a hand on its keyboard."""

    def __init__(self, run: Path, folder: Path, speed: int = 4) -> None:
        player = Player(run, seed=3)
        self.stage, self.painter = Stage(player, speed), Painter.of(player)
        self.window = Window(WIDTH, HEIGHT, "a test")
        self.live = Live(self.stage, lambda: self.painter, self.window, folder=folder, stem="forager", follow=False)

    def press(self, *keys: int) -> None:
        """Press keys in a window whose stage stands still, then leave it with Escape."""
        self.stage.paused = True
        for key in (*keys, pygame.K_ESCAPE):
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, unicode=SIGNS.get(key, "")))
        self.live.run()

    def screen(self) -> np.ndarray:
        return pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)


@pytest.fixture
def watched(grown: Path, tmp_path: Path) -> Watched:
    return Watched(grown, tmp_path)


def turn(watched: Watched, *keys: int, elapsed_s: float = 0.0) -> None:
    """One round of the loop after some keys."""
    for key in keys:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, unicode=SIGNS.get(key, "")))
    assert watched.live.turn(elapsed_s)
    watched.window.show(watched.live.frame)


def test_the_window_shows_the_frame(watched: Watched) -> None:
    turn(watched)
    np.testing.assert_array_equal(watched.screen(), watched.painter.draw(watched.stage.scene))
    before = watched.screen().copy()
    turn(watched, elapsed_s=0.1)  # three ticks at thirty a second
    assert watched.stage.scene.tick == 3
    np.testing.assert_array_equal(watched.screen(), watched.painter.draw(watched.stage.scene))
    assert (watched.screen() != before).any()


def test_keys_move_the_stage(watched: Watched) -> None:
    turn(watched, pygame.K_SPACE)
    assert watched.stage.paused
    turn(watched, elapsed_s=5.0)
    assert (watched.stage.decisions, watched.stage.scene.tick) == (1, 0)
    turn(watched, pygame.K_PERIOD, pygame.K_t)
    assert (watched.stage.decisions, watched.stage.scene.tick) == (1, 2)
    turn(watched, pygame.K_s, pygame.K_RIGHT)
    assert (watched.stage.decisions, watched.stage.scene.tick) == (3, 2)
    turn(watched, pygame.K_PLUS, pygame.K_PLUS, pygame.K_MINUS)
    assert watched.stage.speed == 5
    hidden = watched.stage.scene.brain.hidden
    turn(watched, pygame.K_n)
    assert watched.stage.scene.brain.hidden < hidden
    assert watched.stage.scene.chapter == 0
    turn(watched, pygame.K_b)
    assert watched.stage.scene.brain.hidden == hidden
    assert not watched.stage.scene.guide
    turn(watched, pygame.K_h)
    assert watched.stage.scene.guide
    np.testing.assert_array_equal(watched.screen(), watched.painter.draw(watched.stage.scene))


def test_full_speed_plays_many_steps_a_frame(watched: Watched) -> None:
    turn(watched, pygame.K_9)
    before = watched.stage.decisions
    for _ in range(5):
        turn(watched)
    assert watched.stage.decisions >= before + 5
    turn(watched, pygame.K_SPACE)
    before = watched.stage.decisions
    turn(watched)
    assert watched.stage.decisions == before


@pytest.mark.parametrize("key", [pygame.K_q, pygame.K_ESCAPE])
def test_leaving(watched: Watched, key: int) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, unicode=""))
    watched.live.run(steps=3)
    assert watched.stage.decisions == 1
    assert not watched.window.closed  # who opened it closes it
    watched.window.close()
    watched.window.close()
    assert watched.window.closed
    watched.window.show(watched.live.frame)
    assert watched.window.keys() == []


def test_closing_the_window_ends_the_loop(watched: Watched) -> None:
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    watched.live.run(steps=3)
    assert watched.window.closed
    assert watched.stage.decisions == 1


def test_a_number_of_steps_ends_the_loop(grown: Path, tmp_path: Path) -> None:
    watched = Watched(grown, tmp_path, speed=9)
    watched.live.run(steps=12)
    assert watched.stage.decisions > 12


def test_pictures_are_saved_under_free_names(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "forager-1.png").write_text("mine")
    watched.press(pygame.K_p, pygame.K_s, pygame.K_p)
    assert (tmp_path / "forager-1.png").read_text() == "mine"
    shots = [np.asarray(Pictures.open(tmp_path / f"forager-{n}.png")) for n in (2, 3)]
    assert (shots[0] != shots[1]).any()
    np.testing.assert_array_equal(shots[1], watched.painter.draw(watched.stage.scene._replace(pace="")))
    assert len(list(tmp_path.iterdir())) == 3


def test_what_is_recorded_is_what_was_shown(watched: Watched, tmp_path: Path) -> None:
    turn(watched, pygame.K_SPACE)
    expected = []
    for keys in ([pygame.K_r], [pygame.K_t], [pygame.K_s]):
        turn(watched, *keys)
        turn(watched)  # standing still is not filmed
        expected.append(watched.painter.draw(watched.stage.scene._replace(pace="")))
    turn(watched, pygame.K_r)
    turn(watched, pygame.K_t)  # after the end
    assert [entry.name for entry in tmp_path.iterdir()] == ["forager-1.gif"]
    with Pictures.open(tmp_path / "forager-1.gif") as gif:
        frames = [np.asarray(picture.convert("RGB")) for picture in ImageSequence.Iterator(gif)]
    for ours, theirs in zip(expected, frames, strict=True):
        assert np.abs(ours.astype(int) - theirs).mean() < 2


def test_a_folder_that_cannot_be_written_to_stops_nothing(grown: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    watched = Watched(grown, folder)
    turn(watched, pygame.K_SPACE)
    silent = watched.live.frame
    folder.rmdir()
    folder.write_text("a file where the folder was")
    for key in (pygame.K_p, pygame.K_r):
        turn(watched, key)
        assert (watched.live.frame != silent).any()  # a word about it
    turn(watched, pygame.K_s)
    assert watched.stage.decisions == 2


def test_leaving_while_recording_keeps_the_film(watched: Watched, tmp_path: Path) -> None:
    watched.press(pygame.K_r, pygame.K_s)
    with Pictures.open(tmp_path / "forager-1.gif") as gif:
        assert gif.size == (WIDTH, HEIGHT)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_window_of_another_size_shows_all_of_it(watched: Watched) -> None:
    pygame.display.set_mode((WIDTH // 2, HEIGHT), pygame.RESIZABLE)  # as if its user had pulled at its edge
    turn(watched)
    shown = watched.screen()
    assert (shown[: HEIGHT // 4 - 2] == tones.PAGE).all()
    assert (shown[-(HEIGHT // 4 - 2) :] == tones.PAGE).all()
    small = watched.live.frame.reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(shown[HEIGHT // 4 : -(HEIGHT // 4)] - small).mean() < 2


def test_a_plain_environment_is_shown_as_the_documentation_says(
    grown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "playback.md").read_text()
    example = page.split("```python")[1].split("```")[0]
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quick-seed1-1").symlink_to(grown)
    monkeypatch.chdir(tmp_path)
    screens: list[bytes] = []
    flip = pygame.display.flip

    def seen() -> None:
        flip()
        screens.append(pygame.image.tobytes(pygame.display.get_surface(), "RGB"))

    monkeypatch.setattr(pygame.display, "flip", seen)
    monkeypatch.setattr(pygame.time, "Clock", Impatient)
    exec(compile(example, "playback.md", "exec"), {})
    assert len(screens) == 501  # the first picture, and one after each step
    assert len(set(screens)) > 100


class Impatient:
    """A clock that does not wait."""

    def tick(self, fps: float) -> float:
        return 0 * fps
