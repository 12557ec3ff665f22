"""The trainer: how a run begins and ends, what it writes, whom it calls."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import torch
from gymnasium import spaces
from rich.console import Console
from training_cases import CHANGING, FIXED, Songs, differences, everything, organism_for, trainer_for, update

from snn_agent import AdaptiveTrainer, Callback, GrowingSparseSNN, NetworkConfig, StructureConfig, TrainingConfig
from snn_agent.errors import ConfigError, NonFiniteError, SpaceError
from snn_agent.metrics.energy import ENERGY_MODELS
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.callbacks import UpdateRecord
from snn_agent.training.progress import ProgressDisplay


class Diary(Callback):
    """Writes down who called."""

    def __init__(self, pages: list[tuple[str, str]] | None = None, name: str = "") -> None:
        self.pages = [] if pages is None else pages
        self.name = name
        self.records: list[UpdateRecord] = []

    def _write(self, what: str, *about: Any) -> None:
        del about
        self.pages.append((self.name, what))

    def on_start(self, run: Any) -> None:
        self._write("start", run)

    def on_update(self, run: Any, record: UpdateRecord) -> None:
        self._write("update", run)
        self.records.append(record)

    def on_event(self, run: Any, event: Any) -> None:
        self._write("event", run, event)

    def on_checkpoint(self, run: Any, path: Path) -> None:
        assert (path / "state.json").exists()
        self._write("checkpoint", run)

    def on_end(self, run: Any, summary: dict[str, Any]) -> None:
        self._write(summary["ended"], run)


class Sends(Callback):
    """Sends signals to its own process at the second update."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers

    def on_update(self, run: Any, record: UpdateRecord) -> None:
        assert run.agent.counters.update == record.update
        if record.update == 2:
            for number in self.numbers:
                os.kill(os.getpid(), number)


