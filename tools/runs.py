"""What a training run is: one config, the presets by name, and how both are written into a run directory."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import foraging_env  # noqa: F401 - registers ForagingGrid-v0
from snn_agent.config import LearningConfig, NetworkConfig, NeuronConfig, StructureConfig, TrainingConfig
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
    """Episodes of the final evaluation, in worlds never trained on."""
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
