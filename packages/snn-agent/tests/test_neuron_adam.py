"""Adam by neuron: torch's numbers where all are of one age, and each neuron as if it were alone where they are not."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from snn_agent import LearningConfig
from snn_agent.errors import ConfigError
from snn_agent.learning import neuron_adam
from snn_agent.learning.neuron_adam import BLOCK, clip_by_global_norm
from snn_agent.learning.newborn import paces

Tensors = dict[str, Tensor]
AXES = {"incoming": 1, "outgoing": 0, "bias": 0, "output_bias": None, "gain": None}


def shapes(hidden: int) -> dict[str, list[int]]:
    return {"incoming": [7, hidden], "outgoing": [hidden, 3], "bias": [hidden], "output_bias": [3], "gain": []}


def draw(sizes: dict[str, list[int]], generator: torch.Generator) -> Tensors:
    """Normal numbers of very different sizes, so that eps matters for some."""
    scale = 10.0 ** float(torch.randint(-9, 4, (), generator=generator))
    return {name: scale * torch.randn(size, generator=generator) for name, size in sizes.items()}


def torch_adam(parameters: Tensors, lr: float) -> tuple[Tensors, torch.optim.Adam]:
    theirs = {name: torch.nn.Parameter(tensor.clone()) for name, tensor in parameters.items()}
    return dict(theirs), torch.optim.Adam(theirs.values(), lr=lr, foreach=False, fused=False)


def torch_step(parameters: Tensors, optimizer: torch.optim.Adam, gradients: Tensors) -> None:
    for name, parameter in parameters.items():
        parameter.grad = gradients[name].clone()
    optimizer.step()


LARGE = {"incoming": [300, 512], "outgoing": [512, 300], "bias": [512], "output_bias": [300], "gain": []}


@pytest.mark.parametrize(("sizes", "steps"), [(shapes(5), 400), (LARGE, 20)])
def test_equal_ages_give_torch_adam_to_the_last_bit(sizes: dict[str, list[int]], steps: int) -> None:
    generator = torch.Generator().manual_seed(0)
    parameters = draw(sizes, generator)
    theirs, optimizer = torch_adam(parameters, 3e-3)
    state = neuron_adam.init(parameters, AXES)
    for _ in range(steps):
        gradients = draw(sizes, generator)
        torch_step(theirs, optimizer, gradients)
        state = neuron_adam.update(gradients, state, parameters, lr=3e-3)
        for name, parameter in parameters.items():
            assert torch.equal(parameter, theirs[name]), name


def test_the_large_case_takes_several_blocks_along_both_axes() -> None:
    for name in ("incoming", "outgoing"):
        rows, columns = LARGE[name]
        assert rows * columns > 2 * BLOCK


@given(st.integers(0, 2**32), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=5))
def test_each_neuron_learns_as_if_it_were_alone(seed: int, events: list[tuple[int, int]]) -> None:
    """Between structural events everyone takes 3 steps; the twin is a torch.optim.Adam for each neuron by itself."""
    generator = torch.Generator().manual_seed(seed)
    sizes = {"incoming": [7, 4], "outgoing": [4, 3]}
    parameters = draw(sizes, generator)
    state = neuron_adam.init(parameters, {"incoming": 1, "outgoing": 0})

    def alone(neuron: int) -> tuple[Tensors, torch.optim.Adam]:
        return torch_adam({"in": parameters["incoming"][:, neuron], "out": parameters["outgoing"][neuron]}, 0.01)

    twins = [alone(neuron) for neuron in range(4)]
    for dying, n_new in events:
        hidden = len(twins)
        keep = torch.randperm(hidden, generator=generator)[: max(1, hidden - dying)]
        born = draw({"incoming": [7, n_new], "outgoing": [n_new, 3]}, generator)
        parameters = {
            "incoming": torch.cat([parameters["incoming"][:, keep], born["incoming"]], dim=1),
            "outgoing": torch.cat([parameters["outgoing"][keep], born["outgoing"]]),
        }
        state = neuron_adam.resize(state, keep, n_new)
        twins = [twins[k] for k in keep.tolist()] + [alone(len(keep) + n) for n in range(n_new)]
        for _ in range(3):
            gradients = draw({name: list(tensor.shape) for name, tensor in parameters.items()}, generator)
            state = neuron_adam.update(gradients, state, parameters, lr=0.01)
            for neuron, (single, optimizer) in enumerate(twins):
                torch_step(
                    single, optimizer, {"in": gradients["incoming"][:, neuron], "out": gradients["outgoing"][neuron]}
                )
                assert torch.equal(parameters["incoming"][:, neuron], single["in"])
                assert torch.equal(parameters["outgoing"][neuron], single["out"])


def test_neurons_of_all_ages_may_lie_along_either_axis() -> None:
    """A large matrix, updated in blocks of rows, and its transpose."""
    generator = torch.Generator().manual_seed(4)
    ages = torch.randint(0, 50, (512,), generator=generator)
    start = torch.randn(512, 300, generator=generator)
    rows, columns = {"w": start.clone()}, {"w": start.T.contiguous()}
    by_row, by_column = neuron_adam.init(rows, {"w": 0}), neuron_adam.init(columns, {"w": 1})
    by_row.count["w"].copy_(ages)
    by_column.count["w"].copy_(ages)
    factors = torch.rand(512, generator=generator)
    for _ in range(3):
        gradient = torch.randn(512, 300, generator=generator)
        by_row = neuron_adam.update({"w": gradient}, by_row, rows, lr=0.1, neuron_lr=factors)
        by_column = neuron_adam.update({"w": gradient.T.contiguous()}, by_column, columns, lr=0.1, neuron_lr=factors)
    assert torch.equal(rows["w"], columns["w"].T)


def step_sizes(state: neuron_adam.AdamState, steps: int) -> list[float]:
    """Length of the steps that the newest neuron takes under a constant gradient, in learning rates."""
    parameters = {"w": torch.zeros(len(state.count["w"]))}
    lengths = []
    for _ in range(steps):
        before = float(parameters["w"][-1])
        state = neuron_adam.update({"w": torch.ones_like(parameters["w"])}, state, parameters, lr=1e-3)
        lengths.append((before - float(parameters["w"][-1])) / 1e-3)
    return lengths


def grown(own_count: bool) -> neuron_adam.AdamState:
    """Two neurons of age 10,000 and a newborn, with its own count or with the tensor's, as torch would have it."""
    state = neuron_adam.init({"w": torch.zeros(2)}, {"w": 0})
    state.count["w"].fill_(10_000)
    state = neuron_adam.resize(state, torch.arange(2), 1)
    if not own_count:
        state.count["w"].fill_(10_000)
    return state


