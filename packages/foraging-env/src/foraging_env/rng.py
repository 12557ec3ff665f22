"""Counter-based random numbers: each world owns its stream, and all worlds draw at once.

A stream is SplitMix64 (Steele, Lea & Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014): one
64-bit position, started at a random key, that every draw moves on by the same odd constant; the number drawn is a
hash of the position. So a world needs one integer of memory, a batch needs no loop, and the single and the vector
environment draw the same numbers. Of a thousand worlds that draw a million numbers each, two streams overlap
anywhere with a probability of about 1e-7. Each function exists for arrays and, as ``scalar_…``, for Python ints.
"""

from __future__ import annotations

import numpy as np

from foraging_env.types import FloatArray, IntArray, StreamArray

_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_MASK = 0xFFFFFFFFFFFFFFFF

_U_GOLDEN, _U_MIX_1, _U_MIX_2 = np.uint64(_GOLDEN), np.uint64(_MIX_1), np.uint64(_MIX_2)
_U30, _U27, _U31, _U32, _U11 = (np.uint64(shift) for shift in (30, 27, 31, 32, 11))


def advance(stream: StreamArray) -> StreamArray:
    """The streams after one more draw, [B] -> [B]."""
    return stream + _U_GOLDEN


def jump(stream: StreamArray, draws: IntArray) -> StreamArray:
    """The streams after so many more draws, [B], [B] -> [B]."""
    return stream + draws.astype(np.uint64) * _U_GOLDEN


def random_bits(stream: StreamArray) -> StreamArray:
    """The number that lies at each stream's position: 64 uniform bits, [B] -> [B]."""
    z = stream >> _U30
    z ^= stream
    z *= _U_MIX_1
    z ^= z >> _U27
    z *= _U_MIX_2
    z ^= z >> _U31
    return z


def scalar_advance(stream: int) -> int:
    """:func:`advance` by one draw for one stream, on Python ints."""
    return (stream + _GOLDEN) & _MASK


def scalar_random_bits(stream: int) -> int:
    """:func:`random_bits` for one stream, on Python ints."""
    z = ((stream ^ (stream >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)


def below(bits: StreamArray, n: StreamArray | np.uint64) -> IntArray:
    """Uniform integers in ``[0, n)`` from 64 random bits, [B] -> [B].

    Multiply-and-shift on the upper 32 bits (Lemire, 2019, without rejection): probabilities are off by less than
    ``n / 2**32`` of themselves, 5e-8 on the default grid, and the draw takes exactly one number of the stream.
    """
    return ((bits >> _U32) * n >> _U32).astype(np.int64)


def scalar_below(bits: int, n: int) -> int:
    """:func:`below` on Python ints."""
    return (bits >> 32) * n >> 32


def unit_float(bits: StreamArray) -> FloatArray:
    """Uniform floats in ``[0, 1)`` on the grid of multiples of 2**-53, [B] -> [B]."""
    return (bits >> _U11).astype(np.float64) * 2.0**-53
