"""Measure speed, side by side in one run: ``python tools/bench.py env``, ``engine``, ``train``, ``race``, ``scaling``.

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
from benchmarks.race import RaceBenchmark, measure_race, race_picture, race_tables
from benchmarks.scaling import ScalingBenchmark, measure_scaling, scaling_tables
from benchmarks.tables import Table, print_tables, write_markdown
from benchmarks.train import TrainBenchmark, measure_train, train_tables


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


@dataclasses.dataclass(frozen=True)
class Train:
    """Speed of the whole training on the default world, beside PPO of Stable-Baselines3."""

    hidden: tuple[int, ...] = (64, 128, 256, 512)
    """Numbers of neurons, and widths of SB3's hidden layers."""
    reuse_epochs: tuple[int, ...] = (4, 1)
    """Passes over each rollout."""
    engines: tuple[str, ...] = ("auto", "torch", "norse")
    """Our engines; one that is there under two names is measured once."""
    sb3: bool = True
    """Whether SB3 takes part."""
    worlds: int = 256
    """Worlds that live at the same time."""
    rollout_steps: int = 32
    """Steps of each world between two updates."""
    warm_up: int = 2
    """Updates before the measuring."""
    updates: int = 16
    """Updates of each loop in each round; 16 × 32 steps hold the end of an episode, with the resets of all worlds."""
    repeats: int = 3
    """Rounds, taken in turn; the best one is reported, the slowest beside it."""
    threads: int = 2
    """Threads of the arithmetic."""
    memory: bool = True
    """Whether the peak memory of training processes is measured too."""
    json: Path | None = None
    """Where the figures go; standard output gets them otherwise."""
    markdown: Path | None = None
    """Where the tables go as Markdown."""


@dataclasses.dataclass(frozen=True)
class Race:
    """Food eaten after equal time: ours fixed and growing, ours on Norse, and PPO of Stable-Baselines3."""

    folder: Path
    """Where race.json, race.svg and race.md go; must hold no race yet."""
    seconds: tuple[float, ...] = (60.0, 180.0, 300.0)
    """Marks; every training runs until the last one, one after the other."""
    interval: float = 2.0
    """Seconds between two samples."""
    hidden: int = 512
    """Neurons, and the width of SB3's hidden layers."""
    engines: tuple[str, ...] = ("auto", "norse")
    """Our engines; the first one also grows by the default preset."""
    sb3: bool = True
    """Whether SB3 takes part."""
    worlds: int = 256
    """Worlds that live at the same time."""
    rollout_steps: int = 32
    """Steps of each world between two updates."""
    threads: int = 2
    """Threads of the arithmetic."""
    seed: int = 0
    """Of everything."""


@dataclasses.dataclass(frozen=True)
class Scaling:
    """How time and memory of the whole training grow with neurons, worlds and ticks."""

    hidden: tuple[int, ...] = (64, 128, 256, 512, 1024)
    """Numbers of neurons."""
    worlds: tuple[int, ...] = (64, 128, 256, 512, 1024)
    """Numbers of worlds."""
    ticks: tuple[int, ...] = (5, 10, 20, 40)
    """Ticks of a decision."""
    base_hidden: int = 256
    """Neurons while something else varies."""
    base_worlds: int = 256
    """Worlds while something else varies."""
    base_ticks: int = 10
    """Ticks while something else varies."""
    rollout_steps: int = 32
    """Steps of each world between two updates."""
    engine: str = "auto"
    """Our engine."""
    warm_up: int = 2
    """Updates before the measuring."""
    updates: int = 10
    """Updates measured, each by itself; the fastest one is reported."""
    threads: int = 2
    """Threads of the arithmetic."""
    json: Path | None = None
    """Where the figures go; standard output gets them otherwise."""
    markdown: Path | None = None
    """Where the tables go as Markdown."""


def main() -> None:
    """Entry point."""
    commands: dict[str, Callable[..., None]] = {
        "env": env,
        "engine": engine,
        "train": train,
        "race": race,
        "scaling": scaling,
    }
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


def train(options: Annotated[Train, tyro.conf.arg(name="")] = Train()) -> None:
    """Speed of the whole training."""
    result = measure_train(TrainBenchmark(**_fields(options)))
    _report("train", result, train_tables(result), options.json, options.markdown)


def race(options: Annotated[Race, tyro.conf.arg(name="")]) -> None:
    """Food eaten after equal time."""
    files = {kind: options.folder / f"race.{kind}" for kind in ("json", "svg", "md")}
    if any(file.exists() for file in files.values()):
        sys.exit(f"{options.folder} holds a race already, and it is not overwritten. Choose another folder.")
    options.folder.mkdir(parents=True, exist_ok=True)
    settings = _fields(options)
    del settings["folder"]
    result = measure_race(RaceBenchmark(**settings))
    files["svg"].write_text(race_picture(result))
    _report("race", result, race_tables(result), files["json"], files["md"])


def scaling(options: Annotated[Scaling, tyro.conf.arg(name="")] = Scaling()) -> None:
    """Growth of time and memory."""
    result = measure_scaling(ScalingBenchmark(**_fields(options)))
    _report("scaling", result, scaling_tables(result), options.json, options.markdown)


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
