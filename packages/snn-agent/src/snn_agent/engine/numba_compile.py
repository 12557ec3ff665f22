"""Compiling numba's kernels: once per machine and number type, with a word when it takes long."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from numba import njit

from snn_agent.neurons.surrogate import SURROGATE_DERIVATIVES

PACKAGE: Final = Path(__file__).parents[1]
PATIENCE_S: Final = 0.8
"""Seconds of silence before a person is told that something is compiled; loading from the cache is faster."""

_met: set[tuple[str, Any]] = set()  # kernels that have run, by number type


def kernel(function: Callable[..., Any], variant: tuple[Any, ...] = ()) -> Any:
    """Compile a function when it is first called, and keep the result on disk beside the sources.

    Numba notices a changed kernel by its own file only. All files of this package count here, since kernels are built
    from each other. And it tells kernels of one name apart by what they close over, which for other kernels differs
    from process to process; ``variant`` says it instead.
    """
    dispatcher = njit(function, nogil=True, cache=True, error_model="numpy")
    cache = dispatcher._cache
    stamps = [path.stat() for path in sorted(PACKAGE.rglob("*.py"))]
    cache._cache_file._source_stamp = [(stamp.st_mtime, stamp.st_size) for stamp in stamps]
    if variant:
        cache._index_key = lambda sig, codegen: (sig, codegen.magic_tuple(), variant)
    return dispatcher


def per_surrogate(build: Callable[[int], Callable[..., Any]]) -> tuple[Any, ...]:
    """A kernel for each surrogate, compiled when first called: a choice in the innermost loop costs a third of it."""
    return tuple(kernel(build(kind)) for kind in range(len(SURROGATE_DERIVATIVES)))


def inlined(function: Callable[..., Any]) -> Any:
    """A part of a kernel. Arrays are not for an innermost loop: numba counts references to them at every call."""
    return njit(function, nogil=True, error_model="numpy", forceinline=True)


@contextmanager
def running(what: str, dtype: Any) -> Iterator[None]:
    """A word on standard error if the first call for a number type, which compiles or loads the kernel, takes longer
    than a moment.
    """
    if (what, dtype) in _met:
        yield
        return
    said = threading.Event()

    def say() -> None:
        said.set()
        print(f"snn-agent: compiling {what} (once on this machine) …", file=sys.stderr, flush=True)

    timer = threading.Timer(PATIENCE_S, say)
    timer.daemon = True
    start = time.perf_counter()
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    _met.add((what, dtype))
    if said.is_set():
        print(f"snn-agent: compiled in {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
