"""The training and evaluation tools, run as a user runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
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
    return answer.stdout if code == 0 else answer.stdout + answer.stderr  # a word on compiling may be there at any time


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    text = run(TOOLS / "train.py", *SHORT, "--seed", "3", "--run-dir", folder / "run", cwd=folder)
    assert "normalised" in text
    return folder / "run"


def test_run_directory_holds_what_is_promised(trained: Path) -> None:
    assert {entry.name for entry in trained.iterdir()} == {
        "config.json", "metrics.csv", "events.jsonl", "activity.jsonl", "checkpoints", "milestones", "summary.json",
        "report.html",
    }  # fmt: skip
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["env_steps"] >= 4000
    assert summary["seed"] == 3
    assert summary["neurons_initial"] == summary["neurons_final"] == 64
    assert summary["ended"] == "done"
    promised = {
        "env_steps", "episodes", "wall_seconds", "env_steps_per_second", "neurons_initial", "neurons_final",
        "growth_events", "pruning_events", "eval", "engine", "device", "seed", "config_hash",
    }  # fmt: skip
    assert promised <= set(summary)
    assert summary["engine"] != "auto"  # but the one that it was
    assert {"food_mean", "return_mean", "normalised_score", "normalised_interval"} <= set(summary["eval"])
    assert summary["eval"]["energy"]["int8"]["joules_per_decision"] > 0
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
    # One world step takes one decision, so a food item costs what the decisions of its share of an episode cost.
    decisions_per_food = 500 / scores["food_mean"]
    for cost in scores["energy"].values():
        assert cost["joules_per_food"] == pytest.approx(cost["joules_per_decision"] * decisions_per_food)
    assert scores["spikes_per_decision"] > 0
    # At 7×7 the agent and four food items are five active inputs of 98, each with 64 synapses; a spike has four.
    synapses = 5 * 64 + 4 * scores["spikes_per_decision"]
    assert scores["synaptic_operations_per_decision"] == pytest.approx(synapses)
    assert scores["synaptic_operations_per_decision_resent"] == pytest.approx(synapses + 9 * 5 * 64)


def test_the_report_is_the_last_thing_said(trained: Path, tmp_path: Path) -> None:
    text = run(TOOLS / "train.py", "--resume", trained, cwd=tmp_path)  # at its goal already: evaluated anew, no more
    assert text.splitlines()[-1] == f"report: {trained / 'report.html'}"
    page = (trained / "report.html").read_text()
    data = json.loads(page.split('id="run-data">')[1].split("</script>")[0])
    summary = json.loads((trained / "summary.json").read_text())
    assert data["summary"] == summary
    assert data["references"] == {"random": summary["eval"]["random_food"], "greedy": summary["eval"]["greedy_food"]}
    assert f"--config {trained / 'config.json'}" in page


def test_a_stopped_run_is_reported_and_goes_on(tmp_path: Path) -> None:
    place = tmp_path / "run"
    options = [item if item != "4000" else "100000000" for item in SHORT]
    command = [sys.executable, TOOLS / "train.py", *options, "--run-dir", place]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not (place / "checkpoints").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    text, _ = process.communicate()
    assert process.returncode == 0, text
    assert text.splitlines()[-1] == f"report: {place / 'report.html'}"
    page = (place / "report.html").read_text()
    assert "Stopped before its goal" in page
    assert f"--resume {place}" in page
    summary = json.loads((place / "summary.json").read_text())
    assert summary["ended"] == "asked to stop"
    assert "eval" not in summary


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
