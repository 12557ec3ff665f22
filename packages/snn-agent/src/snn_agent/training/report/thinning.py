"""Few of many: what a screen can show of a long run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def thin(n: int, most: int) -> npt.NDArray[np.int64]:
    """At most so many of ``n`` rows, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))
