"""What is given away is the organism, and little else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluate import main as evaluate
from export import main as export
from playback.chapters import chapters_of, read_history
from playback.player import Player
from train import main as train

from snn_agent.training.checkpoint import load


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "run"
    code = train(
        ["--preset", "quick", "--run-dir", str(folder), "--total-steps", "3000", "--threads", "1", "--milestones", "6",
         "--training.n-worlds", "8", "--training.rollout-steps", "8", "--eval-episodes", "1", "--structure.growth",
         "periodic", "--structure.grow-interval", "1000", "--structure.interval-unit", "env_steps",
         "--structure.growth-size", "8"]
    )  # fmt: skip
    assert code == 0
    return folder


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_it_is_smaller_and_plays_the_same_life(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export([str(run), str(out), "--milestones", "4", "--no-half"]) == 0
    assert size(out) < size(run) / 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # no draft is left
    ours, theirs = chapters_of(out), chapters_of(run)
    assert len(ours) == 4
    assert (ours[0].env_step, ours[-1].env_step) == (0, theirs[-1].env_step)
    assert [chapter.hidden for chapter in ours] == [
        chapter.hidden for chapter in theirs if chapter.env_step in {chapter.env_step for chapter in ours}
    ]
    for one, other in zip(Player(out).moments(30), Player(run).moments(30), strict=True):
        np.testing.assert_array_equal(one.potentials, other.potentials)
        assert (one.action, one.food) == (other.action, other.food)
    np.testing.assert_array_equal(read_history(out).births, read_history(run).births)
    assert read_history(out).steps[-1] == read_history(run).steps[-1]


def test_half_precision_is_the_nearest(run: Path, tmp_path: Path) -> None:
    assert export([str(run), str(tmp_path / "out")]) == 0
    ours, theirs = chapters_of(tmp_path / "out")[-1], chapters_of(run)[-1]
    for name, tensor in load(theirs.path).model.items():
        kept = load(ours.path).model[name]
        expected = tensor.half() if tensor.dtype == torch.float32 else tensor
        assert torch.equal(kept, expected), name


def test_it_can_be_evaluated_but_not_resumed(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert export([str(run), str(out)]) == 0
    capsys.readouterr()
    assert evaluate([str(out), "--episodes", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["neurons"] == chapters_of(run)[-1].hidden
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert train(["--resume", str(out)]) == 2
    assert "holds an organism alone" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_nothing_is_overwritten(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    assert export([str(run), str(tmp_path / "out")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert export([str(tmp_path), str(tmp_path / "other")]) == 2
    assert not (tmp_path / "other").exists()
    assert export([str(run), str(tmp_path / "other"), "--milestones", "1"]) == 2
    assert "at least 2" in capsys.readouterr().err
