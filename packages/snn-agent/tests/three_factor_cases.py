"""Small networks and random rollouts for the three-factor rule, and the change that it makes of them."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_agent import GrowingSparseSNN, LearningConfig, NetworkConfig, NeuronConfig
from snn_agent.learning.three_factor import ThreeFactor
from snn_agent.learning.three_factor_state import ThreeFactorState
from snn_agent.network.topology import LEARNT
from snn_agent.types import LIFState, OrganismState, Rollout

D, H, A = 3, 7, 3
FEEDBACKS = ("symmetric", "random", "none")


def config_of(**changes: Any) -> LearningConfig:
    """The rule without the step size: at the end of the training the rate is zero."""
    return LearningConfig(**{"rule": "three_factor", "gamma": 0.9, "lam": 0.7, "entropy_weight": 0.03, **changes})


def organism_of(*, hidden: int = H, actions: int = A, engine: str = "torch", **network: Any) -> GrowingSparseSNN:
    """A lively network in float64, whose thresholds differ."""
    network = {"neuron": NeuronConfig(surrogate_slope=3.0), **network}
    config = NetworkConfig(
        input_power=0.5, min_hidden=2, outgoing_scale=6.0, hidden_bias=0.6, readout_gain=2.0, **network
    )
    organism = GrowingSparseSNN(D, hidden, 40, actions, config=config, engine=engine, seed=3).double()
    generator = torch.Generator().manual_seed(1)
    torch.nn.init.normal_(organism.critic, generator=generator)
    organism.threshold.mul_(0.8 + 0.4 * torch.rand(hidden, generator=generator, dtype=torch.float64))
    return organism


def rollout_of(organism: GrowingSparseSNN, L: int, B: int, *, ends: float = 0.3, seed: int = 0) -> Rollout:
    """Random observations, actions and rewards; episodes end, and some steps are an environment's own."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    hidden, actions = organism.hidden, organism.config.output_features
    done = uniform(L, B) < ends
    terminated = done & (uniform(L, B) < 0.5)
    valid = torch.ones(L, B, dtype=torch.bool)
    valid[1:] = ~(done[:-1] & (uniform(L - 1, B) < 0.5))  # a reset step follows some ends
    terminated, truncated = terminated & valid, done & ~terminated & valid
    value, next_value = uniform(L, B), uniform(L, B)
    goes_on = ~done[:-1] & valid[1:]
    next_value[:-1] = torch.where(goes_on, value[1:], next_value[:-1])  # what follows a step is what precedes the next
    state = None
    if organism.config.carry_state:
        layers = [LIFState(uniform(L, B, n), uniform(L, B, n)) for n in (hidden, actions)]
        state = OrganismState(*layers)
    return Rollout(
        observation=uniform(L, B, D) * 2.0 - 0.5,
        action=torch.randint(0, actions, (L, B), generator=generator),
        log_prob=uniform(L, B),
        value=value,
        next_value=next_value,
        reward=uniform(L, B) * 3.0 - 1.0,
        terminated=terminated,
        truncated=truncated,
        valid=valid,
        counts=torch.zeros(hidden),
        state=state,
    )


def part(rollout: Rollout, steps: slice, worlds: slice = slice(None)) -> Rollout:
    """Some steps and worlds of a rollout."""

    def cut(value: Any) -> Any:
        return value[steps, worlds]

    state = None if rollout.state is None else rollout.state.map(cut)
    return Rollout(*(cut(value) for value in rollout[:-2]), counts=rollout.counts, state=state)


class Taken(NamedTuple):
    """What an update did."""

    sums: dict[str, Tensor]  # the change, summed over the decisions
    state: ThreeFactorState


def take(organism: GrowingSparseSNN, rollout: Rollout, state: ThreeFactorState | None = None, **config: Any) -> Taken:
    """One update that leaves the weights alone; its change is (after − 0.9·before)/(−0.1) of Adam's mean."""
    rule = ThreeFactor(config_of(**config))
    state = copy.deepcopy(rule.init(organism) if state is None else state)
    before = {name: tensor.clone() for name, tensor in state.adam.mean.items()}
    weights = {name: tensor.detach().clone() for name, tensor in organism.learnt().items()}
    state, _ = rule.update(organism, state, rollout, 1.0, torch.Generator())
    assert all(torch.equal(weights[name], tensor) for name, tensor in organism.learnt().items())
    n = rollout.valid.sum()
    return Taken({name: -10.0 * n * (state.adam.mean[name] - 0.9 * before[name]) for name in LEARNT}, state)


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = 1e-9) -> None:
    """All of ``expected`` is found, and not all of it is zero."""
    for name, tensor in expected.items():
        torch.testing.assert_close(
            found[name], tensor.detach(), rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )
        assert tensor.abs().max() > 1e-6, f"the case shows nothing of {name}"
