"""Homeostasis: thresholds follow rates, weights stay within a norm, and neither is an event."""

from __future__ import annotations

import pytest
import torch
from plasticity_cases import context_of, organism_of

from snn_agent import LearningConfig, StructureConfig
from snn_agent.network.surgery import operate
from snn_agent.network.topology import incoming_std
from snn_agent.plasticity.regulation import HIGHEST, LOWEST, SynapticScaling, ThresholdHomeostasis
from snn_agent.training.agent import Agent


def test_thresholds_move_towards_the_wanted_rate() -> None:
    organism = organism_of(5)
    rate = torch.tensor([0.0, 0.1, 0.3, 0.1, 0.3])
    age = torch.tensor([5, 5, 5, 0, 0])  # what has not been seen is not judged
    context = context_of(organism, rate=rate, age=age)
    edit, _ = ThresholdHomeostasis(rate=0.1, gain=0.5).propose(ThresholdHomeostasis().init(), context)
    assert edit is not None
    assert edit.threshold is not None
    torch.testing.assert_close(edit.threshold, torch.tensor([0.95, 1.0, 1.1, 1.0, 1.0]))


def test_a_real_layer_settles_at_the_wanted_rate() -> None:
    """Each neuron that can: its threshold ends where its rate is the wanted one, or at the end of its range."""
    organism = organism_of(8, hidden_bias=1.2, ticks=20)
    rule, target = ThresholdHomeostasis(rate=0.15, gain=0.2), 0.15
    observations = torch.rand(400, 5, generator=torch.Generator().manual_seed(1))
    start = organism(observations)[0].counts.mean(dim=0) / 20
    for _ in range(400):
        rate = organism(observations)[0].counts.mean(dim=0) / 20
        edit, _ = rule.propose(rule.init(), context_of(organism, rate=rate))
        if edit is not None:
            assert not edit.is_structural
            operate(edit, organism)
    rate = organism(observations)[0].counts.mean(dim=0) / 20
    free = (organism.threshold > LOWEST + 1e-6) & (organism.threshold < HIGHEST - 1e-6)
    assert int(free.sum()) >= 4
    assert (rate[free] - target).abs().max() < 0.01
    assert (start - target).abs().max() > 0.05
    assert (rate[organism.threshold <= LOWEST] <= target).all()
    assert (rate[organism.threshold >= HIGHEST] >= target).all()


def test_thresholds_stay_in_their_range() -> None:
    organism = organism_of(2)
    context = context_of(organism, rate=torch.tensor([0.0, 1.0]))
    edit, _ = ThresholdHomeostasis(rate=0.5, gain=1e3).propose(ThresholdHomeostasis().init(), context)
    assert edit is not None
    assert edit.threshold is not None
    assert edit.threshold.tolist() == [LOWEST, HIGHEST]
    operate(edit, organism)
    again, _ = ThresholdHomeostasis(rate=0.5, gain=1e3).propose(ThresholdHomeostasis().init(), context)
    assert again is None


def test_weights_are_scaled_to_the_limit_and_no_further() -> None:
    organism = organism_of(6, inputs=50, max_hidden=6)
    fresh = incoming_std(organism.config) * 50**0.5
    with torch.no_grad():
        organism.incoming.mul_(torch.tensor([0.1, 1.0, 2.0, 3.0, 5.0, 9.0]))
    before = organism.incoming.detach().clone()
    edit, _ = SynapticScaling(limit=2.5).propose(SynapticScaling().init(), context_of(organism))
    assert edit is not None
    operate(edit, organism)
    after, norm = organism.incoming.detach(), before.norm(dim=0)
    expected = norm.clamp(max=2.5 * fresh)
    torch.testing.assert_close(after.norm(dim=0), expected)
    torch.testing.assert_close(after / after.norm(dim=0), before / norm)  # in the same direction
    assert torch.equal(after[:, :2], before[:, :2])
    assert SynapticScaling(limit=2.6).propose(SynapticScaling().init(), context_of(organism))[0] is None


def test_regulation_is_asked_every_update_and_is_no_event() -> None:
    organism = organism_of(6, hidden_bias=1.5)
    config = StructureConfig(growth="none", pruning="none", homeostasis_rate=0.01, synaptic_limit=0.5)
    agent = Agent(organism, LearningConfig(), config, seed=0)
    agent.record_activity(torch.full((6,), 0.2))
    thresholds = organism.threshold.clone()
    context = context_of(organism)
    assert agent.restructure((), context.experience, 0.0) == []
    assert (organism.threshold > thresholds).all()
    limit = 0.5 * incoming_std(organism.config) * 5**0.5
    assert organism.incoming.detach().norm(dim=0).max() <= limit * (1 + 1e-5)
    assert agent.counters.growth_events == agent.counters.pruning_events == 0
    with pytest.raises(Exception, match="homeostasis_rate"):
        StructureConfig(homeostasis_rate=0.0)
