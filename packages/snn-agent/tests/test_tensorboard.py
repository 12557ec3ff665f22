"""TensorBoard's files, read back with TensorBoard."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from training_cases import Songs, trainer_for

from snn_agent.errors import BackendUnavailable, ConfigError
from snn_agent.training.callbacks import UpdateRecord
from snn_agent.training.checkpoint import load_newest
from snn_agent.training.monitoring.tensorboard import GROUPS, TensorBoardWriter
from snn_agent.training.snapshot import rebuild_organism


@pytest.fixture
def installed() -> None:
    pytest.importorskip("tensorboard", reason="the package tensorboard is not installed: ./setup.sh test does it")


def read(run_dir: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run_dir / "tensorboard"), size_guidance={"scalars": 0, "histograms": 0})
    return events.Reload()


def curves_equal_metrics(run_dir: Path) -> None:
    """Every finite number of metrics.csv is in its curve, once, and nothing else."""
    events = read(run_dir)
    with (run_dir / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for group, names in GROUPS.items():
        for name in names:
            told = [(int(row["env_steps"]), float(row[name])) for row in rows if math.isfinite(float(row[name]))]
            tag = f"{group}/{name}"
            shown = [(s.step, s.value) for s in events.Scalars(tag)] if tag in events.Tags()["scalars"] else []
            assert [step for step, _ in shown] == [step for step, _ in told], name
            assert [v for _, v in shown] == pytest.approx([v for _, v in told], rel=1e-6, abs=1e-30), name


def test_every_number_of_an_update_has_its_group() -> None:
    grouped = list(itertools.chain.from_iterable(GROUPS.values()))
    assert sorted([*grouped, "env_steps"]) == sorted(field.name for field in dataclasses.fields(UpdateRecord))


@pytest.mark.usefixtures("installed")
def test_curves_are_the_lines_of_metrics_csv(tmp_path: Path) -> None:
    trainer = trainer_for(Songs(counts_food=True), run_dir=tmp_path / "run", callbacks=[TensorBoardWriter()])
    summary = trainer.train(500)
    curves_equal_metrics(tmp_path / "run")
    events = read(tmp_path / "run")
    born = sum(scalar.value for scalar in events.Scalars("events/born"))
    died = sum(scalar.value for scalar in events.Scalars("events/died"))
    assert summary["neurons_initial"] + born - died == summary["neurons_final"]
    assert born > 0 < died
    histograms = events.Histograms("network/rate_of_neurons")
    assert len(histograms) == summary["updates"] // 10 > 2


@pytest.mark.usefixtures("installed")
def test_a_resumed_run_has_no_curve_twice(tmp_path: Path) -> None:
    class Stop(TensorBoardWriter):
        def on_update(self, run: Any, record: UpdateRecord) -> None:
            super().on_update(run, record)
            if record.update == 11:  # the newest checkpoint is of update 9
                raise KeyboardInterrupt

    run_dir = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        trainer_for(run_dir=run_dir, callbacks=[Stop()]).train(1000)
    _, saved = load_newest(run_dir)
    assert saved.state["counters"]["update"] == 9
    organism = rebuild_organism(saved.state["organism"], saved.model, engine="torch")
    trainer_for(organism=organism, run_dir=run_dir, resume=saved, callbacks=[TensorBoardWriter()]).train(300)
    curves_equal_metrics(run_dir)


@pytest.mark.usefixtures("installed")
def test_a_run_without_a_directory_is_refused() -> None:
    with pytest.raises(ConfigError, match="run_dir"):
        trainer_for(callbacks=[TensorBoardWriter()]).train(100)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(BackendUnavailable, match=r"snn-agent\[tensorboard\]"):
        TensorBoardWriter()
