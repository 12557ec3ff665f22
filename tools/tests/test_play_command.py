"""``tools/play.py`` as it is called: films, text, pages, and what it says when something cannot be done."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image as Pictures
from play import ORGANISM, main
from playback.panels.frame import HEIGHT, WIDTH, Painter
from playback.player import Player
from playback.stage import Stage

pytest_plugins = ("play_runs",)


def play(*arguments: str | Path, capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    """What it prints."""
    assert main([str(argument) for argument in arguments]) == code, capsys.readouterr()
    printed = capsys.readouterr()
    return printed.out if code == 0 else printed.err


def test_films_have_a_frame_for_every_step_or_tick(
    grown: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = play(grown, "--record", tmp_path / "steps.gif", "--steps", "7", capsys=capsys)
    assert "7 frames" in told
    with Pictures.open(tmp_path / "steps.gif") as gif:
        assert gif.n_frames == 7
        assert gif.size == (WIDTH, HEIGHT)
    film = tmp_path / "ticks.mp4"
    play(grown, "--render", "rgb_array", "--record", film, "--steps", "2", "--ticks", "--fps", "20", capsys=capsys)
    assert imageio_ffmpeg.count_frames_and_secs(str(film)) == pytest.approx((20, 1.0), abs=0.05)


def test_a_picture_shows_the_last_step(grown: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    play(grown, "--record", tmp_path / "out.png", "--steps", "4", capsys=capsys)
    player = Player(grown)
    stage = Stage(player)
    for _ in range(3 * 10 + 5):
        stage.tick()
    expected = Painter.of(player).draw(stage.scene._replace(pace=""))
    np.testing.assert_array_equal(np.asarray(Pictures.open(tmp_path / "out.png")), expected)


def test_without_a_run_it_is_the_organism_of_the_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--record", str(tmp_path / "out.png"), "--steps", "1"]) == 0, capsys.readouterr()
    player = Player(ORGANISM)
    assert len(player.chapters) > 1  # so that one can watch it grow
    assert player.view is not None
    assert (tmp_path / "out.png").exists()


def test_a_page_is_written(grown: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert str(tmp_path / "life.html") in play(
        grown, "--record", tmp_path / "life.html", "--steps", "4", capsys=capsys
    )  # fmt: skip
    assert (tmp_path / "life.html").read_text().lstrip().lower().startswith("<!doctype html>")


def test_text_is_printed_frame_by_frame(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = play(grown, "--render", "ansi", "--steps", "5", "--seed", "8", capsys=capsys)
    moments = list(Player(grown, seed=8).moments(5))
    assert re.findall(r"step (\d+)", told) == ["0", "1", "2", "3", "4"]
    chosen = re.findall(r"> . (\w+)", told)
    assert chosen == [("up", "down", "left", "right")[moment.action] for moment in moments]
    assert told.count("whole decision") == 5
    single = play(grown, "--render", "ansi", "--steps", "3", "--speed", "2", capsys=capsys)
    assert re.findall(r"tick (\d+) of 10", single) == ["1", "2", "3"]


def test_the_arguments_reach_the_player(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chapters = Player(grown).chapters
    for word, chapter in (("first", chapters[0]), ("2", chapters[1]), ("last", chapters[-1])):
        told = play(grown, "--render", "ansi", "--steps", "1", "--chapter", word, capsys=capsys)
        assert f"after {chapter.env_step:,} steps" in told
        assert f"neurons {chapter.hidden}" in told
    told = play(grown, "--render", "ansi", "--steps", "30", "--deterministic", capsys=capsys)
    player = Player(grown, deterministic=True)
    names = ("up", "down", "left", "right")
    assert re.findall(r"> . (\w+)", told) == [names[moment.probabilities.argmax()] for moment in player.moments(30)]


def test_other_worlds_play_in_all_forms(balancing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "CartPole-v1" in play(balancing, "--render", "ansi", "--steps", "2", capsys=capsys)
    play(balancing, "--record", tmp_path / "cart.gif", "--steps", "3", capsys=capsys)
    with Pictures.open(tmp_path / "cart.gif") as gif:
        assert gif.n_frames == 3


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a display, or do not say that they have none")
def test_without_a_display_a_page_is_made(
    grown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pygame")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    told = play(grown, "--steps", "3", capsys=capsys)
    assert "no display" in told
    page = Path("runs") / "replay-forager-1.html"
    assert told.splitlines()[-1] == f"replay: {page}"
    before = page.read_bytes()
    assert play(grown, "--steps", "3", capsys=capsys).splitlines()[-1] == "replay: runs/replay-forager-2.html"
    assert page.read_bytes() == before
    assert "no display" in play(grown, "--render", "window", capsys=capsys, code=2)
    assert len(list(Path("runs").iterdir())) == 2


def test_a_window_plays_its_steps_and_closes(
    grown: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    play(grown, "--steps", "3", "--speed", "9", capsys=capsys)
    assert not pygame.display.get_init()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ["nowhere", "does not exist"]),
        (["{run}", "--chapter", "9"], ["chapter", "first, last", "[1, 4]", "'9'"]),
        (["{run}", "--chapter", "0"], ["[1, 4]"]),
        (["{run}", "--record", "x.gif", "--render", "ansi"], ["--record", "--render ansi"]),
    ],
)
def test_what_cannot_be_played_is_told(
    arguments: list[str], words: list[str], grown: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refusal([argument.format(run=grown) for argument in arguments], capsys)
    assert all(word in told for word in words), told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--render", "rgb_array"], ["--record out.gif"]),
        (["--record", "x.avi"], [".gif, .mp4, .png, .html", "x.avi"]),
        (["--ticks"], ["--record"]),
        (["--steps", "0"], ["steps", "at least 1"]),
        (["--speed", "10"], ["speed", "[1, 9]"]),
        (["--fps", "200"], ["fps", "50"]),
        (["--record", "{taken}"], ["exists", "nothing is overwritten"]),
    ],
)
def test_wrong_options_are_told_before_anything_is_loaded(
    arguments: list[str], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "x.gif"
    taken.write_text("mine")
    told = refusal(["nowhere", *[argument.format(taken=taken) for argument in arguments]], capsys)
    assert all(word in told for word in words), told
    assert taken.read_text() == "mine"


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What is said, whoever says it: the options themselves or what they are for; without the box around it."""
    try:
        code = main(arguments)
    except SystemExit as leaving:
        code = leaving.code
    assert code == 2
    return " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().err).split())
