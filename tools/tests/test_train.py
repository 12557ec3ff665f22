"""The training and evaluation tools, run as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[1]
SHORT = [
    "--preset", "quick", "--threads", "1", "--total-steps", "4000", "--eval-episodes", "4",
    "--training.n-worlds", "8", "--training.checkpoint-every-updates", "4",
]  # fmt: skip


def run(*arguments: str | Path, cwd: Path, code: int = 0) -> str:
    command = [sys.executable, *map(str, arguments)]
    answer = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert answer.returncode == code, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    text = run(TOOLS / "train.py", *SHORT, "--seed", "3", "--run-dir", folder / "run", cwd=folder)
    assert "normalised" in text
    return folder / "run"


def test_run_directory_holds_what_is_promised(trained: Path) -> None:
    assert {entry.name for entry in trained.iterdir()} == {
        "config.json", "metrics.csv", "events.jsonl", "checkpoints", "summary.json",
    }  # fmt: skip
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["env_steps"] >= 4000
    assert summary["seed"] == 3
    assert summary["neurons_initial"] == summary["neurons_final"] == 64
    assert summary["ended"] == "done"
    assert {"food_mean", "return_mean", "normalised_score"} <= set(summary["eval"])
    lines = (trained / "metrics.csv").read_text().splitlines()
    assert len(lines) == 1 + summary["updates"]


def test_a_used_directory_is_refused_and_left_alone(trained: Path) -> None:
    before = {path: path.read_bytes() for path in sorted(trained.rglob("*")) if path.is_file()}
    text = run(TOOLS / "train.py", *SHORT, "--run-dir", trained, cwd=trained.parent, code=2)
    assert "not empty" in text
    assert "resum" in text
    assert {path: path.read_bytes() for path in sorted(trained.rglob("*")) if path.is_file()} == before


def test_the_same_seed_gives_the_same_numbers(trained: Path, tmp_path: Path) -> None:
    run(TOOLS / "train.py", *SHORT, "--seed", "3", "--run-dir", tmp_path / "again", cwd=tmp_path)
    first, second = (json.loads((place / "summary.json").read_text()) for place in (trained, tmp_path / "again"))
    assert first["eval"] == second["eval"]
    assert first["config_hash"] == second["config_hash"]
    run(TOOLS / "train.py", *SHORT, "--seed", "4", "--run-dir", tmp_path / "other", cwd=tmp_path)
    assert json.loads((tmp_path / "other" / "summary.json").read_text())["eval"] != first["eval"]


def test_evaluation_prints_json(trained: Path) -> None:
    arguments = [TOOLS / "evaluate.py", trained, "--episodes", "5", "--seed", "1"]
    scores = json.loads(run(*arguments, cwd=trained.parent))
    assert scores["neurons"] == 64
    assert scores["episodes"] == 5
    low, high = scores["food_interval"]
    assert low <= scores["food_mean"] <= high
    assert json.loads(run(*arguments, cwd=trained.parent)) == scores


def test_an_environment_of_others_says_what_was_chosen(tmp_path: Path) -> None:
    short = ["--env-id", "CartPole-v1", "--threads", "1", "--total-steps", "3000", "--eval-episodes", "3"]
    text = run(TOOLS / "train.py", *short, "--run-dir", tmp_path / "run", cwd=tmp_path)
    assert "standardised inputs" in text
    assert "return per episode" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--env-id", "Pendulum-v1"], ["action space", "Discrete"]),
        (["--preset", "quick", "--learning.gamma", "1.5"], ["gamma", "1.5"]),
        (["--preset", "quick", "--env-kwargs", "size"], ["name=value"]),
        (["--resume", "nowhere"], ["nowhere", "does not exist"]),
        (["--preset", "quick", "--engine", "abacus"], ["engine", "abacus"]),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    text = run(TOOLS / "train.py", *arguments, cwd=tmp_path, code=2)
    assert all(word in text.replace("\n", " ") for word in words), text
    assert not (tmp_path / "runs").exists()
