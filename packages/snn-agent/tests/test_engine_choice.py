"""Engines are chosen by name, say who they are, and refuse what they cannot run."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from snn_agent import LIFParameters, LIFState, SurrogateSpec, describe_device, make_engine
from snn_agent.engine.device import resolve_device
from snn_agent.engine.select import ENGINES
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.errors import BackendUnavailable, ConfigError


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # PyTorch's compiler uses its own old parts
@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_bears_the_name_it_was_asked_by(name: str) -> None:
    engine = make_engine(name)
    assert engine.name == name
    assert engine.device == torch.device("cpu")


def test_auto_is_resolved() -> None:
    assert make_engine().name in ENGINES
    assert make_engine("auto").name != "auto"


def test_unknown_name() -> None:
    with pytest.raises(ConfigError, match=r"engine must be one of 'auto', 'numba', 'norse', .* got 'jax'"):
        make_engine("jax")


def test_norse_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "norse.torch.functional.lif", None)  # what Python does for a missing module
    monkeypatch.setitem(sys.modules, "norse.torch.functional.leaky_integrator", None)
    with pytest.raises(BackendUnavailable, match="pip install norse"):
        make_engine("norse")


def test_devices() -> None:
    assert describe_device("cpu").startswith("cpu (")
    assert describe_device("meta") == "meta"
    with pytest.raises(ConfigError, match=r"device must be a name like .* got 'gpu'"):
        resolve_device("gpu")
    with pytest.raises(BackendUnavailable, match="cuda:99 was asked for, but PyTorch"):
        make_engine("torch", "cuda:99")


def test_inference_dtype() -> None:
    with pytest.raises(ConfigError, match=r"inference_dtype must be None, .* got torch.float64"):
        TorchEngine(inference_dtype=torch.float64)
    with pytest.raises(ConfigError, match="compiled must be True or False"):
        TorchEngine(compiled=1)  # type: ignore[arg-type]


GOOD: dict[str, Any] = {
    "drive": torch.zeros(2, 3),
    "state": LIFState.at_rest((2, 3)),
    "ticks": 4,
    "parameters": LIFParameters(),
    "surrogate": SurrogateSpec(),
    "reset_gradient": True,
}


@pytest.mark.parametrize("name", ["norse", "torch"])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ticks": 0}, "ticks must be an integer at least 1, got 0"),
        ({"ticks": 2.5}, "ticks must be an integer at least 1, got 2.5"),
        ({"drive": torch.zeros(3)}, r"drive must have the shape \[B, H\] or \[T, B, H\], got \[3\]"),
        ({"drive": torch.zeros(3, 2, 3)}, "drive has 3 ticks, but ticks is 4"),
        ({"drive": torch.zeros(2, 3, dtype=torch.int64)}, "drive must be float32 or float64, got torch.int64"),
        ({"drive": torch.zeros(2, 3, dtype=torch.bfloat16)}, r"TorchEngine\(inference_dtype=...\)"),
        ({"drive": torch.zeros(2, 3, device="meta")}, r"drive is on meta, but this engine runs on cpu"),
        ({"drive": torch.zeros(2, 4)}, r"state.v must have the shape \[B, H\] = \[2, 4\], got \[2, 3\]"),
        ({"state": LIFState.at_rest((2, 3), dtype=torch.float64)}, "state.v is torch.float64 on cpu, but drive is"),
        ({"state": LIFState(torch.zeros(2, 3), torch.zeros(1, 3))}, "state.i must have the shape"),
        ({"threshold": torch.ones(2)}, r"threshold must have the shape \[H\] = \[3\], got \[2\]"),
        ({"threshold": torch.ones(3, dtype=torch.float64)}, "threshold is torch.float64"),
        ({"projection": torch.ones(2, 3)}, r"projection must have the shape \[H, P\] = \[3, any\], got \[2, 3\]"),
        ({"surrogate": SurrogateSpec("step")}, "surrogate.name must be one of .* got 'step'"),
        ({"surrogate": SurrogateSpec(slope=0.0)}, "surrogate.slope must be a finite number above 0"),
    ],
)
def test_bad_input(name: str, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_engine(name).run(**(GOOD | wrong))
