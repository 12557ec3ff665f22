"""Films hold the frames that were put into them, and nothing that exists is lost for them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image as Pictures
from PIL import ImageSequence
from playback.files import draft_of, fresh
from playback.film import SAMPLED, filming
from playback.panels.frame import Painter
from playback.player import Player
from playback.stage import Stage

from snn_agent.errors import BackendUnavailable, ConfigError

pytest_plugins = ("play_runs",)

SIDE = 64


def squares(count: int) -> list[np.ndarray]:
    """A bright square that wanders over a ground of few colours; the first two frames are alike."""
    frames = []
    for index in range(count):
        frame = np.full((SIDE, SIDE, 3), (40, 50, 60), dtype=np.uint8)
        step = max(index - 1, 0)
        frame[step : step + 9, 2 * step % 50 : 2 * step % 50 + 9] = (230, 150, 40)
        frames.append(frame)
    return frames


def film(path: Path, frames: Iterable[np.ndarray], fps: float = 10) -> None:
    with filming(path, fps) as reel:
        for frame in frames:
            reel.add(frame)


def interrupted(event: Callable[[], object]) -> Iterator[np.ndarray]:
    """Frames after which something happens."""
    yield from squares(SAMPLED + 1)
    event()


def decoded(path: Path) -> list[np.ndarray]:
    with Pictures.open(path) as gif:
        return [np.asarray(picture.convert("RGB")) for picture in ImageSequence.Iterator(gif)]


@pytest.mark.parametrize("count", [1, 2, SAMPLED - 1, SAMPLED, SAMPLED + 1, 40])
def test_a_gif_is_its_frames(count: int, tmp_path: Path) -> None:
    frames = squares(count)
    film(tmp_path / "out.gif", frames)
    shown = decoded(tmp_path / "out.gif")
    assert len(shown) == count
    for ours, theirs in zip(frames, shown, strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 4


def test_frames_of_the_window_keep_their_colours(grown: Path, tmp_path: Path) -> None:
    player = Player(grown)
    painter, stage = Painter.of(player), Stage(player, 6)
    frames = []
    for index in range(18):
        frames.append(painter.draw(stage.scene))
        stage.wish("next") if index % 6 == 5 else stage.beat()
    film(tmp_path / "out.gif", frames)
    for ours, theirs in zip(frames, decoded(tmp_path / "out.gif"), strict=True):
        error = np.abs(ours.astype(int) - theirs)
        assert error.mean() < 2  # of 255
        assert error.max() < 40


@pytest.mark.parametrize(("fps", "duration_ms"), [(10, 100), (50, 20), (30, 30), (0.5, 2000)])
def test_a_gif_has_its_pace_and_does_not_end(fps: float, duration_ms: int, tmp_path: Path) -> None:
    film(tmp_path / "out.gif", squares(4), fps)
    with Pictures.open(tmp_path / "out.gif") as gif:
        assert gif.info["loop"] == 0
        assert [picture.info["duration"] for picture in ImageSequence.Iterator(gif)] == [duration_ms] * 4


def test_an_mp4_is_its_frames(tmp_path: Path) -> None:
    frames = squares(12)
    film(tmp_path / "out.mp4", frames, 6)
    count, seconds = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "out.mp4"))
    assert count == 12
    assert seconds == pytest.approx(2, abs=0.05)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "out.mp4"))
    assert next(reader)["size"] == (SIDE, SIDE)
    for frame in frames:
        shown = np.frombuffer(next(reader), dtype=np.uint8).reshape(SIDE, SIDE, 3)
        assert np.abs(frame.astype(int) - shown).mean() < 4
    reader.close()


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_an_existing_film_is_left_alone(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="exists"):
        film(path, squares(2))
    path.unlink()
    with pytest.raises(ConfigError, match="exists"):
        film(path, interrupted(lambda: path.write_text("mine")))  # somebody makes it while we are filming
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_nothing_is_left_of_a_film_that_failed(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        film(tmp_path / f"out{suffix}", interrupted(lambda: 1 / 0))
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_filmed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"\.gif or \.mp4"):
        film(tmp_path / "out.avi", squares(1))
    with pytest.raises(ConfigError, match="no folder"):
        film(tmp_path / "nowhere" / "out.gif", squares(1))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)  # what Python does for a library that is not there
    with pytest.raises(BackendUnavailable, match="--group video"):
        film(tmp_path / "out.mp4", squares(1))
    assert not list(tmp_path.iterdir())


def test_fresh_names_are_free(tmp_path: Path) -> None:
    for expected in ("shot-1.png", "shot-2.png", "shot-3.png"):
        path = fresh(tmp_path, "shot", ".png")
        assert path.name == expected
        with draft_of(path) as draft:
            draft.write_text("x")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["shot-1.png", "shot-2.png", "shot-3.png"]
