"""The numba engine's operators are what PyTorch wants operators to be: schema, autograd, shapes for its compiler."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from fused_cases import Decision, observations
from hypothesis import given, settings
from layer_cases import Case, cases, tensors_of
from torch import Tensor

from snn_agent import LIFParameters, LIFState, NetworkConfig, SurrogateSpec
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.numba_layer_op import lif_layer, lif_layer_backward
from snn_agent.engine.numba_network_op import decide_backward_op, decide_op, events_of
from snn_agent.types import Events

TICKS, B = 5, 9


def layer_arguments(held: bool, record: bool, rests: bool) -> tuple[Any, ...]:
    """64 neurons with 32 thresholds."""
    generator = torch.Generator().manual_seed(0)
    drive = torch.randn((64,) if held else (TICKS, 64), generator=generator, dtype=torch.float64) + 0.5
    v, i = 0.3 * torch.randn(2, 64, generator=generator, dtype=torch.float64)
    threshold = 0.5 + torch.rand(32, generator=generator, dtype=torch.float64)
    engine = NumbaEngine()
    numbers = engine.numbers(engine.constants(LIFParameters(), SurrogateSpec(), True, TICKS))
    if rests:
        v, i = v[:0], i[:0]
    return drive, v, i, threshold, TICKS, record, *numbers


def decide_arguments(kind: str, carried: bool) -> tuple[Any, ...]:
    """What :func:`snn_agent.network.decision.fused` hands over, for 9 worlds, 37 neurons and 3 actions."""
    config = NetworkConfig(
        input_features=6, init_hidden=37, output_features=3, ticks=TICKS, carry_state=carried, hidden_bias=0.8
    )
    case = Decision(config, 1, observations(kind, B, 6, torch.float64, 2), carried)
    engine, state, seen = NumbaEngine(), case.state(), case.observation
    organism = case.organism(engine)
    weights = {name: tensor.detach().clone() for name, tensor in organism.state_dict().items()}
    nothing = torch.zeros(0, dtype=torch.float64)
    constants = engine.constants(organism.lif, organism.surrogate, True, TICKS)
    sparse = isinstance(seen, Events)
    return (
        nothing if sparse else seen @ weights["incoming"],
        *(torch.from_numpy(array) for array in events_of(seen if sparse else None, "float64")),
        *((weights["incoming"], weights["bias"]) if sparse else (nothing, nothing)),
        *(weights[name] for name in ("threshold", "outgoing", "critic", "output_bias")),
        *([nothing] * 4 if state is None else [tensor for layer in state for tensor in layer]),
        engine.readout_number("rate"), TICKS, 1.0, *engine.numbers(constants),
    )  # fmt: skip


def wanting(arguments: tuple[Any, ...], places: tuple[int, ...]) -> tuple[Any, ...]:
    """The arguments, of which some want a gradient."""
    return tuple(
        argument.clone().requires_grad_() if place in places and argument.numel() else argument
        for place, argument in enumerate(arguments)
    )


def filled_like(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(torch.ones_like(tensor) for tensor in tensors)


@pytest.mark.parametrize("rests", [False, True])
@pytest.mark.parametrize("record", [False, True])
@pytest.mark.parametrize("held", [False, True])
def test_the_layer(held: bool, record: bool, rests: bool) -> None:
    arguments = layer_arguments(held, record, rests)
    torch.library.opcheck(lif_layer, wanting(arguments, (0, 1, 2, 3)))
    drive, *state, ticks, _, constants, kind = arguments
    gradients = filled_like(lif_layer(*arguments))
    for wants_threshold in (False, True):
        torch.library.opcheck(lif_layer_backward, (drive, *state, ticks, constants, kind, *gradients, wants_threshold))


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("kind", ["ones", "weighted", "dense"])
def test_the_decision(kind: str, carried: bool) -> None:
    arguments = decide_arguments(kind, carried)
    torch.library.opcheck(decide_op, wanting(arguments, (0, 4, 5, 7, 8, 9)))
    evidence, tally, *_, projected = decide_op(*arguments)
    torch.library.opcheck(decide_backward_op, (*arguments, projected, *filled_like((evidence, tally))))


@given(case=cases(dtype=torch.float64))
@settings(max_examples=50)
def test_neurons_at_rest_are_the_same_written_out(case: Case) -> None:
    """The engine does not read a state that it knows to be rest."""
    rest = LIFState.at_rest(tuple(case.state.v.shape), case.parameters.v_leak, dtype=torch.float64)
    written = LIFState(*(tensor.clone() for tensor in rest))
    assert rest.is_at_rest(case.parameters.v_leak)
    assert case.state.v.numel() == 1 or not written.is_at_rest(case.parameters.v_leak)
    found = []
    for state in (rest, written):
        leaves = [case.drive.clone().requires_grad_()]
        if case.threshold is not None:
            leaves.append(case.threshold.clone().requires_grad_())
        resting = case._replace(drive=leaves[0], state=state, threshold=leaves[1] if len(leaves) == 2 else None)
        outputs = tensors_of(resting.run(NumbaEngine()))
        found.append([*outputs, *torch.autograd.grad(sum(y.sum() for y in outputs), leaves)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)
