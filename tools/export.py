"""Make a trained organism small enough to give away: ``python tools/export.py RUN OUT``.

OUT becomes a run directory that tools/play.py and tools/evaluate.py read: the config, the events, metrics.csv and
activity.jsonl thinned, the summary, and the organism at its birth, at its end and at some milestones between. What only
resuming needs is left out. Weights are written in half precision unless ``--no-half`` is given.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from playback.chapters import chapters_of
from runs import read_config

from snn_agent.errors import ConfigError, SnnAgentError
from snn_agent.metrics.genealogy import EVENTS_FILE
from snn_agent.training.activity_log import ACTIVITY_FILE
from snn_agent.training.checkpoint import Checkpoint, load, save
from snn_agent.training.milestones import MILESTONES

METRICS_ROWS, ACTIVITY_LINES = 400, 100
KEPT_STATE = ("organism", "counters", "milestone")
KEPT_TENSORS = ("statistics.id", "statistics.rate")
"""Whose neurons they are, and how busy; all else of a checkpoint's "optimizer" is for resuming."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What to give away."""

    run: Annotated[Path, tyro.conf.Positional]
    """Run directory."""
    out: Annotated[Path, tyro.conf.Positional]
    """Folder to be made; it must not exist."""
    milestones: int = 8
    """How many moments of its life, birth and end among them."""
    half: bool = True
    """Whether weights are written in half precision (16 bits), which halves the size."""


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    options = tyro.cli(Options, args=arguments, description=__doc__)
    try:
        export(options)
    except SnnAgentError as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        return 2
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    print(f"{options.out}: {size / 1e6:.2f} MB. Watch it: python tools/play.py {options.out}")
    return 0


def export(options: Options) -> None:
    """Write the folder, whole or not at all.

    Raises:
        ConfigError: there is no run, ``out`` exists, or there is nothing to choose.
        CheckpointError: the run has no checkpoint.
    """
    run, out = options.run, options.out
    read_config(run)
    if out.exists():
        raise ConfigError(f"{out} exists already, and nothing is overwritten. Choose another name.")
    if options.milestones < 2:
        raise ConfigError(f"--milestones must be at least 2, birth and end, got {options.milestones}.")
    chapters = chapters_of(run)
    chosen = np.unique(np.linspace(0, len(chapters) - 1, min(options.milestones, len(chapters))).round().astype(int))
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    *earlier, newest = (chapters[index] for index in chosen.tolist())
    for chapter in earlier:
        slim = _slim(load(chapter.path), half=options.half)
        save(draft / MILESTONES, f"step-{chapter.env_step:012d}", slim, keep=None)
    slim = _slim(load(newest.path), half=options.half)
    save(draft / "checkpoints", f"update-{newest.update:08d}", slim, keep=None)
    for name in ("config.json", "summary.json", EVENTS_FILE):
        if (run / name).exists():
            shutil.copyfile(run / name, draft / name)
    for name, head, most in (("metrics.csv", 1, METRICS_ROWS), (ACTIVITY_FILE, 0, ACTIVITY_LINES)):
        if (run / name).exists():
            _thin(run / name, draft / name, head, most)
    draft.rename(out)


def _slim(saved: Checkpoint, *, half: bool) -> Checkpoint:
    """The organism alone."""

    def smaller(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.half() if half and tensor.dtype == torch.float32 else tensor

    return Checkpoint(
        model={name: smaller(tensor) for name, tensor in saved.model.items()},
        optimizer={name: saved.optimizer[name] for name in KEPT_TENSORS if name in saved.optimizer},
        worlds={},
        state={name: saved.state[name] for name in KEPT_STATE if name in saved.state},
    )


def _thin(source: Path, target: Path, head: int, most: int) -> None:
    """The head of a file, and at most so many of its other lines, the first and the last among them."""
    lines = source.read_text().splitlines(keepends=True)
    rows = lines[head:]
    chosen = np.unique(np.linspace(0, max(0, len(rows) - 1), most).round().astype(int)) if rows else np.arange(0)
    target.write_text("".join([*lines[:head], *(rows[index] for index in chosen.tolist())]))


if __name__ == "__main__":
    sys.exit(main())
