"""What drives a protected neuron stays as it is, bit for bit, by whichever way an update is taken."""

from __future__ import annotations

import pytest
import torch
from fused_cases import Decision, observations
from learner_cases import close, pupil, rollout_of
from test_fused_update import in_one_kernel
from three_factor_cases import config_of, organism_of
from three_factor_cases import rollout_of as three_factor_rollout
from torch import Tensor
from training_cases import copy_of

from snn_agent import GrowingSparseSNN, LearningConfig, NetworkConfig
from snn_agent.engine.contract import Engine
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.errors import ConfigError
from snn_agent.learning import protection
from snn_agent.learning.contract import UpdateDiagnostics
from snn_agent.learning.protection import Movable
from snn_agent.learning.reinforce import Reinforce
from snn_agent.learning.three_factor import ThreeFactor

D, H = 20, 40
PROTECTED = torch.arange(H) % 3 == 1
DRIVING = ("incoming", "bias")
ENGINES = pytest.mark.parametrize("engine", [NumbaEngine(), TorchEngine()], ids=["numba", "torch"])
WAYS = pytest.mark.parametrize("carried", [False, True], ids=["at once", "step by step"])  # on the numba engine
DENSITIES = pytest.mark.parametrize("density", [1.0, 0.3])
ONE_STEP = LearningConfig(
    reuse_epochs=1, minibatches=1, max_grad_norm=1e12, learning_rate=0.01, schedule="constant", baseline="critic"
)


def case_of(carried: bool, density: float = 1.0, dtype: torch.dtype = torch.float64) -> Decision:
    config = NetworkConfig(
        input_features=D, init_hidden=H, input_density=density, carry_state=carried, input_power=3.0, hidden_bias=0.8
    )
    return Decision(config, 1, observations("ones", 30, D, dtype, 0), carried, dtype)


def learnt(
    organism: GrowingSparseSNN, case: Decision, config: LearningConfig, updates: int
) -> tuple[dict[str, Tensor], UpdateDiagnostics]:
    """Weights and optimizer state after some updates of one whose neurons have learnt for long, with large moments."""
    rule = Reinforce(config)
    state = rule.init(organism)
    for name, count in state.adam.count.items():
        count += 500
        state.adam.mean[name].fill_(0.5)
        state.adam.square[name].fill_(1e-3)
    for k in range(updates):
        generator = torch.Generator().manual_seed(k)
        state, numbers = rule.update(organism, state, rollout_of(case), 0.0, generator)
    return copy_of(organism.learnt()) | copy_of(state.tensors()), numbers


def protecting(case: Decision, engine: Engine) -> GrowingSparseSNN:
    organism = pupil(case, engine)
    organism.protected.copy_(PROTECTED)
    return organism


def of_neurons(name: str, tensor: Tensor, neurons: Tensor) -> Tensor:
    return tensor[:, neurons] if name == "incoming" else tensor[neurons]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@ENGINES
@WAYS
@DENSITIES
def test_protected_neurons_do_not_move_by_a_bit(
    engine: Engine, carried: bool, density: float, dtype: torch.dtype
) -> None:
    case = case_of(carried, density, dtype)
    organism = protecting(case, engine)
    before = copy_of(organism.learnt())
    after, _ = learnt(organism, case, LearningConfig(learning_rate=0.01), 4)
    assert torch.equal(organism.protected, PROTECTED)
    for name in DRIVING:
        old, new = (of_neurons(name, tensors[name], PROTECTED) for tensors in (before, after))
        assert old.numpy().tobytes() == new.numpy().tobytes(), name
        old, new = (of_neurons(name, tensors[name], ~PROTECTED) for tensors in (before, after))
        assert (old != new).float().mean() > 0.9 * density, name
    for name in ("outgoing", "critic"):  # those who listen go on learning
        assert (before[name] != after[name]).all(), name


@WAYS
@DENSITIES
def test_all_ways_protect_alike(carried: bool, density: float) -> None:
    case, config = case_of(carried, density), LearningConfig(learning_rate=0.01)
    assert in_one_kernel(case, None) != carried
    (ours, numbers), (theirs, expected) = (
        learnt(protecting(case, engine), case, config, 2) for engine in (NumbaEngine(), TorchEngine())
    )
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-6, atol=1e-6, msg=name)
    for name, number in expected._asdict().items():
        assert close(getattr(numbers, name), number, 1e-5), name


@ENGINES
@WAYS
def test_what_is_protected_is_not_in_the_norm(engine: Engine, carried: bool) -> None:
    """Adam's first mean is 0.1 of the gradient: without protection the norm has the part that is missing with it."""
    case, norms, means = case_of(carried), [], []
    for organism in (pupil(case, engine), protecting(case, engine)):
        rule = Reinforce(ONE_STEP)
        state, numbers = rule.update(organism, rule.init(organism), rollout_of(case), 0.0, torch.Generator())
        norms.append(numbers.gradient_norm)
        means.append(state.adam.mean)
    part = sum(float((of_neurons(name, means[0][name], PROTECTED) / 0.1).square().sum()) for name in DRIVING)
    assert part > 0.01 * norms[0] ** 2, "the case shows too little"
    assert norms[1] == pytest.approx((norms[0] ** 2 - part) ** 0.5, rel=1e-9)
    for name, mean in means[1].items():
        if name in DRIVING:
            assert not of_neurons(name, mean, PROTECTED).any()
            mean, there = of_neurons(name, mean, ~PROTECTED), of_neurons(name, means[0][name], ~PROTECTED)
            torch.testing.assert_close(mean, there, rtol=1e-9, atol=1e-12)
        else:
            torch.testing.assert_close(mean, means[0][name], rtol=1e-9, atol=1e-12)


@ENGINES
@WAYS
def test_with_nobody_protected_nothing_differs(engine: Engine, carried: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask that lets everything through changes no bit, so it is left out."""
    case, config = case_of(carried, dtype=torch.float32), LearningConfig(learning_rate=0.01)
    assert Movable.of(pupil(case, engine)) is None
    without, numbers = learnt(pupil(case, engine), case, config, 2)
    everything = Movable(torch.ones(D, H, dtype=torch.bool), torch.ones(H, dtype=torch.bool))
    monkeypatch.setattr(protection.Movable, "of", lambda organism: everything if organism.hidden == H else None)
    masked, again = learnt(pupil(case, engine), case, config, 2)
    assert without.keys() == masked.keys()
    for name, tensor in without.items():
        assert tensor.numpy().tobytes() == masked[name].numpy().tobytes(), name
    assert numbers == again


def test_the_local_rule_refuses_protected_neurons() -> None:
    organism = organism_of()
    organism.protected[2] = True
    rule, before = ThreeFactor(config_of()), copy_of(organism.state_dict())
    with pytest.raises(ConfigError, match=r'would change the 1 protected neurons. Use rule="reinforce"'):
        rule.update(
            organism, rule.init(organism), three_factor_rollout(organism, 3, 2), 0.0, torch.Generator().manual_seed(0)
        )
    assert all(torch.equal(before[name], tensor) for name, tensor in organism.state_dict().items())
