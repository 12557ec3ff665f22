"""A training that is under way is watched, and is what it would be unwatched."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from play import main as play
from playback import live as live_module
from playback.live import Live
from playback.panels.frame import HEIGHT, WIDTH, Painter
from playback.player import Player
from playback.stage import Stage
from train import main as train

pygame = pytest.importorskip("pygame")
from playback.watching import Watching  # noqa: E402 - its window needs pygame
from playback.window import Window  # noqa: E402

pytest_plugins = ("play_runs",)


@pytest.fixture
def dummy_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def short_training(run: Path, *flags: str) -> int:
    """The training of the fixture ``grown``, again."""
    from play_runs import GROWING, TINY  # a plugin here, which pytest wants to import first

    return train([*GROWING, *TINY, "--run-dir", str(run), *flags])


@pytest.fixture
def young(grown: Path, tmp_path: Path) -> Path:
    """A run that has got to its second chapter."""
    run = tmp_path / "young"
    (run / "milestones").mkdir(parents=True)
    shutil.copyfile(grown / "config.json", run / "config.json")
    for chapter in Player(grown).chapters[:2]:
        shutil.copytree(chapter.path, run / "milestones" / chapter.path.name)
    return run


def grow_up(young: Path, grown: Path) -> None:
    shutil.copytree(grown / "checkpoints", young / "checkpoints")
    for name in ("metrics.csv", "events.jsonl"):
        shutil.copyfile(grown / name, young / name)


def test_the_stage_goes_on_with_the_newest_organism(young: Path, grown: Path) -> None:
    stage = Stage(Player(young, seed=3))
    stage.beat()
    assert not stage.follow()
    before = stage.scene
    grow_up(young, grown)
    assert stage.follow()
    after = stage.scene
    assert after.brain.hidden == Player(grown).brain.hidden > before.brain.hidden
    assert after.moment.spikes.shape[1] == after.brain.hidden
    assert after.moment.step == before.moment.step + 1
    np.testing.assert_array_equal(after.past[-2].spikes, before.past[-1].spikes)  # what was seen stays seen
    assert not stage.follow()


def test_who_looks_back_is_not_disturbed(young: Path, grown: Path) -> None:
    stage = Stage(Player(young))
    stage.wish("before")
    grow_up(young, grown)
    assert not stage.follow()
    assert stage.scene.chapter == 0


def test_the_window_shows_the_newest_organism(
    dummy_display: None, young: Path, grown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "LOOK_S", 0.0)
    player = Player(young, seed=3)
    stage, window = Stage(player), Window(WIDTH, HEIGHT, "a test")
    try:
        live = Live(stage, lambda: Painter.of(player), window, folder=tmp_path, stem="young", follow=True)
        grow_up(young, grown)
        assert live.turn(0.0)
        assert stage.scene.brain.hidden == Player(grown).brain.hidden
        np.testing.assert_array_equal(live.frame, Painter.of(player).draw(stage.scene))  # with the new history
    finally:
        window.close()


def metrics(run: Path) -> list[dict[str, str]]:
    timed = ("seconds", "env_steps_per_second")
    with (run / "metrics.csv").open() as file:
        return [{name: cell for name, cell in row.items() if name not in timed} for row in csv.DictReader(file)]


def test_training_opens_a_window_and_is_not_changed_by_it(
    dummy_display: None, grown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[subprocess.Popen[bytes]] = []
    on_start = Watching.on_start

    def remember(self: Watching, run: object) -> None:
        on_start(self, run)  # type: ignore[arg-type]
        opened.append(self.process)

    monkeypatch.setattr(Watching, "on_start", remember)
    try:
        assert short_training(tmp_path / "run", "--watch") == 0
        (viewer,) = opened
        with pytest.raises(subprocess.TimeoutExpired):  # it plays on when training is over
            viewer.wait(1.0)
        if hasattr(os, "SCHED_IDLE"):
            assert os.sched_getscheduler(viewer.pid) == os.SCHED_IDLE
    finally:
        for process in opened:
            process.kill()
            process.wait()
    assert metrics(tmp_path / "run") == metrics(grown)


def test_what_cannot_be_watched_is_told_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "no-such-driver")
    run = tmp_path / "run"
    assert short_training(run, "--watch") == 2
    assert "a window cannot be opened here" in " ".join(capsys.readouterr().out.split())
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert short_training(run, "--watch", "--milestones", "0") == 2
    assert "Leave that above 0" in " ".join(capsys.readouterr().out.split())
    assert not run.exists()


def test_only_a_window_follows(grown: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        play([str(grown), "--follow", "--record", str(tmp_path / "life.gif")])
    assert "--follow is about the window" in capsys.readouterr().err
