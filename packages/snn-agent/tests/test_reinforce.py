"""REINFORCE on a real organism: the exact gradient by enumeration, a plain twin, and that it learns."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from training_cases import CHANGING, FIXED, Songs, copy_of, differences, everything, trainer_for, update

from snn_agent import GrowingSparseSNN, LearningConfig, NetworkConfig, StructureConfig
from snn_agent.config import READOUT_NAMES
from snn_agent.errors import NonFiniteError
from snn_agent.learning.reinforce import Reinforce
from snn_agent.network.topology import LEARNT
from snn_agent.types import Rollout

D, H = 3, 10
ARMS = torch.tensor([1.0, -0.5])  # what the two arms pay
PLAIN = LearningConfig(
    reuse_epochs=1, minibatches=1, entropy_weight=0.0, normalise_advantages=False, max_grad_norm=1e9, value_weight=0.0
)


def organism_of(**config: Any) -> GrowingSparseSNN:
    network = NetworkConfig(input_power=0.5, min_hidden=2, outgoing_scale=8.0, hidden_bias=0.6, **config)
    organism = GrowingSparseSNN(D, H, 40, 2, config=network, engine="torch", seed=3)
    torch.nn.init.normal_(organism.critic, generator=torch.Generator().manual_seed(1))
    return organism


def rollout_of(organism: GrowingSparseSNN, observation: Tensor, action: Tensor, reward: Tensor) -> Rollout:
    """One step of B worlds that terminates them, [B, D], [B], [B]."""
    with torch.no_grad():
        output, _ = organism(observation)
        chosen = output.logits.log_softmax(1).gather(1, action[:, None]).squeeze(1)
    ends = torch.ones_like(action, dtype=torch.bool)
    return Rollout(
        observation=observation[None],
        action=action[None],
        log_prob=chosen[None],
        value=output.value[None],
        next_value=torch.zeros(1, len(action)),
        reward=reward[None],
        terminated=ends[None],
        truncated=~ends[None],
        valid=ends[None],
        counts=output.counts.sum(dim=0),
        state=None,
    )


def gradient_taken(organism: GrowingSparseSNN, config: LearningConfig, rollout: Rollout) -> dict[str, Tensor]:
    """The gradient that the rule followed: after the first step Adam's mean is (1 − β1) = 0.1 of it."""
    rule, pupil = Reinforce(config), copy.deepcopy(organism)
    state, _ = rule.update(pupil, rule.init(pupil), rollout, 0.0, torch.Generator())
    return {name: mean / 0.1 for name, mean in state.adam.mean.items()}


@pytest.mark.parametrize("entropy_weight", [0.0, 0.3])
@pytest.mark.parametrize("baseline", ["ema", "critic"])
@pytest.mark.parametrize("readout", READOUT_NAMES)
def test_the_expected_estimate_is_the_exact_gradient(readout: str, baseline: str, entropy_weight: float) -> None:
    """``E_a[estimate] = −∇ Σ_a π(a)·r(a)`` (− the entropy's), whatever the baseline, for a bandit with two arms."""
    organism = organism_of(readout=readout)
    observation = torch.tensor([[1.0, 0.0, 0.6]])
    probability = organism(observation)[0].logits.softmax(dim=1)[0]
    objective = (probability * ARMS).sum() - entropy_weight * (probability * probability.log()).sum()
    learnt = organism.learnt()
    wanted = torch.autograd.grad(-objective, list(learnt.values()), allow_unused=True, materialize_grads=True)
    exact, probability = dict(zip(learnt, wanted, strict=True)), probability.detach()

    config = LearningConfig(**{**vars(PLAIN), "baseline": baseline, "entropy_weight": entropy_weight})
    expected = {name: torch.zeros_like(tensor) for name, tensor in learnt.items()}
    for arm in range(2):
        rollout = rollout_of(organism, observation, torch.tensor([arm]), ARMS[arm : arm + 1])
        for name, gradient in gradient_taken(organism, config, rollout).items():
            expected[name] += float(probability[arm]) * gradient
    for name in LEARNT:
        size = float(exact[name].abs().max())
        assert size > 1e-6 or "critic" in name, f"the case shows too little of {name}"
        torch.testing.assert_close(expected[name], exact[name], rtol=1e-3, atol=1e-3 * size + 1e-9)


