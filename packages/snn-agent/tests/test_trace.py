"""A decision tick by tick is the decision, and its ticks are those of the equations."""

from __future__ import annotations

import pytest
import torch
from fused_cases import Decision, decisions
from hypothesis import assume, given

from snn_agent import GrowingSparseSNN, NetworkConfig
from snn_agent.engine.contract import Engine
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.network.decision import drive_of
from snn_agent.network.trace import trace
from snn_agent.neurons.lif import lif_step
from snn_agent.types import LIFState, OrganismState

ENGINES = [TorchEngine(), NumbaEngine()]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


def start(case: Decision, organism: GrowingSparseSNN) -> OrganismState:
    return case.state() or organism.initial_state(len(case.observation))


@every_engine
@given(case=decisions())
def test_each_tick_follows_the_equations(engine: Engine, case: Decision) -> None:
    assume(case.closest_approach() > 1e-10)
    organism = case.organism(engine)
    organism.config = organism.config.replace(carry_state=True)
    seen = trace(organism, case.observation, case.state())
    drive, state = drive_of(organism, case.observation).detach(), start(case, organism).hidden
    outputs = start(case, organism).output
    for tick in range(organism.config.ticks):
        x = drive if drive.dim() == 2 else drive[tick]
        z, state = lif_step(x, LIFState(*state), organism.lif, threshold=organism.threshold)
        assert torch.equal(seen.spikes[tick], z > 0)
        torch.testing.assert_close(seen.potentials[tick], state.v, rtol=1e-10, atol=1e-10)
        if seen.output_spikes is not None:
            entering = (z @ organism.outgoing + organism.output_bias).detach()
            fired, outputs = lif_step(entering, LIFState(*outputs), organism.lif)
            assert torch.equal(seen.output_spikes[tick], fired > 0)


@every_engine
@given(case=decisions())
def test_it_decides_as_the_organism_does(engine: Engine, case: Decision) -> None:
    assume(case.closest_approach() > 1e-10)
    organism = case.organism(engine)
    organism.config = organism.config.replace(carry_state=case.carried)
    with torch.no_grad():
        expected, state = organism(case.observation, case.state())
    seen = trace(organism, case.observation, case.state())
    assert torch.equal(seen.output.counts, expected.counts)
    assert torch.equal(seen.spikes.sum(dim=0).to(expected.counts), expected.counts)
    torch.testing.assert_close(seen.output.logits, expected.logits, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(seen.output.value, expected.value, rtol=1e-9, atol=1e-9)
    if expected.output_counts is not None:
        assert seen.output_spikes is not None
        assert torch.equal(seen.output_spikes.sum(dim=0).to(expected.output_counts), expected.output_counts)
    if case.carried:
        torch.testing.assert_close(seen.state.hidden.v, state.hidden.v, rtol=1e-9, atol=1e-9)


def test_poisson_spikes_are_drawn_once() -> None:
    organism = GrowingSparseSNN(20, 30, config=NetworkConfig(encoding="poisson", readout_gain=5.0), engine="torch")
    twin = GrowingSparseSNN(20, 30, config=NetworkConfig(encoding="poisson", readout_gain=5.0), engine="torch")
    observation = torch.rand(3, 20)
    seen = trace(organism, observation)
    with torch.no_grad():
        expected, _ = twin(observation)  # the same seed, so the same draws
    assert expected.counts.sum() > 0
    assert torch.equal(seen.output.counts, expected.counts)
    torch.testing.assert_close(seen.output.logits, expected.logits)
