"""The three-factor rule against its definition: autograd, explicit traces, exact expectations."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
import torch
from three_factor_cases import (
    FEEDBACKS,
    A,
    H,
    assert_same,
    config_of,
    organism_of,
    part,
    rollout_of,
    take,
)
from torch import Tensor

from snn_agent import GrowingSparseSNN
from snn_agent.config import READOUT_NAMES
from snn_agent.learning import categorical
from snn_agent.learning.returns import advantages, lambda_returns
from snn_agent.learning.three_factor import ThreeFactor
from snn_agent.network.topology import LEARNT
from snn_agent.types import Rollout

READ_OUT = ("outgoing", "critic", "output_bias", "critic_bias", "gain")


def modulators(rollout: Rollout, gamma: float = 0.9, lam: float = 0.7) -> Tensor:
    r = rollout
    target = lambda_returns(r.reward, r.terminated, r.truncated, r.next_value, gamma, lam, r.valid)
    return advantages(target, r.value, r.valid).reshape(-1)


def gradient_of_reinforce(organism: GrowingSparseSNN, rollout: Rollout) -> dict[str, Tensor]:
    """Uphill on Σ A·log π + β·entropy − c·½(G − V)², by autograd through the whole network."""
    config, weight = config_of(), rollout.valid.reshape(-1).double()
    state = None if rollout.state is None else rollout.state.map(lambda tensor: tensor.flatten(0, 1))
    output, _ = organism(rollout.observation.flatten(0, 1), state)
    gain = modulators(rollout)
    kept = gain + rollout.value.reshape(-1)  # the λ-return
    off = output.value - output.value.detach() + rollout.value.reshape(-1) - kept  # the error when it was made
    total = (gain * categorical.log_prob(output.logits, rollout.action.reshape(-1))).sum()
    total = total + config.entropy_weight * (weight * categorical.entropy(output.logits)).sum()
    total = total - config.value_weight * 0.5 * (weight * off.square()).sum()
    learnt = organism.learnt()
    return dict(zip(learnt, torch.autograd.grad(total, list(learnt.values())), strict=True))


@pytest.mark.parametrize("carry_state", [True, False])
@pytest.mark.parametrize("feedback", FEEDBACKS)
@pytest.mark.parametrize("readout", READOUT_NAMES)
def test_what_reads_the_hidden_neurons_learns_as_in_reinforce(readout: str, feedback: str, carry_state: bool) -> None:
    organism = organism_of(readout=readout, carry_state=carry_state)
    rollout = rollout_of(organism, 6, 4)
    expected = gradient_of_reinforce(organism, rollout)
    found = take(organism, rollout, feedback=feedback).sums
    assert_same(found, {name: expected[name] for name in READ_OUT})
    if readout == "drive" and feedback == "symmetric":  # where the broadcast is the whole path backwards
        assert_same(found, expected)
    else:
        assert not torch.allclose(found["incoming"], expected["incoming"])


def by_explicit_traces(organism: GrowingSparseSNN, rollout: Rollout) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """E45–E47 word by word: a world after the other, step by step, with δ; eligibilities by autograd (`drive`)."""
    config, learnt = config_of(), organism.learnt()
    L, B = rollout.action.shape
    sums = {name: torch.zeros_like(tensor) for name, tensor in learnt.items()}
    left: dict[str, list[Tensor]] = {name: [] for name in learnt}
    for world in range(B):
        trace = {name: torch.zeros_like(tensor) for name, tensor in learnt.items()}
        for step in range(L):
            if not rollout.valid[step, world]:
                trace = {name: torch.zeros_like(tensor) for name, tensor in learnt.items()}
                continue
            output, _ = organism(rollout.observation[step, world][None])
            said = categorical.log_prob(output.logits, rollout.action[step, world][None])
            eligible = (said + config.value_weight * output.value).sum()
            bonus = config.entropy_weight * categorical.entropy(output.logits).sum()
            es = torch.autograd.grad(eligible, list(learnt.values()), retain_graph=True)
            hs = torch.autograd.grad(bonus, list(learnt.values()), allow_unused=True, materialize_grads=True)
            following = 0.0 if rollout.terminated[step, world] else rollout.next_value[step, world]
            delta = rollout.reward[step, world] + config.gamma * following - rollout.value[step, world]
            for name, e, h in zip(learnt, es, hs, strict=True):
                trace[name] = config.gamma * config.lam * trace[name] + e
                sums[name] = sums[name] + delta * trace[name] + h
            if rollout.terminated[step, world] or rollout.truncated[step, world]:
                trace = {name: torch.zeros_like(tensor) for name, tensor in learnt.items()}
        for name in learnt:
            left[name].append(trace[name])
    return {name: t.detach() for name, t in sums.items()}, {name: torch.stack(t).detach() for name, t in left.items()}


@pytest.mark.parametrize("seed", range(3))
def test_changes_and_traces_are_those_of_a_loop_over_worlds_and_steps(seed: int) -> None:
    organism = organism_of(readout="drive")
    rollout = rollout_of(organism, 7, 4, seed=seed)
    sums, left = by_explicit_traces(organism, rollout)
    found = take(organism, rollout)
    assert_same(found.sums, sums)
    assert_same(dict(found.state.traces), left)


@pytest.mark.parametrize("feedback", ["symmetric", "random"])
@pytest.mark.parametrize("cuts", [(3,), (1, 2, 3, 4, 5, 6), (2, 5)])
def test_where_a_rollout_is_cut_does_not_matter(cuts: tuple[int, ...], feedback: str) -> None:
    """Traces are carried over: reward that comes in the next rollout still finds the actions that led to it."""
    organism = organism_of()
    rollout = rollout_of(organism, 7, 5, ends=0.15)
    whole = take(organism, rollout, feedback=feedback)
    state, sums = None, {name: torch.zeros_like(tensor) for name, tensor in organism.learnt().items()}
    for first, last in itertools.pairwise((0, *cuts, 7)):
        taken = take(organism, part(rollout, slice(first, last)), state, feedback=feedback)
        state, sums = taken.state, {name: sums[name] + taken.sums[name] for name in sums}
    assert state is not None
    assert_same(sums, whole.sums)
    assert_same(dict(state.traces), dict(whole.state.traces))
    without = [take(organism, part(rollout, slice(first, last)), feedback=feedback) for first, last in ((0, 3), (3, 7))]
    assert not torch.allclose(without[0].sums["incoming"] + without[1].sums["incoming"], whole.sums["incoming"])


@pytest.mark.parametrize("how", ["terminated", "truncated", "followed by a reset step"])
def test_two_episodes_in_a_rollout_equal_each_alone(how: str) -> None:
    organism = organism_of()
    rollout = rollout_of(organism, 8, 2, ends=0.0)
    if how == "followed by a reset step":
        rollout.valid[4] = False
        rollout.terminated[3] = True
    else:
        getattr(rollout, how)[3] = True
    together, first, second = (
        take(organism, part(rollout, steps)) for steps in (slice(0, 8), slice(0, 4), slice(4, 8))
    )
    assert all(float(trace.abs().max()) == 0.0 for trace in first.state.traces.values())
    second = take(organism, part(rollout, slice(4, 8)), first.state)
    assert_same(together.sums, {name: first.sums[name] + second.sums[name] for name in LEARNT})
    assert_same(dict(together.state.traces), dict(second.state.traces))
    alone = take(organism, part(rollout, slice(4, 8)))
    assert_same(second.sums, alone.sums)


def expected_change(
    organism: GrowingSparseSNN, observation: Tensor, pay: Tensor, value: Tensor, **config: Any
) -> dict[str, Tensor]:
    """Mean of the change of one step over all actions and over a coin that adds or takes 1, exactly.

    Args:
        organism: who acts in B worlds that end at once.
        observation: [B, D].
        pay: [B, A] what an action pays without the coin.
        value: [B] what is expected.
        config: the rule's.
    """
    with torch.no_grad():
        policy = organism(observation)[0].logits.softmax(dim=1)
    B, actions = policy.shape
    rows, ends = torch.arange(B), torch.ones(1, B, dtype=torch.bool)
    total = {name: torch.zeros_like(tensor) for name, tensor in organism.learnt().items()}
    for action in itertools.product(range(actions), repeat=B):
        chosen = torch.tensor(action)
        for coin in itertools.product((-1.0, 1.0), repeat=B):
            rollout = Rollout(
                observation=observation[None],
                action=chosen[None],
                log_prob=policy[rows, chosen].log()[None],
                value=value[None],
                next_value=torch.zeros(1, B, dtype=torch.float64),
                reward=(pay[rows, chosen] + torch.tensor(coin).double())[None],
                terminated=ends,
                truncated=~ends,
                valid=ends,
                counts=torch.zeros(organism.hidden),
                state=None,
            )
            chance = float(policy[rows, chosen].prod()) / 2**B
            for name, change in take(organism, rollout, entropy_weight=0.0, **config).sums.items():
                total[name] += chance * change.detach()
    return total


OBSERVATION = torch.tensor([[1.0, 0.2, 0.4], [0.1, 0.9, 0.3]], dtype=torch.float64)
CONSTANT = torch.tensor([[2.0] * A, [-1.0] * A], dtype=torch.float64)  # whatever is done, but not wherever


@pytest.mark.parametrize("feedback", FEEDBACKS)
def test_nothing_is_learnt_where_reward_does_not_depend_on_what_is_done(feedback: str) -> None:
    """With the expectation of each state; with one for all, the unsupervised part learns (Frémaux et al., 2010)."""
    organism = organism_of()
    change = expected_change(organism, OBSERVATION, CONSTANT, CONSTANT[:, 0], feedback=feedback)
    assert all(float(tensor.abs().max()) < 1e-9 for tensor in change.values())
    mean = CONSTANT.mean().expand(2)
    biased = expected_change(organism, OBSERVATION, CONSTANT, mean, feedback=feedback)
    assert float(biased["incoming"].abs().max()) > 0.01
    assert float(biased["critic"].abs().max()) > 0.01  # which ends it
    # What reads the policy is centred by the policy itself, so it stays unbiased whatever is expected.
    assert all(float(biased[name].abs().max()) < 1e-9 for name in ("outgoing", "output_bias", "gain"))


@pytest.mark.parametrize("feedback", FEEDBACKS)
@pytest.mark.parametrize("readout", ["drive", "rate"])
def test_in_a_bandit_the_mean_change_points_up_the_policy_gradient(readout: str, feedback: str) -> None:
    organism, observation = organism_of(readout=readout), torch.tensor([[0.99, 1.8, -0.23]], dtype=torch.float64)
    pay = torch.tensor([[1.0, -0.5, 0.2]], dtype=torch.float64)
    learnt = {name: tensor for name, tensor in organism.learnt().items() if "critic" not in name}
    policy = organism(observation)[0].logits.softmax(dim=1)
    worth = (policy * pay).sum()
    gradient = dict(zip(learnt, torch.autograd.grad(worth, list(learnt.values())), strict=True))
    change = expected_change(organism, observation, pay, worth.detach()[None], feedback=feedback)
    assert_same(change, {name: gradient[name] for name in ("outgoing", "output_bias", "gain")})
    assert sum(float((change[name] * gradient[name]).sum()) for name in learnt) > 0.0
    if feedback == "symmetric":
        up, found = gradient["bias"], change["bias"]
        assert float(torch.nn.functional.cosine_similarity(up, found, dim=0)) > (0.999 if readout == "drive" else 0.5)


def test_without_feedback_the_change_is_a_covariance_of_input_and_rate() -> None:
    """Under a modulator that is the same for all decisions, signed: what a neuron always does changes nothing."""
    organism, seen = organism_of(), rollout_of(organism_of(), 1, 20).observation[0]
    rollout = rollout_of(organism, 1, 20, ends=0.0)._replace(observation=seen[None], valid=torch.ones(1, 20).bool())
    rollout = rollout._replace(terminated=rollout.valid, reward=rollout.value + 1.5)
    rates = organism(seen)[0].counts / organism.config.ticks
    covariance = 1.5 * 20 * (seen - seen.mean(dim=0)).T @ (rates - rates.mean(dim=0)) / 20
    found = take(organism, rollout, feedback="none", entropy_weight=0.0).sums
    assert_same(found, {"incoming": covariance})
    assert float(found["bias"].abs().max()) < 1e-9


def permuted(organism: GrowingSparseSNN, order: Tensor) -> GrowingSparseSNN:
    other = copy.deepcopy(organism)
    for name, (tensor, axis) in organism.neuron_tensors().items():
        getattr(other, name).data.copy_(tensor.detach().index_select(axis, order))
    return other


@pytest.mark.parametrize("feedback", FEEDBACKS)
def test_neurons_have_no_order(feedback: str) -> None:
    organism, order = organism_of(), torch.randperm(H, generator=torch.Generator().manual_seed(2))
    rule, rollout = ThreeFactor(config_of(feedback=feedback)), rollout_of(organism, 5, 4)
    state, generator = rule.init(organism), torch.Generator()
    other, moved = permuted(organism, order), copy.deepcopy(state).resize(order, 0)
    for _ in range(3):
        state, _ = rule.update(organism, state, rollout, 0.0, generator)
        moved, _ = rule.update(other, moved, rollout, 0.0, generator)
    for name, tensor in permuted(organism, order).state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], tensor)
    for name, tensor in state.resize(order, 0).tensors().items():
        torch.testing.assert_close(moved.tensors()[name], tensor)
    assert not torch.equal(organism.bias, other.bias)
