"""Measure speed, side by side in one run: ``python tools/bench.py env``.

Prints a table and writes the same figures, with the machine and the command, as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import tyro
from benchmarks.env import EnvBenchmark, measure_env, show_env
from benchmarks.machine import describe_machine


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


def main() -> None:
    """Entry point."""
    command = tyro.extras.subcommand_cli_from_dict({"env": env}, description=__doc__)
    assert command is None


def env(options: Annotated[Env, tyro.conf.arg(name="")] = Env()) -> None:
    """Speed of foraging-env."""
    benchmark = EnvBenchmark(worlds=options.worlds, seconds=options.seconds, repeats=options.repeats)
    result = measure_env(benchmark)
    show_env(result)
    document = {"command": " ".join(sys.argv), "machine": describe_machine(), "env": result}
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
        print(f"figures written to {options.json}")
    else:
        print(json.dumps(document))


if __name__ == "__main__":
    main()