def test_a_newborn_steps_like_a_fresh_network() -> None:
    fresh = step_sizes(neuron_adam.init({"w": torch.zeros(1)}, {"w": 0}), 50)
    assert step_sizes(grown(own_count=True), 50) == fresh
    assert fresh == pytest.approx([1.0] * 50, rel=1e-3)


def test_the_trap_that_is_avoided() -> None:
    """With the tensor's large count: 0.1 / sqrt(0.001) = 3.16 learning rates at first, 6.57 in the twelfth step."""
    lengths = step_sizes(grown(own_count=False), 100)
    assert lengths[0] == pytest.approx(0.1 / 0.001**0.5, rel=1e-3)
    assert max(lengths) == lengths[11] == pytest.approx(6.57, abs=0.01)
    assert lengths[-1] == pytest.approx(3.2, abs=0.1)


def test_learning_rates_of_neurons_are_factors() -> None:
    generator = torch.Generator().manual_seed(1)
    start, gradients = draw(shapes(3), generator), draw(shapes(3), generator)
    moved = {}
    for key, factors in {"plain": None, "scaled": torch.tensor([1.0, 2.0, 0.0])}.items():
        parameters = {name: torch.zeros_like(tensor) for name, tensor in start.items()}
        neuron_adam.update(gradients, neuron_adam.init(parameters, AXES), parameters, lr=0.1, neuron_lr=factors)
        moved[key] = parameters
    plain, scaled = moved["plain"], moved["scaled"]
    factors = torch.tensor([1.0, 2.0, 0.0])
    assert torch.equal(scaled["incoming"], plain["incoming"] * factors)
    assert torch.equal(scaled["outgoing"], plain["outgoing"] * factors[:, None])
    assert torch.equal(scaled["bias"], plain["bias"] * factors)
    assert torch.equal(scaled["output_bias"], plain["output_bias"])
    assert torch.equal(scaled["gain"], plain["gain"])


def aged_state() -> neuron_adam.AdamState:
    generator = torch.Generator().manual_seed(2)
    parameters = draw(shapes(4), generator)
    state = neuron_adam.init(parameters, AXES)
    for _ in range(3):
        state = neuron_adam.update(draw(shapes(4), generator), state, parameters, lr=0.1)
    return state


def test_resize_keeps_survivors_in_order_and_starts_newborns_at_zero() -> None:
    state = aged_state()
    changed = neuron_adam.resize(state, torch.tensor([3, 0]), 2)
    for old, new in ((state.mean, changed.mean), (state.square, changed.square)):
        assert torch.equal(new["incoming"][:, :2], old["incoming"][:, [3, 0]])
        assert torch.equal(new["outgoing"][:2], old["outgoing"][[3, 0]])
        assert not new["incoming"][:, 2:].any()
        assert not new["outgoing"][2:].any()
        assert torch.equal(new["output_bias"], old["output_bias"])
    assert changed.count["bias"].tolist() == [3, 3, 0, 0]
    assert int(changed.count["gain"]) == 3


