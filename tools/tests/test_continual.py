"""Runs and studies of several tasks, run as a user runs them; and the tasks of our world."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import study
import train
from continual_tasks import SEQUENCES, task_scale
from presets import PRESETS
from rich.console import Console
from runs import RunConfig, from_json, read_config, task_worlds, to_json
from studies.continual import comparisons
from studies.running import run_one

from foraging_env import ForagingConfig, reference_scores
from snn_agent.config import ContinualConfig
from snn_agent.errors import ConfigError
from snn_agent.experiments.continual_data import read_run
from snn_agent.experiments.jobs import Interrupted
from snn_agent.training.checkpoint import load_newest

SHORT = [
    "--preset", "continual-swap", "--threads", "1", "--total-steps", "4096", "--eval-episodes", "2", "--seed", "3",
    "--evaluations-per-phase", "1", "--evaluation-episodes", "2", "--training.n-worlds", "4",
    "--training.checkpoint-every-updates", "3", "--network.init-hidden", "8", "--continual.heads", "task",
    "--continual.protect", "1", "--continual.column-size", "4", "--milestones", "0",
]  # fmt: skip
"""Four phases of eight updates each."""


# --- the tasks of our world -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_worlds_of_the_phases_are_the_timetables(name: str) -> None:
    """Each stays as it is for life, and is seen as the schedule's world is."""
    config, sequence = PRESETS[f"continual-{name}"](), SEQUENCES[name]
    whole: Any = gymnasium.make(
        "ForagingGrid-v0", size=7, n_food=4, n_poison=4, observation="egocentric", obs_dtype="uint8", tasks=name
    ).unwrapped
    worlds = task_worlds(config)
    assert [world.name for world in worlds] == list(sequence.names)
    assert config.phases == sequence.order
    for world, phase in zip(worlds, sequence.phases, strict=True):
        static: Any = gymnasium.make("ForagingGrid-v0", **world.kwargs).unwrapped
        assert static.timetable.config_at(0) == whole.timetable.config_at(phase)
        assert static.observation_space == whole.observation_space
        ends = static.timetable.next_switch(0)
        assert ends is None or ends > 10**15
    assert len({whole.timetable.config_at(phase) for phase in sequence.phases}) == len(worlds)


def test_the_drawn_values_are_tasks_apart() -> None:
    """Eat food, eat poison, eat nothing: the best policy of each is worth less than another in the others."""
    worlds = task_worlds(PRESETS["continual-unending"]())
    signs = [(world.kwargs["food_reward"] > 0, world.kwargs["poison_cost"] < 0) for world in worlds]
    assert signs == [(True, False), (False, True), (False, False)]
    scales = [task_scale("ForagingGrid-v0", world.kwargs) for world in worlds]
    assert all(scale is not None and scale.oracle > scale.random + 10.0 for scale in scales)


def test_scores_are_normalised_between_random_and_the_best_known() -> None:
    """Greed is best where something is worth eating; else a forager pays for 500 steps and no more."""
    food, _, nothing = task_worlds(PRESETS["continual-unending"]())
    known = reference_scores(ForagingConfig(**food.kwargs))
    scale, other = (task_scale("ForagingGrid-v0", world.kwargs) for world in (food, nothing))
    assert scale is not None
    assert other is not None
    assert scale == (known.random_return, known.greedy_return)
    assert other.oracle == -5.0
    assert (scale.normalise(scale.random), scale.normalise(scale.oracle)) == (0.0, 1.0)
    assert task_scale("CartPole-v1", {}) is None


# --- configs ----------------------------------------------------------------------------------------------------------


def test_a_config_says_what_it_lacks_and_survives_json() -> None:
    config = PRESETS["continual-obstacles"]()
    continual = ContinualConfig(heads="task", protect=0.5)
    changed = dataclasses.replace(config, continual=continual, total_steps=400_003)
    assert from_json(to_json(changed)) == changed
    assert changed.phase_steps == 100_000
    older = json.loads(to_json(RunConfig()))
    for name in ("tasks", "sequence", "continual", "evaluations_per_phase", "evaluation_episodes"):
        del older[name]
    assert from_json(json.dumps(older)) == RunConfig()
    with pytest.raises(ConfigError, match="Give tasks"):
        RunConfig(continual=continual)
    assert dataclasses.replace(config, sequence=()).phases == (0, 1)  # each once
    unnamed = RunConfig(tasks=("n_food=3 walls=[[1,2]]", 'a b: tasks={"tasks":[],"repeat":false}'))
    assert [world.name for world in task_worlds(unnamed)] == ["n_food=3 walls=[[1,2]]", "a b"]
    assert [world.kwargs for world in task_worlds(unnamed)] == [
        {"n_food": 3, "walls": [[1, 2]]},
        {"tasks": {"tasks": [], "repeat": False}},
    ]


