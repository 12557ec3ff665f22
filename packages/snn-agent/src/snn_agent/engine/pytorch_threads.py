"""The threads of PyTorch's own arithmetic, lent to a kernel that stands among PyTorch's operations.

After each of its parallel loops GNU's OpenMP lets its threads spin for some milliseconds, so that the next loop finds
them awake. Threads of our own then have to share the cores with them: a layer forward and backward took 2.8 ms beside
them and takes 1.8 ms in them (two cores, 1,024 samples, 512 neurons). Kernels that follow each other without PyTorch
in between keep to :mod:`snn_agent.engine.threads`, whose threads leave their cores to others.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from snn_agent.engine.threads import Range, side_by_side

_Body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Lent:
    """The entry of GNU's OpenMP that its compiler calls for ``#pragma omp parallel``."""

    def __init__(self, path: str) -> None:
        library, quick = ctypes.CDLL(path), ctypes.PyDLL(path)  # quick: keeps Python's lock for a look at a number
        self.number, self.size = quick.omp_get_thread_num, quick.omp_get_num_threads
        self.parallel = library.GOMP_parallel
        self.parallel.argtypes, self.parallel.restype = [_Body, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None


def _library() -> str | None:
    """The OpenMP that PyTorch has loaded, if it is GNU's (others' loops have other entries)."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    except OSError:
        return None  # not Linux
    loaded = {line.split(maxsplit=5)[5] for line in maps.splitlines() if "/libgomp" in line}
    folder = str(Path(torch.__file__).resolve().parent)  # beside it, torch.libs
    return next((path for path in sorted(loaded) if path.startswith(folder)), None)


_path = _library()
_lent = None if _path is None else _Lent(_path)


def _after_fork() -> None:
    global _lent
    _lent = None  # its threads do not live on in a forked process, and it would wait for them


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def side_by_side_with_pytorch(function: Callable[..., Any], parts: Sequence[Range], *arguments: Any) -> None:
    """:func:`snn_agent.engine.threads.side_by_side` in PyTorch's threads, or in ours where it does not lend enough."""
    lent = _lent
    if lent is None or len(parts) == 1:
        side_by_side(function, parts, *arguments)
        return
    problems: list[BaseException] = []
    too_few: list[int] = []

    def work(_: Any) -> None:
        if (size := lent.size()) != len(parts):  # OMP_THREAD_LIMIT, for one
            too_few.append(size)
            return
        try:
            function(*parts[lent.number()], *arguments)
        except BaseException as problem:  # handed to the caller, who raises it
            problems.append(problem)

    lent.parallel(_Body(work), None, len(parts), 0)
    if too_few:
        side_by_side(function, parts, *arguments)
    if problems:
        raise problems[0]
