"""Engines by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch

from snn_agent import checks
from snn_agent.engine.contract import Engine
from snn_agent.engine.device import resolve_device
from snn_agent.engine.norse_reference import NorseEngine
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.relu import ReLUEngine
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.errors import ConfigError

ENGINES: Final[Mapping[str, Callable[[torch.device | str], Engine]]] = MappingProxyType(
    {
        "numba": NumbaEngine,
        "norse": NorseEngine,
        "relu": ReLUEngine,
        "torch": TorchEngine,
        "torch-compile": lambda device: TorchEngine(device, compiled=True),
    }
)


def make_engine(name: str = "auto", device: torch.device | str = "cpu") -> Engine:
    """Return the engine of that name on ``device``; it says its concrete name, for the run record.

    Args:
        name: a key of :data:`ENGINES`, or ``"auto"`` for the fastest one that needs no compiler: ``"numba"`` on the
            CPU where the package numba is there, else ``"torch"``. Nothing is ever replaced silently: an engine that is
            named and missing is an error, and the engine chosen says its name. Spiking neurons run on all but
            ``"relu"``.
        device: where it is to run, for instance ``"cpu"`` or ``"cuda"`` (which is also an AMD GPU).

    Raises:
        ConfigError: there is no engine or device of that name.
        BackendUnavailable: the engine or the device is missing on this machine.
    """
    chosen = checks.choice("engine", name, ("auto", *ENGINES))
    if chosen == "auto":
        chosen = "numba" if resolve_device(device).type == "cpu" else "torch"
    return ENGINES[chosen](device)


def engine_for(model: str, engine: str | Engine = "auto", device: torch.device | str = "cpu") -> Engine:
    """The engine of a network of such neurons (``NeuronConfig.model``): as :func:`make_engine`, or the one given.

    Raises:
        ConfigError: as there, or it runs neurons of another kind.
        BackendUnavailable: as there.
    """
    if isinstance(engine, str):
        engine = make_engine("relu" if engine == "auto" and model == "relu" else engine, device)
    if (engine.name == "relu") != (model == "relu"):
        raise ConfigError(
            f'the engine "{engine.name}" does not run neurons of the model "{model}". Use engine="auto", or the engine '
            f'"relu" with the model "relu" and only with it.'
        )
    return engine
