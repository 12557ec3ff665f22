"""Runs for the tests of live playback: in our world, with births and deaths; on CartPole; a life of several tasks."""

from __future__ import annotations

from pathlib import Path

import pytest
from play_tasks import live
from train import main as train

TINY = ["--threads", "1", "--eval-episodes", "1", "--milestones", "3", "--total-steps", "2000"]
GROWING = [
    "--preset", "quick", "--network.init-hidden", "34", "--training.n-worlds", "8", "--training.rollout-steps", "8",
    "--structure.growth", "periodic", "--structure.grow-interval", "500", "--structure.growth-size", "9",
    "--structure.interval-unit", "env_steps", "--structure.pruning", "low_utility", "--structure.prune-interval", "700",
    "--structure.prune-share", "0.1", "--structure.maturity-updates", "1",
]  # fmt: skip
CARTPOLE = ["--env-id", "CartPole-v1", "--training.n-worlds", "4", "--training.rollout-steps", "16"]


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a small world with four chapters."""
    run = tmp_path_factory.mktemp("grown") / "forager"
    assert train([*GROWING, *TINY, "--run-dir", str(run)]) == 0
    return run


@pytest.fixture(scope="session")
def balancing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a world of others."""
    run = tmp_path_factory.mktemp("balancing") / "balancer"
    assert train([*CARTPOLE, *TINY, "--run-dir", str(run)]) == 0
    return run


@pytest.fixture(scope="session")
def many_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A life of several tasks, in a world whose own ones change every eleven steps."""
    return live(tmp_path_factory.mktemp("tasks") / "life", ("tasks=migrate", "task_steps=11"))
