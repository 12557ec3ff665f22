"""A decision in one piece is the decision layer by layer, in numbers and in gradients."""

from __future__ import annotations

import pytest
import torch
from fused_cases import VARIANTS, Decision, decisions
from hypothesis import assume, given, settings

from snn_agent import NetworkConfig
from snn_agent.engine.contract import Engine
from snn_agent.engine.norse_reference import NorseEngine
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.errors import ConfigError
from snn_agent.network.decision import Found, fusing_engine

REFERENCES = [TorchEngine(), NorseEngine()]
every_reference = pytest.mark.parametrize("reference", REFERENCES, ids=lambda engine: engine.name)


def assert_equal(actual: Found, expected: Found, tolerance: float, carried: bool) -> None:
    """Spikes are the same, all else up to rounding; membranes are told only where they are carried."""
    assert torch.equal(actual.counts, expected.counts)
    assert (actual.output_counts is None) == (expected.output_counts is None)
    if actual.output_counts is not None and expected.output_counts is not None:
        assert torch.equal(actual.output_counts, expected.output_counts)
    pairs = [(actual.evidence, expected.evidence), (actual.tally, expected.tally)]
    if carried:
        for layers in zip(actual.state, expected.state, strict=True):
            pairs += zip(*layers, strict=True)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def assert_gradients_equal(case: Decision, reference: Engine, tolerance: float) -> None:
    for ours, theirs in zip(case.gradients(None), case.gradients(reference), strict=True):
        size = max(1.0, float(theirs.abs().max())) if theirs.numel() else 1.0
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance * size)


@every_reference
@given(case=decisions())
def test_numbers(reference: Engine, case: Decision) -> None:
    assume(case.closest_approach() > 1e-10)
    assert_equal(case.fused(), case.composed(reference), 1e-10, case.carried)


@every_reference
@given(case=decisions())
def test_gradients(reference: Engine, case: Decision) -> None:
    assume(case.closest_approach() > 1e-10)
    assert_gradients_equal(case, reference, 1e-9)


@given(case=decisions(torch.float32, hidden=(1, 5, 33), variants=VARIANTS[:2]))
@settings(max_examples=60)
def test_single_precision(case: Decision) -> None:
    assume(case.closest_approach() > 2e-5)  # ε: rounding does not decide about spikes
    assert_equal(case.fused(), case.composed(TorchEngine()), 1e-4, case.carried)
    assert_gradients_equal(case, TorchEngine(), 1e-3)


@given(case=decisions(variants=VARIANTS[:1], carry_state=False))
@settings(max_examples=30)
def test_organisms_on_the_numba_engine_decide_in_one_piece(case: Decision) -> None:
    case = case._replace(carried=False)
    ours, theirs = case.organism(NumbaEngine()), case.organism(TorchEngine())
    assert fusing_engine(ours) is not None
    assert fusing_engine(theirs) is None
    (output, _), (expected, _) = ours(case.observation), theirs(case.dense())
    torch.testing.assert_close(output.logits, expected.logits, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(output.value, expected.value, rtol=1e-10, atol=1e-10)
    gradients = [
        torch.autograd.grad(
            (output.logits.square().sum() + output.value.square().sum()), list(organism.learnt().values())
        )
        for organism, output in ((ours, output), (theirs, expected))
    ]
    for mine, reference in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-8, atol=1e-8 * max(1.0, float(reference.abs().max())))


@given(case=decisions(variants=VARIANTS[:1], hidden=(1, 7, 33), carry_state=True))
@settings(max_examples=30)
def test_gradients_flow_from_decision_to_decision_through_carried_membranes(case: Decision) -> None:
    found = []
    for engine in (NumbaEngine(), TorchEngine()):
        organism, state = case.organism(engine), None
        loss = torch.zeros((), dtype=case.dtype)
        for _ in range(3):
            output, state = organism(case.dense(), state)
            loss = loss + output.logits.square().sum() + output.value.square().sum()
        found.append(torch.autograd.grad(loss, list(organism.learnt().values())))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8 * max(1.0, float(theirs.abs().max())))


@pytest.mark.parametrize("which", ["counts", "output_counts"])
def test_a_gradient_through_counts_is_refused_and_not_zero(which: str) -> None:
    config = NetworkConfig(input_features=3, init_hidden=5, hidden_bias=0.8)
    organism = Decision(config, 0, torch.ones(2, 3, dtype=torch.float64), carried=False).organism(NumbaEngine())
    output, _ = organism(torch.ones(2, 3, dtype=torch.float64))
    with pytest.raises(ConfigError, match=r'no gradient flows through spike counts.*engine="torch"'):
        (output.logits.sum() + getattr(output, which).sum()).backward()
