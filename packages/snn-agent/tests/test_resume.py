"""A run that was stopped, killed or damaged goes on exactly as if nothing had been."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from training_cases import (
    CHANGING,
    LEARNING,
    DeafSongs,
    Songs,
    differences,
    everything,
    lines_without_clock,
    trainer_for,
    update,
)

from snn_agent import AdaptiveTrainer
from snn_agent.errors import CheckpointError
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.snapshot import rebuild_organism

TESTS = Path(__file__).parent
LOGS = ("events.jsonl", "activity.jsonl")
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "carried state": {"carry_state": True, "readout": "first_spike"},
    "scaled input": {"input_scaling": "standardise", "readout": "membrane"},
    "Poisson input": {"encoding": "poisson", "readout": "drive"},
}


def resumed(run_dir: Path, env: Songs | None = None, at: Path | None = None, **options: Any) -> AdaptiveTrainer:
    """The run of a directory, from its newest valid checkpoint or from the one given, in a fresh environment."""
    _, checkpoint = checkpoints.load_newest(at or run_dir)
    organism = rebuild_organism(checkpoint.state["organism"], checkpoint.model)
    return trainer_for(env or Songs(), organism=organism, run_dir=run_dir, resume=checkpoint, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of 12 updates (200 steps) without a break."""
    run_dir = tmp_path_factory.mktemp("whole") / "run"
    trainer_for(run_dir=run_dir).train(200)
    return run_dir


def same_run(a: Path, b: Path) -> bool:
    """Whether the newest checkpoints and the files of two runs are equal but for the clock."""
    (_, first), (_, second) = checkpoints.load_newest(a), checkpoints.load_newest(b)
    for old, new in zip(first[:3], second[:3], strict=True):
        assert old.keys() == new.keys()
        assert all(np.array_equal(old[name], new[name]) for name in old)
    timeless = [{k: v for k, v in c.state.items() if k not in ("seconds", "file_sizes")} for c in (first, second)]
    assert timeless[0] == timeless[1]
    assert lines_without_clock(a) == lines_without_clock(b)
    return all((a / name).read_bytes() == (b / name).read_bytes() for name in LOGS)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("variant", VARIANTS)
def test_twice_n_updates_are_n_and_n(tmp_path: Path, variant: str, mode: AutoresetMode) -> None:
    network = VARIANTS[variant]
    unbroken = update(trainer_for(Songs(3, mode), network=network, run_dir=tmp_path / "unbroken"), 14)
    first = update(trainer_for(Songs(3, mode), network=network, run_dir=tmp_path / "run"), 7)
    first.save()
    update(first, 2)  # lines that the resumed run has to take back
    second = resumed(tmp_path / "run", Songs(3, mode))
    assert differences(everything(update(second, 7)), everything(unbroken)) == []
    assert lines_without_clock(tmp_path / "run") == lines_without_clock(tmp_path / "unbroken")
    for name in LOGS:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes()
    assert (tmp_path / "run" / "activity.jsonl").read_text().count("\n") == 2
    counters = unbroken.agent.counters
    assert counters.growth_events > 2, "the case shows too little"
    assert counters.pruning_events > 1, "the case shows too little"


def test_the_comparison_can_fail(tmp_path: Path) -> None:
    first = update(trainer_for(run_dir=tmp_path / "run"), 3)
    first.save()
    unbroken = update(first, 1)
    second = resumed(tmp_path / "run")
    second.agent.generators["policy"].manual_seed(1)
    found = differences(everything(update(second, 1)), everything(unbroken))
    assert {"incoming", "generator.policy", "learner.mean.bias"} <= set(found)


SCRIPT = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
from training_cases import Songs, trainer_for

class Fatal(Songs):
    def step(self, actions):
        if self.steps == 45:  # in the eighth update, of 6 steps each; a checkpoint is written at every third
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step(actions)

if {when!r} == "in a save":
    sync, calls = os.fsync, [0]
    def fsync(handle):
        calls[0] += 1
        if calls[0] == 22:  # nine of them a checkpoint
            os.kill(os.getpid(), signal.SIGKILL)
        sync(handle)
    os.fsync = fsync
