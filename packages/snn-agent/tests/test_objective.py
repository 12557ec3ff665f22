"""The objective: its expected gradient over all actions of a bandit is the true one."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from snn_agent.errors import ConfigError
from snn_agent.learning import categorical
from snn_agent.learning.objective import policy_objective, value_objective

ARMS = torch.arange(4)
LOGITS = torch.tensor([0.3, -1.2, 0.9, 0.0], dtype=torch.float64)
PAYOFF = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)


def expected_gradient(advantage: Tensor, clip_ratio: float | None, entropy_weight: float = 0.0) -> Tensor:
    """The estimator's gradient for each single action, averaged with the policy's own probabilities."""
    total = torch.zeros(4, dtype=torch.float64)
    for arm in ARMS:
        logits = LOGITS.clone().requires_grad_()
        rows = logits.unsqueeze(0)
        log_prob = categorical.log_prob(rows, arm.unsqueeze(0))
        loss, _ = policy_objective(
            log_prob,
            log_prob.detach(),
            advantage[arm].unsqueeze(0),
            categorical.entropy(rows),
            clip_ratio,
            entropy_weight,
            torch.ones(1, dtype=torch.float64),
        )
        (gradient,) = torch.autograd.grad(loss, logits)
        total += log_prob.detach().exp() * gradient
    return total


@pytest.mark.parametrize("clip_ratio", [None, 0.2])
@pytest.mark.parametrize("baseline", [0.0, 5.0, -3.3])
def test_the_expectation_over_actions_is_the_analytic_gradient(clip_ratio: float | None, baseline: float) -> None:
    """``J = Σ π_a·q_a``, so ``∂J/∂θ_k = π_k·(q_k − J)``, whatever baseline is subtracted from q."""
    policy = torch.softmax(LOGITS, dim=0)
    analytic = policy * (PAYOFF - (policy * PAYOFF).sum())
    found = expected_gradient(PAYOFF - baseline, clip_ratio)
    torch.testing.assert_close(found, -analytic, rtol=1e-13, atol=1e-15)


def test_the_entropy_bonus_has_the_analytic_gradient() -> None:
    """``∂H/∂θ_k = −π_k·(log π_k + H)``; the loss subtracts it."""
    policy = torch.softmax(LOGITS, dim=0)
    entropy = -(policy * policy.log()).sum()
    analytic = -policy * (policy.log() + entropy)
    found = expected_gradient(torch.zeros(4, dtype=torch.float64), None, entropy_weight=0.7)
    torch.testing.assert_close(found, -0.7 * analytic, rtol=1e-13, atol=1e-15)


def objective_at(ratio: float, advantage: float, clip_ratio: float | None) -> tuple[float, float, float]:
    """Loss, its gradient to log π, and the clip fraction, for one action with π/π_old = ratio."""
    log_prob = torch.tensor([math.log(ratio)], dtype=torch.float64, requires_grad=True)
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    loss, found = policy_objective(log_prob, zero, advantage * one, zero, clip_ratio, 0.0, one)
    (gradient,) = torch.autograd.grad(loss, log_prob)
    return loss.item(), gradient.item(), found.clip_fraction.item()


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient", "clipped"),
    [
        (1.0, 2.0, -2.0, -2.0, 0.0),
        (1.1, 2.0, -2.2, -2.2, 0.0),
        (1.5, 2.0, -2.4, 0.0, 1.0),  # good and already much likelier: no further
        (0.5, 2.0, -1.0, -1.0, 1.0),  # good but much rarer: back
        (1.5, -2.0, 3.0, 3.0, 1.0),  # bad and much likelier: back
        (0.5, -2.0, 1.6, 0.0, 1.0),  # bad and already much rarer: no further
    ],
)
def test_clipping_by_hand(ratio: float, advantage: float, loss: float, gradient: float, clipped: float) -> None:
    assert objective_at(ratio, advantage, 0.2) == pytest.approx((loss, gradient, clipped))


def test_without_clipping_it_is_the_log_probability() -> None:
    assert objective_at(0.5, 3.0, None) == pytest.approx((-3.0 * math.log(0.5), -3.0, 0.0))


def test_in_the_first_pass_clipping_changes_no_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 4, generator=generator, dtype=torch.float64)
    action = torch.randint(4, (50,), generator=generator)
    advantage = torch.randn(50, generator=generator, dtype=torch.float64)
    gradients = []
    for clip_ratio in (None, 0.2):
        leaf = logits.clone().requires_grad_()
        log_prob = categorical.log_prob(leaf, action)
        ones = torch.ones(50, dtype=torch.float64)
        loss, _ = policy_objective(
            log_prob, log_prob.detach(), advantage, categorical.entropy(leaf), clip_ratio, 0.01, ones
        )
        gradients.append(torch.autograd.grad(loss, leaf)[0])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-14, atol=1e-17)


def test_approx_kl_is_the_divergence_in_expectation() -> None:
    """Over all actions, weighted by the old policy: ``E_old[(ρ − 1) − log ρ] = KL(old ‖ new)``."""
    old, new = torch.softmax(LOGITS, dim=0), torch.softmax(LOGITS.flip(0), dim=0)
    _, found = policy_objective(new.log(), old.log(), PAYOFF, torch.zeros_like(PAYOFF), 0.2, 0.0, old)
    assert float(found.approx_kl) == pytest.approx(float((old * (old / new).log()).sum()), rel=1e-12)


@given(st.integers(0, 2**32))
def test_steps_of_weight_zero_are_as_if_absent(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    new, old, advantage, entropy = torch.randn(4, 12, generator=generator, dtype=torch.float64)
    weight = torch.randint(0, 2, (12,), generator=generator).double()
    weight[0] = 1.0
    chosen = weight > 0
    loss, found = policy_objective(new, old, advantage, entropy, 0.2, 0.1, weight)
    loss_alone, alone = policy_objective(
        new[chosen], old[chosen], advantage[chosen], entropy[chosen], 0.2, 0.1, weight[chosen]
    )
    torch.testing.assert_close((loss, *found), (loss_alone, *alone))
    error = value_objective(new, old, weight)
    torch.testing.assert_close(error, value_objective(new[chosen], old[chosen], weight[chosen]))


def test_no_valid_step_gives_no_loss_and_no_gradient() -> None:
    log_prob = torch.zeros(3, requires_grad=True)
    zeros, ones = torch.zeros(3), torch.ones(3)
    loss, _ = policy_objective(log_prob, zeros, ones, ones, 0.2, 0.1, zeros)
    (gradient,) = torch.autograd.grad(loss, log_prob)
    assert loss.item() == 0.0
    assert torch.equal(gradient, zeros)


def test_value_objective_by_hand() -> None:
    value = torch.tensor([1.0, 4.0, 9.0], requires_grad=True)
    target = torch.tensor([2.0, 1.0, 0.0], requires_grad=True)
    loss = value_objective(value, target, torch.tensor([1.0, 1.0, 0.0]))
    by_value, by_target = torch.autograd.grad(loss, (value, target), allow_unused=True)
    assert loss.item() == 0.5 * (1.0 + 9.0) / 2
    assert by_value.tolist() == [-0.5, 1.5, 0.0]
    assert by_target is None


def test_wrong_arguments_are_refused() -> None:
    five, column = torch.zeros(5), torch.zeros(5, 1)
    with pytest.raises(ConfigError, match=r"'target': \(5, 1\)"):
        value_objective(five, column, five)
    with pytest.raises(ConfigError, match=r"'advantage': \(5, 1\)"):
        policy_objective(five, five, column, five, None, 0.0, five)
    with pytest.raises(ConfigError, match="clip_ratio must be positive"):
        policy_objective(five, five, five, five, 0.0, 0.0, five)


@given(st.integers(0, 2**32))
def test_the_distribution_equals_torchs(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 5.0 * torch.randn(7, 4, generator=generator, dtype=torch.float64)
    action = torch.randint(4, (7,), generator=generator)
    theirs: Any = torch.distributions.Categorical(logits=logits)
    torch.testing.assert_close(categorical.log_prob(logits, action), theirs.log_prob(action))
    torch.testing.assert_close(categorical.entropy(logits), theirs.entropy())
    assert torch.equal(categorical.greedy(logits), logits.argmax(dim=1))


def test_samples_follow_the_distribution() -> None:
    n = 200_000
    drawn = categorical.sample(LOGITS.float().expand(n, 4), torch.Generator().manual_seed(0))
    assert drawn.dtype == torch.int64
    counts = torch.bincount(drawn, minlength=4)
    expected = n * torch.softmax(LOGITS, dim=0)
    assert float(((counts - expected) ** 2 / expected).sum()) < 16.27  # 0.999 quantile of χ² with 3 degrees of freedom


def test_rows_are_drawn_each_from_their_own_distribution() -> None:
    """Certain actions are always drawn, impossible ones never, even first or last."""
    certain = torch.where(torch.eye(4, dtype=torch.bool), 0.0, -torch.inf).repeat(500, 1)
    assert torch.equal(categorical.sample(certain, torch.Generator().manual_seed(1)), ARMS.repeat(500))
    pair = torch.tensor([-torch.inf, 0.0, 0.0, -torch.inf]).expand(4000, 4)
    drawn = categorical.sample(pair, torch.Generator().manual_seed(2))
    assert set(drawn.tolist()) == {1, 2}


def test_sampling_is_a_function_of_the_generator() -> None:
    logits = LOGITS.expand(100, 4)
    global_state = torch.get_rng_state()
    first, again = (categorical.sample(logits, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), global_state)
    generator = torch.Generator().manual_seed(3)
    halves = torch.cat([categorical.sample(logits[:50], generator), categorical.sample(logits[50:], generator)])
    assert torch.equal(first, halves)