def test_resizing_to_the_same_neurons_is_the_identity_and_shares_no_memory() -> None:
    state = aged_state()
    same = neuron_adam.resize(state, torch.arange(4), 0)
    for old, new in ((state.mean, same.mean), (state.square, same.square), (state.count, same.count)):
        for name in AXES:
            assert torch.equal(old[name], new[name])
            assert old[name].data_ptr() != new[name].data_ptr()


@given(st.integers(0, 2**32), st.floats(0.01, 100.0))
def test_clipping_equals_torchs(seed: int, max_norm: float) -> None:
    gradients = draw(shapes(5), torch.Generator().manual_seed(seed))
    theirs = [torch.nn.Parameter(torch.zeros_like(tensor)) for tensor in gradients.values()]
    for parameter, gradient in zip(theirs, gradients.values(), strict=True):
        parameter.grad = gradient.clone()
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    torch.testing.assert_close(clip_by_global_norm(gradients, max_norm), expected)
    for parameter, gradient in zip(theirs, gradients.values(), strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(gradient, parameter.grad)


def test_clipping_reports_what_is_not_finite_and_can_be_off() -> None:
    assert float(clip_by_global_norm({"a": torch.tensor([3.0]), "b": torch.tensor([torch.inf])}, 1.0)) == torch.inf
    gradients = {"a": torch.tensor([3.0, 4.0])}
    assert float(clip_by_global_norm(gradients, float("inf"))) == 5.0
    assert gradients["a"].tolist() == [3.0, 4.0]


def test_parameters_that_require_gradients_are_changed_without_a_graph() -> None:
    parameter = torch.nn.Parameter(torch.zeros(3))
    state = neuron_adam.init({"w": parameter}, {"w": 0})
    neuron_adam.update({"w": torch.ones(3)}, state, {"w": parameter}, lr=0.1)
    assert parameter.is_leaf
    assert parameter.grad_fn is None
    assert not state.mean["w"].requires_grad
    torch.testing.assert_close(parameter.detach(), torch.full((3,), -0.1))


def test_wrong_arguments_are_refused() -> None:
    parameters = draw(shapes(4), torch.Generator().manual_seed(3))
    state = neuron_adam.init(parameters, AXES)
    before = {name: tensor.clone() for name, tensor in parameters.items()}
    with pytest.raises(ConfigError, match=r"\['gain'\] are missing"):
        neuron_adam.update({name: parameters[name] for name in AXES if name != "gain"}, state, parameters, lr=0.1)
    with pytest.raises(ConfigError, match=r"resize\(\) the state"):
        neuron_adam.update(parameters, neuron_adam.resize(state, torch.arange(3), 0), parameters, lr=0.1)
    with pytest.raises(ConfigError, match=r"neuron_lr must be \[4\]"):
        neuron_adam.update(parameters, state, parameters, lr=0.1, neuron_lr=torch.ones(3))
    for wrong in ({"lr": -1.0}, {"lr": 0.1, "betas": (1.0, 0.9)}, {"lr": 0.1, "eps": 0.0}):
        with pytest.raises(ConfigError, match="Adam needs"):
            neuron_adam.update(parameters, state, parameters, **wrong)
    for name, tensor in before.items():
        assert torch.equal(parameters[name], tensor)
    for keep, n_new in (([0, 4], 0), ([-1], 0), ([1, 1], 0), ([0], -1)):
        with pytest.raises(ConfigError, match="keep must"):
            neuron_adam.resize(state, torch.tensor(keep), n_new)
    with pytest.raises(ConfigError, match="same names"):
        neuron_adam.init(parameters, {"incoming": 1})
    with pytest.raises(ConfigError, match="neuron axis of 'w' is 2"):
        neuron_adam.init({"w": torch.zeros(3, 4)}, {"w": 2})
    with pytest.raises(ConfigError, match=r"same length, got \{'v': 3, 'w': 4\}"):
        neuron_adam.init({"v": torch.zeros(3), "w": torch.zeros(3, 4)}, {"v": 0, "w": 1})
    with pytest.raises(ConfigError, match="max_norm must be positive"):
        clip_by_global_norm(parameters, 0.0)


def test_newborn_learn_at_their_own_pace() -> None:
    """Only who is younger than the oldest, and only for a while."""
    parameters = {"bias": torch.zeros(4), "gain": torch.zeros(())}
    adam = neuron_adam.init(parameters, {"bias": 0, "gain": None})
    config = LearningConfig(newborn_pace=2.0, newborn_steps=100)
    assert paces(adam, config) is None, "founders are no newborn"
    adam.count["bias"].copy_(torch.tensor([500, 100, 99, 0]))
    assert paces(adam, LearningConfig()) is None
    factors = paces(adam, config)
    assert factors is not None
    assert factors.tolist() == [1.0, 1.0, 2.0, 2.0]
