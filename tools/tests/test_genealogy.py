"""The genealogy tool on a real short run: it tells what the checkpoint knows, and refuses a forged log."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from snn_agent.training.checkpoint import load_newest

TOOLS = Path(__file__).parents[1]
SHORT = [
    "--preset", "quick", "--threads", "1", "--engine", "torch", "--total-steps", "4000", "--eval-episodes", "2",
    "--training.n-worlds", "8", "--structure.interval-unit", "updates", "--structure.growth", "periodic",
    "--structure.growth-size", "5", "--structure.grow-interval", "2", "--structure.pruning", "low_utility",
    "--structure.prune-interval", "3", "--structure.maturity-updates", "2",
]  # fmt: skip


def run(*arguments: str | Path, code: int = 0) -> str:
    command = [sys.executable, *map(str, arguments)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == code, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("genealogy") / "run"
    run(TOOLS / "train.py", *SHORT, "--run-dir", folder)
    return folder


def test_it_tells_the_story_that_the_checkpoint_knows(grown: Path, tmp_path: Path) -> None:
    _, saved = load_newest(grown)
    events = [json.loads(line) for line in (grown / "events.jsonl").read_text().splitlines()]
    born, died = (sum(len(event[name]) for event in events) for name in ("born", "died"))
    assert min(born, died) > 0
    living = 64 + born - died
    text = run(TOOLS / "genealogy.py", grown, "--csv", tmp_path / "lives.csv")
    assert f"64 founders, {64 + born} neurons ever, {living} live after" in text
    for rule in ("periodic_growth", "low_utility_pruning"):
        assert rule in text
    assert f"Oldest of {living} survivors" in text
    with (tmp_path / "lives.csv").open() as file:
        lives = list(csv.DictReader(file))
    assert [int(life["id"]) for life in lives] == list(range(64 + born))
    survivors = [life for life in lives if not life["died_by"]]
    assert [int(life["id"]) for life in survivors] == saved.optimizer["statistics.id"].tolist()
    assert [int(life["born_update"]) for life in survivors] == saved.optimizer["statistics.birth_update"].tolist()
    assert {life["died_by"] for life in lives} == {"", "low_utility_pruning"}
    assert {life["born_by"] for life in lives} == {"", "periodic_growth"}
    dead = [life for life in lives if life["died_by"]]
    assert all(int(life["age_at_death"]) == int(life["died_update"]) - int(life["born_update"]) for life in dead)


def test_a_log_without_its_last_events_is_refused(grown: Path, tmp_path: Path) -> None:
    forged = tmp_path / "run"
    shutil.copytree(grown, forged)
    lines = (forged / "events.jsonl").read_text().splitlines(keepends=True)
    (forged / "events.jsonl").write_text("".join(lines[:-1]))
    assert "Events at its end were lost" in run(TOOLS / "genealogy.py", forged, code=2)
    (forged / "events.jsonl").write_text("".join(lines[1:]))
    assert "contradicts itself at event 1" in run(TOOLS / "genealogy.py", forged, code=2)


def test_a_run_that_lived_on_after_its_checkpoint_is_told_until_then(grown: Path, tmp_path: Path) -> None:
    alive = tmp_path / "run"
    shutil.copytree(grown, alive)
    lines = (alive / "events.jsonl").read_text().splitlines(keepends=True)
    later = json.loads(lines[-1]) | {"update": 10**6, "env_step": 10**9}
    (alive / "events.jsonl").write_text("".join(lines) + json.dumps(later) + "\n")
    assert run(TOOLS / "genealogy.py", alive).splitlines()[1:] == run(TOOLS / "genealogy.py", grown).splitlines()[1:]


def test_a_directory_without_a_run_is_named(tmp_path: Path) -> None:
    assert "no valid checkpoint" in run(TOOLS / "genealogy.py", tmp_path, code=2)
