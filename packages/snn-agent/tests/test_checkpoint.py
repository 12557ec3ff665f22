"""Checkpoints are whole or not there, and damage is noticed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_cases import Songs, organism_for, trainer_for, update

from snn_agent import load_organism, save_checkpoint
from snn_agent.errors import BackendUnavailable, CheckpointError
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.checkpoint import Checkpoint
from snn_agent.training.snapshot import rebuild_organism

FILES = (checkpoints.MODEL, checkpoints.OPTIMIZER, checkpoints.WORLDS, checkpoints.STATE)


def some(number: int = 0) -> Checkpoint:
    return Checkpoint(
        model={"weight": torch.arange(6.0).reshape(2, 3).T, "scalar": torch.tensor(float(number))},
        optimizer={"count": torch.tensor(number), "flags": torch.tensor([True, False])},
        worlds={"one": np.array(3), "seed": np.array([2**64 - 1], np.uint64), "turned": np.eye(3, 2).T},
        state={"number": number, "inner": {"nan": None, "float": 0.1 + 0.2, "list": [1, 2.5, "three"]}},
    )


def fill(folder: Path, n: int, keep: int = 9) -> list[Path]:
    return [checkpoints.save(folder, f"update-{number:08d}", some(number), keep) for number in range(n)]


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    before = some(4)
    after = checkpoints.load(checkpoints.save(tmp_path, "one", before, 1))
    assert after.state == before.state
    for old, new in ((before.model, after.model), (before.optimizer, after.optimizer)):
        assert old.keys() == new.keys()
        assert all(torch.equal(old[name], new[name]) and old[name].dtype == new[name].dtype for name in old)
    assert before.worlds.keys() == after.worlds.keys()
    for name, array in before.worlds.items():
        assert (after.worlds[name].shape, after.worlds[name].dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(after.worlds[name], array)


def test_no_pickle_is_written(tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path, "one", some(), 1)
    assert sorted(file.name for file in path.iterdir()) == sorted(FILES)
    assert all(b"pickle" not in file.read_bytes() for file in path.iterdir())
    assert json.loads((path / checkpoints.STATE).read_text())["format"] == 1


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    fill(tmp_path, 5, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["update-00000003", "update-00000004"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (path,) = fill(tmp_path, 1)
    with pytest.raises(CheckpointError, match=r"exists already. A checkpoint is never overwritten"):
        checkpoints.save(tmp_path, path.name, some(7), 3)
    assert checkpoints.load(path).state["number"] == 0


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("how", ["changed", "cut", "missing", "not text"])
def test_damage_is_noticed_and_passed_over(tmp_path: Path, file: str, how: str) -> None:
    _, good, bad = fill(tmp_path / "checkpoints", 3)
    if how == "changed":
        damage(bad / file)
    elif how == "cut":
        (bad / file).write_bytes((bad / file).read_bytes()[:-20])
    elif how == "missing":
        (bad / file).unlink()
    else:
        (bad / file).write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(CheckpointError, match=str(bad.name)):
        checkpoints.load(bad)
    with pytest.warns(RuntimeWarning, match=r"Going on with an older checkpoint"):
        path, checkpoint = checkpoints.load_newest(tmp_path)
    assert path == good
    assert checkpoint.state["number"] == 1


def test_a_number_changed_in_the_json_is_noticed(tmp_path: Path) -> None:
    (path,) = fill(tmp_path, 1)
    file = path / checkpoints.STATE
    file.write_text(file.read_text().replace('"number": 0', '"number": 1'))
    with pytest.raises(CheckpointError, match=r"state.json is damaged: its hash is not the one written down"):
        checkpoints.load(path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"format": 99, "sha256": {}}', r"has format 99, but this version reads format 1. Use the version of snn-ag"),
        ('{"number": 1}', "does not say its format"),
        ("[1, 2]", "does not say its format"),
    ],
)
def test_an_unknown_format_is_refused(tmp_path: Path, content: str, text: str) -> None:
    (path,) = fill(tmp_path, 1)
    (path / checkpoints.STATE).write_text(content)
    with pytest.raises(CheckpointError, match=text):
        checkpoints.load(path)


def test_a_draft_is_never_taken(tmp_path: Path) -> None:
    path, last = fill(tmp_path, 2)
    shutil.move(last, tmp_path / f".{last.name}.partial")
    assert checkpoints.load_newest(tmp_path)[0] == path
    checkpoints.save(tmp_path, last.name, some(1), 3)  # the draft that was left does not hinder it
    assert checkpoints.load_newest(tmp_path)[0] == last
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


def test_a_draft_is_not_counted_either(tmp_path: Path) -> None:
    (path,) = fill(tmp_path, 1)
    shutil.move(path, tmp_path / f".{path.name}.partial")
    with pytest.raises(CheckpointError, match="no valid checkpoint"):
        checkpoints.load_newest(tmp_path)


def test_what_has_its_name_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each step that can put a file in its place, the checkpoint is absent or can be read."""
    target, seen = tmp_path / "one", []

    def watched(step: Any) -> Any:
        def then_look(*given: Any, **options: Any) -> Any:
            result = step(*given, **options)
            seen.append(target.exists())
            assert not target.exists() or checkpoints.load(target)
            return result

        return then_look

    for holder, name in ((Path, "rename"), (Path, "mkdir"), (Path, "write_text"), (checkpoints, "_sync")):
        monkeypatch.setattr(holder, name, watched(getattr(holder, name)))
    checkpoints.save(tmp_path, "one", some(), 1)
    assert seen[0] is False
    assert seen[-1] is True


