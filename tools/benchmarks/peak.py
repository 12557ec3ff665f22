"""What this processor can do at most: float32 multiply-adds and bytes copied a second, measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from benchmarks.rounds import calls_per_second

CHAINS = 10
"""Independent accumulators: enough to hide the latency of a multiply-add on two ports, few enough for 16 registers."""
STAGES = 24
"""Multiply-adds between loading an accumulator and storing it."""
COLUMNS = 256
"""Neighbours that one vector loop runs over; all accumulators together stay in the first-level cache."""
REPEATS = 2000


class Peak(NamedTuple):
    """Ceilings of this machine with some number of threads.

    Attributes:
        operations: float32 operations a second: the better one of the two below.
        multiply_adds: of a kernel that does nothing but multiply-adds in registers; None without Numba.
        matrix_product: of PyTorch's product of two 1024 × 1024 matrices, a check that the kernel is no straw man.
        bandwidth: bytes a second, read and written, of a large copy.
        plausible: whether the kernel is at least as fast as the product (less 10 %), as a ceiling must be.
    """

    operations: float
    multiply_adds: float | None
    matrix_product: float
    bandwidth: float
    plausible: bool


def measure_peak(threads: int, seconds: float, copy_bytes: int = 2**28) -> Peak:
    """Measure the ceilings, each for some ``seconds``; the best of three."""
    product = max(_matrix_product(seconds) for _ in range(3))
    kernel = _kernel()
    multiply_adds = None
    if kernel is not None:
        multiply_adds = max(_multiply_adds(kernel, threads, seconds) for _ in range(3))
    return Peak(
        operations=max(product, multiply_adds or 0.0),
        multiply_adds=multiply_adds,
        matrix_product=product,
        bandwidth=max(_bandwidth(copy_bytes, seconds) for _ in range(3)),
        plausible=multiply_adds is not None and multiply_adds > 0.9 * product,
    )


def _multiply_adds(kernel: Callable[..., Any], threads: int, seconds: float) -> float:
    """Operations a second of ``threads`` threads that run the kernel at the same time."""
    data = [np.ones((CHAINS, COLUMNS), dtype=np.float32) for _ in range(threads)]
    kernel(data[0], np.float32(0.5), np.float32(0.5), 1)

    def work(mine: npt.NDArray[np.float32]) -> int:
        runs = 0
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            kernel(mine, np.float32(0.5), np.float32(0.5), REPEATS)
            runs += 1
        return runs

    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        runs = sum(pool.map(work, data))
        elapsed = time.perf_counter() - start
    assert all(np.isfinite(mine).all() for mine in data)
    return runs * REPEATS * CHAINS * COLUMNS * STAGES * 2 / elapsed


def _kernel() -> Callable[..., Any] | None:
    """``x ← x·factor + term``, STAGES times for each of CHAINS rows, without the interpreter's lock.

    Written out as text: only straight code keeps its accumulators in registers.
    """
    try:
        import numba
    except ImportError:
        return None
    names = [f"x{chain}" for chain in range(CHAINS)]
    lines = ["def kernel(data, factor, term, repeats):", "    for _ in range(repeats):"]
    lines += [f"        for column in range({COLUMNS}):"]
    lines += [f"            {name} = data[{chain}, column]" for chain, name in enumerate(names)]
    lines += [f"            {name} = {name} * factor + term" for _ in range(STAGES) for name in names]
    lines += [f"            data[{chain}, column] = {name}" for chain, name in enumerate(names)]
    scope: dict[str, Any] = {}
    exec("\n".join(lines), scope)
    made: Callable[..., Any] = numba.njit(nogil=True, fastmath={"contract"})(scope["kernel"])
    return made


def _matrix_product(seconds: float) -> float:
    n = 1024
    a, b, out = torch.rand(n, n), torch.rand(n, n), torch.empty(n, n)
    torch.mm(a, b, out=out)
    return 2 * n**3 * calls_per_second(lambda: torch.mm(a, b, out=out), seconds)


def _bandwidth(copy_bytes: int, seconds: float) -> float:
    source = torch.ones(copy_bytes // 4)
    target = torch.empty_like(source)
    target.copy_(source)
    return 2 * copy_bytes * calls_per_second(lambda: target.copy_(source), seconds)
