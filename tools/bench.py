"""Measure speed, side by side in one run: ``python tools/bench.py env``, ``engine``.

Prints tables and writes the same figures, with the machine and the command, as JSON; ``--markdown`` writes the tables
in the form of ``docs/performance.md``.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import tyro
from benchmarks.engine import EngineBenchmark, engine_tables, measure_engine
from benchmarks.env import EnvBenchmark, measure_env, show_env
from benchmarks.machine import describe_machine
from benchmarks.tables import Table, print_tables, write_markdown


@dataclasses.dataclass(frozen=True)
class Env:
    """Speed of foraging-env beside SyncVectorEnv and AsyncVectorEnv of the same environment."""

    worlds: tuple[int, ...] = (1, 64, 256, 1024, 4096)
    """Batch sizes."""
    seconds: float = 1.0
    """Measuring time of each native figure; the slow comparisons get as long."""
    repeats: int = 3
    """Rounds of every measurement, taken in turn; the best one is reported, the spread beside it."""
    json: Path | None = None
    """Where the figures go; standard output gets the table only if given."""


@dataclasses.dataclass(frozen=True)
class Engine:
    """Speed of the hidden layer beside Norse, snnTorch and SpikingJelly, and beside this processor's ceilings."""

    hidden: tuple[int, ...] = (64, 128, 256, 512, 1024)
    """Numbers of neurons."""
    samples: int = 1024
    """Decisions that are computed at once."""
    ticks: int = 10
    """Ticks of a decision."""
    seconds: float = 1.0
    """Measuring time of each figure in each round."""
    repeats: int = 3
    """Rounds, taken in turn; the best one is reported, the slowest beside it."""
    threads: int = 2
    """Threads of the arithmetic."""
    engines: tuple[str, ...] = ("numba", "torch", "norse")
    """Our engines; also torch-compile, which takes long to compile."""
    compiled_norse: bool = True
    """Whether torch.compile of the Norse loop takes part; it compiles up to a minute for each size and pass."""
    json: Path | None = None
    """Where the figures go; standard output gets them otherwise."""
    markdown: Path | None = None
    """Where the tables go as Markdown."""


def main() -> None:
    """Entry point."""
    commands: dict[str, Callable[..., None]] = {"env": env, "engine": engine}
    tyro.extras.subcommand_cli_from_dict(commands, description=__doc__)


def env(options: Annotated[Env, tyro.conf.arg(name="")] = Env()) -> None:
    """Speed of foraging-env."""
    benchmark = EnvBenchmark(worlds=options.worlds, seconds=options.seconds, repeats=options.repeats)
    result = measure_env(benchmark)
    show_env(result)
    _write("env", result, options.json)


def engine(options: Annotated[Engine, tyro.conf.arg(name="")] = Engine()) -> None:
    """Speed of the hidden layer."""
    result = measure_engine(EngineBenchmark(**_fields(options)))
    _report("engine", result, engine_tables(result), options.json, options.markdown)


def _fields(options: Any) -> dict[str, Any]:
    """The options that say what to measure, and not where the figures go."""
    return {name: value for name, value in dataclasses.asdict(options).items() if name not in ("json", "markdown")}


def _report(name: str, result: dict[str, Any], tables: list[Table], target: Path | None, page: Path | None) -> None:
    print_tables(tables)
    _write(name, result, target)
    if page is not None:
        write_markdown(page, tables, describe_machine(), _command())
        print(f"tables written to {page}")


def _write(name: str, result: dict[str, Any], target: Path | None) -> None:
    document = {"command": _command(), "machine": describe_machine(), name: result}
    if target is not None:
        target.write_text(json.dumps(document, indent=2) + "\n")
        print(f"figures written to {target}")
    else:
        print(json.dumps(document))


def _command() -> str:
    return " ".join(sys.argv)


if __name__ == "__main__":
    main()