@pytest.mark.parametrize("name", ["continual", "continual-quick"])
def test_arms_differ_in_what_they_are_about_only(name: str) -> None:
    """Size, rules, and what is done at boundaries; and a scratch arm is the plain one's, with one of its tasks."""
    for comparison in comparisons(name).values():
        plain = comparison.arms[comparison.plain]
        for arm in comparison.lives:
            run = comparison.arms[arm]
            network = run.network.replace(init_hidden=plain.network.init_hidden)
            run = dataclasses.replace(run, network=network, structure=plain.structure, continual=plain.continual)
            assert run == plain
        for task, arm in comparison.scratch.items():
            alone = comparison.arms[arm]
            assert task_worlds(alone)[alone.phases[0]] == task_worlds(plain)[task]
            assert alone.phase_steps == plain.phase_steps
        assert {comparison.plain, comparison.progressive, comparison.ewc} <= set(comparison.lives)
        assert plain.structure.growth == plain.structure.pruning == "none"
        assert plain.continual == ContinualConfig()
        assert all("grow" in arm or "novelty" in arm for arm in comparison.judged)


# --- real runs --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("undisturbed") / "run"
    run_one(run_dir, SHORT)
    return run_dir


def test_a_run_of_tasks_tells_each_phase(undisturbed: Path) -> None:
    summary = json.loads((undisturbed / "summary.json").read_text())
    life = read_run(undisturbed)
    assert summary["ended"] == "done"
    assert [phase["task"] for phase in summary["phases"]] == [0, 1, 0, 1]
    assert [phase["env_step"] for phase in summary["phases"]] == [0, 1024, 2048, 3072]
    assert [phase["examined_at"] for phase in summary["phases"]] == [1024, 2048, 3072, 4096]
    assert [phase["recruited"] for phase in summary["phases"]] == [0, 4, 0, 0]
    for phase, scores in zip(summary["phases"], life.matrix(), strict=True):
        assert phase["scores"] == scores.tolist()
    tasks = summary["eval"]["tasks"]
    assert [task["name"] for task in tasks] == ["food is good", "poison is good"]
    for task, world in zip(tasks, task_worlds(read_config(undisturbed)), strict=True):
        scale = task_scale("ForagingGrid-v0", world.kwargs)
        assert scale is not None
        assert task["normalised_return"] == scale.normalise(task["return_mean"])
        assert 0 <= task["neurons_used"] <= 12
    assert summary["eval"]["return_mean"] == pytest.approx(sum(task["return_mean"] for task in tasks) / 2)
    # As many worlds, with the same seeds, as in the run's last examination.
    assert life.score[:, -1].tolist() == pytest.approx([task["return_mean"] for task in tasks])
    assert "poison is good" in (undisturbed / "report.html").read_text()


def test_an_interrupted_run_goes_on_exactly(undisturbed: Path, tmp_path: Path) -> None:
    """It is stopped in its second phase."""
    run_dir = tmp_path / "run"

    def stop() -> None:
        phases = run_dir / "phases.jsonl"
        while not phases.exists() or phases.read_text().count("\n") < 2:
            time.sleep(0.002)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(Interrupted):
        run_one(run_dir, SHORT)
    thread.join()
    _, saved = load_newest(run_dir)
    assert 1024 <= saved.state["counters"]["env_step"] < 4096
    run_one(run_dir, ["these", "are", "not", "needed"])
    for name in ("phases.jsonl", "evaluations.jsonl", "events.jsonl"):
        assert (run_dir / name).read_text() == (undisturbed / name).read_text()
    summaries = [json.loads((place / "summary.json").read_text()) for place in (run_dir, undisturbed)]
    for name in ("eval", "phases", "neurons_final", "config_hash"):
        assert summaries[0][name] == summaries[1][name]


def test_a_study_of_tasks_is_run_once_and_has_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(study, "console", Console(file=text, width=200))
    folder = tmp_path / "study"
    arms = ["quick-swap-grow-isolate", "quick-swap-scratch-*"]
    options = ["continual-quick", "--folder", str(folder), "--seeds", "1", "--executor", "serial", "--steps", "2048"]
    assert study.main([*options, "--only", *arms]) == 0, text.getvalue()
    assert "quick-swap-grow-isolate: 0.008192 M steps, 8 neurons at birth" in text.getvalue()
    assert "quick-swap-scratch-1: 0.002048 M steps" in text.getvalue()
    assert {path.name for path in (folder / "continual-quick").iterdir()} == {
        "report.html", "continual-evaluations.csv", "continual-metrics.csv",
    }  # fmt: skip
    page = (folder / "continual-quick" / "report.html").read_text()
    assert "grow-isolate: what it knew when" in page
    assert "--steps 2048" in page
    before = (folder / "quick-swap-grow-isolate" / "seed-0" / "summary.json").stat().st_mtime_ns
    assert study.main([*options, "--only", *arms]) == 0
    assert (folder / "quick-swap-grow-isolate" / "seed-0" / "summary.json").stat().st_mtime_ns == before


def test_wrong_tasks_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for extra, words in (
        (["--sequence", "0", "2"], "sequence[1]"),
        (["--tasks", "summer"], "name=value"),
        (["--total-steps", "400"], "less than one rollout"),
        (["--tasks", "a:", "b: size=9"], "equal spaces"),
    ):
        text = io.StringIO()
        monkeypatch.setattr(train, "console", Console(file=text, width=400))
        arguments = [*SHORT, *extra, "--run-dir", str(tmp_path / "run")]
        assert train.main(arguments) == 2, text.getvalue()
        assert words in text.getvalue()
        assert not (tmp_path / "run").exists()
