"""Speed of the hidden layer, beside Norse, snnTorch and SpikingJelly, and beside what the processor could do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from benchmarks.layers import COMPILED_NORSE, NORSE, Layer, contestants
from benchmarks.operations import FORWARD, PASSES, work_per_sample
from benchmarks.peak import Peak, measure_peak
from benchmarks.rounds import Row, best_and_worst, calls_per_second, in_turn, ratio, seconds_of
from benchmarks.tables import Table, percent, short, times
from torch import Tensor

COUNTING = (
    "Operations, instructions and bytes are the least that E1–E6 and their adjoint need, counted in "
    "tools/benchmarks/operations.py. An instruction that is no multiply-add takes the place of one, so the column of "
    "instructions is the one that can come near 100 %."
)


@dataclasses.dataclass(frozen=True)
class EngineBenchmark:
    """What to measure."""

    hidden: tuple[int, ...]
    samples: int
    ticks: int
    seconds: float
    repeats: int
    threads: int
    engines: tuple[str, ...]
    compiled_norse: bool


def measure_engine(benchmark: EngineBenchmark) -> dict[str, Any]:
    """All figures: samples per second by layer, size and pass; the ceilings; who was left out and why."""
    torch.set_num_threads(benchmark.threads)
    makers, skipped = contestants(benchmark.engines, benchmark.ticks, compiled_norse=benchmark.compiled_norse)
    for name, reason in skipped.items():
        print(f"{name} left out: {reason}")
    peak = measure_peak(benchmark.threads, min(benchmark.seconds, 1.0))
    rows: list[Row] = []
    notes: dict[str, str] = {}
    for hidden in benchmark.hidden:
        for which in PASSES:
            layers = [make() for make in makers.values()]
            notes |= {layer.name: layer.note for layer in layers if layer.note}
            rows.extend(_rows(layers, hidden, which, benchmark, peak))
    return {
        "ticks": benchmark.ticks,
        "samples": benchmark.samples,
        "threads": benchmark.threads,
        "peak": peak._asdict(),
        "rows": rows,
        "skipped": skipped,
        "notes": notes,
    }


def _rows(layers: list[Layer], hidden: int, which: str, benchmark: EngineBenchmark, peak: Peak) -> list[Row]:
    """One size and pass, all layers in turn."""
    generator = torch.Generator().manual_seed(0)
    # From silence to a spike every few ticks, as in a trained network.
    drive = 0.5 + 0.5 * torch.randn((benchmark.samples, hidden), generator=generator)
    weight = torch.randn((benchmark.samples, hidden), generator=generator)
    calls = {layer.name: _call(layer, drive, weight, which) for layer in layers}
    first = {name: seconds_of(call) for name, call in calls.items()}
    measures = {name: partial(calls_per_second, call, benchmark.seconds) for name, call in calls.items()}
    for call in calls.values():
        call()  # the second call finds all buffers made
    samples = in_turn(measures, benchmark.repeats)
    rates = {name: best_and_worst(found, benchmark.samples) for name, found in samples.items()}
    base = {name: rates[name]["rate"] if name in rates else None for name in (NORSE, COMPILED_NORSE)}
    work = work_per_sample(hidden, benchmark.ticks, which)
    rows = []
    for layer in layers:
        rate = rates[layer.name]["rate"]
        row: Row = {
            "hidden": hidden,
            "pass": which,
            "layer": layer.name,
            "own": layer.own,
            "samples_per_second": rate,
            "slowest_round": rates[layer.name]["slowest_round"],
            "first_call_seconds": first[layer.name],
            "times_norse": ratio(rate, base[NORSE]),
            "times_compiled_norse": ratio(rate, base[COMPILED_NORSE]),
        }
        if layer.own:
            row["operations_per_second"] = rate * work.operations
            row["share_of_peak"] = rate * work.operations / peak.operations
            row["share_of_instructions"] = rate * work.instructions / (peak.operations / 2)
            row["share_of_bandwidth"] = rate * work.bytes / peak.bandwidth
        rows.append(row)
    return rows


def _call(layer: Layer, drive: Tensor, weight: Tensor, which: str) -> Callable[[], Tensor]:
    """One pass of a layer, to be called again and again."""
    mine = drive * layer.drive_scale
    if which == FORWARD:

        def forward() -> Tensor:
            with torch.no_grad():
                return layer.run(mine)

        return forward
    mine.requires_grad_()

    def both() -> Tensor:
        (gradient,) = torch.autograd.grad((layer.run(mine) * weight).sum(), mine)
        return gradient

    return both


def engine_tables(result: dict[str, Any]) -> list[Table]:
    """The figures for people."""
    rows, sizes = result["rows"], sorted({row["hidden"] for row in result["rows"]})
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    found = {(row["layer"], row["pass"], row["hidden"]): row for row in rows}
    tables = []
    for which in PASSES:
        header = ("layer", *(f"H = {hidden}" for hidden in sizes))
        rates, ratios = [], []
        for layer in layers:
            line = [found[layer, which, hidden] for hidden in sizes]
            rates.append((layer, *(f"{short(r['samples_per_second'])} ({short(r['slowest_round'])})" for r in line)))
            ratios.append((layer, *(f"{times(r['times_norse'])} / {times(r['times_compiled_norse'])}" for r in line)))
        what = f"{which}, {result['samples']} samples, T = {result['ticks']}, {result['threads']} threads"
        tables += [
            Table(f"Samples per second, best round (slowest round): {what}", header, rates),
            Table(f"Times as fast as Norse / as compiled Norse: {which}", header, ratios),
        ]
    notes = tuple(f"{name}: {note}" for name, note in result["notes"].items())
    skipped = tuple(f"{name} left out: {reason}" for name, reason in result["skipped"].items())
    tables[-1] = tables[-1]._replace(notes=(*notes, *skipped))
    return [*tables, _ceiling_table(result)]


def _ceiling_table(result: dict[str, Any]) -> Table:
    peak = result["peak"]
    lines: list[tuple[str, ...]] = [
        (
            row["layer"],
            row["pass"],
            str(row["hidden"]),
            f"{row['operations_per_second'] / 1e9:.1f}",
            percent(row["share_of_peak"]),
            percent(row["share_of_instructions"]),
            percent(row["share_of_bandwidth"]),
        )
        for row in result["rows"]
        if row["own"]
    ]
    kernel = "not measured, Numba is missing" if peak["multiply_adds"] is None else f"{peak['multiply_adds'] / 1e9:.0f}"
    return Table(
        "Beside the ceilings of this processor",
        ("engine", "pass", "H", "10⁹ operations/s", "of the peak", "of the instructions", "of the bandwidth"),
        lines,
        (
            f"Peak in 10⁹ operations/s, {result['threads']} threads: multiply-adds in registers {kernel}, product of "
            f"1024 × 1024 matrices {peak['matrix_product'] / 1e9:.0f}. Copying: {peak['bandwidth'] / 1e9:.1f} GB/s."
            + ("" if peak["plausible"] else " The kernel is slower than the product: not a ceiling; measure again."),
            COUNTING,
        ),
    )
