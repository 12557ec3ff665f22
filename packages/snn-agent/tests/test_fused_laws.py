"""What holds for decisions in one piece whatever the weights: permutations, composition, padding, the same bits."""

from __future__ import annotations

import copy

import hypothesis.strategies as st
import pytest
import torch
from fused_cases import FUSED_GRADIENTS, VARIANTS, Decision, decisions, observations
from hypothesis import assume, given, settings
from torch import Tensor

from snn_agent import GrowingSparseSNN, NetworkConfig
from snn_agent.engine import threads
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.network.decision import Found, fused
from snn_agent.network.topology import NEURON_AXIS
from snn_agent.types import Events, LIFState, OrganismState

FEW = [VARIANTS[0], VARIANTS[1]]


def tensors_of(found: Found) -> list[Tensor]:
    tensors = [found.evidence, found.tally, found.counts, found.output_counts, *found.state.hidden, *found.state.output]
    return [tensor for tensor in tensors if tensor is not None]


def assert_same_bits(actual: Found, expected: Found) -> None:
    for ours, theirs in zip(tensors_of(actual), tensors_of(expected), strict=True):
        assert torch.equal(ours, theirs)


def with_neurons(organism: GrowingSparseSNN, neurons: Tensor) -> GrowingSparseSNN:
    """A copy whose neuron n is the neuron ``neurons[n]`` of the organism."""
    other = copy.deepcopy(organism)
    for name, axis in NEURON_AXIS.items():
        if axis is not None:
            getattr(other, name).data = getattr(organism, name).detach().index_select(axis, neurons)
    return other


def exactly(case: Decision) -> tuple[Decision, GrowingSparseSNN]:
    """The case with whole numbers where it is dense: PyTorch's sums of others depend on the size of the matrices."""
    organism = case.organism(NumbaEngine())
    if isinstance(case.observation, Tensor):
        organism.incoming.data.sign_()
        case = case._replace(observation=case.observation.round())
    return case, organism


def gradients_of(organism: GrowingSparseSNN, case: Decision) -> dict[str, Tensor]:
    """Gradients of a smooth function of evidence and tally."""
    found = fused(organism, case.observation, case.state())
    loss = found.evidence.exp().sum() + (0.3 * found.tally).square().sum()
    leaves = [getattr(organism, name) for name in FUSED_GRADIENTS]
    return dict(zip(FUSED_GRADIENTS, torch.autograd.grad(loss, leaves), strict=True))


@given(case=decisions(variants=FEW), seed=st.integers(0, 99))
@settings(max_examples=50)
def test_permuting_neurons(case: Decision, seed: int) -> None:
    H, state = case.config.init_hidden, case.state()
    neurons = torch.randperm(H, generator=torch.Generator().manual_seed(seed))
    plain = case.organism(NumbaEngine())
    shuffled = with_neurons(plain, neurons)
    if state is not None:
        state = state._replace(hidden=LIFState(*(tensor[:, neurons] for tensor in state.hidden)))
    expected, found = case.fused(plain), fused(shuffled, case.observation, state)
    torch.testing.assert_close(found.evidence, expected.evidence)
    torch.testing.assert_close(found.tally, expected.tally)
    assert torch.equal(found.counts, expected.counts[:, neurons])
    if state is None:
        before, after = gradients_of(plain, case), gradients_of(shuffled, case)
        for name in FUSED_GRADIENTS:
            axis = NEURON_AXIS[name]
            wanted = before[name] if axis is None else before[name].index_select(axis, neurons)
            torch.testing.assert_close(after[name], wanted, rtol=1e-7, atol=1e-7 * float(wanted.abs().max() + 1))


@given(case=decisions(variants=FEW), seed=st.integers(0, 99))
@settings(max_examples=50)
def test_worlds_do_not_know_each_other(case: Decision, seed: int) -> None:
    """Any choice of worlds, in any order and number, has the bits that these worlds had in company."""
    generator, B = torch.Generator().manual_seed(seed), len(case.observation)
    worlds = torch.randint(0, B, (int(torch.randint(1, 12, (), generator=generator)),), generator=generator)
    case, organism = exactly(case)
    seen, state = case.observation, case.state()
    chosen = seen.take(worlds.numpy()) if isinstance(seen, Events) else seen[worlds]
    together = fused(organism, seen, state)
    alone = fused(organism, chosen, None if state is None else state.map(lambda tensor: tensor[worlds]))
    for ours, theirs in zip(tensors_of(alone), tensors_of(together), strict=True):
        assert torch.equal(ours, theirs[worlds])


