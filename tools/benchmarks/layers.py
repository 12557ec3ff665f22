"""The hidden layer as each library computes it: the same drive over T ticks, from rest, to spike counts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_agent.engine.select import make_engine
from snn_agent.errors import BackendUnavailable, ConfigError
from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import DEFAULT_SURROGATE
from snn_agent.types import LIFState

NEURON = LIFParameters()
NORSE = "Norse"
COMPILED_NORSE = "Norse, torch.compile"


class Layer(NamedTuple):
    """A contestant.

    Attributes:
        name: what the tables call it.
        run: drive [B, H] -> spike counts [B, H], differentiable.
        note: what it does less or more than E1–E6; empty if nothing.
        drive_scale: the drive is given times this, where a library's unit of the input is another one.
        own: whether it is an engine of ours.
    """

    name: str
    run: Callable[[Tensor], Tensor]
    note: str = ""
    drive_scale: float = 1.0
    own: bool = False


class Missing(Exception):  # noqa: N818 - the name says what is the case
    """A contestant cannot be had here, and why."""


def own_engine(name: str, ticks: int) -> Layer:
    """One of our engines."""
    try:
        engine = make_engine(name, "cpu")
    except (ConfigError, BackendUnavailable) as problem:
        raise Missing(str(problem)) from problem

    def run(drive: Tensor) -> Tensor:
        state = LIFState.at_rest((drive.shape[0], drive.shape[1]))
        return engine.run(drive, state, ticks, NEURON, surrogate=DEFAULT_SURROGATE, reset_gradient=True).counts

    return Layer(engine.name, run, own=True)


def norse(ticks: int, *, compiled: bool = False) -> Layer:
    """The loop over Norse's step that its users write."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Norse 1.1 scripts parts of itself with torch.jit
            from norse.torch.functional import lif
    except ImportError as problem:
        raise Missing(f"Norse cannot be imported: {problem}") from problem
    parameters = lif.LIFParameters(**NEURON.to_norse(), method="super", alpha=DEFAULT_SURROGATE.slope)

    def run(drive: Tensor) -> Tensor:
        state = lif.LIFFeedForwardState(v=torch.zeros_like(drive), i=torch.zeros_like(drive))
        counts = torch.zeros_like(drive)
        for _ in range(ticks):
            z, state = lif.lif_feed_forward_step(drive, state, parameters, dt=NEURON.dt_s)
            counts = counts + z
        return counts

    note = "Norse's `super` ignores its slope, so its surrogate has slope 1: the same work."
    if not compiled:
        return Layer(NORSE, run, note)
    torch._dynamo.reset()  # code that was made for another size would count against a limit
    return Layer(COMPILED_NORSE, torch.compile(run, dynamic=False), "Compiled anew for each size and pass.")


def snntorch(ticks: int, *, same_equations: bool) -> Layer:
    """A loop over snnTorch's ``Synaptic``, by its cheapest reset (its default) or by ours."""
    try:
        import snntorch as library
        from snntorch import surrogate
    except ImportError as problem:
        raise Missing(f"snnTorch cannot be imported: {problem}") from problem
    reset = {"reset_mechanism": "zero", "reset_delay": False} if same_equations else {"reset_mechanism": "subtract"}
    neuron: Any = library.Synaptic(
        alpha=1.0 - NEURON.current_decay,
        beta=1.0 - NEURON.membrane_step,
        threshold=NEURON.v_th,
        spike_grad=surrogate.fast_sigmoid(slope=DEFAULT_SURROGATE.slope),
        **reset,
    )

    def run(drive: Tensor) -> Tensor:
        synapse = membrane = torch.zeros_like(drive)
        counts = torch.zeros_like(drive)
        for _ in range(ticks):
            z, synapse, membrane = neuron(drive, synapse, membrane)
            counts = counts + z
        return counts

    if same_equations:
        return Layer(
            "snnTorch, E1–E6", run, "Synaptic with reset to zero at once: our equations.", NEURON.membrane_step
        )
    note = "Synaptic as it is by default: the reset subtracts, a tick later, without gradient: less work."
    return Layer("snnTorch", run, note, NEURON.membrane_step)


def spikingjelly(ticks: int) -> Layer:
    """SpikingJelly's multi-step LIF neuron on PyTorch."""
    try:
        from spikingjelly.activation_based import functional
        from spikingjelly.activation_based import neuron as neurons
    except ImportError as problem:
        raise Missing(f"SpikingJelly cannot be imported: {problem}") from problem
    node = neurons.LIFNode(
        tau=NEURON.tau_mem_s / NEURON.dt_s, v_threshold=NEURON.v_th, v_reset=NEURON.v_reset, step_mode="m"
    )

    def run(drive: Tensor) -> Tensor:
        functional.reset_net(node)
        counts: Tensor = node(drive.expand(ticks, *drive.shape)).sum(0)
        return counts

    keep = 1.0 - NEURON.current_decay
    mean_current = sum((1.0 - keep**t) / NEURON.current_decay for t in range(1, ticks + 1)) / ticks
    note = "No synaptic current (E1 and E3 are missing): less work. It is driven by the mean current instead."
    return Layer("SpikingJelly", run, note, mean_current)


def contestants(
    engines: tuple[str, ...], ticks: int, *, compiled_norse: bool
) -> tuple[dict[str, Callable[[], Layer]], dict[str, str]]:
    """A maker of each layer that can be had here, and for the others why not."""
    makers: dict[str, Callable[[], Layer]] = {f"engine {name}": _engine_maker(name, ticks) for name in engines}
    makers["Norse"] = lambda: norse(ticks)
    if compiled_norse:
        makers["compiled Norse"] = lambda: norse(ticks, compiled=True)
    makers["snnTorch"] = lambda: snntorch(ticks, same_equations=False)
    makers["snnTorch with our equations"] = lambda: snntorch(ticks, same_equations=True)
    makers["SpikingJelly"] = lambda: spikingjelly(ticks)
    skipped = {}
    for name, make in list(makers.items()):
        try:
            make()
        except Missing as problem:
            skipped[name] = str(problem)
            del makers[name]
    if not compiled_norse:
        skipped["compiled Norse"] = "left out by --no-compiled-norse."
    return makers, skipped


def _engine_maker(name: str, ticks: int) -> Callable[[], Layer]:
    return lambda: own_engine(name, ticks)
