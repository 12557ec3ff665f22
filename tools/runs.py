"""What a training run is: one config, the presets by name, and how both are written into a run directory."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import foraging_env  # noqa: F401 - registers ForagingGrid-v0
from snn_agent import checks
from snn_agent.config import (
    ContinualConfig,
    LearningConfig,
    NetworkConfig,
    NeuronConfig,
    StructureConfig,
    TrainingConfig,
)
from snn_agent.errors import ConfigError

FORAGING: Final = "ForagingGrid-v0"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that settles a run, and so its result."""

    env_id: str = FORAGING
    """Id of the Gymnasium environment."""
    env_kwargs: tuple[str, ...] = ()
    """Its arguments, as name=value with a JSON value, for example size=7 n_food=4 observation=egocentric."""
    total_steps: int = 20_000_000
    """Environment steps to live."""
    eval_episodes: int = 256
    """Episodes of the final evaluation (of each task, if there are tasks), in worlds never trained on."""
    engine: str = "auto"
    """What computes the neurons: auto, torch or norse."""
    device: str = "cpu"
    """Where the network lives: cpu, or cuda (which is also ROCm's name)."""
    threads: int = 2
    """Threads of the arithmetic on the CPU."""
    network: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)
    learning: LearningConfig = dataclasses.field(default_factory=LearningConfig)
    structure: StructureConfig = dataclasses.field(default_factory=StructureConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    tasks: tuple[str, ...] = ()
    """Tasks of a continual run, if it is one: each the changes to env_kwargs, as name=value with blanks between, after
    the task's own name and a colon if it has one: "winter: n_food=1"."""
    sequence: tuple[int, ...] = ()
    """Which task is lived in each phase, numbered from 0; total_steps are shared out evenly. Each once if not given."""
    evaluations_per_phase: int = 8
    """Examinations on all tasks in each phase, evenly spread; there is always one at its begin and one at its end."""
    evaluation_episodes: int = 32
    """Episodes of each task in such an examination."""
    continual: ContinualConfig = dataclasses.field(default_factory=ContinualConfig)

    def __post_init__(self) -> None:
        checks.integer("evaluations_per_phase", self.evaluations_per_phase, 1)
        checks.integer("evaluation_episodes", self.evaluation_episodes, 1)
        if not self.tasks and (self.sequence or self.continual != ContinualConfig()):
            raise ConfigError(
                "sequence and continual are of runs with several tasks, but there are none. Give tasks, such as "
                '--tasks "summer:" "winter: n_food=1", or a preset that has some, such as continual-swap.'
            )

    @property
    def phases(self) -> tuple[int, ...]:
        """The task of each phase; empty: the run has one world and no tasks."""
        return self.sequence or tuple(range(len(self.tasks)))

    @property
    def phase_steps(self) -> int:
        """Environment steps of each phase."""
        return self.total_steps // len(self.phases)


class TaskWorld(NamedTuple):
    """A task of a run: what it is called, and the arguments of its world."""

    name: str
    kwargs: dict[str, Any]


def task_worlds(config: RunConfig) -> list[TaskWorld]:
    """The tasks of a run, in the order of their numbers; none where it has no tasks.

    Raises:
        ConfigError: one cannot be read.
    """
    base = parse_env_kwargs(config.env_kwargs)
    worlds = []
    for text in config.tasks:
        name, colon, changes = text.partition(":")
        if not colon or "=" in name:  # the colon is one of a value
            name, changes = text, text
        worlds.append(TaskWorld(name.strip() or "unchanged", base | parse_env_kwargs(tuple(changes.split()))))
    return worlds


def birth_world(config: RunConfig) -> dict[str, Any]:
    """Arguments of the world that the run begins in."""
    return task_worlds(config)[config.phases[0]].kwargs if config.tasks else parse_env_kwargs(config.env_kwargs)


def parse_env_kwargs(pairs: tuple[str, ...]) -> dict[str, Any]:
    """``("size=7", "tasks=swap")`` -> ``{"size": 7, "tasks": "swap"}``; a value that is not JSON is a string."""
    kwargs: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ConfigError(f"each environment argument must look like name=value, got {pair!r}.")
        try:
            kwargs[name] = json.loads(value)
        except json.JSONDecodeError:
            kwargs[name] = value
    return kwargs


def to_json(config: RunConfig) -> str:
    """The config as readable JSON."""
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def config_hash(config: RunConfig) -> str:
    """Twelve digits that equal configs share."""
    return hashlib.sha256(to_json(config).encode()).hexdigest()[:12]


def from_json(text: str) -> RunConfig:
    """The config that :func:`to_json` wrote.

    Raises:
        ConfigError: it is not one.
    """
    try:
        fields = json.loads(text)
        network = fields["network"] | {"neuron": NeuronConfig(**fields["network"]["neuron"])}
        return RunConfig(
            **fields
            | {
                "env_kwargs": tuple(fields["env_kwargs"]),
                "network": NetworkConfig(**network),
                "learning": LearningConfig(**fields["learning"]),
                "structure": StructureConfig(**fields["structure"]),
                "training": TrainingConfig(**fields["training"]),
                "tasks": tuple(fields.get("tasks", ())),  # as the next two younger than some files
                "sequence": tuple(fields.get("sequence", ())),
                "continual": ContinualConfig(**fields.get("continual", {})),
            }
        )
    except (KeyError, TypeError, json.JSONDecodeError) as problem:
        raise ConfigError(f"this is not the config of a run: {problem}.") from problem


def read_config(path: Path) -> RunConfig:
    """The config in a file or in a run directory."""
    file = path / "config.json" if path.is_dir() else path
    if not file.exists():
        raise ConfigError(f"{file} does not exist. Give a run directory or a config.json.")
    return from_json(file.read_text())