@given(case=decisions(variants=FEW, carry_state=True), share=st.floats(0, 1))
@settings(max_examples=50)
def test_composition(case: Decision, share: float) -> None:
    """T₁ + T₂ ticks are T₁ ticks, and T₂ more from where these led."""
    T = case.config.ticks
    case = case._replace(carried=True)
    assume(T > 1)
    assume(case.closest_approach() > 1e-10)
    first = 1 + int(share * (T - 2))

    def run(ticks: int, state: OrganismState | None) -> Found:
        part = case._replace(config=case.config.replace(ticks=ticks))
        return fused(part.organism(NumbaEngine()), case.observation, state)

    whole, early = run(T, case.state()), run(first, case.state())
    late = run(T - first, early.state)
    assert torch.equal(early.counts + late.counts, whole.counts)
    torch.testing.assert_close(early.tally + late.tally, whole.tally)
    for ours, theirs in zip(
        (*late.state.hidden, *late.state.output), (*whole.state.hidden, *whole.state.output), strict=True
    ):
        torch.testing.assert_close(ours, theirs)
    if case.config.readout == "membrane":
        torch.testing.assert_close(late.evidence, whole.evidence)
        return
    if early.output_counts is not None and late.output_counts is not None and whole.output_counts is not None:
        assert torch.equal(early.output_counts + late.output_counts, whole.output_counts)
    later = late.evidence * (T - first)
    if case.config.readout == "first_spike":  # who has spiked waits no longer
        assert early.output_counts is not None
        later = later * (early.output_counts == 0)
    torch.testing.assert_close(early.evidence * first + later, whole.evidence * T)


@given(case=decisions(torch.float32, variants=FEW))
@settings(max_examples=50)
def test_the_same_bits_with_and_without_autograd(case: Decision) -> None:
    organism = case.organism(NumbaEngine())
    with_graph = case.fused(organism)
    with torch.no_grad():
        without_graph = case.fused(organism)
    assert with_graph.evidence.requires_grad
    assert not without_graph.evidence.requires_grad
    assert_same_bits(without_graph, with_graph)


@given(case=decisions(variants=FEW))
@settings(max_examples=30)
def test_arguments_are_left_alone(case: Decision) -> None:
    organism, state, seen = case.organism(NumbaEngine()), case.state(), case.observation
    held = [*organism.state_dict().values(), *([] if state is None else (*state.hidden, *state.output))]
    held += [seen] if isinstance(seen, Tensor) else [torch.from_numpy(x) for x in (seen.offsets, seen.columns)]
    before = [tensor.clone() for tensor in held]
    found = fused(organism, seen, state)
    (found.evidence.sum() + found.tally.sum()).backward()
    assert all(torch.equal(now, then) for now, then in zip(held, before, strict=True))


@given(case=decisions(hidden=(1, 7, 33, 64), variants=FEW, incoming_scale=0.3, hidden_bias=0.2))
def test_passing_over_silent_neurons_changes_nothing(case: Decision) -> None:
    organism, other = case.organism(NumbaEngine()), case.organism(NumbaEngine(skip_silent=True))
    organism.threshold.sub_(0.3)  # some below the leak
    other.threshold.sub_(0.3)
    assert_same_bits(case.fused(other), case.fused(organism))
    expected = gradients_of(organism, case)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in gradients_of(other, case).items())


@given(case=decisions(hidden=(37,), variants=FEW))
@settings(max_examples=30)
def test_neurons_that_only_fill_a_vector_up_do_not_matter(case: Decision) -> None:
    """37 neurons are filled up to 64; whole ones that never spike in their place give the same bits."""
    H, rest = 37, 27
    assert case.config.init_hidden == H
    case, organism = exactly(case)
    whole = with_neurons(organism, torch.cat([torch.arange(H), torch.zeros(rest, dtype=torch.int64)]))
    whole.threshold[H:] = 1e5  # deaf, but wired
    state = case.state()
    wide = None
    if state is not None:
        fill = torch.nn.functional.pad
        wide = state._replace(hidden=LIFState(*(fill(tensor, (0, rest)) for tensor in state.hidden)))
    found, expected = fused(organism, case.observation, state), fused(whole, case.observation, wide)
    for ours, theirs in zip(tensors_of(found), tensors_of(expected), strict=True):
        assert torch.equal(ours, theirs[:, :H] if theirs.dim() == 2 and theirs.shape[1] == H + rest else theirs)
    if state is None and isinstance(case.observation, Events):
        narrow, broad = gradients_of(organism, case), gradients_of(whole, case)
        for name in FUSED_GRADIENTS:
            axis = NEURON_AXIS[name]
            assert torch.equal(narrow[name], broad[name] if axis is None else broad[name].narrow(axis, 0, H)), name


@pytest.mark.parametrize("kind", ["ones", "dense"])
@pytest.mark.parametrize("carried", [False, True])
def test_the_same_bits_for_any_number_of_threads(monkeypatch: pytest.MonkeyPatch, kind: str, carried: bool) -> None:
    monkeypatch.setattr(threads, "WORTH_NS", 1)  # cut however small
    config = NetworkConfig(input_features=30, init_hidden=150, carry_state=carried, hidden_bias=0.8)
    case, organism = exactly(Decision(config, 3, observations(kind, 37, 30, torch.float64, 0), carried))
    learnt = [name for name in FUSED_GRADIENTS if kind == "ones" or name not in ("incoming", "bias")]  # PyTorch's sums
    results, before = [], torch.get_num_threads()
    try:
        for n in (1, 2, 3, 1):
            torch.set_num_threads(n)
            assert len(threads.ranges(64, 8, 1e6)) == n
            found, leaves = case.fused(organism), [getattr(organism, name) for name in learnt]
            loss = found.evidence.exp().sum() + found.tally.square().sum()
            results.append([*tensors_of(found), *torch.autograd.grad(loss, leaves)])
    finally:
        torch.set_num_threads(before)
    assert results[0][2].any()  # it is not silence that is compared
    for tensors in results[1:]:
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(tensors, results[0], strict=True))
