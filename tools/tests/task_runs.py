"""Short runs of several tasks, trained as a user trains them: fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest
from studies.running import run_one

SHORT = [
    "--env-id", "CartPole-v1", "--tasks", "upright:", "until it falls: sutton_barto_reward=true", "--sequence", "0",
    "1", "0", "1", "--threads", "1", "--total-steps", "8192", "--seed", "3", "--eval-episodes", "3",
    "--evaluations-per-phase", "2", "--evaluation-episodes", "2", "--training.n-worlds", "4",
    "--training.rollout-steps", "16", "--training.checkpoint-every-updates", "3", "--network.init-hidden", "8",
    "--continual.protect", "0.5", "--continual.column-size", "4", "--milestones", "4",
]  # fmt: skip
"""Four phases of 32 updates each; a step is worth 1 in one task and 0 in the other, in which falling is worth -1."""


def _lived(tmp_path_factory: pytest.TempPathFactory, *more: str) -> Path:
    run_dir = tmp_path_factory.mktemp("tasks") / "run"
    run_one(run_dir, [*SHORT, *more])
    return run_dir


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that knows its tasks and has a head for each."""
    return _lived(tmp_path_factory, "--continual.heads", "task")


@pytest.fixture(scope="session")
def untold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that finds out by itself, and is easily alarmed."""
    alarmed = ["--continual.boundaries", "detected", "--continual.false-alarm-updates", "4"]
    return _lived(tmp_path_factory, "--continual.heads", "task", *alarmed)


@pytest.fixture(scope="session")
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose tasks share a head."""
    return _lived(tmp_path_factory)