def test_listeners_are_called_in_order(tmp_path: Path) -> None:
    pages: list[tuple[str, str]] = []
    trainer = trainer_for(run_dir=tmp_path / "run", callbacks=[Diary(pages, "a"), Diary(pages, "b")])
    trainer.train(54)  # rollouts of 6 steps of 3 worlds; reset steps do not count, so 54 take a fourth
    assert [what for name, what in pages if name == "a"] == [
        "start", "update", "update", "event", "update", "checkpoint", "event", "update", "checkpoint", "done",
    ]  # fmt: skip
    assert [what for name, what in pages if name == "a"] == [what for name, what in pages if name == "b"]
    for what in ("start", "update", "event", "checkpoint", "done"):
        names = [name for name, called in pages if called == what]
        assert names == ["a", "b"] * (len(names) // 2)


def test_the_files_say_what_happened(tmp_path: Path) -> None:
    diary = Diary()
    trainer = trainer_for(Songs(counts_food=True), run_dir=tmp_path / "run", callbacks=[diary], record={"note": 1})
    summary = trainer.train(episodes=40)
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").read_text().splitlines()))
    assert list(rows[0]) == [field.name for field in dataclasses.fields(UpdateRecord)]
    assert [int(row["update"]) for row in rows] == list(range(1, summary["updates"] + 1))
    for row, record in zip(rows, diary.records, strict=True):
        for name, value in dataclasses.asdict(record).items():
            assert float(row[name]) == pytest.approx(value, rel=1e-8, nan_ok=True), name
    last = rows[-1]
    assert int(last["episodes"]) == summary["episodes"] >= 40
    assert float(last["food_mean"]) == float(last["length_mean"])  # these worlds count the steps as food
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    size = 12
    for event in events:
        assert event["size_before"] == size
        size += len(event["born"]) - len(event["died"])
        assert event["size_after"] == size
    assert size == summary["neurons_final"] == int(last["hidden_neurons"]) == trainer.organism.hidden
    assert sum(bool(event["born"]) for event in events) == summary["growth_events"] > 0
    assert sum(bool(event["died"]) for event in events) == summary["pruning_events"] > 0
    assert summary["neurons_initial"] == 12
    for phase in ("inference", "learning"):
        assert summary["energy"][f"{phase}_joules_45nm_fp32"] == pytest.approx(float(last[f"{phase}_joules"]))
    assert set(summary["energy"]) == {
        f"{phase}_joules_{model}" for phase in ("inference", "inference_resent", "learning") for model in ENERGY_MODELS
    }
    assert checkpoints.load_newest(tmp_path / "run")[1].state["run"] == {"note": 1}


def test_what_a_line_says_of_an_update() -> None:
    trainer = trainer_for(structure=FIXED, callbacks=[diary := Diary()])
    trainer.train(1)
    (record,) = diary.records
    rate = trainer.agent.statistics.rate  # after one update its running mean is what was seen
    assert record.firing_rate == pytest.approx(float(rate.mean()), rel=1e-5)
    assert record.silent_share == pytest.approx(float((rate == 0).double().mean()))
    returns = [entry[0] for entry in trainer.recent]
    assert record.return_mean == pytest.approx(sum(returns) / len(returns))
    assert record.episodes == len(returns)
    assert math.isnan(record.food_mean)
    assert record.env_steps + len(returns) - int(trainer.life.resetting.sum()) == 18  # what is missing are reset steps


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_cleanly(tmp_path: Path, number: int) -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    trainer = trainer_for(run_dir=tmp_path / "run", callbacks=[Sends(number), diary := Diary()])
    summary = trainer.train(10_000)
    assert (summary["ended"], summary["updates"]) == ("asked to stop", 2)
    assert diary.pages[-2:] == [("", "checkpoint"), ("", "asked to stop")]
    assert checkpoints.load_newest(tmp_path / "run")[0].name == "update-00000002"
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    trainer = trainer_for(run_dir=tmp_path / "run", callbacks=[diary := Diary(), Sends(signal.SIGINT, signal.SIGINT)])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            trainer.train(10_000)
    finally:
        signal.signal(signal.SIGINT, before)
    assert diary.pages[-1] == ("", "failed")


@pytest.mark.parametrize("what", ["reward", "observation"])
def test_a_number_that_is_not_finite_ends_the_run_after_saving(tmp_path: Path, what: str) -> None:
    env = Songs()
    env.spoil = (28, what)  # in the fifth update
    trainer = trainer_for(env, run_dir=tmp_path / "run", callbacks=[diary := Diary()])
    with pytest.raises(NonFiniteError, match=f"an? {what} of the environment is not finite"):
        trainer.train(10_000)
    assert diary.pages[-2:] == [("", "checkpoint"), ("", "failed")]
    path, checkpoint = checkpoints.load_newest(tmp_path / "run")
    assert path.name == "update-00000004"
    assert all(torch.isfinite(t).all() for t in [*checkpoint.model.values(), *checkpoint.optimizer.values()])
    good = everything(update(trainer_for(), 4))  # the state after the fourth update, not half of the fifth
    saved = {name: tensor.numpy() for name, tensor in (checkpoint.model | checkpoint.optimizer).items()}
    assert differences(saved, {name: good[name] for name in saved}) == []
    assert all((checkpoint.worlds[name] == good[f"worlds.{name}"]).all() for name in checkpoint.worlds)


def test_intervals_can_be_given_to_train() -> None:
    for given in ({"grow_interval": 2}, {"prune_interval": 5}, {"grow_interval": 4, "prune_interval": 3}, {}):
        direct = trainer_for(structure=dataclasses.replace(CHANGING, **given))
        told = trainer_for()
        direct.train(150)
        told.train(150, **given)
        assert differences(everything(direct), everything(told)) == []
    late = trainer_for()
    late.train(100)  # six updates or more: a birth at every third
    before = late.agent.counters.growth_events
    first = late.agent.counters.update
    late.train(200, grow_interval=2)
    asked = late.agent.counters.update // 2 - first // 2
    assert late.agent.counters.growth_events - before == asked > 1


def test_the_promised_call(tmp_path: Path) -> None:
    env = gymnasium.make("CartPole-v1", max_episode_steps=8)
    organism = GrowingSparseSNN.for_spaces(env.observation_space, env.action_space, NetworkConfig(input_power=1.0))
    structure = StructureConfig(growth="periodic", growth_size=2, pruning="low_utility", maturity_updates=1)
    trainer = AdaptiveTrainer(organism, env, structure=structure)
    summary = trainer.train(episodes=24, grow_interval=10, prune_interval=5)
    assert summary["ended"] == "done"
    assert summary["episodes"] >= 24
    assert summary["growth_events"] == 2
    assert summary["pruning_events"] > 0
    assert trainer.save() is None  # there is no directory to save in


@pytest.mark.parametrize("goals", [{}, {"total_steps": 5, "episodes": 5}])
def test_one_goal_is_needed(goals: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"give train\(\) one goal: total_steps=…, or episodes=…"):
        trainer_for().train(**goals)


def test_a_used_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ConfigError, match=r"is not empty, and what is in it is never overwritten"):
            trainer_for(run_dir=path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_worlds_that_the_organism_cannot_live_in_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"has 4 inputs and 2 actions, but the organism 6 and 2. Make it with"):
        trainer_for(organism=organism_for(Songs(features=6)))
    env = Songs()
    env.single_action_space = spaces.MultiDiscrete([2, 2])  # type: ignore[assignment]
    with pytest.raises(SpaceError):
        AdaptiveTrainer(organism_for(Songs()), env, training=TrainingConfig())


def test_plain_lines_where_there_is_no_terminal() -> None:
    text = io.StringIO()
    display = ProgressDisplay(Console(file=text, force_terminal=False, width=20))
    trainer_for(Songs(counts_food=True), callbacks=[display]).train(100)
    lines = text.getvalue().splitlines()
    assert "\x1b" not in text.getvalue()
    assert [line for line in lines if "4 born (periodic_growth); 16 neurons" in line]
    assert lines[-1].startswith("100%")  # where it ended, however short it was
    assert all(part in lines[-1] for part in ("M steps", "food", "neurons", "firing"))


def test_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    text, now = io.StringIO(), [0.0]
    monkeypatch.setattr(
        "snn_agent.training.progress.time.monotonic", lambda: now.__setitem__(0, now[0] + 2.6) or now[0]
    )
    display = ProgressDisplay(Console(file=text, force_terminal=False))
    trainer = trainer_for(structure=FIXED, callbacks=[display, diary := Diary()])
    trainer.train(150)
    lines = text.getvalue().splitlines()
    assert 2 <= len(lines) <= math.ceil(len(diary.records) / 3) + 1
    assert all("return" in line for line in lines)


def test_a_bar_in_a_terminal() -> None:
    text = io.StringIO()
    display = ProgressDisplay(Console(file=text, force_terminal=True, width=120))
    trainer = trainer_for(callbacks=[display])
    trainer.train(60)
    assert "100 %" in text.getvalue()
    assert text.getvalue().endswith("\x1b[?25h")  # the cursor is back
