"""Checkpoints: folders of tensors (safetensors) and one JSON file, written whole or not at all, verified when read.

A checkpoint is made in a folder with a temporary name, synced to disk and renamed; ``state.json`` holds the hashes of
the other files. Reading verifies them and falls back to the newest valid checkpoint. No pickle anywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file
from torch import Tensor

from snn_agent.errors import CheckpointError

FORMAT = 1
"""Version of the layout; read before anything else."""

SUPERSEDED = ".superseded"
"""What the name of a checkpoint that was set aside ends with."""

MODEL, OPTIMIZER, WORLDS, STATE = "model.safetensors", "optimizer.safetensors", "worlds.safetensors", "state.json"


class Checkpoint(NamedTuple):
    """What a checkpoint holds."""

    model: dict[str, Tensor]  # the organism's parameters and buffers
    optimizer: dict[str, Tensor]  # moments, counts, statistics, membranes, generators
    worlds: dict[str, npt.NDArray[Any]]  # the environment, where it can be saved
    state: dict[str, Any]  # sizes, counters, configs: everything that is not a tensor


def copied(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with memory of its own, which a run that goes on does not change."""
    return checkpoint._replace(
        model={name: tensor.detach().clone() for name, tensor in checkpoint.model.items()},
        optimizer={name: tensor.detach().clone() for name, tensor in checkpoint.optimizer.items()},
        worlds={name: np.array(array) for name, array in checkpoint.worlds.items()},
    )


def save(folder: Path, name: str, checkpoint: Checkpoint, keep: int | None) -> Path:
    """Write a checkpoint into ``folder / name`` and remove all but the ``keep`` newest ones (None: keep all).

    Of those that :func:`set_aside_later` hid, no more than ``keep`` are left either.

    Raises:
        CheckpointError: there is one of that name already.
    """
    target = folder / name
    if target.exists():
        raise CheckpointError(
            f"{target} exists already. A checkpoint is never overwritten; choose another run directory."
        )
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{name}.partial"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    save_file({key: tensor.detach().contiguous().cpu() for key, tensor in checkpoint.model.items()}, draft / MODEL)
    save_file(
        {key: tensor.detach().contiguous().cpu() for key, tensor in checkpoint.optimizer.items()}, draft / OPTIMIZER
    )
    save_arrays({key: np.array(array, order="C") for key, array in checkpoint.worlds.items()}, draft / WORLDS)
    hashes = {file: _hash(draft / file) for file in (MODEL, OPTIMIZER, WORLDS)}
    hashes[STATE] = _hash_of(checkpoint.state)
    document = {"format": FORMAT, "sha256": hashes, **checkpoint.state}
    (draft / STATE).write_text(json.dumps(document, indent=1) + "\n")
    for path in draft.iterdir():
        _sync(path)
    _sync(draft)
    draft.rename(target)
    _sync(folder)
    if keep is not None:
        for old in [*_names(folder)[: -max(1, keep)], *_superseded(folder)[: -max(1, keep)]]:
            shutil.rmtree(folder / old)
    return target


def load(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        CheckpointError: a file is missing or damaged, or the format is unknown.
    """
    try:
        state = json.loads((path / STATE).read_text())
    except (OSError, ValueError) as problem:  # ValueError: neither JSON nor, after damage, text
        raise CheckpointError(f"{path} is no whole checkpoint: {STATE} cannot be read ({problem}).") from problem
    if not isinstance(state, dict) or "format" not in state:
        raise CheckpointError(f"{path} is no checkpoint: {STATE} does not say its format.")
    if state["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has format {state['format']!r}, but this version reads format {FORMAT}. "
            f"Use the version of snn-agent that wrote it."
        )
    hashes, content = state.get("sha256"), _without_header(state)
    if not isinstance(hashes, dict) or hashes.get(STATE) != _hash_of(content):
        raise CheckpointError(f"{path / STATE} is damaged: its hash is not the one written down.")
    for file in (MODEL, OPTIMIZER, WORLDS):
        if not (path / file).exists() or _hash(path / file) != hashes.get(file):
            raise CheckpointError(f"{path / file} is missing or damaged: its hash is not the one written down.")
    return Checkpoint(load_file(path / MODEL), load_file(path / OPTIMIZER), load_arrays(path / WORLDS), content)


def load_newest(path: Path) -> tuple[Path, Checkpoint]:
    """The newest valid checkpoint of a run directory (or of its ``checkpoints`` folder), or the one that ``path`` is.

    Damaged ones are passed over with a warning.

    Raises:
        CheckpointError: there is none.
    """
    if (path / STATE).exists() and not (path / "checkpoints").exists():
        return path, load(path)
    folder = path / "checkpoints" if (path / "checkpoints").is_dir() else path
    for name in reversed(_names(folder) if folder.is_dir() else []):
        try:
            return folder / name, load(folder / name)
        except CheckpointError as problem:
            warnings.warn(f"{problem} Going on with an older checkpoint.", RuntimeWarning, stacklevel=2)
    raise CheckpointError(
        f"there is no valid checkpoint in {path}. Give a run directory made by training, or one of its checkpoints."
    )


def _without_header(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key not in ("format", "sha256")}


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _superseded(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.glob(f".*{SUPERSEDED}"))


def set_aside_later(folder: Path, name: str) -> None:
    """Hide the checkpoints that are newer than ``name``: damaged ones, and the future of a run that is lived again.

    They are kept under the name ``.<name>.superseded``, where nothing finds them by itself. When the next checkpoint is
    written, the earliest of them go if there are more than a run keeps checkpoints.
    """
    for later in [entry for entry in _names(folder) if entry > name] if folder.is_dir() else []:
        hidden = folder / f".{later}{SUPERSEDED}"
        shutil.rmtree(hidden, ignore_errors=True)
        (folder / later).rename(hidden)


def _hash_of(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(json.loads(json.dumps(state)), sort_keys=True).encode()).hexdigest()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
