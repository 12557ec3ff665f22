"""The search for numbers that are not zero, as a kernel."""

from __future__ import annotations

import numpy as np

from snn_agent.engine.numba_compile import kernel
from snn_agent.engine.simd import trailing_zeros


@kernel
def scan(words, last, per_word, numbers, D, offsets, columns):
    """Write the places of the numbers that are not zero, eight bytes at a time; returns how many they are.

    Most words are zero and are passed over. In the others the lowest bit that is set tells the next number to look at,
    which is zero only if it is −0. ``last`` is the word that the last numbers begin to fill.
    """
    n, row, end = 0, 0, D
    bits = np.uint64(64 // per_word)
    of_number = ~np.uint64(0) >> (np.uint64(64) - bits)
    for w in range(words.size + 1):
        word = words[w] if w < words.size else last
        while word != 0:
            lane = trailing_zeros(word) // bits
            word &= ~(of_number << (lane * bits))
            k = w * per_word + np.int64(lane)
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
