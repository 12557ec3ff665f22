"""What is written of every neuron's activity, read again, and what is computed from it, against replays and by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from test_report import page_of, table
from training_cases import Songs, trainer_for

from snn_agent.metrics import statistics
from snn_agent.metrics.genealogy import genealogy, read_events
from snn_agent.training.activity_log import ACTIVITY_EVERY, activity_line
from snn_agent.training.callbacks import Callback, Run, UpdateRecord
from snn_agent.training.report.activity import ABSENT, Activity, read_activity
from snn_agent.training.report.derived import derive, joules_per_food

UPDATES = 40


class Witness(Callback):
    """Keeps the rates of every update."""

    def __init__(self) -> None:
        self.rates: dict[int, dict[int, float]] = {}

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        found = run.agent.statistics
        self.rates[record.update] = dict(zip(found.id.tolist(), found.rate.tolist(), strict=True))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Witness]:
    """A run that grew and shrank, and what a witness saw of it."""
    folder, witness = tmp_path_factory.mktemp("activity") / "run", Witness()
    trainer_for(Songs(counts_food=True), run_dir=folder, callbacks=[witness]).train(18 * UPDATES)
    return folder, witness


def lines_of(run_dir: Path) -> list[dict[str, list[int]]]:
    return [json.loads(line) for line in (run_dir / "activity.jsonl").read_text().splitlines()]


def test_a_line_by_hand() -> None:
    stats = statistics.init(4, first_id=7)
    stats = stats._replace(rate=torch.tensor([0.0314, 0.0004, 0.0, 1.0]), age=torch.tensor([5, 5, 0, 1]))
    wanted = '{"update":9,"env_step":640,"id":[7,8,9,10],"rate_permille":[31,0,null,1000]}'
    assert activity_line(stats, 9, 640) == wanted


def test_lines_name_those_that_live_and_say_what_they_did(seen: tuple[Path, Witness]) -> None:
    folder, witness = seen
    steps = table(folder)["env_steps"]
    events = read_events(folder)
    lines = lines_of(folder)
    assert [line["update"] for line in lines] == [*range(1, len(steps) + 1, ACTIVITY_EVERY)]
    assert len(lines) > 4
    for line in lines:
        update: int = line["update"]  # type: ignore[assignment]
        assert line["env_step"] == steps[update - 1]
        replayed = genealogy([event for event in events if event.update <= update], 12)
        assert line["id"] == [life.id for life in replayed.survivors]
        newborn = {name for event in events if event.update == update for name in event.born}
        for name, rate in zip(line["id"], line["rate_permille"], strict=True):
            assert (rate is None) == (name in newborn)
            assert rate is None or abs(rate - 1000.0 * witness.rates[update][name]) <= 0.5001
    assert any(None in line["rate_permille"] for line in lines), "the case shows too little"


def test_what_is_read_and_shown_is_what_was_written(seen: tuple[Path, Witness]) -> None:
    lines = lines_of(seen[0])
    found = read_activity(seen[0])
    assert found is not None
    written = {
        (name, line["env_step"]): rate
        for line in lines
        for name, rate in zip(line["id"], line["rate_permille"], strict=True)
        if rate is not None
    }
    read = {
        (int(name), int(step)): int(rate)
        for name, row in zip(found.ids, found.permille, strict=True)
        for step, rate in zip(found.env_steps, row, strict=True)
        if rate != ABSENT
    }
    assert read == written
    shown = page_of(seen[0]).data["activity"]
    assert {
        (neuron["id"], shown["env_steps"][neuron["first"] + index]): rate
        for neuron in shown["neurons"]
        for index, rate in enumerate(neuron["permille"])
        if rate != ABSENT
    } == written
    assert [neuron["id"] for neuron in shown["neurons"]] == sorted({name for name, _ in written})


def test_damaged_lines_are_left_out(tmp_path: Path, seen: tuple[Path, Witness]) -> None:
    text = (seen[0] / "activity.jsonl").read_text()
    first, rest = text.split("\n", 1)
    for damaged in ("{}\n", first[:-9] + "\n", "9\n", '{"env_step":1,"id":[1,2],"rate_permille":[1]}\n'):
        (tmp_path / "activity.jsonl").write_text(f"{damaged}{rest}{first[:40]}")
        found = read_activity(tmp_path)
        assert found is not None
        assert found.env_steps.tolist() == [line["env_step"] for line in lines_of(seen[0])[1:]]


@pytest.mark.parametrize("content", [None, "", '{"upd'])
def test_a_run_without_activity_has_a_report_that_says_so(
    tmp_path: Path, seen: tuple[Path, Witness], content: str | None
) -> None:
    (tmp_path / "metrics.csv").write_bytes((seen[0] / "metrics.csv").read_bytes())
    if content is not None:
        (tmp_path / "activity.jsonl").write_text(content)
    page = page_of(tmp_path)
    assert ("The run has no activity.jsonl, so what each neuron did" in page.words) == (content is None)
    assert ("activity.jsonl holds no whole line" in page.words) == (content is not None)
    assert [tag for tag, _ in page.tags if tag == "img"] == []
    assert "Mean firing rate" in page.words


def test_long_logs_are_thinned_evenly_and_stay_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rates = rng.gamma(1.0, 80.0, (512, 1700 // ACTIVITY_EVERY + 1)).clip(0.0, 1000.0) / 1000.0
    stats = statistics.init(512)._replace(age=torch.ones(512, dtype=torch.int64))
    updates = range(1, 1701, ACTIVITY_EVERY)
    lines = [
        activity_line(stats._replace(rate=torch.from_numpy(column)), update, update * 8192)
        for update, column in zip(updates, rates.T, strict=True)
    ]
    (tmp_path / "activity.jsonl").write_text("\n".join(lines) + "\n")
    rows = [f"{n},{n * 8192},{','.join(f'{value:.9g}' for value in rng.normal(size=22))}" for n in range(1, 1701)]
    head = ",".join(["update", "env_steps", *(f"c{index}" for index in range(22))])
    (tmp_path / "metrics.csv").write_text("\n".join([head, *rows]) + "\n")
    assert (tmp_path / "activity.jsonl").stat().st_size < 1_000_000
    assert len(page_of(tmp_path).data["activity"]["neurons"]) == 512
    assert (tmp_path / "report.html").stat().st_size < 1_500_000

    (tmp_path / "activity.jsonl").write_text("\n".join(lines * 4) + "\n")
    found = read_activity(tmp_path)
    assert found is not None
    assert (len(found.env_steps), found.lines) == (400, 4 * len(lines))
    many = Activity(
        env_steps=np.array([1.0]), ids=np.arange(3000), permille=np.zeros((3000, 1), dtype=np.int16), lines=1
    )
    assert len(many.shown().ids) == 512
    assert (many.shown().ids[0], many.shown().ids[-1]) == (0, 2999)


def test_quantiles_are_of_the_living() -> None:
    permille = np.array([[0, ABSENT], [10, ABSENT], [20, 500], [30, ABSENT], [40, ABSENT]], dtype=np.int16)
    found = Activity(env_steps=np.array([5.0, 9.0]), ids=np.arange(5), permille=permille, lines=2)
    np.testing.assert_allclose(found.quantiles(), [[0.004, 0.5], [0.02, 0.5], [0.036, 0.5]])
    steps = np.array([4.0, 5.0, 8.0, 9.0, 20.0])
    derived = derive({"env_steps": steps}, found)
    np.testing.assert_allclose(derived["rate_median"], [math.nan, 0.02, 0.02, 0.5, 0.5])
    np.testing.assert_allclose(derived["rate_low"], [math.nan, 0.004, 0.004, 0.5, 0.5])
    np.testing.assert_allclose(derived["rate_high"], [math.nan, 0.036, 0.036, 0.5, 0.5])


def test_joules_per_food_by_hand() -> None:
    # 2 J a step then 5 J a step; episodes of 50 steps with 10 and then 25 items: 5 and 2 steps an item.
    found = joules_per_food(
        np.array([100.0, 200.0, 300.0, 400.0]),
        np.array([200.0, 400.0, 900.0, 1400.0]),
        np.array([math.nan, 10.0, 25.0, 0.0]),
        np.array([math.nan, 50.0, 50.0, 50.0]),
    )
    np.testing.assert_allclose(found, [math.nan, 10.0, 10.0, math.nan])


@given(
    steps=arrays.arrays(np.float64, 12, elements=st.floats(1.0, 100.0)),
    a_step=st.floats(1e-9, 1.0),
    per_episode=st.floats(0.5, 200.0),
)
def test_joules_per_food_of_a_steady_run_is_all_joules_by_all_food(
    steps: np.ndarray, a_step: float, per_episode: float
) -> None:
    env_steps = np.cumsum(steps)
    joules = a_step * env_steps
    food = env_steps[-1] / 500.0 * per_episode
    found = joules_per_food(env_steps, joules, np.full(12, per_episode), np.full(12, 500.0))
    np.testing.assert_allclose(found, joules[-1] / food, rtol=1e-6)


def test_energy_charts_show_totals_and_the_cost_of_food(seen: tuple[Path, Witness]) -> None:
    page = page_of(seen[0])
    columns, derived = page.data["columns"], page.data["derived"]
    pairs = zip(columns["inference_joules"], columns["learning_joules"], strict=True)
    assert derived["total_joules"] == pytest.approx([acting + learning for acting, learning in pairs])
    assert "Energy per food item" in page.words
    step = (columns["inference_joules"][-1] - columns["inference_joules"][-2]) / (
        columns["env_steps"][-1] - columns["env_steps"][-2]
    )
    wanted = step * columns["length_mean"][-1] / columns["food_mean"][-1]
    assert derived["joules_per_food"][-1] == pytest.approx(wanted)


def test_what_is_told_seldom_is_kept_and_joined(tmp_path: Path) -> None:
    ranks = {n: 10.0 + n % 7 for n in range(32, 3001, 32)}
    rows = [f"{n},{n * 10},{ranks.get(n, math.nan)}" for n in range(1, 3001)]
    (tmp_path / "metrics.csv").write_text("\n".join(["update,env_steps,effective_rank", *rows]) + "\n")
    page = page_of(tmp_path)
    columns = page.data["columns"]
    pairs = zip(columns["update"], columns["effective_rank"], strict=True)
    assert {update: rank for update, rank in pairs if rank is not None} == ranks
    assert len(columns["update"]) <= 700
    (curve,) = [found for plot in page.with_class("plot") if "effective_rank" in (found := plot["data-curve"] or "")]
    assert json.loads(curve)["joined"] is True
    (path,) = [attributes["d"] for _, attributes in page.tags if attributes.get("class") == "curve"]
    assert path is not None
    assert (path.count("M"), path.count("L")) == (1, len(ranks) - 1)
