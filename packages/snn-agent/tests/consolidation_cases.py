"""A small network with tasks behind it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from fused_cases import Decision, observations
from torch import Tensor

from snn_agent import GrowingSparseSNN, LearningConfig, NetworkConfig
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.learning.consolidation import Memory
from snn_agent.learning.fisher import POLICY
from snn_agent.learning.reinforce import ReinforceState

ENGINES = pytest.mark.parametrize("engine", [NumbaEngine(), TorchEngine()], ids=["numba", "torch"])
ONE_STEP = LearningConfig(
    reuse_epochs=1, minibatches=1, max_grad_norm=1e12, learning_rate=0.01, schedule="constant", entropy_weight=0.0
)
CASE = Decision(
    NetworkConfig(input_features=20, init_hidden=40, input_power=3.0, hidden_bias=0.8),
    1, observations("ones", 30, 20, torch.float64, 0), carried=False,
)  # fmt: skip


def normal(organism: GrowingSparseSNN, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
        for name, tensor in organism.learnt().items()
    }


def memory_of(organism: GrowingSparseSNN, seed: int) -> Memory:
    """Random anchors and Fisher terms of all that the policy depends on."""
    fisher_terms, anchor = normal(organism, seed), normal(organism, seed + 1)
    return Memory({name: fisher_terms[name].square() for name in POLICY}, {name: anchor[name] for name in POLICY})


def consolidated(organism: GrowingSparseSNN, state: ReinforceState, **options: Any) -> ReinforceState:
    """The learner after a task whose states are some random ones."""
    seen = torch.rand(20, organism.config.input_features, generator=torch.Generator().manual_seed(3)).to(organism.bias)
    given: dict[str, Any] = {"mode": "ewc", "strength": 10.0, "decay": 0.9}
    generator = torch.Generator().manual_seed(8)
    return state.consolidate(organism, seen, generator=generator, **(given | options))
