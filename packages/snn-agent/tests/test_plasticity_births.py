"""Births: what a newborn does not change, what it can do, and that it can be undone."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from plasticity_cases import context_of, on_a_grid, organism_of, same, snapshot

from snn_agent.config import BIRTH_NAMES, READOUT_NAMES
from snn_agent.errors import ConfigError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.network.topology import NeuronWeights, incoming_std
from snn_agent.plasticity.births import BIRTHS, BirthPlan, calibrate
from snn_agent.types import LayerOutput


def hidden_layer(organism: GrowingSparseSNN, observations: torch.Tensor) -> LayerOutput:
    """What the hidden neurons do in a decision, with every spike."""
    with torch.no_grad():
        return organism.engine.run(
            organism.drive(observations),
            organism.initial_state(len(observations)).hidden,
            organism.config.ticks,
            organism.lif,
            surrogate=organism.surrogate,
            reset_gradient=True,
            threshold=organism.threshold,
            record=True,
        )


@pytest.mark.parametrize("readout", READOUT_NAMES)
@given(seed=st.integers(0, 2**16), n=st.integers(1, 9), share=st.sampled_from([None, 0.5]))
def test_zero_out_preserves_the_function(readout: str, seed: int, n: int, share: float | None) -> None:
    organism = on_a_grid(organism_of(7, seed=seed, readout=readout, incoming_scale=1.0, hidden_bias=0.5))
    observations = torch.randint(0, 3, (12, 5), generator=torch.Generator().manual_seed(seed)).float()
    context = context_of(organism, seed=seed, observations=observations)
    before, before_hidden = organism(observations)[0], hidden_layer(organism, observations)
    assert before.counts.sum() > 0
    edit = BirthPlan(size=n, target_rate=share).propose("test", "", context)
    operate(edit, organism)
    after, after_hidden = organism(observations)[0], hidden_layer(organism, observations)
    assert torch.equal(after.logits, before.logits)
    assert torch.equal(after.value, before.value)
    assert torch.equal(after_hidden.spikes[:, :, :7], before_hidden.spikes)
    assert after.counts.shape == (12, 7 + n)


@pytest.mark.parametrize("readout", READOUT_NAMES)
def test_zero_out_preserves_the_function_of_the_default_network(readout: str) -> None:
    organism = GrowingSparseSNN(config=organism_of(readout=readout).config.replace(input_power=11.0), engine="torch")
    observations = (torch.rand(64, 450, generator=torch.Generator().manual_seed(1)) < 11 / 450).float()
    context = context_of(organism, observations=observations)
    before = organism(observations)[0]
    operate(BirthPlan(size=32).propose("test", "", context), organism)
    after = organism(observations)[0]
    assert organism.hidden == 96
    torch.testing.assert_close(after.logits, before.logits, rtol=0, atol=1e-6)
    torch.testing.assert_close(after.value, before.value, rtol=0, atol=1e-6)
    assert torch.equal(after.counts[:, :64], before.counts)


@pytest.mark.parametrize("birth", BIRTH_NAMES)
@given(seed=st.integers(0, 2**16), n=st.integers(1, 9))
def test_the_death_of_the_newborn_undoes_their_birth(birth: str, seed: int, n: int) -> None:
    organism = organism_of(7, seed=seed)
    before = snapshot(organism)
    operate(BirthPlan(size=n, birth=birth, target_rate=0.3).propose("test", "", context_of(organism)), organism)
    assert organism.hidden == 7 + n
    assert not same(before, snapshot(organism))
    operate(StructuralEdit(rule="test", reason="", dying=torch.arange(7, 7 + n)), organism)
    assert same(before, snapshot(organism))


def test_births_have_the_documented_spread() -> None:
    organism = organism_of(6, inputs=200, actions=4, input_power=11.0, incoming_scale=0.5, max_hidden=4000)
    with torch.no_grad():
        organism.incoming.mul_(30)  # grown in training: the newborn must not care
    n = 2000
    zero, factor = BIRTHS["zero_out"](context_of(organism, seed=1), n)
    assert factor is None
    assert float(zero.incoming.std()) == pytest.approx(incoming_std(organism.config), rel=0.01)
    assert incoming_std(organism.config) == pytest.approx(0.5 * math.sqrt(2 / 11))
    assert not zero.outgoing.any()
    assert not zero.critic.any()
    original, factor = BIRTHS["kaiming_noise"](context_of(organism, seed=1), n)
    assert factor is None
    assert float(original.incoming.std()) == pytest.approx(math.sqrt(2 / 200 + 0.1**2), rel=0.01)
    assert float(original.outgoing.std()) == pytest.approx(math.sqrt(2 / n + 0.1**2), rel=0.03)
    assert not original.critic.any()
    assert (original.bias == organism.config.hidden_bias).all()


@pytest.mark.parametrize("birth", BIRTH_NAMES)
def test_births_draw_from_the_stream_of_structure(birth: str) -> None:
    context = context_of(organism_of(), seed=1)
    first, second = (BIRTHS[birth](context, 3).weights.incoming for _ in range(2))
    other = BIRTHS[birth](context_of(organism_of(), seed=2), 3).weights.incoming
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)


def test_births_are_truncated_to_the_capacity_left() -> None:
    for hidden, born in ((6, 4), (13, 3), (15, 1)):
        edit = BirthPlan(size=4).propose("test", "", context_of(organism_of(hidden)))
        assert edit is not None
        assert edit.n_born == born
    context = context_of(organism_of(16))
    before = context.generator.get_state()
    assert BirthPlan(size=4).propose("test", "", context) is None
    assert torch.equal(context.generator.get_state(), before)


@given(
    seed=st.integers(0, 2**16),
    share=st.sampled_from([0.01, 0.05, 0.1, 0.29, 0.5, 0.999, 1.0]),
    n=st.integers(1, 100),
    ticks=st.integers(1, 20),
    scaling=st.sampled_from(["none", "standardise"]),
)
def test_calibrated_newborns_spike_on_their_share(seed: int, share: float, n: int, ticks: int, scaling: str) -> None:
    """The oracle is the engine: the newborn alone, with a spike counter."""
    organism = organism_of(6, seed=seed, ticks=ticks, input_scaling=scaling, max_hidden=30)
    observations = torch.randn(n, 5, generator=torch.Generator().manual_seed(seed)) * 3 + 1
    organism.see(observations)
    context = context_of(organism, seed=seed, observations=observations)
    operate(BirthPlan(size=20, target_rate=share).propose("test", "", context), organism)
    spikes = hidden_layer(organism, observations).counts[:, 6:] > 0
    assert (spikes.sum(dim=0) >= math.ceil(share * n - 1e-9)).all()
    drive = organism.drive(observations)[:, 6:].detach().sort(dim=0, descending=True).values
    apart = (
        torch.cat([drive[:-1] - drive[1:], torch.ones(1, 20)])[math.ceil(share * n - 1e-9) - 1]
        > 0.01 * drive.abs().max()
    )
    assert (spikes.sum(dim=0)[apart] == math.ceil(share * n - 1e-9)).all()


def test_calibration_wakes_silent_newborns() -> None:
    organism = organism_of(6, hidden_bias=-3.0)
    context = context_of(organism)
    weights = BIRTHS["zero_out"](context, 5).weights
    calibrated = calibrate(weights, context, 0.25)
    for name in ("incoming", "outgoing", "critic"):
        assert torch.equal(getattr(calibrated, name), getattr(weights, name))
    operate(StructuralEdit(rule="test", reason="", newborn=calibrated), organism)
    counts = organism(context.observations)[0].counts
    assert not counts[:, :6].any()
    assert ((counts[:, 6:] > 0).sum(dim=0) == 4).all()


def test_equal_observations_are_all_or_nothing() -> None:
    organism = organism_of(6)
    context = context_of(organism, observations=torch.ones(10, 5))
    operate(BirthPlan(size=8, target_rate=0.1).propose("test", "", context), organism)
    assert (organism(context.observations)[0].counts[:, 6:] > 0).all()


def test_bad_plans_are_refused() -> None:
    for plan in ({"size": 0}, {"birth": "stork"}, {"target_rate": 0.0}, {"target_rate": 1.1}):
        with pytest.raises(ConfigError, match=next(iter(plan))):
            BirthPlan(**plan)
    context = context_of(organism_of(), observations=torch.zeros(0, 5))
    weights = NeuronWeights(torch.zeros(5, 1), torch.zeros(1), torch.zeros(1, 3), torch.zeros(1))
    with pytest.raises(ConfigError, match="observations"):
        calibrate(weights, context, 0.5)
    with pytest.raises(ConfigError, match="target_rate"):
        calibrate(weights, context, 0.0)
