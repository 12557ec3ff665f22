"""Births: what a newborn does not change, what it can do, and that it can be undone."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from plasticity_cases import context_of, on_a_grid, organism_of, same, snapshot

from snn_agent.config import BIRTH_NAMES, READOUT_NAMES
from snn_agent.errors import ConfigError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.plasticity.births import BIRTHS, BirthPlan
from snn_agent.plasticity.contract import StructuralContext
from snn_agent.types import LayerOutput

PRESERVING = [name for name in BIRTH_NAMES if name != "kaiming_noise"]
"""Births after which the policy is what it was."""


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


def born(birth: str, context: StructuralContext, n: int, target_rate: float | None = None) -> StructuralEdit:
    edit = BirthPlan(size=n, birth=birth, target_rate=target_rate).propose("test", "", context)
    assert edit is not None
    return edit


# --- what does not change ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("birth", PRESERVING)
@given(
    readout=st.sampled_from(READOUT_NAMES),
    seed=st.integers(0, 2**16),
    n=st.integers(1, 9),
    rate=st.sampled_from([None, 0.2]),
)
def test_the_function_is_preserved(readout: str, birth: str, seed: int, n: int, rate: float | None) -> None:
    """Bit for bit, on weights whose sums are exact; neurons differ in their thresholds here."""
    organism = on_a_grid(organism_of(7, seed=seed, readout=readout, incoming_scale=1.0, hidden_bias=0.5))
    generator = torch.Generator().manual_seed(seed)
    organism.threshold.copy_(torch.randint(6, 13, (7,), generator=generator) / 8)
    observations = torch.randint(0, 3, (12, 5), generator=generator).float()
    context = context_of(organism, seed=seed, observations=observations)
    before, before_hidden = organism(observations)[0], hidden_layer(organism, observations)
    assert before.counts.sum() > 0
    edit = born(birth, context, n, None if birth in ("paired", "split") else rate)
    operate(edit, organism)
    if birth == "paired":
        on_a_grid(organism)  # twins remain twins; what split leaves is exact as it is
    after, after_hidden = organism(observations)[0], hidden_layer(organism, observations)
    assert torch.equal(after.logits, before.logits)
    assert torch.equal(after.value, before.value)
    assert torch.equal(after_hidden.spikes[:, :, :7], before_hidden.spikes)
    assert after.counts.shape == (12, 7 + n)
    if edit.parents is not None:
        assert torch.equal(after_hidden.spikes[:, :, 7:], before_hidden.spikes[:, :, edit.parents])
    elif birth == "paired":
        twins = after_hidden.spikes[:, :, 7 : 7 + n // 2 * 2]
        assert torch.equal(twins[:, :, ::2], twins[:, :, 1::2])


@pytest.mark.parametrize("birth", PRESERVING)
@pytest.mark.parametrize("readout", READOUT_NAMES)
def test_the_function_of_the_default_network_is_preserved_up_to_rounding(readout: str, birth: str) -> None:
    organism = GrowingSparseSNN(config=organism_of(readout=readout).config.replace(input_power=11.0), engine="torch")
    observations = (torch.rand(64, 450, generator=torch.Generator().manual_seed(1)) < 11 / 450).float()
    context = context_of(organism, observations=observations)
    before = organism(observations)[0]
    operate(born(birth, context, 32), organism)
    after = organism(observations)[0]
    assert organism.hidden == 96
    torch.testing.assert_close(after.logits, before.logits, rtol=0, atol=2e-6)
    torch.testing.assert_close(after.value, before.value, rtol=0, atol=2e-6)
    assert torch.equal(after.counts[:, :64], before.counts)


def test_the_birth_of_the_original_does_change_the_function() -> None:
    organism = organism_of(7, incoming_scale=1.0, hidden_bias=0.5)
    context = context_of(organism)
    before = organism(context.observations)[0]
    operate(born("kaiming_noise", context, 4), organism)
    assert ((organism(context.observations)[0].logits - before.logits).abs() > 0.1).any()


@pytest.mark.parametrize("birth", BIRTH_NAMES)
@given(seed=st.integers(0, 2**16), n=st.integers(1, 9))
def test_the_death_of_the_newborn_undoes_their_birth(birth: str, seed: int, n: int) -> None:
    """All but what they took from their parents."""
    organism = organism_of(7, seed=seed)
    before = snapshot(organism)
    edit = born(birth, context_of(organism), n, None if birth in ("paired", "split") else 0.3)
    operate(edit, organism)
    assert organism.hidden == 7 + n
    assert not same(before, snapshot(organism))
    operate(StructuralEdit(rule="test", reason="", dying=torch.arange(7, 7 + n)), organism)
    if edit.outgoing_factor is not None:
        before["outgoing"] *= edit.outgoing_factor[:, None]
        before["critic"] *= edit.outgoing_factor
    assert same(before, snapshot(organism))


@pytest.mark.parametrize("birth", BIRTH_NAMES)
@given(seed=st.integers(0, 2**16), density=st.sampled_from([0.05, 0.25, 0.6]))
def test_newborn_have_as_many_synapses_as_others(birth: str, seed: int, density: float) -> None:
    organism = organism_of(7, inputs=20, seed=seed, input_density=density)
    operate(born(birth, context_of(organism, seed=seed), 9), organism)
    kept = max(1, round(20 * density))
    assert ((organism.incoming != 0).sum(dim=0) == kept).all()
    assert ((organism.synapses != 0).sum(dim=0) == kept).all()
    assert torch.equal(organism.synapses.sign(), organism.incoming.sign())


# --- plans ------------------------------------------------------------------------------------------------------------


def test_births_are_truncated_to_the_capacity_left() -> None:
    for hidden, born in ((6, 4), (13, 3), (15, 1)):
        edit = BirthPlan(size=4).propose("test", "", context_of(organism_of(hidden)))
        assert edit is not None
        assert edit.n_born == born
    context = context_of(organism_of(16))
    before = context.generator.get_state()
    assert BirthPlan(size=4).propose("test", "", context) is None
    assert torch.equal(context.generator.get_state(), before)


def test_bad_plans_are_refused() -> None:
    for plan in ({"size": 0}, {"birth": "stork"}, {"target_rate": 0.0}, {"target_rate": 1.1}):
        with pytest.raises(ConfigError, match=next(iter(plan))):
            BirthPlan(**plan)
    with pytest.raises(ConfigError, match="recent decisions"):
        BIRTHS["gradient"](context_of(organism_of(), observations=torch.zeros(0, 5)), 2)
