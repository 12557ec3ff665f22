"""Returns: against the definition, summed term by term, and the laws about where an episode ends."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from snn_agent.errors import ConfigError
from snn_agent.learning.baseline import EmaBaseline
from snn_agent.learning.returns import (
    _walk_back,
    _walk_back_on_cpu,
    advantages,
    discounted_returns,
    lambda_returns,
    normalise,
)
from snn_agent.learning.schedule import SCHEDULES, constant, linear_to_zero

Trace = dict[str, Tensor]


def random_trace(seed: int, steps: int, worlds: int, dtype: torch.dtype = torch.float64) -> Trace:
    """Small whole numbers, so that sums with γ and λ of 0, ½ or 1 are exact even in float32."""
    generator = torch.Generator().manual_seed(seed)

    def draw(low: int, high: int) -> Tensor:
        return torch.randint(low, high, (steps, worlds), generator=generator)

    ends = draw(0, 6)
    return {
        "reward": draw(-4, 5).to(dtype),
        "terminated": (ends == 0) | (ends == 2),
        "truncated": (ends == 1) | (ends == 2),  # 2 is both, as Gymnasium allows
        "next_value": draw(-4, 5).to(dtype),
        "valid": draw(0, 5) > 0,
    }


def brute_force(trace: Trace, gamma: float, lam: float) -> Tensor:
    """The definition: every n-step return from every step, weighted by (1−λ)·λ^(n−1), the last by λ^(n−1)."""
    result = torch.zeros(trace["reward"].shape, dtype=torch.float64)
    n_steps, worlds = result.shape
    for world in range(worlds):
        reward, terminated, truncated, next_value, valid = (trace[name][:, world].tolist() for name in trace)
        for first in range(n_steps):
            if not valid[first]:
                continue
            n_step_returns = []
            for last in range(first, n_steps):
                rewards = sum(gamma ** (step - first) * reward[step] for step in range(first, last + 1))
                bootstrap = 0.0 if terminated[last] else gamma ** (last - first + 1) * next_value[last]
                n_step_returns.append(rewards + bootstrap)
                if terminated[last] or truncated[last] or not [*valid, True][last + 1]:
                    break
            *shorter, longest = n_step_returns
            result[first, world] = sum((1 - lam) * lam**n * value for n, value in enumerate(shorter))
            result[first, world] += lam ** len(shorter) * longest
    return result


@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 3), st.floats(0, 1), st.floats(0, 1))
def test_lambda_returns_equal_their_definition(seed: int, steps: int, worlds: int, gamma: float, lam: float) -> None:
    trace = random_trace(seed, steps, worlds)
    targets = lambda_returns(**trace, gamma=gamma, lam=lam)
    torch.testing.assert_close(targets, brute_force(trace, gamma, lam), rtol=1e-12, atol=1e-12)


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0]))
def test_lambda_returns_are_exact_in_float32(seed: int, gamma: float, lam: float) -> None:
    trace = random_trace(seed, 6, 2, torch.float32)
    targets = lambda_returns(**trace, gamma=gamma, lam=lam)
    assert targets.dtype == torch.float32
    assert torch.equal(targets.double(), brute_force(trace, gamma, lam))


@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0, 1))
def test_advantages_are_generalised_advantage_estimates(seed: int, gamma: float, lam: float) -> None:
    """Where v_{t+1} is the value of the next observation: ``A_t = Σ_k (γλ)^k δ_{t+k}`` until the episode ends."""
    trace = random_trace(seed, 7, 1)
    trace["valid"][:] = True
    value = torch.randn(8, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    trace["next_value"] = value[1:]
    found = advantages(lambda_returns(**trace, gamma=gamma, lam=lam), value[:-1])
    delta = trace["reward"] + gamma * value[1:] * ~trace["terminated"] - value[:-1]
    over = (trace["terminated"] | trace["truncated"])[:, 0].tolist()
    for first in range(7):
        estimate = 0.0
        for step in range(first, 7):
            estimate += (gamma * lam) ** (step - first) * float(delta[step])
            if over[step]:
                break
        assert float(found[first]) == pytest.approx(estimate, abs=1e-10)


@pytest.mark.parametrize("how", ["terminated", "truncated"])
def test_two_episodes_in_one_trace_equal_each_alone(how: str) -> None:
    one, two = random_trace(1, 5, 3), random_trace(2, 4, 3)
    one[how][-1] = True
    joined = {name: torch.cat([one[name], two[name]]) for name in one}
    joined["valid"][5] = two["valid"][0] = True
    one["valid"], two["valid"] = joined["valid"][:5], joined["valid"][5:]
    alone = [lambda_returns(**trace, gamma=0.9, lam=0.8) for trace in (one, two)]
    assert torch.equal(lambda_returns(**joined, gamma=0.9, lam=0.8), torch.cat(alone))


@given(seed=st.integers(0, 2**16), steps=st.integers(1, 9), worlds=st.integers(1, 9))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_kernel_walks_as_every_device_does(seed: int, steps: int, worlds: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(seed)
    reward, after = (torch.randn(steps, worlds, generator=generator, dtype=dtype) for _ in range(2))
    goes_on = torch.rand(steps, worlds, generator=generator) < 0.7
    goes_on[-1] = False
    given = reward.clone()
    found, expected = (walk(reward, after, goes_on, 0.9, 0.8) for walk in (_walk_back_on_cpu, _walk_back))
    torch.testing.assert_close(found, expected)
    assert torch.equal(reward, given)


def test_worlds_do_not_touch_each_other() -> None:
    trace = random_trace(3, 6, 4)
    together = lambda_returns(**trace, gamma=0.9, lam=0.8)
    for world in range(4):
        alone = lambda_returns(**{name: part[:, [world]] for name, part in trace.items()}, gamma=0.9, lam=0.8)
        assert torch.equal(together[:, [world]], alone)


def test_truncated_episodes_bootstrap_and_terminated_ones_do_not() -> None:
    yes, no = torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1, dtype=torch.bool)
    reward, next_value = torch.tensor([[1.0]]), torch.tensor([[10.0]])
    found = [float(lambda_returns(reward, t, c, next_value, 0.5, 0.5)) for t, c in [(no, no), (no, yes), (yes, no)]]
    assert found == [6.0, 6.0, 1.0]
    assert float(lambda_returns(reward, yes, yes, torch.tensor([[torch.nan]]), 0.5, 0.5)) == 1.0


@pytest.mark.parametrize("how", ["terminated", "truncated", "neither"])
def test_an_invalid_step_is_as_if_the_trace_were_cut_there(how: str) -> None:
    """The reset step of NEXT_STEP autoreset: whatever its numbers are, no other step sees them."""
    one, two = random_trace(4, 4, 2), random_trace(5, 4, 2)
    for trace in (one, two):
        trace["valid"][:] = True
    for name in ("terminated", "truncated"):
        one[name][-1] = name == how
    garbage = {name: torch.ones(1, 2).to(part) for name, part in one.items()}
    garbage["reward"] *= torch.nan
    garbage["next_value"] *= torch.inf
    garbage["valid"][:] = False
    garbage["terminated"][:] = garbage["truncated"][:] = False
    joined = {name: torch.cat([one[name], garbage[name], two[name]]) for name in one}
    targets = lambda_returns(**joined, gamma=0.9, lam=0.8)
    assert torch.equal(targets[:4], lambda_returns(**one, gamma=0.9, lam=0.8))
    assert torch.equal(targets[4], torch.zeros(2))
    assert torch.equal(targets[5:], lambda_returns(**two, gamma=0.9, lam=0.8))
    value = torch.full_like(targets, 7.0)
    assert torch.equal(advantages(targets, value, joined["valid"])[4], torch.zeros(2))


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_discounted_returns_equal_the_sum(seed: int, steps: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    reward, bootstrap = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in [(steps, 2), (2,)])
    discount = torch.rand(steps, 2, generator=generator, dtype=torch.float64).round(decimals=1)
    found = discounted_returns(reward, discount, bootstrap)
    for first, world in itertools.product(range(steps), range(2)):
        total = sum(float(reward[k, world] * discount[first:k, world].prod()) for k in range(first, steps))
        total += float(bootstrap[world] * discount[first:, world].prod())
        assert float(found[first, world]) == pytest.approx(total, abs=1e-12)


def test_lambda_one_is_the_discounted_return() -> None:
    trace = random_trace(6, 9, 3)
    trace["valid"][:] = True
    trace["truncated"][:] = False
    discount = 0.5 * ~trace["terminated"]
    expected = discounted_returns(trace["reward"], discount, trace["next_value"][-1])
    assert torch.equal(lambda_returns(**trace, gamma=0.5, lam=1.0), expected)


def test_arguments_are_left_as_they_are() -> None:
    trace = random_trace(7, 5, 2)
    before = {name: part.clone() for name, part in trace.items()}
    lambda_returns(**trace, gamma=0.9, lam=0.8)
    assert all(torch.equal(before[name], trace[name]) for name in trace)


def test_normalised_advantages_have_mean_0_and_deviation_1_over_the_valid() -> None:
    advantage = torch.tensor([[1.0, 2.0, torch.inf], [3.0, 6.0, torch.nan]], dtype=torch.float64)
    valid = advantage.isfinite()
    found = normalise(advantage, valid)
    # by hand: mean 3, squared distances 4, 1, 0, 9, their mean 3.5
    expected = torch.tensor([[-2.0, -1.0, 0.0], [0.0, 3.0, 0.0]], dtype=torch.float64) / 3.5**0.5
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=0.0)
    assert torch.equal(normalise(torch.full((3,), 5.0)), torch.zeros(3))
    assert torch.equal(normalise(torch.ones(2), torch.zeros(2, dtype=torch.bool)), torch.zeros(2))


@pytest.mark.parametrize(("gamma", "lam"), [(1.1, 0.5), (0.5, -0.1), (float("nan"), 0.5)])
def test_wrong_constants_are_refused(gamma: float, lam: float) -> None:
    with pytest.raises(ConfigError, match=r"must lie in \[0, 1\]"):
        lambda_returns(**random_trace(1, 3, 2), gamma=gamma, lam=lam)


def test_wrong_shapes_are_refused() -> None:
    trace = random_trace(1, 3, 2)
    trace["reward"] = trace["reward"][:, :1]
    with pytest.raises(ConfigError, match=r"same shape \[L, B\].*'reward': \(3, 1\)"):
        lambda_returns(**trace, gamma=0.9, lam=0.9)
    with pytest.raises(ConfigError, match="must not be empty"):
        discounted_returns(torch.zeros(0, 2), torch.zeros(0, 2), torch.zeros(2))
    with pytest.raises(ConfigError, match=r"same shape \[B\]"):
        discounted_returns(torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(1))


@given(st.lists(st.lists(st.floats(-100, 100), min_size=1, max_size=3), min_size=1, max_size=6), st.floats(0, 0.999))
def test_the_ema_baseline_is_the_weighted_mean_of_what_it_saw(batches: list[list[float]], decay: float) -> None:
    baseline = EmaBaseline(decay)
    state = baseline.init()
    assert baseline.value(state) == 0.0
    for batch in batches:
        state = baseline.update(state, torch.tensor(batch, dtype=torch.float64))
    weights = [decay ** (len(batches) - 1 - n) for n in range(len(batches))]
    means = [sum(batch) / len(batch) for batch in batches]
    expected = sum(w * m for w, m in zip(weights, means, strict=True)) / sum(weights)
    assert baseline.value(state) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert baseline.update(state, torch.zeros(0)) == state


def test_a_wrong_decay_is_refused() -> None:
    with pytest.raises(ConfigError, match="decay"):
        EmaBaseline(1.0)


def test_schedules() -> None:
    assert [constant(0.4, progress) for progress in (0.0, 0.5, 2.0)] == [0.4, 0.4, 0.4]
    assert [linear_to_zero(0.4, progress) for progress in (0.0, 0.25, 1.0, 1.01)] == [0.4, 0.4 * 0.75, 0.0, 0.0]
    for schedule in SCHEDULES.values():
        for progress in (-0.1, float("nan")):
            with pytest.raises(ConfigError, match="progress"):
                schedule(0.4, progress)
