"""On what a run was made: versions, machine, state of the code."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import torch

from snn_agent.engine.device import describe_device

LIBRARIES: Final = ("snn-agent", "torch", "numpy", "numba", "norse", "gymnasium")

CPUINFO: Final = Path("/proc/cpuinfo")
"""Where Linux tells the processor's name."""


def describe_environment(device: str = "cpu") -> dict[str, Any]:
    """What may explain that a run went otherwise elsewhere, as JSON values; None where it cannot be known.

    Args:
        device: on which the organism lives.

    Returns:
        ``date`` (UTC), ``python``, a version for each of :data:`LIBRARIES`, ``platform``, ``processor``, ``cores``
        (logical ones of the machine), ``threads`` (PyTorch's), ``device``, ``commit`` (see :func:`commit_of`).
    """
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        **{name: _version(name) for name in LIBRARIES},
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": describe_device(device),
        "commit": commit_of(Path(__file__).parents[1] / "__init__.py"),
    }


def commit_of(file: Path) -> str | None:
    """The git commit that a file is part of, ``" with changes"`` behind it if tracked files of its repository differ.

    None where git is not installed, or does not track the file: an installed package may lie in somebody else's
    repository, whose commit says nothing about it.
    """
    if _git(file.parent, "ls-files", "--error-unmatch", file.name) is None:
        return None
    commit = _git(file.parent, "rev-parse", "HEAD")
    if not commit:
        return None
    changed = _git(file.parent, "status", "--porcelain", "--untracked-files=no")
    return commit if changed == "" else f"{commit} with changes"


def _git(folder: Path, *arguments: str) -> str | None:
    # Without a lock: what describes a run must not get in the way of somebody who works in the repository.
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    # Where a git hook starts a run, these variables would name the hook's repository, whatever the folder.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10.0, env=env)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str | None:
    """The processor's name, where the system tells it."""
    try:
        lines = CPUINFO.read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or None
