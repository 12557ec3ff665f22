"""A study: arms as data, runs done once, and what came of them."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import study
from filelock import FileLock
from rich.console import Console
from studies import running
from studies.arms import STUDIES
from studies.derived import Derived
from studies.running import is_done, run_one
from study_jobs import run_and_be_killed_once

from snn_agent.experiments.executors import ProcessExecutor, SerialExecutor
from snn_agent.experiments.executors_ray import RayExecutor
from snn_agent.experiments.jobs import Job, carry_out

TOOLS = Path(__file__).parents[1]


def test_arms_of_one_name_are_one_arm() -> None:
    """Studies may share runs."""
    met: dict[str, object] = {}
    for make in STUDIES.values():
        for name, config in make().items():
            assert met.setdefault(name, config) == config
            assert isinstance(config, Derived) or config.threads == 1


def capacity(folder: Path, *options: str) -> list[str]:
    return ["capacity", "--folder", str(folder), "--seeds", "2", "--workers", "1", *options]


TWO_ARMS = ("--only", "fixed-64", "fixed-128", "--steps", "60000")


def said(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> tuple[int, str]:
    """The exit code of the tool in this process, and what it says."""
    text = io.StringIO()
    monkeypatch.setattr(study, "console", Console(file=text, width=200))
    return study.main(arguments), text.getvalue()


def test_a_study_is_run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "study"
    code, text = said(monkeypatch, [*capacity(folder, *TWO_ARMS), "--dry-run"])
    assert code == 0
    assert "2 arms × 2 seeds = 4 runs, 0 of them done; 1 at a time" in text
    assert "fixed-64: 0.06 M steps, 64 neurons at birth\n" in text
    assert "estimated time: " in text
    assert "unknown" not in text
    assert "from a few updates on this machine, newborn (2 arms;" in text
    assert not folder.exists()
    command = [sys.executable, TOOLS / "study.py", *capacity(folder, *TWO_ARMS)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "4 of 4 runs done, 0 failed, 0 running; time left: 0 s" in answer.stdout
    code, text = said(monkeypatch, [*capacity(folder, *TWO_ARMS), "--dry-run"])
    assert "4 runs, 4 of them done" in text
    assert "64 neurons at birth; 2 of 2 runs done\n" in text
    assert "estimated time: 0 s\n" in text
    with (folder / "capacity.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["arm"], row["seed"]) for row in rows] == [
        ("fixed-64", "0"), ("fixed-64", "1"), ("fixed-128", "0"), ("fixed-128", "1"),
    ]  # fmt: skip
    for row in rows:
        summary = json.loads((folder / row["arm"] / f"seed-{row['seed']}" / "summary.json").read_text())
        assert float(row["food"]) == summary["eval"]["food_mean"]
        assert float(row["neurons_mean"]) == int(row["arm"].removeprefix("fixed-"))
        assert 0 < float(row["joules_acting"]) < float(row["joules"])
    assert float(rows[2]["joules"]) > 1.5 * float(rows[0]["joules"])
    with (folder / "capacity-curves.csv").open() as file:
        points = list(csv.DictReader(file))
    for row in rows:
        own = [point for point in points if (point["arm"], point["seed"]) == (row["arm"], row["seed"])]
        assert 5 < len(own) <= 100
        assert own[-1]["env_steps"] == row["env_steps"]
        assert float(own[-1]["joules"]) == pytest.approx(float(row["joules"]), rel=1e-5)
    assert (folder / "capacity.md").read_text().count("\n| fixed") == 2
    assert (folder / "capacity-joules.svg").read_text().count("<polyline") == 2
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("summary.json")}
    assert said(monkeypatch, capacity(folder, *TWO_ARMS))[0] == 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("summary.json")} == before


def test_an_arm_of_other_settings_is_not_mixed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fixed-64").mkdir()
    (tmp_path / "fixed-64" / "config.json").write_text("{}")
    with pytest.raises(SystemExit, match="other settings"):
        study.main(capacity(tmp_path, "--only", "fixed-64"))
    assert (tmp_path / "fixed-64" / "config.json").read_text() == "{}"
    with pytest.raises(SystemExit, match="has no arm fixed-65"):
        study.main(capacity(tmp_path, "--only", "fixed-65"))
    code, text = said(monkeypatch, capacity(tmp_path, "--address", "somewhere:6379"))
    assert code == 2
    assert "Add --executor ray" in text
    code, text = said(monkeypatch, [*capacity(tmp_path), "--dry-run", "--workers", "0"])
    assert code == 2
    assert "workers must be an integer at least 1" in text


TINY = [
    "--preset", "quick", "--threads", "1", "--total-steps", "9000", "--eval-episodes", "4", "--training.n-worlds", "8",
    "--training.checkpoint-every-updates", "4", "--seed", "3",
]  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from beginning to end, in this process."""
    run_dir = tmp_path_factory.mktemp("undisturbed") / "run"
    job = Job(id="run", function=run_one, arguments=(run_dir, TINY))
    outcomes = carry_out([job], SerialExecutor(), retries=0)
    assert [outcome.kind for outcome in outcomes] == ["done"], outcomes[0].error
    return run_dir


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster on this machine."""
    reason = "Ray is not installed: ./setup.sh test brings it where it has a wheel, or pip install 'snn-agent[cluster]'"
    ray = pytest.importorskip("ray", reason=reason)
    with RayExecutor(1):
        yield ray.get_runtime_context().gcs_address


def result(run_dir: Path) -> dict[str, Any]:
    """Everything that must not depend on where, when and in how many pieces a run was made."""
    with (run_dir / "metrics.csv").open() as file:
        timed = ("seconds", "env_steps_per_second")
        lines = [{name: cell for name, cell in row.items() if name not in timed} for row in csv.DictReader(file)]
    last = max((run_dir / "checkpoints").glob("update-*"))
    tensors = {file: (last / file).read_bytes() for file in ("model.safetensors", "optimizer.safetensors")}
    evaluation = json.loads((run_dir / "summary.json").read_text())["eval"]
    return {"lines": lines, "last": last.name, "eval": evaluation, **tensors}


@pytest.mark.parametrize("kind", ["processes", "ray"])
def test_a_killed_run_goes_on_and_equals_an_undisturbed_one(
    kind: str, undisturbed: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "ray":
        request.getfixturevalue("cluster")
    run_dir, marker = tmp_path / "run", tmp_path / "killed"
    job = Job(id="run", function=run_and_be_killed_once, arguments=(run_dir, TINY, marker))
    with ProcessExecutor(1) if kind == "processes" else RayExecutor(1) as executor:
        (outcome,) = carry_out([job], executor)
    assert marker.exists()
    assert (outcome.kind, outcome.attempts) == ("done", 2), outcome.error
    assert "going on from" in (tmp_path / "run.log").read_text()
    assert result(run_dir) == result(undisturbed)
    assert outcome.value == json.loads((run_dir / "summary.json").read_text())


def test_a_study_on_a_cluster(cluster: str, undisturbed: Path, tmp_path: Path) -> None:
    """The same numbers as in this process."""
    command = [sys.executable, TOOLS / "study.py", "capacity", "--folder", tmp_path / "there", "--seeds", "1"]
    command += ["--only", "fixed-64", "--steps", "20000", "--executor", "ray", "--address", cluster]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    arm = tmp_path / "there" / "fixed-64"
    run_one(tmp_path / "here", ["--config", str(arm / "config.json"), "--seed", "0"])
    assert result(arm / "seed-0") == result(tmp_path / "here")


def test_ctrl_c_saves_all_runs_and_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a terminal sends it: to every process of the group."""
    arguments = capacity(tmp_path, "--only", "fixed-64", "--steps", "100000000")
    command = [sys.executable, str(TOOLS / "study.py"), *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    metrics = tmp_path / "fixed-64" / "seed-0" / "metrics.csv"
    try:
        while (not metrics.exists() or metrics.read_text().count("\n") < 3) and process.poll() is None:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        text, _ = process.communicate()
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1, text
    assert "fixed-64 seed 0: stopped at" in text
    assert "seed 1: begins" not in text
    assert f"stopped with 2 runs to do; go on with: {shlex.join(command)}" in text
    summary = json.loads((metrics.parent / "summary.json").read_text())
    assert summary["ended"] == "asked to stop"
    assert not is_done(metrics.parent)
    assert (metrics.parent / "checkpoints" / f"update-{summary['updates']:08d}").exists()
    _, text = said(monkeypatch, [*arguments, "--dry-run"])
    assert "0 of them done; 1 at a time" in text
    assert "64 neurons at birth; begun: 0%" in text
    assert "from runs in the folder (1 arms)" in text


def test_a_run_that_never_saved_begins_again(undisturbed: Path, tmp_path: Path) -> None:
    """What it left is neither overwritten nor in the way."""
    run_dir = tmp_path / "run"
    (run_dir / "checkpoints" / ".update-00000004.partial").mkdir(parents=True)
    (run_dir / "metrics.csv").write_text("half a line")
    run_one(run_dir, TINY)
    assert result(run_dir) == result(undisturbed)
    assert (tmp_path / ".run.broken-1" / "metrics.csv").read_text() == "half a line"


def test_what_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="gamma must be"):
        run_one(tmp_path / "run", [*TINY, "--learning.gamma", "1.5"])


def test_a_run_has_one_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LOCK_SECONDS", 0.1)
    with FileLock(tmp_path / ".run.lock"), pytest.raises(RuntimeError, match="another process is at work"):
        run_one(tmp_path / "run", TINY)
    assert not (tmp_path / "run").exists()