def many(organism: GrowingSparseSNN, n: int = 30) -> Rollout:
    generator = torch.Generator().manual_seed(7)
    action = torch.randint(0, 2, (n,), generator=generator)
    rollout = rollout_of(organism, torch.rand(n, D, generator=generator), action, torch.randn(n, generator=generator))
    return rollout._replace(valid=torch.arange(n)[None] % 7 != 0)


def twin_of(organism: GrowingSparseSNN, rollout: Rollout, config: LearningConfig, seed: int) -> GrowingSparseSNN:
    """The same learning with torch's own optimizer and clipping, written down plainly."""
    pupil = copy.deepcopy(organism)
    optimizer = torch.optim.Adam(pupil.parameters(), lr=config.learning_rate)
    generator = torch.Generator().manual_seed(seed)
    observation, action, old = rollout.observation[0], rollout.action[0], rollout.log_prob[0]
    real = rollout.valid[0]
    target = rollout.reward[0]
    advantage = target - rollout.value[0]
    advantage = (advantage - advantage[real].mean()) / advantage[real].std(correction=0)
    for _ in range(config.reuse_epochs):
        order = torch.randperm(len(action), generator=generator)
        for part in order.chunk(config.minibatches):
            part = part[real[part]]
            output, _ = pupil(observation[part])
            policy = torch.distributions.Categorical(logits=output.logits)
            log_prob = policy.log_prob(action[part])
            gain = log_prob * advantage[part]
            if config.reuse_epochs * config.minibatches > 1:
                ratio = (log_prob - old[part]).exp()
                clipped = ratio.clamp(1 - config.clip_ratio, 1 + config.clip_ratio)
                gain = torch.minimum(ratio * advantage[part], clipped * advantage[part])
            value_loss = 0.5 * (output.value - target[part]).square().mean()
            loss = -gain.mean() - config.entropy_weight * policy.entropy().mean() + config.value_weight * value_loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(pupil.parameters(), config.max_grad_norm)
            optimizer.step()
    return pupil


@pytest.mark.parametrize(("epochs", "minibatches"), [(1, 1), (1, 3), (3, 1), (4, 5)])
def test_passes_and_minibatches_are_those_of_the_plain_twin(epochs: int, minibatches: int) -> None:
    config = LearningConfig(
        reuse_epochs=epochs, minibatches=minibatches, schedule="constant", learning_rate=0.01, clip_ratio=0.05,
        max_grad_norm=0.05,
    )  # fmt: skip
    organism = organism_of(readout="drive")
    rollout = many(organism)
    twin = twin_of(organism, rollout, config, seed=5)
    rule, before = Reinforce(config), copy_of(organism.learnt())
    state = rule.init(organism)
    state, diagnostics = rule.update(organism, state, rollout, 0.5, torch.Generator().manual_seed(5))
    for name in LEARNT:
        torch.testing.assert_close(organism.learnt()[name], twin.learnt()[name], rtol=1e-3, atol=1e-5)
        assert not torch.equal(organism.learnt()[name], before[name]), name
    assert (state.adam.count["incoming"] == epochs * minibatches).all()
    assert diagnostics.gradient_norm > config.max_grad_norm, "the case does not show the clipping"
    assert (diagnostics.clip_fraction > 0) == (epochs * minibatches > 1)


def test_the_learning_rate_follows_the_progress() -> None:
    taken = []
    for progress in (0.0, 0.75, 1.0):
        organism = organism_of()
        before = organism.bias.detach().clone()
        rule = Reinforce(LearningConfig(**{**vars(PLAIN), "learning_rate": 0.01}))
        rule.update(organism, rule.init(organism), many(organism), progress, torch.Generator())
        taken.append(float((organism.bias.detach() - before).abs().max()))
    np.testing.assert_allclose(taken, [0.01, 0.0025, 0.0], rtol=1e-3, atol=1e-9)  # Adam's first step is ±lr


