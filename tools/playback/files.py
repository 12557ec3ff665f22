"""Names of files that nobody has, and files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pictures

from snn_agent.errors import ConfigError


def fresh(folder: Path, stem: str, suffix: str) -> Path:
    """The first of ``stem-1.suffix``, ``stem-2.suffix`` … that does not exist in the folder; ``suffix`` has its dot."""
    return next(path for n in itertools.count(1) if not (path := folder / f"{stem}-{n}{suffix}").exists())


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """A name to write to; when the block ends, the file gets its own name, or is deleted if there was an error.

    Raises:
        ConfigError: the file exists, or its folder does not.
    """
    refuse_existing(path)
    if not path.parent.is_dir():
        raise ConfigError(f"{path} cannot be written, because there is no folder {path.parent}. Make it first.")
    draft = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        yield draft
        refuse_existing(path)
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)


def write_picture(frame: npt.NDArray[np.uint8], path: Path) -> None:
    """Write a frame, uint8 [height, width, 3], as a PNG.

    Raises:
        ConfigError: the file exists, or its folder does not.
    """
    with draft_of(path) as draft:
        Pictures.fromarray(frame).save(draft, optimize=True)


def refuse_existing(path: Path) -> None:
    """Raise ConfigError if there is such a file."""
    if path.exists():
        raise ConfigError(f"{path} exists, and nothing is overwritten. Choose another name.")
