"""Random decisions to learn from."""

from __future__ import annotations

import math

import numpy as np
import torch
from fused_cases import Decision
from torch import Tensor

from snn_agent import GrowingSparseSNN
from snn_agent.engine.contract import Engine
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.learning import categorical
from snn_agent.learning.samples import Samples
from snn_agent.types import Events, Rollout


def pupil(case: Decision, engine: Engine) -> GrowingSparseSNN:
    """The network of a case; if it scales its inputs, it has seen some."""
    organism = case.organism(engine)
    organism.see(torch.cat([case.dense(), 3.0 * case.dense() + 1.0]))
    return organism


def samples_of(case: Decision) -> Samples:
    """The decisions of a case, taken under a policy somewhat different, and what came of them; some are not real."""
    generator, N = torch.Generator().manual_seed(case.seed + 5), len(case.observation)

    def normal() -> Tensor:
        return torch.randn(N, generator=generator, dtype=case.dtype)

    organism = pupil(case, TorchEngine())
    with torch.no_grad():
        logits = organism(case.dense(), case.state())[0].logits
    action = torch.randint(0, logits.shape[1], (N,), generator=generator)
    weight = (torch.rand(N, generator=generator) < 0.8).to(case.dtype)
    return Samples(
        observation=case.observation,
        action=action,
        log_prob=categorical.log_prob(logits, action) + 0.3 * normal(),
        advantage=normal(),
        target=normal(),
        weight=weight,
        state=case.state(),
    )


def rollout_of(case: Decision, B: int = 3) -> Rollout:
    """The same as L steps of B worlds; what is left over is left out."""
    samples, generator = samples_of(case), torch.Generator().manual_seed(case.seed + 6)
    L = len(case.observation) // B
    shape, n = (L, B), L * B

    def table(tensor: Tensor) -> Tensor:
        return tensor[:n].reshape(L, B, *tensor.shape[1:])

    def chance(p: float) -> Tensor:
        return torch.rand(shape, generator=generator) < p

    seen, terminated = samples.observation, chance(0.2)
    return Rollout(
        observation=seen.take(np.arange(n)) if isinstance(seen, Events) else table(seen),
        action=table(samples.action),
        log_prob=table(samples.log_prob),
        value=table(samples.target),
        next_value=torch.randn(shape, generator=generator, dtype=case.dtype),
        reward=table(samples.advantage),
        terminated=terminated,
        truncated=chance(0.2) & ~terminated,
        valid=table(samples.weight).bool(),
        counts=torch.zeros(case.config.init_hidden),
        state=None if samples.state is None else samples.state.map(table),
    )


def close(actual: float, expected: float, tolerance: float) -> bool:
    return math.isclose(actual, expected, rel_tol=tolerance, abs_tol=tolerance)