@pytest.mark.parametrize("baseline", ["ema", "critic"])
def test_a_bandit_is_solved(baseline: str) -> None:
    organism = organism_of()
    config = LearningConfig(baseline=baseline, learning_rate=0.02, schedule="constant")
    rule, generator = Reinforce(config), torch.Generator().manual_seed(0)
    state = rule.init(organism)
    observation = torch.tensor([[1.0, 0.0, 0.6]]).repeat(64, 1)
    for _ in range(15):
        with torch.no_grad():
            probability = organism(observation)[0].logits.softmax(dim=1)
        action = torch.multinomial(probability, 1, generator=generator).squeeze(1)
        state, _ = rule.update(organism, state, rollout_of(organism, observation, action, ARMS[action]), 0.0, generator)
    with torch.no_grad():
        assert float(organism(observation)[0].logits.softmax(dim=1)[0, 0]) > 0.9


def test_what_is_seen_is_learnt() -> None:
    """In these worlds a policy that does not look earns 0.5 a step, and the best one 1."""
    learning = LearningConfig(learning_rate=0.02, schedule="constant", gamma=0.5)
    trainer = trainer_for(Songs(32), FIXED, learning=learning, network={"init_hidden": 24, "readout": "drive"})
    update(trainer, 60)
    with torch.no_grad():
        seen = torch.rand(500, 4, generator=torch.Generator().manual_seed(0))
        right = trainer.organism(seen)[0].logits.argmax(dim=1) == (seen[:, 0] > 0.5)
    assert float(right.float().mean()) > 0.85


@pytest.mark.parametrize("baseline", ["ema", "critic"])
def test_a_loss_that_is_not_finite_changes_nothing(baseline: str) -> None:
    organism = organism_of()
    rule = Reinforce(LearningConfig(baseline=baseline))
    state = rule.init(organism)
    state, _ = rule.update(organism, state, many(organism), 0.0, torch.Generator())
    weights, moments = copy_of(organism.state_dict()), copy_of(state.tensors())
    rollout = many(organism)
    rollout.reward[0, 3] = torch.inf
    with pytest.raises(NonFiniteError, match=r"The weights are those before this step. Lower learning_rate \(0.003\)"):
        rule.update(organism, state, rollout, 0.0, torch.Generator())
    assert all(torch.equal(weights[name], tensor) for name, tensor in organism.state_dict().items())
    assert all(torch.equal(moments[name], tensor) for name, tensor in state.tensors().items())


@pytest.mark.parametrize("baseline", ["ema", "critic"])
def test_a_learner_is_what_its_tensors_say(baseline: str) -> None:
    organism = organism_of()
    rule = Reinforce(LearningConfig(baseline=baseline))
    state, _ = rule.update(organism, rule.init(organism), many(organism), 0.0, torch.Generator())
    again = rule.init(organism).from_tensors(copy_of(state.tensors()))
    assert again.baseline == state.baseline
    assert (state.baseline.count > 0) == (baseline == "ema")
    assert all(torch.equal(again.tensors()[name], tensor) for name, tensor in state.tensors().items())


def test_structure_that_does_nothing_leaves_no_trace() -> None:
    """Rules that are asked and draw newborns that never come to be: structure has a random stream of its own."""
    idle = StructureConfig(
        growth="periodic", grow_interval=1, grow_votes=10**6, pruning="low_utility", prune_interval=1,
        maturity_updates=10**6, interval_unit="updates",
    )  # fmt: skip
    without, asked = (update(trainer_for(structure=structure), 6) for structure in (FIXED, idle))
    a, b = everything(without), everything(asked)
    assert differences(a, b) == ["configs", "generator.structure", "rule_states"]


def test_structure_that_does_something_leaves_a_trace() -> None:
    a, b = (everything(update(trainer_for(structure=structure), 4)) for structure in (FIXED, CHANGING))
    assert {"incoming", "learner.mean.incoming", "generator.structure"} <= set(differences(a, b))