env = Fatal() if {when!r} == "in a step" else Songs()
trainer_for(env, run_dir={run_dir!r}).train(200)
"""


@pytest.mark.parametrize("when", ["in a step", "in a save"])
def test_a_run_that_was_killed_goes_on_exactly(tmp_path: Path, whole: Path, when: str) -> None:
    run_dir = tmp_path / "run"
    script = SCRIPT.format(tests=str(TESTS), when=when, run_dir=str(run_dir))
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert process.returncode == -signal.SIGKILL, process.stderr
    drafts = [entry.name for entry in (run_dir / "checkpoints").iterdir() if entry.name.startswith(".")]
    assert bool(drafts) == (when == "in a save")
    assert lines_without_clock(run_dir) != lines_without_clock(whole)
    again = resumed(run_dir)
    assert 0 < again.agent.counters.update < 12
    again.train(200)
    assert same_run(run_dir, whole)


def test_a_run_whose_newest_checkpoint_is_damaged_goes_on_exactly(tmp_path: Path, whole: Path) -> None:
    run_dir = tmp_path / "run"
    update(trainer_for(run_dir=run_dir), 3, goal=200).save()
    first = update(resumed(run_dir), 3, goal=200)
    newest = first.save()
    assert newest is not None
    (newest / "model.safetensors").write_bytes(b"damaged")
    with pytest.warns(RuntimeWarning, match=r"model.safetensors is missing or damaged"):
        second = resumed(run_dir)
    assert second.agent.counters.update == 3
    assert update(second, 3, goal=200).save() == newest
    assert checkpoints.load(newest)  # written anew, for the damaged one was set aside
    assert (newest.parent / f".{newest.name}.superseded" / "model.safetensors").read_bytes() == b"damaged"
    second.train(200)
    assert same_run(run_dir, whole)


def test_a_run_can_be_lived_again_from_an_older_checkpoint(tmp_path: Path, whole: Path) -> None:
    run_dir = tmp_path / "run"
    trainer_for(run_dir=run_dir).train(200)
    older = sorted((run_dir / "checkpoints").iterdir())[0]
    again = resumed(run_dir, at=older)
    assert checkpoints.load_newest(run_dir)[0] == older
    again.train(200)
    assert same_run(run_dir, whole)


def test_a_longer_goal_goes_on_with_a_run(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    learned = trainer_for(run_dir=run_dir).train(100)
    again = resumed(run_dir)
    assert again.train(100)["updates"] == learned["updates"]  # the goal is counted from birth
    longer = again.train(150)
    assert longer["env_steps"] >= 150
    assert longer["neurons_initial"] == 12
    assert longer["wall_seconds"] > learned["wall_seconds"]


def test_worlds_that_cannot_be_saved_begin_anew(tmp_path: Path) -> None:
    run_dir, network = tmp_path / "run", {"carry_state": True}
    first = update(trainer_for(DeafSongs(), run_dir=run_dir, network=network), 4)
    first.save()
    assert checkpoints.load_newest(run_dir)[1].worlds == {}
    with pytest.warns(RuntimeWarning, match=r"no get_state and set_state, so its episodes begin anew"):
        second = resumed(run_dir, DeafSongs())
    assert second.agent.membranes is None  # they were those of episodes that are no more
    assert not second.life.episode_length.any()
    assert torch.equal(second.organism.incoming, first.organism.incoming)
    second.train(100)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"env": Songs(5)}, r"observations \(3, 4\) \(worlds, inputs\), but these environments give \(5, 4\)"),
        (
            {"structure": dataclasses.replace(CHANGING, growth="none", growth_size=5)},
            r"settings .*: structure.growth was 'periodic' and is 'none'; structure.growth_size was 4 and is 5",
        ),
        ({"learning": dataclasses.replace(LEARNING, gamma=0.5)}, r"learning.gamma was 0.9 and is 0.5. Resume with the"),
    ],
)
def test_what_does_not_fit_the_checkpoint_is_refused(tmp_path: Path, options: dict[str, Any], text: str) -> None:
    update(trainer_for(run_dir=tmp_path / "run"), 1).save()
    with pytest.raises(CheckpointError, match=text):
        resumed(tmp_path / "run", **options)


def test_another_organism_is_refused(tmp_path: Path) -> None:
    checkpoint = update(trainer_for(), 4).snapshot()
    with pytest.raises(CheckpointError, match=r"this one 12. Resume with the organism that load_organism reads"):
        trainer_for(resume=checkpoint)


def test_lines_that_are_missing_are_missed(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    update(trainer_for(run_dir=run_dir), 2).save()
    header = (run_dir / "metrics.csv").read_text().splitlines()[0]
    (run_dir / "metrics.csv").write_text(header + "\n")
    with pytest.warns(RuntimeWarning, match=r"metrics.csv has \d+ bytes, but \d+ were written"):
        trainer = resumed(run_dir)
    update(trainer, 1)
    assert "\0" not in (run_dir / "metrics.csv").read_text()
    assert [row[0] for row in lines_without_clock(run_dir)] == ["update", "3"]
