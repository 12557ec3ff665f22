"""``tools/evaluate.py`` on runs of several tasks: each task with its own head, or one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import train
from evaluate import main as evaluate
from export import main as export
from play import main as play

from snn_agent.network import heads
from snn_agent.training.checkpoint import load_newest
from snn_agent.training.evaluation import evaluate as whole_episodes
from snn_agent.training.snapshot import rebuild_organism

pytest_plugins = ("task_runs",)
NAMES = ["upright", "until it falls"]
AS_AT_THE_END = ("--episodes", "3", "--seed", "3")
"""What the runs themselves were evaluated with."""


def told_by(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[dict[str, Any], list[str]]:
    """The JSON, and the lines beside it."""
    capsys.readouterr()
    code = evaluate([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    found: dict[str, Any] = json.loads(printed.out)
    return found, [line for line in printed.err.splitlines() if line.startswith("return per episode")]


@pytest.mark.parametrize("kind", ["told", "untold", "sharing"])
def test_every_task_is_evaluated_as_at_the_runs_end(
    kind: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    run = request.getfixturevalue(kind)
    found, lines = told_by(capsys, run, *AS_AT_THE_END)
    expected = json.loads((run / "summary.json").read_text())["eval"]
    assert [task["name"] for task in found["tasks"]] == NAMES
    assert {name: found[name] for name in expected} == expected
    names = [line.split(", ")[1].split(":")[0] for line in lines]
    assert names == [*NAMES, "mean of the tasks"]
    scores = [float(line.split(": ")[1].split()[0]) for line in lines]
    wanted = [*(task["return_mean"] for task in expected["tasks"]), expected["return_mean"]]
    assert scores == pytest.approx(wanted, abs=0.051)


def test_one_task_is_done_with_its_head(told: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, _ = told_by(capsys, told, *AS_AT_THE_END)
    for number, expected in enumerate(whole["tasks"]):
        found, lines = told_by(capsys, told, *AS_AT_THE_END, "--task", str(number))
        assert found["tasks"] == [expected]
        assert found["head"] == number
        assert len(lines) == 1
    assert whole["tasks"][0]["return_mean"] != whole["tasks"][1]["return_mean"], "the case shows too little"


def test_where_numbers_are_the_organisms_own_a_head_acts_in_the_world_of_the_end(
    untold: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in the viewer. The last world is that of the second task."""
    saved = load_newest(untold)[1]
    organism = rebuild_organism(saved.state["organism"], saved.model)
    assert heads.known(organism), "the case shows too little: nothing was noticed"
    number = heads.known(organism)[0]
    found, _ = told_by(capsys, untold, *AS_AT_THE_END, "--task", str(number))
    (task,) = found["tasks"]
    assert task["name"] == NAMES[1]
    acting = heads.for_task(organism, number)
    expected = whole_episodes(acting, "CartPole-v1", {"sutton_barto_reward": True}, episodes=3, seed=3)
    assert task["return_mean"] == pytest.approx(sum(expected.returns) / 3)


@pytest.mark.parametrize("kind", ["told", "sharing"])
def test_a_head_that_is_not_there_is_refused_as_in_the_viewer(
    kind: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    run = request.getfixturevalue(kind)
    capsys.readouterr()
    errors = []
    for command in ([str(run), "--episodes", "1"], [str(run), "--render", "ansi", "--steps", "1"]):
        main = evaluate if "--episodes" in command else play
        assert main([*command, "--task", "5"]) == 2
        errors.append(capsys.readouterr().err.splitlines()[-1])
    assert errors[0] == errors[1]
    assert errors[0].startswith("ConfigError: --task 5 asks for a head of its own")


def test_what_was_given_away_knows_its_heads_if_it_was_told_them(
    told: Path, untold: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in (told, untold):
        assert export([str(run), str(tmp_path / run.parent.name), "--no-half"]) == 0
    found, _ = told_by(capsys, tmp_path / told.parent.name, *AS_AT_THE_END)
    assert found["tasks"] == told_by(capsys, told, *AS_AT_THE_END)[0]["tasks"]
    assert evaluate([str(tmp_path / untold.parent.name), "--episodes", "1"]) == 2
    assert "which head it has for which world is not known" in capsys.readouterr().err


def test_a_run_of_one_world_prints_its_json_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--preset", "fixed-64", "--threads", "1", "--total-steps", "1024", "--training.n-worlds", "4"]
    arguments += ["--eval-episodes", "2", "--milestones", "0", "--network.init-hidden", "8", "--seed", "3"]
    assert train.main([*arguments, "--run-dir", str(tmp_path / "run")]) == 0
    found, lines = told_by(capsys, tmp_path / "run", "--episodes", "2", "--seed", "3")
    expected = json.loads((tmp_path / "run" / "summary.json").read_text())["eval"]
    assert {name: found[name] for name in expected} == expected
    assert list(found.keys() - expected.keys()) != []
    assert (lines, "head" in found, "tasks" in found) == ([], False, False)
    assert evaluate([str(tmp_path / "run"), "--task", "1"]) == 2
    assert "no head was put away in this run" in capsys.readouterr().err
