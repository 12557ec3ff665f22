"""Finding the few numbers of an observation that are not zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from snn_agent.engine.numba_compile import running
from snn_agent.engine.numba_events import scan
from snn_agent.types import Events


def find_events(observation: npt.NDArray[Any]) -> Events:
    """The numbers of observations [B, *shape], of any type, that are not zero."""
    array = np.ascontiguousarray(observation)
    B, D, numbers = len(array), math.prod(array.shape[1:]), array.reshape(-1)
    if numbers.dtype == np.bool_:
        numbers = numbers.view(np.uint8)
    per_word = 8 // numbers.itemsize
    whole = numbers.size // per_word * per_word
    words, last = numbers[:whole].view(np.uint64), np.zeros(1, np.uint64)
    last.view(numbers.dtype)[: numbers.size - whole] = numbers[whole:]
    offsets, columns = np.zeros(B + 1, np.int64), np.empty(numbers.size, np.int32)
    with running("the search for events", numbers.dtype):
        n = scan(words, last[0], per_word, numbers, D, offsets, columns)
    columns = columns[:n].copy()
    values = np.empty(0, np.float32)
    if numbers.dtype != np.uint8 or numbers.max(initial=0) > 1:
        found = numbers[np.repeat(np.arange(B) * D, np.diff(offsets)) + columns]
        if (found != 1).any():
            values = found.astype(np.float32)
    return Events(offsets, columns, values, D)