def test_a_write_that_fails_leaves_the_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(f"no space left on device for {path}")

    (path,) = fill(tmp_path, 1)
    monkeypatch.setattr(checkpoints, "_sync", full)
    with pytest.raises(OSError, match="no space"):
        checkpoints.save(tmp_path, "update-00000001", some(1), 1)
    assert checkpoints.load_newest(tmp_path)[0] == path


def test_where_there_is_none(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(CheckpointError, match=r"no valid checkpoint in .* Give a run directory"):
            checkpoints.load_newest(folder)


def test_later_ones_are_set_aside(tmp_path: Path) -> None:
    paths = fill(tmp_path, 4)
    checkpoints.set_aside_later(tmp_path, paths[1].name)
    assert checkpoints.load_newest(tmp_path)[0] == paths[1]
    assert checkpoints.load(tmp_path / f".{paths[3].name}.superseded").state["number"] == 3
    checkpoints.set_aside_later(tmp_path / "absent", paths[1].name)


def test_those_set_aside_do_not_pile_up(tmp_path: Path) -> None:
    for first in (1, 2, 3):  # the run is lived again from an older checkpoint, three times
        paths = [checkpoints.save(tmp_path, f"update-{first}{number}", some(first), 2) for number in range(4)]
        checkpoints.set_aside_later(tmp_path, paths[2].name)
    checkpoints.save(tmp_path, "update-40", some(4), 2)
    hidden = sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("."))
    assert hidden == [".update-23.superseded", ".update-33.superseded"]
    assert checkpoints.load(tmp_path / hidden[0]).state["number"] == 2
    assert [path.name for path in sorted(tmp_path.iterdir()) if path.name[0] != "."] == ["update-32", "update-40"]


@pytest.mark.parametrize("carry", [False, True])
def test_an_organism_is_loaded_as_it_was(tmp_path: Path, carry: bool) -> None:
    network = {"carry_state": carry, "input_scaling": "standardise", "readout": "first_spike"}
    trainer = update(trainer_for(run_dir=tmp_path / "run", network=network), 4)
    organism = trainer.organism
    assert organism.hidden != organism.config.init_hidden
    checkpoint = trainer.save()
    assert checkpoint is not None
    alone = save_checkpoint(organism, tmp_path / "alone")
    seen = np.random.default_rng(0).random((9, 4), dtype=np.float32)
    for path in (tmp_path / "run", checkpoint, str(alone)):
        for engine in (None, "norse"):
            loaded = load_organism(path, engine=engine)
            assert loaded.config == organism.config
            assert loaded.adapter == organism.adapter
            assert loaded.engine.name == (engine or organism.engine.name)
            assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in organism.state_dict().items())
            np.testing.assert_array_equal(
                loaded.predict(seen, deterministic=True)[0], organism.predict(seen, deterministic=True)[0]
            )


def test_an_organism_is_not_written_over_another(tmp_path: Path) -> None:
    organism = organism_for(Songs())
    (tmp_path / "zebra").mkdir()
    for name in ("b", "a"):
        save_checkpoint(organism, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "zebra"]  # neighbours are left alone
    with pytest.raises(CheckpointError, match="exists already"):
        save_checkpoint(organism, tmp_path / "a")


def test_an_organism_that_does_not_fit_its_description_is_refused() -> None:
    model, _, _, state = update(trainer_for(), 1).snapshot()
    description = state["organism"]
    for wrong in (description | {"hidden": 11}, description | {"config": {}}, description | {"hidden": 1000}):
        with pytest.raises(CheckpointError, match="cannot be rebuilt"):
            rebuild_organism(wrong, model)
    if not torch.cuda.is_available():
        with pytest.raises(BackendUnavailable):
            rebuild_organism(description, model, device="cuda")
