"""Adam in one pass over memory takes the steps of :mod:`snn_agent.learning.neuron_adam`."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from snn_agent.engine import threads
from snn_agent.learning import neuron_adam
from snn_agent.learning.fused_adam import FusedAdam
from snn_agent.learning.neuron_adam import AdamState

Tensors = dict[str, Tensor]
AXES = {"incoming": 1, "outgoing": 0, "bias": 0, "output_bias": None, "gain": None}


def draw(hidden: int, dtype: torch.dtype, generator: torch.Generator) -> Tensors:
    """Normal numbers of very different sizes, so that eps matters for some."""
    shapes = {"incoming": (7, hidden), "outgoing": (hidden, 3), "bias": (hidden,), "output_bias": (3,), "gain": ()}
    scale = 10.0 ** float(torch.randint(-9, 4, (), generator=generator))
    return {name: scale * torch.randn(shape, generator=generator, dtype=dtype) for name, shape in shapes.items()}


def copy_of(state: AdamState) -> AdamState:
    hidden = len(state.count["bias"])
    return neuron_adam.resize(state, torch.arange(hidden), 0)


def fused_step(adam: FusedAdam, gradients: Tensors, lr: float, scale: float) -> None:
    adam.step({name: tensor.numpy() for name, tensor in gradients.items()}, lr, scale)


def assert_same(ours: tuple[Tensors, AdamState], theirs: tuple[Tensors, AdamState], rtol: float) -> None:
    (parameters, state), (expected, reference) = ours, theirs
    for name in AXES:
        assert torch.equal(state.count[name], reference.count[name])
        pairs = [(parameters, expected), (state.mean, reference.mean), (state.square, reference.square)]
        for found, wanted in pairs:
            size = float(wanted[name].abs().max()) + (0.01 if found is parameters else 0.0)  # a step's
            torch.testing.assert_close(found[name], wanted[name], rtol=rtol, atol=rtol * size)


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
@given(
    seed=st.integers(0, 2**32),
    events=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=4),
    scale=st.sampled_from([1.0, 0.3, 1e-3]),
)
@settings(max_examples=60)
def test_steps_of_neurons_of_all_ages(
    dtype: torch.dtype, rtol: float, seed: int, events: list[tuple[int, int]], scale: float
) -> None:
    """Neurons die and are born in between, so their counts differ; gradients are multiplied by ``scale``."""
    generator = torch.Generator().manual_seed(seed)
    parameters = draw(5, dtype, generator)
    state = neuron_adam.init(parameters, AXES)
    hidden = 5
    for dying, n_new in events:
        keep = torch.randperm(hidden, generator=generator)[: max(1, hidden - dying)]
        hidden = len(keep) + n_new
        state, parameters = neuron_adam.resize(state, keep, n_new), draw(hidden, dtype, generator)
        twin, reference = {name: tensor.clone() for name, tensor in parameters.items()}, copy_of(state)
        adam = FusedAdam(state, parameters)
        for _ in range(3):
            gradients = draw(hidden, dtype, generator)
            fused_step(adam, gradients, 0.01, scale)
            scaled = {name: scale * tensor for name, tensor in gradients.items()}
            reference = neuron_adam.update(scaled, reference, twin, lr=0.01)
        assert_same((parameters, state), (twin, reference), rtol)


def test_a_large_network_in_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A matrix cut between its rows, whose neurons lie along either axis, has the same bits."""
    monkeypatch.setattr(threads, "WORTH_NS", 1)
    generator, before = torch.Generator().manual_seed(0), torch.get_num_threads()
    start, gradients = draw(40, torch.float64, generator), draw(40, torch.float64, generator)
    found = []
    try:
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            parameters = {name: tensor.clone() for name, tensor in start.items()}
            state = neuron_adam.init(parameters, AXES)
            state.count["outgoing"].copy_(torch.arange(40))
            state.count["incoming"].copy_(torch.arange(40).flip(0))
            adam = FusedAdam(state, parameters)
            for _ in range(3):
                fused_step(adam, gradients, 0.1, 0.5)
            found.append([*parameters.values(), *state.mean.values(), *state.square.values()])
    finally:
        torch.set_num_threads(before)
    for tensors in found[1:]:
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(tensors, found[0], strict=True))
