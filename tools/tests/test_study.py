"""A study: arms as data, runs done once, and what came of them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from studies.arms import STUDIES
from studies.curves import Curve, at, mean_at, mean_size
from studies.frontier import standing

TOOLS = Path(__file__).parents[1]


def curve(joules: list[float], score: list[float], neurons: list[float] | None = None) -> Curve:
    x, y = np.array(joules), np.array(score)
    return Curve(x * 10, x, x / 2, y, np.full(len(x), 8.0) if neurons is None else np.array(neurons))


def test_arms_of_one_name_are_one_arm() -> None:
    """Studies may share runs."""
    met: dict[str, object] = {}
    for make in STUDIES.values():
        for name, config in make().items():
            assert met.setdefault(name, config) == config
            assert config.threads == 1


def test_a_curve_is_read_between_its_points_and_nowhere_else() -> None:
    one = curve([1.0, 2.0, 4.0], [np.nan, 10.0, 30.0])
    found = at(one, "joules", np.array([1.5, 2.0, 3.0, 4.0, 4.1]))
    np.testing.assert_array_equal(found, [np.nan, 10.0, 20.0, 30.0, np.nan])
    np.testing.assert_array_equal(at(one, "steps", np.array([30.0])), [20.0])
    other = curve([1.0, 4.0], [0.0, 0.0])
    np.testing.assert_array_equal(mean_at([one, other], "joules", np.array([3.0])), [10.0])
    assert np.isnan(at(curve([1.0], [np.nan]), "joules", np.array([1.0]))).all()


def test_the_mean_size_counts_how_long_it_was() -> None:
    assert mean_size(Curve(*(np.array(x) for x in ([10.0, 40.0], [0, 0], [0, 0], [0, 0], [4.0, 8.0])))) == 7.0


def test_beside_the_envelope() -> None:
    """The small one is ahead at first (10 a joule, at most 20), the big one in the end (5 a joule)."""
    small = {0: curve([1.0, 2.0, 4.0], [10.0, 20.0, 20.0])}
    big = {0: curve([1.0, 8.0], [5.0, 40.0])}
    best = {0: curve([1.0, 2.0, 4.0, 8.0], [10.0, 20.0, 20.0, 40.0])}
    found = standing([small, big], {0: curve([1.0, 8.0], [5.0, 40.0])})
    assert found.budgets[[0, -1]] == pytest.approx([1.0, 8.0])
    assert found.ratio[0, 0] == pytest.approx(0.5)
    assert found.ratio[0, -1] == pytest.approx(1.0)
    assert -0.4 < found.area[0] < 0.0
    assert standing([small, big], best).area[0] == pytest.approx(0.0, abs=0.03)
    better = {0: curve([1.0, 8.0], [22.0, 44.0])}
    assert standing([small, big], better).area[0] > 0.1


def test_seeds_are_compared_with_their_own_envelope() -> None:
    fixed = {0: curve([1.0, 2.0], [10.0, 10.0]), 1: curve([1.0, 2.0], [20.0, 20.0])}
    arm = {0: curve([1.0, 2.0], [11.0, 11.0]), 1: curve([1.0, 2.0], [18.0, 18.0])}
    assert standing([fixed], arm).area == pytest.approx([0.1, -0.1])


def run(folder: Path, *extra: str) -> str:
    command = [sys.executable, TOOLS / "study.py", "capacity", "--folder", folder, "--seeds", "2", *extra]
    only = ["--only", "fixed-64", "fixed-128", "--steps", "300000"]
    answer = subprocess.run([*command, *only], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_a_study_is_run_once(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    assert "2 arms × 2 seeds" in run(folder, "--dry-run")
    assert not folder.exists()
    run(folder)
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
        assert 30 < len(own) <= 100
        assert own[-1]["env_steps"] == row["env_steps"]
        assert float(own[-1]["joules"]) == pytest.approx(float(row["joules"]), rel=1e-5)
    assert (folder / "capacity.md").read_text().count("\n| fixed") == 2
    assert (folder / "capacity-joules.svg").read_text().count("<polyline") == 2
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("summary.json")}
    run(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("summary.json")} == before


def test_an_arm_of_other_settings_is_not_mixed_in(tmp_path: Path) -> None:
    (tmp_path / "fixed-64").mkdir()
    (tmp_path / "fixed-64" / "config.json").write_text("{}")
    command = [sys.executable, TOOLS / "study.py", "capacity", "--folder", tmp_path, "--only", "fixed-64"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "other settings" in answer.stderr
    command[-1] = "fixed-65"
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "has no arm fixed-65" in answer.stderr
