"""Lives of many tasks read back: into which arrays, from what may be missing, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from continual_cases import evaluation_line, life, phase_line, run_of, write

from snn_agent.errors import CheckpointError, ConfigError
from snn_agent.experiments.continual_data import read_run
from snn_agent.training.continual.journal import EVALUATIONS_FILE, PHASES_FILE

Lines = list[dict[str, Any]]
ABCA = (0, 1, 2, 0)
TENTHS = np.array([0.0, 0.1, 0.2])


class Told(NamedTuple):
    """Lines of a life."""

    phases: Lines
    evaluations: Lines


def number(step: int, task: int) -> float:
    """A score that tells where it belongs."""
    return step + task / 10


def test_arrays_hold_each_score_where_it_belongs(tmp_path: Path) -> None:
    run = run_of(tmp_path, ABCA, number)
    assert run.tasks == ABCA
    assert run.score.shape == (3, 41)
    np.testing.assert_array_equal(run.env_steps, np.arange(0, 401, 10))
    np.testing.assert_array_equal(run.joules, 0.25 * run.env_steps)
    np.testing.assert_array_equal(run.score, run.env_steps + np.array([[0.0], [0.1], [0.2]]))
    np.testing.assert_array_equal(run.neurons, run.env_steps + np.array([[0], [1], [2]]))
    np.testing.assert_array_equal(run.phase_of, [0] * 11 + [1] * 10 + [2] * 10 + [3] * 10)
    assert np.isnan(run.food).all()
    assert run.detections == ()


def test_the_matrix_is_the_score_at_the_end_of_each_phase(tmp_path: Path) -> None:
    run = run_of(tmp_path, ABCA, number)
    ends = np.array([[100.0], [200.0], [300.0], [400.0]])
    np.testing.assert_allclose(run.matrix(), ends + TENTHS)
    np.testing.assert_allclose(run.matrix(last=3), ends - 10.0 + TENTHS)
    np.testing.assert_allclose(run.matrix(last=99)[1:], ends[1:] - 45.0 + TENTHS)


def test_a_curve_is_of_its_own_task_from_the_begin_of_its_phase(tmp_path: Path) -> None:
    """What ends a phase is also the begin of the next: nothing was learnt in between."""
    run = run_of(tmp_path, ABCA, number)
    found = run.curve(1)
    np.testing.assert_array_equal(found.steps, np.arange(0, 101, 10))
    np.testing.assert_array_equal(found.joules, 0.25 * found.steps)
    np.testing.assert_array_equal(found.score, np.arange(100, 201, 10) + 0.1)
    np.testing.assert_array_equal(found.neurons, np.arange(101, 202, 10))
    assert np.isnan(found.acting).all()
    np.testing.assert_array_equal(run_of(tmp_path, (0, 2), number).curve(1).score, np.arange(100, 201, 10) + 0.2)


def test_an_evaluation_that_begins_a_phase_is_taken_before_the_one_that_ended_the_last(tmp_path: Path) -> None:
    phases, evaluations = life((0, 1), number, n_tasks=2)
    where = next(index for index, line in enumerate(evaluations) if line["env_step"] == 110)
    evaluations[where:where] = [evaluation_line(100, 1, task, -1.0) for task in (0, 1)]
    run = read_run(write(tmp_path, phases, evaluations))
    assert run.curve(1).score[:2].tolist() == [-1.0, 110.1]
    assert run.curve(1).steps[:2].tolist() == [0.0, 10.0]
    np.testing.assert_allclose(run.matrix(), [[100.0, 100.1], [200.0, 200.1]])


def test_joules_at_a_begin_without_an_evaluation_are_read_between(tmp_path: Path) -> None:
    phases, evaluations = life((0, 1), number, n_tasks=2)
    run = read_run(write(tmp_path, phases, [line for line in evaluations if not 90 <= line["env_step"] <= 120]))
    found = run.curve(1)
    assert found.steps[0] == 30.0
    assert found.joules[0] == 0.25 * 30.0


def test_detections_are_apart_from_the_phases(tmp_path: Path) -> None:
    phases, evaluations = life((0, 1), number, n_tasks=2)
    hidden = [line | {"kind": "hidden"} for line in phases]
    noticed = phase_line(1, 2, 130, kind="detected")
    run = read_run(write(tmp_path, [*hidden, noticed], evaluations))
    assert [line.phase for line in run.phases] == [0, 1]
    assert [(line.env_step, line.task) for line in run.detections] == [(130, 2)]
    assert len(run.score) == 2, "a task that only the organism believes in is none"


def test_scores_are_normalised_task_by_task(tmp_path: Path) -> None:
    run = run_of(tmp_path, ABCA, number)
    found = run.normalised(random=[0.0, 0.1, 100.2], oracle=[400.0, 200.1, 200.2])
    np.testing.assert_allclose(found.score[:, 20], [0.5, 1.0, 1.0])
    np.testing.assert_array_equal(found.env_steps, run.env_steps)
    with pytest.raises(ConfigError, match="each of 3 tasks"):
        run.normalised([0.0], [1.0])
    with pytest.raises(ConfigError, match="above random"):
        run.normalised([0.0, 1.0, 0.0], [1.0, 1.0, 1.0])


@pytest.mark.parametrize("cut", range(1, 160, 13))
def test_a_killed_run_is_read_up_to_its_last_whole_evaluation(tmp_path: Path, cut: int) -> None:
    """Whatever number of bytes the last lines lost."""
    file = write(tmp_path, *life(ABCA, number)) / EVALUATIONS_FILE
    whole = file.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    file.write_bytes(whole[: len(whole) - min(cut, 3 * last - 1)])
    run = read_run(tmp_path)
    assert run.env_steps[-1] == 390.0
    np.testing.assert_allclose(run.matrix()[-1], [390.0, 390.1, 390.2])


def test_a_phase_that_was_not_examined_yet_has_no_curve(tmp_path: Path) -> None:
    phases, evaluations = life((0, 1), number, n_tasks=2)
    run = read_run(write(tmp_path, phases, [line for line in evaluations if line["env_step"] <= 100]))
    with pytest.raises(ConfigError, match="phase 1 has no evaluation"):
        run.curve(1)
    with pytest.raises(ConfigError, match="phase 1 has no evaluation"):
        run.matrix()
    with pytest.raises(ConfigError, match="phase must be"):
        run.curve(2)


def test_other_fields_are_passed_over_and_missing_ones_are_not(tmp_path: Path) -> None:
    phases, evaluations = life((0,), number, n_tasks=1)
    read_run(write(tmp_path, phases, [line | {"mood": "good"} for line in evaluations]))
    del evaluations[4]["joules"]
    with pytest.raises(CheckpointError, match="line 5 cannot be used: these fields are missing: joules"):
        read_run(write(tmp_path, phases, evaluations))


def drop(lines: Lines, step: int, task: int) -> None:
    lines[:] = [line for line in lines if (line["env_step"], line["task"]) != (step, task)]


def change(lines: Lines, step: int, **fields: Any) -> None:
    for line in lines:
        if line["env_step"] == step and line["task"] == fields.get("task", 0):
            line.update(fields)


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda told: drop(told.evaluations, 50, 1), "step 50 in phase 0 .* not 0 … 2 once each"),
        (lambda told: told.evaluations.insert(4, dict(told.evaluations[3])), "once each"),
        (lambda told: change(told.evaluations, 50, joules=13.0), "differ in joules"),
        (lambda told: told.evaluations.reverse(), "is below that of the evaluation before"),
        (lambda told: told.phases.pop(), "its phase had not begun"),
        (lambda told: told.phases.pop(1), "not 0, 1, 2"),
        (lambda told: told.phases[2].update(env_step=100), "do not rise"),
        (lambda told: told.phases[2].update(env_step=250), "its phase had not begun"),
        (lambda told: told.phases[2].update(kind="felt"), "its kind is 'felt'"),
        (lambda told: told.phases[2].update(name=3), "its field name is 3"),
        (lambda told: change(told.evaluations, 50, score=math.nan), "score is nan"),
        (lambda told: change(told.evaluations, 50, score=None), "its field score is None"),
        (lambda told: change(told.evaluations, 50, score=True), "its field score is True"),
        (lambda told: change(told.evaluations, 50, update=True), "its field update is True"),
        (lambda told: change(told.evaluations, 50, update=-1), "its field update is -1"),
    ],
)
def test_damaged_lives_are_refused(tmp_path: Path, damage: Callable[[Told], None], match: str) -> None:
    told = Told(*life(ABCA, number))
    damage(told)
    with pytest.raises(CheckpointError, match=match):
        read_run(write(tmp_path, *told))


@pytest.mark.parametrize("text", ["{", "[1]", "", '"A"'])
def test_lines_that_are_no_lines_are_refused(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, *life(ABCA, number)) / PHASES_FILE
    file.write_text(f"{text}\n{file.read_text()}")
    with pytest.raises(CheckpointError, match=rf"{PHASES_FILE}, line 1 cannot be used"):
        read_run(tmp_path)


def test_runs_that_have_nothing_yet_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"phases.jsonl does not exist"):
        read_run(tmp_path)
    phases, evaluations = life((2,), number)
    with pytest.raises(ConfigError, match="no whole evaluation"):
        read_run(write(tmp_path, phases, evaluations[:2]))
    with pytest.raises(ConfigError, match="no whole evaluation"):
        read_run(write(tmp_path, phases, []))
    with pytest.raises(ConfigError, match="no phase"):
        read_run(write(tmp_path, [], evaluations))
