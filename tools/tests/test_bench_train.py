"""The benchmarks of whole training loops: the same worlds for everybody, complete figures."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import gymnasium
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.contestants import SB3, Contestant
from benchmarks.loops import make_loop
from benchmarks.sb3_worlds import ForagingVecEnv
from benchmarks.scaling import fit_power
from benchmarks.svg import line_chart
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import DummyVecEnv

TOOLS = Path(__file__).parents[1]
WORLD = {"size": 3, "n_food": 1, "respawn": False, "obs_dtype": "uint8", "max_episode_steps": 9}
"""Episodes end soon, some by eating everything, some by the limit."""


def bench(*arguments: str | Path) -> str:
    command = [sys.executable, TOOLS / "bench.py", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_adapter_gives_what_single_worlds_give_to_sb3() -> None:
    ours = ForagingVecEnv(6, **WORLD)
    theirs = DummyVecEnv([lambda: gymnasium.make("ForagingGrid-v0", **WORLD)] * 6)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    ours.seed(5)
    theirs.seed(5)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    draws = np.random.default_rng(0)
    ends = {True: 0, False: 0}
    for _ in range(120):
        actions = draws.integers(4, size=6)
        (observation, reward, done, infos), expected = ours.step(actions), theirs.step(actions)
        np.testing.assert_array_equal(observation, expected[0])
        np.testing.assert_array_equal(reward, expected[1])
        np.testing.assert_array_equal(done, expected[2])
        for row in range(6):
            if not done[row]:
                assert infos[row] == {}
                continue
            ends[infos[row]["TimeLimit.truncated"]] += 1
            for key in infos[row]:
                np.testing.assert_array_equal(infos[row][key], expected[3][row][key])
            assert "terminal_observation" in infos[row]
    assert min(ends.values()) > 5, "both kinds of ends were met"
    assert len(ours.recent_food) == min(100, sum(ends.values()))


def test_the_adapter_gives_what_our_vector_environment_gives() -> None:
    adapted = ForagingVecEnv(5, **WORLD)
    plain = gymnasium.make_vec("ForagingGrid-v0", 5, autoreset_mode=AutoresetMode.SAME_STEP, **WORLD)
    adapted.seed(3)
    np.testing.assert_array_equal(adapted.reset(), plain.reset(seed=3)[0])
    draws = np.random.default_rng(1)
    before: Any = None
    for _ in range(40):
        actions = draws.integers(4, size=5)
        observation, reward, done, infos = adapted.step(actions)
        expected = plain.step(actions)
        np.testing.assert_array_equal(observation, expected[0])
        np.testing.assert_array_equal(reward, expected[1].astype(np.float32))
        np.testing.assert_array_equal(done, expected[2] | expected[3])
        for row in np.flatnonzero(done):
            np.testing.assert_array_equal(infos[row]["terminal_observation"], expected[4]["final_obs"][row])
        assert before is not observation, "SB3 keeps the last observation while it steps"
        before = observation


@pytest.mark.parametrize("engine", ["torch", SB3])
def test_a_loop_carries_out_as_many_updates_as_it_is_told(engine: str) -> None:
    contestant = Contestant(name="x", engine=engine, hidden=8, worlds=4, rollout_steps=6, reuse_epochs=1, threads=1)
    loop = make_loop(contestant)
    assert loop.advance(2) == 2 * 4 * 6
    assert loop.advance(1) == 4 * 6
    samples = loop.live(seconds=0.4, interval=0.1)
    assert [sample["seconds"] for sample in samples] == sorted(sample["seconds"] for sample in samples)
    assert samples[-1]["seconds"] >= 0.4
    assert all(later["env_steps"] > sooner["env_steps"] for sooner, later in itertools.pairwise(samples))
    assert {sample["neurons"] for sample in samples} == {8}


@pytest.mark.slow
def test_training_figures_are_complete(tmp_path: Path) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    sizes = ["--hidden", "8", "12", "--reuse-epochs", "2", "1", "--worlds", "4", "--rollout-steps", "8"]
    few = ["--engines", "torch", "abacus", "--warm-up", "1", "--updates", "1", "--repeats", "2", "--threads", "1"]
    text = bench("train", *sizes, *few, "--json", figures, "--markdown", page)
    assert "abacus left out" in text
    result = json.loads(figures.read_text())["train"]
    rows = {(row["loop"], row["hidden"], row["reuse_epochs"]): row for row in result["rows"]}
    loops = ("torch", "SB3 PPO, perceptron")
    assert set(rows) == {(loop, hidden, passes) for loop in loops for hidden in (8, 12) for passes in (1, 2)}
    for (_, hidden, passes), row in rows.items():
        base = rows["SB3 PPO, perceptron", hidden, passes]["env_steps_per_second"]
        assert row["times_sb3"] == pytest.approx(row["env_steps_per_second"] / base)
        assert row["env_steps_per_second"] >= row["slowest_round"] > 0
    assert [row["engine"] for row in result["memory"]] == ["torch", "torch", SB3]
    if sys.platform.startswith("linux"):
        assert all(row["peak_bytes"] >= row["update_peak_bytes"] > 2**26 for row in result["memory"])
    assert "| torch |" in page.read_text()


@pytest.mark.slow
def test_a_race_writes_its_samples_its_table_and_a_picture(tmp_path: Path) -> None:
    folder = tmp_path / "race"
    small = ["--hidden", "8", "--worlds", "8", "--rollout-steps", "16", "--threads", "1", "--engines", "torch"]
    short = ["--seconds", "2", "1", "--interval", "0.1", "--folder", folder]
    bench("race", *small, *short)
    result = json.loads((folder / "race.json").read_text())["race"]
    names = [run["name"] for run in result["runs"]]
    assert names == ["engine torch, 8", "engine torch, growing", "SB3 PPO, perceptron, 8"]
    assert [(row["run"], row["mark"]) for row in result["marks"]] == [(name, mark) for name in names for mark in (1, 2)]
    for run in result["runs"]:
        moments = [sample["seconds"] for sample in run["samples"]]
        assert moments == sorted(moments)
        assert moments[-1] >= 2.0
        by_then = [sample for sample in run["samples"] if sample["seconds"] <= 1.0]
        row = next(row for row in result["marks"] if (row["run"], row["mark"]) == (run["name"], 1))
        expected = (by_then[-1]["env_steps"], by_then[-1]["food"]) if by_then else (None, None)
        assert (row["env_steps"], row["food"]) == expected
        for sample in run["samples"]:  # food is known from the end of the first episodes
            assert (sample["food"] is not None) == (sample["env_steps"] >= 8 * 500)
    picture = ElementTree.fromstring((folder / "race.svg").read_text())
    assert len(picture.findall("{*}polyline")) == 3
    assert "| engine torch, growing |" in (folder / "race.md").read_text()
    again = subprocess.run([sys.executable, TOOLS / "bench.py", "race", *short], capture_output=True, check=False)
    assert b"not overwritten" in again.stderr


@pytest.mark.slow
def test_scaling_figures_are_complete(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    sizes = ["--hidden", "32", "64", "--worlds", "8", "--ticks", "2", "--base-hidden", "32", "--base-worlds", "8"]
    few = ["--rollout-steps", "8", "--warm-up", "1", "--updates", "2", "--threads", "1", "--engine", "torch"]
    bench("scaling", *sizes, *few, "--json", figures)
    result = json.loads(figures.read_text())["scaling"]
    measured = [(row["variable"], row["value"]) for row in result["rows"]]
    assert measured == [("hidden", 32), ("hidden", 64), ("worlds", 8), ("ticks", 2)]
    assert all(row["slowest_update"] >= row["seconds_per_update"] > 0 for row in result["rows"])
    assert {fit["variable"] for fit in result["fits"] if fit["quantity"] == "seconds_per_update"} == {"hidden"}


def test_fitted_exponents_are_those_of_power_laws() -> None:
    cubes = fit_power([(float(x), 5.0 * x**3) for x in (4, 1, 2)])
    assert cubes == pytest.approx({"exponent": 3.0, "r_squared": 1.0, "last_exponent": 3.0})
    bent = fit_power([(1.0, 1.0), (math.e, 1.0), (math.e**2, math.e**3)])  # logarithms: (0, 0), (1, 0), (2, 3)
    assert bent == pytest.approx({"exponent": 1.5, "r_squared": 0.75, "last_exponent": 3.0})


def test_a_chart_puts_points_where_they_belong() -> None:
    chart = ElementTree.fromstring(line_chart("a < b", "x", "y", {"one & two": [(0.0, 0.0), (10.0, 5.0)], "none": []}))
    full, empty = (line.get("points") for line in chart.findall("{*}polyline"))
    assert empty == ""
    (x0, y0), (x1, y1) = (map(float, pair.split(",")) for pair in str(full).split())
    vertical = [line for line in chart.findall("{*}line") if line.get("x1") == line.get("x2")]
    assert (x0, x1) == (float(str(vertical[0].get("x1"))), float(str(vertical[-1].get("x1"))))
    assert y0 == float(str(vertical[0].get("y2"))) > y1 == float(str(vertical[0].get("y1")))
    assert {"a < b", "one & two"} <= {text.text for text in chart.findall("{*}text")}
