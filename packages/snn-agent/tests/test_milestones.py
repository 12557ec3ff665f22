"""A run keeps its organism at chosen moments, and the copies are what it was then."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from training_cases import Songs

from snn_agent import AdaptiveTrainer, GrowingSparseSNN, StructureConfig, TrainingConfig
from snn_agent.errors import ConfigError
from snn_agent.training.callbacks import Callback, Run, UpdateRecord
from snn_agent.training.checkpoint import load, load_newest
from snn_agent.training.loading import load_organism
from snn_agent.training.milestones import Milestones, milestones_of
from snn_agent.training.snapshot import rebuild_organism

STEPS, PER_UPDATE = 360, 12  # 30 updates


class Witness(Callback):
    """Remembers the organism at every update."""

    def __init__(self) -> None:
        self.seen: dict[int, dict[str, torch.Tensor]] = {}
        self.ids: dict[int, list[int]] = {}

    def on_start(self, run: Run) -> None:
        self._remember(run)

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        del record
        self._remember(run)

    def _remember(self, run: Run) -> None:
        update = run.agent.counters.update
        self.seen[update] = {name: tensor.clone() for name, tensor in run.organism.state_dict().items()}
        self.ids[update] = run.agent.statistics.id.tolist()


def trainer(folder: Path, *callbacks: Callback, resumed: bool = False) -> AdaptiveTrainer:
    saved = load_newest(folder)[1] if resumed else None
    organism = (
        GrowingSparseSNN(4, 40, output_features=2, engine="torch")
        if saved is None
        else rebuild_organism(saved.state["organism"], saved.model)
    )
    structure = StructureConfig(
        growth="periodic", grow_interval=60, interval_unit="env_steps", pruning="low_utility", prune_interval=90,
        prune_share=0.1, maturity_updates=2,
    )  # fmt: skip
    training = TrainingConfig(n_worlds=3, rollout_steps=4, checkpoint_every_updates=7)
    return AdaptiveTrainer(
        organism, Songs(), None, structure, training, run_dir=folder, callbacks=callbacks, resume=saved
    )


def test_they_are_the_organism_of_their_moment(tmp_path: Path) -> None:
    witness = Witness()
    trainer(tmp_path / "run", Milestones(3), witness).train(STEPS)
    paths = milestones_of(tmp_path / "run")
    moments = [load(path) for path in paths]
    # (k / 3)² of 30 updates, and the birth; steps that only reset a world are not lived, so updates are counted here.
    shares = [entry.state["counters"]["env_step"] / STEPS for entry in moments]
    assert shares[0] == 0.0
    for share, wanted in zip(shares[1:], (1 / 9, 4 / 9, 1.0), strict=True):
        assert wanted <= share < wanted + PER_UPDATE / STEPS + 1e-9
    assert len({entry.state["organism"]["hidden"] for entry in moments}) > 1  # it grew meanwhile
    for path, moment in zip(paths, moments, strict=True):
        update = moment.state["counters"]["update"]
        assert moment.optimizer["statistics.id"].tolist() == witness.ids[update]
        for name, tensor in load_organism(path).state_dict().items():
            assert torch.equal(tensor, witness.seen[update][name]), name


def test_a_run_that_goes_on_makes_those_that_are_missing(tmp_path: Path) -> None:
    trainer(tmp_path / "whole", Milestones(3)).train(STEPS)
    halves = tmp_path / "halves"
    trainer(halves, Milestones(3), StopAt(8)).train(STEPS)
    before = {path.name: (path / "state.json").stat().st_mtime_ns for path in milestones_of(halves)}
    assert len(before) < len(milestones_of(tmp_path / "whole"))
    trainer(halves, Milestones(3), resumed=True).train(STEPS)
    assert [path.name for path in milestones_of(halves)] == [path.name for path in milestones_of(tmp_path / "whole")]
    for path, twin in zip(milestones_of(halves), milestones_of(tmp_path / "whole"), strict=True):
        assert path.name not in before or (path / "state.json").stat().st_mtime_ns == before[path.name]
        for name, tensor in load(path).model.items():
            assert torch.equal(tensor, load(twin).model[name]), name


class StopAt(Callback):
    """Asks the run to stop, as Ctrl-C does."""

    def __init__(self, update: int) -> None:
        self.update = update

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        del run
        if record.update == self.update:
            signal.raise_signal(signal.SIGINT)


def test_no_run_directory_no_milestones() -> None:
    AdaptiveTrainer(
        GrowingSparseSNN(4, 8, output_features=2, engine="torch"), Songs(), callbacks=[Milestones(2)],
        training=TrainingConfig(n_worlds=3, rollout_steps=4),
    ).train(PER_UPDATE)  # fmt: skip


def test_there_is_at_least_the_end() -> None:
    with pytest.raises(ConfigError, match="milestones"):
        Milestones(0)
