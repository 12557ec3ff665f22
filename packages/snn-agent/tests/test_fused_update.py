"""A whole update on the numba engine is the update on the torch engine, by whichever way it is taken."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from fused_cases import VARIANTS, Decision, decisions, observations
from hypothesis import assume, given, settings
from learner_cases import close, pupil, rollout_of, samples_of
from torch import Tensor
from training_cases import copy_of

from snn_agent import GrowingSparseSNN, LearningConfig, NetworkConfig
from snn_agent.config.learning import BASELINES
from snn_agent.engine import threads
from snn_agent.engine.contract import Engine
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.errors import NonFiniteError
from snn_agent.learning.contract import UpdateDiagnostics
from snn_agent.learning.fused_update import suits_kernel
from snn_agent.learning.reinforce import Reinforce, ReinforceState

CONFIGS = st.builds(
    LearningConfig,
    baseline=st.sampled_from(BASELINES),
    entropy_weight=st.sampled_from([0.0, 0.05]),
    value_weight=st.sampled_from([0.0, 0.5]),
    reuse_epochs=st.integers(1, 3),
    minibatches=st.integers(1, 3),
    clip_ratio=st.sampled_from([0.05, 0.3]),
    max_grad_norm=st.sampled_from([0.05, 1e3]),
    normalise_advantages=st.booleans(),
    newborn_pace=st.sampled_from([1.0, 3.0]),
    newborn_steps=st.just(250),
    schedule=st.just("constant"),
    learning_rate=st.just(0.01),
)
KINDS = VARIANTS[:2]  # of neurons: an update is one kernel, which takes long to compile


def aged(rule: Reinforce, organism: GrowingSparseSNN, ages: Tensor | None) -> ReinforceState:
    """A learner whose neurons have taken so many steps."""
    state = rule.init(organism)
    if ages is not None:
        for name, count in state.adam.count.items():
            count += ages if count.dim() else 7
            state.adam.square[name].fill_(1e-4)
    return state


def learnt(
    case: Decision, engine: Engine, config: LearningConfig, ages: Tensor | None = None
) -> tuple[dict[str, Tensor], UpdateDiagnostics]:
    """Weights, moments and counts after one update, and what was reported."""
    organism, rule = pupil(case, engine), Reinforce(config)
    rollout, generator = rollout_of(case), torch.Generator().manual_seed(case.seed)
    state, numbers = rule.update(organism, aged(rule, organism, ages), rollout, 0.3, generator)
    return copy_of(organism.learnt()) | copy_of(state.tensors()), numbers


def assert_same(case: Decision, config: LearningConfig, ages: Tensor | None, tolerance: float) -> None:
    (ours, numbers), (theirs, expected) = (learnt(case, e, config, ages) for e in (NumbaEngine(), TorchEngine()))
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        atol = tolerance * max(1.0, float(tensor.abs().max()))
        torch.testing.assert_close(ours[name], tensor, rtol=tolerance, atol=atol, msg=name)
    for name, number in expected._asdict().items():
        assert close(getattr(numbers, name), number, 10 * tolerance), name


def enough(case: Decision) -> Decision:
    """The case with six decisions or more: seen again and again."""
    rows = torch.arange(max(6, len(case.observation))) % len(case.observation)
    seen = case.observation
    return case._replace(observation=seen[rows] if isinstance(seen, Tensor) else seen.take(rows.numpy()))


def in_one_kernel(case: Decision, ages: Tensor | None) -> bool:
    organism, rule = pupil(case, NumbaEngine()), Reinforce(LearningConfig())
    return suits_kernel(organism, aged(rule, organism, ages).adam, samples_of(case))


@pytest.mark.parametrize("old", [False, True])
@given(case=decisions(hidden=(1, 7, 33), variants=KINDS, carry_state=False), config=CONFIGS)
@settings(max_examples=60)
def test_an_update_in_one_kernel(old: bool, case: Decision, config: LearningConfig) -> None:
    case = enough(case._replace(carried=False))
    assume(case.closest_approach() > 1e-10)
    ages = 100 * torch.arange(case.config.init_hidden) if old else None
    assert in_one_kernel(case, ages)
    assert_same(case, config, ages, 1e-6)


@given(case=decisions(hidden=(1, 7, 33), variants=KINDS, carry_state=True), config=CONFIGS)
@settings(max_examples=30)
def test_an_update_step_by_step(case: Decision, config: LearningConfig) -> None:
    """Where membranes are carried."""
    case = enough(case._replace(carried=True))
    assume(case.closest_approach() > 1e-10)
    assert not in_one_kernel(case, None)
    assert_same(case, config, None, 1e-6)


@pytest.mark.parametrize("engine", [NumbaEngine(), TorchEngine()], ids=["numba", "torch"])
@pytest.mark.parametrize("carried", [False, True])
def test_where_there_is_no_synapse_nothing_is_learnt(engine: Engine, carried: bool) -> None:
    """By none of the three ways of an update; and the others do learn."""
    config = NetworkConfig(input_features=20, init_hidden=40, input_density=0.3, carry_state=carried, input_power=3.0)
    case = Decision(config, 1, observations("ones", 30, 20, torch.float64, 0), carried)
    there = pupil(case, engine).synapses != 0
    tensors, _ = learnt(case, engine, LearningConfig(learning_rate=0.01))
    for name in ("incoming", "mean.incoming", "square.incoming"):
        assert (tensors[name][~there] == 0).all()
        assert (tensors[name] != 0).sum() > 0.5 * there.sum()
    assert int(there.sum()) == 40 * 6


def case_of(kind: str, D: int = 30, H: int = 70, N: int = 60) -> Decision:
    config = NetworkConfig(input_features=D, init_hidden=H, hidden_bias=0.8, input_power=0.4 * D)
    return Decision(config, 3, observations(kind, N, D, torch.float64, 0), carried=False)


FULL = LearningConfig(learning_rate=0.01)


def test_an_update_of_many_dense_inputs() -> None:
    case = case_of("dense", D=90)
    assert not in_one_kernel(case, None)
    assert_same(case, FULL, None, 1e-6)


@pytest.mark.parametrize("kind", ["ones", "dense"])
def test_weights_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(threads, "WORTH_NS", 1)
    found, before = [], torch.get_num_threads()
    try:
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            found.append(learnt(case_of(kind), NumbaEngine(), FULL))
    finally:
        torch.set_num_threads(before)
    (first, numbers), *others = found
    assert not torch.equal(first["outgoing"], pupil(case_of(kind), NumbaEngine()).outgoing)
    for again, reported in others:
        assert all(torch.equal(again[name], tensor) for name, tensor in first.items())
        assert reported == pytest.approx(numbers)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("carried", [False, True])
def test_what_is_not_finite_changes_nothing(carried: bool, normalise: bool) -> None:
    """Normalised advantages spoil the first minibatch, others the one with the infinite reward: learning ends there."""
    case = case_of("ones")
    case = case._replace(carried=carried, config=case.config.replace(carry_state=carried))
    config = LearningConfig(normalise_advantages=normalise, reuse_epochs=1, gamma=0.0, learning_rate=0.01)
    after = []
    for engine in (NumbaEngine(), TorchEngine()):
        organism, rule = pupil(case, engine), Reinforce(config)
        state, rollout = rule.init(organism), rollout_of(case)
        state, _ = rule.update(organism, state, rollout, 0.0, torch.Generator().manual_seed(1))
        before = copy_of(organism.learnt()) | copy_of(state.tensors())
        rollout.reward[3, 1], rollout.valid[3, 1] = torch.inf, True
        with pytest.raises(NonFiniteError, match="The weights are those before this step"):
            rule.update(organism, state, rollout, 0.0, torch.Generator().manual_seed(2))
        after.append(copy_of(organism.learnt()) | copy_of(state.tensors()))
        assert all(torch.equal(after[-1][name], tensor) for name, tensor in before.items()) == normalise
    for name, tensor in after[1].items():
        torch.testing.assert_close(after[0][name], tensor, rtol=1e-6, atol=1e-6, msg=name)


@given(case=decisions(hidden=(1, 7, 33), variants=KINDS, carry_state=False), config=CONFIGS)
@settings(max_examples=20)
def test_an_update_after_a_new_head(case: Decision, config: LearningConfig) -> None:
    """What a neuron drives has then taken fewer steps than what drives it."""
    case = enough(case._replace(carried=False))
    assume(case.closest_approach() > 1e-10)
    found = []
    for engine in (NumbaEngine(), TorchEngine()):
        organism, rule = pupil(case, engine), Reinforce(config)
        state = aged(rule, organism, 100 + 100 * torch.arange(case.config.init_hidden)).for_new_head()
        assert isinstance(engine, TorchEngine) or suits_kernel(organism, state.adam, samples_of(case))
        state, _ = rule.update(organism, state, rollout_of(case), 0.3, torch.Generator().manual_seed(case.seed))
        found.append(copy_of(organism.learnt()) | copy_of(state.tensors()))
    for name, tensor in found[1].items():
        atol = 1e-6 * max(1.0, float(tensor.abs().max()))
        torch.testing.assert_close(found[0][name], tensor, rtol=1e-6, atol=atol, msg=name)
