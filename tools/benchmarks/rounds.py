"""Measuring several things side by side: in turn, the best of some rounds, with the spread beside it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

Row = dict[str, Any]


def in_turn(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each measure said in each round; a slow moment of the machine hits all alike."""
    samples: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            gc.collect()  # one contestant's rubbish is not carried out on another one's time
            samples[name].append(measure())
    return samples


def calls_per_second(call: Callable[[], object], seconds: float) -> float:
    """How often ``call`` runs in a second, over at least ``seconds``."""
    calls = 0
    start = time.perf_counter()
    while True:
        call()
        calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return calls / elapsed


def seconds_of(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def best_and_worst(rates: list[float], scale: float = 1.0) -> Row:
    """The entries that every row about a speed has."""
    return {"rate": scale * max(rates), "slowest_round": scale * min(rates)}


def ratio(rate: float, base: float | None) -> float | None:
    """``rate / base``; None where there is nothing to compare with."""
    return None if base is None else rate / base
