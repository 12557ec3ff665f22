"""Finding the few numbers of an observation that are not zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from snn_agent.engine.numba_compile import kernel, running
from snn_agent.types import Events


@kernel
def scan(words, per_word, numbers, D, offsets, columns):  # type: ignore[no-untyped-def]
    """Write the places of the numbers that are not zero, eight bytes at a time; returns how many they are.

    A word of zeros holds numbers that are zero, and most words do; the rest is looked at number by number.
    """
    n, row, end = 0, 0, D
    for w in range(words.size + 1):  # the last numbers may fill no whole word
        if w < words.size and words[w] == 0:
            continue
        for k in range(w * per_word, min((w + 1) * per_word, numbers.size)):
            if numbers[k] != 0:
                while k >= end:
                    row += 1
                    offsets[row] = n
                    end += D
                columns[n] = k - row * D
                n += 1
    while row < offsets.size - 1:
        row += 1
        offsets[row] = n
    return n


def find_events(observation: npt.NDArray[Any]) -> Events:
    """The numbers of observations [B, *shape], of any type, that are not zero."""
    array = np.ascontiguousarray(observation)
    B, D, numbers = len(array), math.prod(array.shape[1:]), array.reshape(-1)
    if numbers.dtype == np.bool_:
        numbers = numbers.view(np.uint8)
    per_word = 8 // numbers.itemsize
    words = numbers[: numbers.size // per_word * per_word].view(np.uint64)
    offsets, columns = np.zeros(B + 1, np.int64), np.empty(numbers.size, np.int32)
    with running("the search for events", numbers.dtype):
        n = scan(words, per_word, numbers, D, offsets, columns)
    columns = columns[:n].copy()
    values = np.empty(0, np.float32)
    if numbers.dtype != np.uint8 or numbers.max(initial=0) > 1:
        found = numbers[np.repeat(np.arange(B) * D, np.diff(offsets)) + columns]
        if (found != 1).any():
            values = found.astype(np.float32)
    return Events(offsets, columns, values, D)
