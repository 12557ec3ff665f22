"""Gradients without autograd are autograd's gradients of the objective, and what is reported is the same."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from fused_cases import VARIANTS, Decision, decisions
from hypothesis import assume, given, settings
from learner_cases import close, pupil, samples_of
from torch import Tensor

from snn_agent import LearningConfig
from snn_agent.config.learning import BASELINES
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.learning.fused_step import FusedLearner
from snn_agent.learning.protection import Movable
from snn_agent.learning.reinforce import Reinforce
from snn_agent.learning.samples import Samples
from snn_agent.network.topology import LEARNT

Found = tuple[dict[str, Any], dict[str, float]]

CONFIGS = st.builds(
    LearningConfig,
    baseline=st.sampled_from(BASELINES),
    entropy_weight=st.sampled_from([0.0, 0.05, 1.0]),
    value_weight=st.sampled_from([0.0, 0.5, 2.0]),
    reuse_epochs=st.sampled_from([1, 3]),  # one pass of one minibatch is not clipped
    minibatches=st.just(1),
    clip_ratio=st.sampled_from([0.05, 0.3]),
    max_grad_norm=st.just(1e12),
)
CASES = decisions(hidden=(1, 7, 33), variants=VARIANTS[:2])


def by_autograd(case: Decision, samples: Samples, config: LearningConfig, rows: Tensor) -> Found:
    """Gradients and numbers of the readable step on the torch engine: Adam's first mean is (1 − β1) = 0.1 gradient."""
    organism, rule = pupil(case, TorchEngine()), Reinforce(config)
    state, numbers = rule._step(organism, rule.init(organism), samples.take(rows), 0.0, None, Movable.of(organism))
    return {name: mean / 0.1 for name, mean in state.adam.mean.items()}, numbers


def fused(case: Decision, samples: Samples, config: LearningConfig, rows: Tensor) -> Found:
    organism = pupil(case, NumbaEngine())
    learner = FusedLearner(organism, Reinforce(config).init(organism).adam, samples, config)
    gradients, _ = learner.gradients(rows)
    return gradients, learner.step(rows, 0.0)


def assert_same(ours: Found, theirs: Found, tolerance: float) -> None:
    assert ours[0].keys() == theirs[0].keys() == set(LEARNT)
    for name, expected in theirs[0].items():
        found = torch.from_numpy(np.asarray(ours[0][name]))
        size = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance * size, msg=name)
    assert ours[1].keys() == theirs[1].keys()
    for name, number in theirs[1].items():
        assert close(ours[1][name], number, 10 * tolerance), (name, ours[1][name], number)


@given(case=CASES, config=CONFIGS, seed=st.integers(0, 99))
@settings(max_examples=150)
def test_gradients_and_numbers(case: Decision, config: LearningConfig, seed: int) -> None:
    """From a minibatch in any order."""
    assume(case.closest_approach() > 1e-10)
    samples, generator = samples_of(case), torch.Generator().manual_seed(seed)
    order = torch.randperm(len(samples.action), generator=generator)
    rows = order[: int(torch.randint(1, len(order) + 1, (), generator=generator))]
    assert_same(fused(case, samples, config, rows), by_autograd(case, samples, config, rows), 1e-9)


@given(case=decisions(hidden=(7, 33), variants=VARIANTS[:1], input_scaling="standardise"), config=CONFIGS)
@settings(max_examples=30)
def test_scaled_observations(case: Decision, config: LearningConfig) -> None:
    """They are dense, and gradients do not flow into the scale."""
    case = case._replace(observation=case.dense())
    organism = pupil(case, NumbaEngine())
    assert not torch.equal(organism.scale(case.dense()), case.dense())
    rows, samples = torch.arange(len(case.observation)), samples_of(case)
    assert_same(fused(case, samples, config, rows), by_autograd(case, samples, config, rows), 1e-9)


@pytest.mark.parametrize("baseline", BASELINES)
def test_the_cases_show_clipping_and_decisions_that_are_not_real(baseline: str) -> None:
    seen = []

    @given(case=CASES)
    @settings(max_examples=30)
    def look(case: Decision) -> None:
        samples = samples_of(case)
        config = LearningConfig(baseline=baseline, clip_ratio=0.3, max_grad_norm=1e12)
        _, numbers = fused(case, samples, config, torch.arange(len(samples.action)))
        seen.append((numbers["clip_fraction"], float(samples.weight.mean())))

    look()
    clipped, real = np.array(seen).T
    assert ((clipped > 0) & (clipped < 1)).mean() > 0.2
    assert (real < 1).mean() > 0.2


@given(case=CASES, config=CONFIGS)
@settings(max_examples=30)
def test_no_real_decision_gives_no_gradient(case: Decision, config: LearningConfig) -> None:
    samples = samples_of(case)
    nothing = samples._replace(weight=torch.zeros_like(samples.weight))
    gradients, numbers = fused(case, nothing, config, torch.arange(len(samples.action)))
    assert not any(array.any() for array in gradients.values())
    assert set(numbers.values()) == {0.0}
