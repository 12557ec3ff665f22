"""Recycling: who begins a new life, that the size stays, and that nothing of the old life is left."""

from __future__ import annotations

import dataclasses

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from plasticity_cases import context_of, on_a_grid, organism_of
from torch import Tensor
from training_cases import FIXED, copy_of, trainer_for, update

from snn_agent.config import StructureConfig
from snn_agent.config.structure import RECYCLING_NAMES
from snn_agent.errors import ConfigError
from snn_agent.learning import neuron_adam
from snn_agent.network.surgery import operate
from snn_agent.network.topology import incoming_std
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import NoState
from snn_agent.plasticity.recycling import Recycling
from snn_agent.plasticity.registry import RECYCLING, make_rules
from snn_agent.training.agent import Agent


def recycled(rule: Recycling, hidden: int, **changes: Tensor) -> list[int]:
    """Who goes."""
    edit, _ = rule.propose(NoState(), context_of(organism_of(hidden, max_hidden=200), **changes))
    return [] if edit is None else edit.dying.tolist()


# --- who --------------------------------------------------------------------------------------------------------------


def test_the_dormant_are_those_below_a_share_of_the_mean_rate() -> None:
    rate = torch.tensor([0.05, 0.1, 0.4, 0.0, 0.25, 0.4])  # mean 0.2
    for threshold, who in ((0.0, [3]), (0.2, [3]), (0.25, [0, 3]), (0.49, [0, 3]), (0.5, [0, 1, 3]), (1.2, [0, 1, 3])):
        assert recycled(Recycling(threshold=threshold, share=0.5), 6, rate=rate) == who
    assert recycled(Recycling(threshold=0.25, share=0.5), 6, rate=0.001 * rate) == [0, 3], "whatever the unit"


def test_a_silent_layer_is_dormant() -> None:
    assert recycled(Recycling(share=1.0), 6, rate=torch.zeros(6)) == [0, 1, 2, 3, 4, 5]


def test_no_more_than_a_share_goes_the_worst_first() -> None:
    score = torch.tensor([0.3, 0.1, 0.2, 0.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0])
    for method in ("dormant", "low_utility"):
        for share, who in ((0.0, []), (0.09, []), (0.1, [3]), (0.2, [1, 3]), (0.3, [1, 2, 3])):
            rule = Recycling(method=method, share=share, threshold=0.5)
            assert recycled(rule, 10, rate=score, utility=score) == who
    assert recycled(Recycling(method="low_utility", share=0.5), 10, rate=score, utility=-score) == [4, 5, 6, 7, 8]
    assert recycled(Recycling(share=0.5, threshold=0.5), 10, rate=score, utility=-score) == [0, 1, 2, 3]


def test_the_young_are_left_alone() -> None:
    nothing, age = torch.zeros(6), torch.tensor([9, 10, 0, 10, 11, 9])
    for method in ("dormant", "low_utility"):
        rule = Recycling(method=method, share=1.0, maturity_updates=10)
        assert recycled(rule, 6, rate=nothing, utility=nothing, age=age) == [1, 3, 4]
        assert recycled(dataclasses.replace(rule, maturity_updates=12), 6, rate=nothing, age=age) == []


# --- what changes -----------------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**16),
    method=st.sampled_from(["dormant", "low_utility"]),
    birth=st.sampled_from(["zero_out", "paired", "split", "gradient"]),
)
def test_of_those_who_go_only_their_deviation_from_the_mean_is_lost(seed: int, method: str, birth: str) -> None:
    """The newborn change nothing, so the bound is that of a death: |Δ logit| <= gain · Σ |mean rate − rate|·|w|."""
    organism = on_a_grid(organism_of(8, seed=seed, readout="drive", incoming_scale=1.0, hidden_bias=0.5))
    observations = torch.randint(-1, 4, (40, 5), generator=torch.Generator().manual_seed(seed)).float()
    context = context_of(organism, seed=seed, observations=observations)
    rule = Recycling(method=method, share=0.5, threshold=2.0, plan=BirthPlan(birth=birth))
    edit, _ = rule.propose(NoState(), context)
    assert edit is not None
    assert edit.n_dying == edit.n_born == 4
    with torch.no_grad():
        before = organism(observations)[0]
        deviation = (before.counts / organism.config.ticks - context.rate)[:, edit.dying].abs()
        bound = organism.gain * deviation @ organism.outgoing[edit.dying].abs()
        bound_of_value = deviation @ organism.critic[edit.dying].abs()
        keep = operate(edit, organism).keep
        after = organism(observations)[0]
    assert organism.hidden == 8
    assert torch.equal(after.counts[:, :4], before.counts[:, keep])
    torch.testing.assert_close(after.logits.mean(0), before.logits.mean(0), rtol=0, atol=2e-5)
    torch.testing.assert_close(after.value.mean(), before.value.mean(), rtol=0, atol=1e-5)
    assert ((after.logits - before.logits).abs() <= bound + 1e-4).all()
    assert ((after.value - before.value).abs() <= bound_of_value + 1e-5).all()


def test_without_compensation_the_biases_stay() -> None:
    edit, _ = Recycling(share=0.5, threshold=2.0, compensate=False).propose(NoState(), context_of(organism_of()))
    assert edit is not None
    assert edit.output_shift is edit.critic_shift is None


def test_those_who_go_are_nobodys_parents() -> None:
    """Even if nearly all go, and the others must divide many times."""
    organism = organism_of(6)
    utility = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    rule = Recycling(method="low_utility", share=0.7, plan=BirthPlan(birth="split"))
    edit, _ = rule.propose(NoState(), context_of(organism, utility=utility))
    assert edit is not None
    assert edit.dying.tolist() == [0, 1, 2, 3]
    assert edit.parents.tolist() == [5, 4, 5, 4]
    everybody = dataclasses.replace(rule, share=1.0)
    edit, _ = everybody.propose(NoState(), context_of(organism, utility=utility))
    assert edit.n_dying == 6
    assert edit.parents is None
    operate(edit, organism)
    assert organism.hidden == 6


def test_a_network_below_its_floor_may_recycle() -> None:
    organism = organism_of(4, min_hidden=5)
    edit, _ = Recycling(share=0.5, threshold=2.0).propose(NoState(), context_of(organism))
    operate(edit, organism)
    assert organism.hidden == 4


# --- in the life of an agent ------------------------------------------------------------------------------------------


RECYCLES = {"growth": "none", "pruning": "none", "recycle_interval": 2, "recycle_share": 0.25}


def experienced_agent(structure: StructureConfig = FIXED) -> Agent:
    return update(trainer_for(structure=structure, network={"carry_state": True}), 3).agent


@pytest.mark.parametrize("birth", ["zero_out", "split"])
def test_an_agent_begins_anew_where_it_recycles(birth: str) -> None:
    agent = experienced_agent()
    rule = Recycling(
        method="low_utility", share=0.25, maturity_updates=1, plan=BirthPlan(birth=birth, target_rate=None)
    )
    before, next_id = copy_of(agent.tensors()), agent.next_id
    assert before["learner.count.bias"].min() > 0, "the case shows too little"
    context = context_of(agent.organism, rate=agent.statistics.rate, age=agent.statistics.age)
    edit, _ = rule.propose(NoState(), context)
    event = agent.operate(edit)
    assert (event.size_before, event.size_after) == (12, 12)
    assert event.died == tuple(edit.dying.tolist())
    assert event.born == (next_id, next_id + 1, next_id + 2)
    assert len(event.parents) == (3 if birth == "split" else 0)
    after = agent.tensors()
    keep = [neuron for neuron in range(12) if neuron not in edit.dying.tolist()]
    assert torch.equal(after["statistics.id"], torch.tensor([*keep, *event.born]))
    for name in ("age", "rate", "utility"):
        assert not after[f"statistics.{name}"][9:].any()
    for name, tensor in after.items():
        if name.startswith("learner.") and 12 in tensor.shape:
            axis = tensor.shape.index(12)
            assert not tensor.narrow(axis, 9, 3).any(), name
            kept = before[name].index_select(axis, torch.tensor(keep))
            assert torch.equal(tensor.narrow(axis, 0, 9), kept), name


@pytest.mark.parametrize("birth", ["zero_out", "paired", "gradient"])
def test_the_first_step_of_the_newborn_is_that_of_a_fresh_network(birth: str) -> None:
    """Same gradients, same weights, but the one optimizer has a history."""
    agent = experienced_agent()
    rule = Recycling(method="low_utility", share=0.25, maturity_updates=1, plan=BirthPlan(birth=birth))
    context = context_of(agent.organism, rate=agent.statistics.rate, age=agent.statistics.age)
    edit, _ = rule.propose(NoState(), context)
    agent.operate(edit)
    organism, generator = agent.organism, torch.Generator().manual_seed(0)
    start = {name: parameter.detach().clone() for name, parameter in organism.learnt().items()}
    gradients = {name: torch.randn(tensor.shape, generator=generator) for name, tensor in start.items()}
    axes = agent.learner.adam.axes
    fresh = {name: tensor.clone() for name, tensor in start.items()}
    neuron_adam.update(gradients, neuron_adam.init(fresh, axes), fresh, lr=0.01)
    neuron_adam.update(gradients, agent.learner.adam, start, lr=0.01)
    differ = []
    for name, axis in axes.items():
        if axis is not None:
            assert torch.equal(start[name].narrow(axis, 9, 3), fresh[name].narrow(axis, 9, 3)), name
            differ.append(not torch.equal(start[name].narrow(axis, 0, 9), fresh[name].narrow(axis, 0, 9)))
    assert all(differ), "the survivors' history must show, or the case shows too little"


@pytest.mark.parametrize("method", sorted(RECYCLING))
def test_a_run_recycles(method: str) -> None:
    structure = StructureConfig(
        recycling=method, dormant_threshold=1.0, maturity_updates=2, interval_unit="updates", **RECYCLES
    )
    trainer = update(trainer_for(structure=structure), 7)
    agent = trainer.agent
    assert agent.organism.hidden == 12
    assert agent.next_id > 12
    assert len(set(agent.statistics.id.tolist())) == 12
    fresh = incoming_std(agent.organism.config)
    young = agent.statistics.id >= 12
    assert 0.3 * fresh < float(agent.organism.incoming.detach()[:, young].std()) < 3 * fresh


# --- by name ----------------------------------------------------------------------------------------------------------


def test_the_names_of_the_config_are_those_of_the_registry() -> None:
    assert set(RECYCLING_NAMES) == {"none", *RECYCLING}


@pytest.mark.parametrize("method", sorted(RECYCLING))
def test_options_of_the_config_reach_the_rule(method: str) -> None:
    config = StructureConfig(
        recycling=method,
        recycle_share=0.3,
        dormant_threshold=0.4,
        maturity_updates=7,
        compensate=False,
        birth="gradient",
        newborn_rate=0.2,
        growth_size=5,
    )
    plan = BirthPlan(size=5, birth="gradient", target_rate=0.2)
    assert RECYCLING[method](config) == Recycling(
        method=method, share=0.3, threshold=0.4, maturity_updates=7, compensate=False, plan=plan
    )


def test_recycling_stands_between_pruning_and_growth() -> None:
    config = StructureConfig(
        pruning="magnitude", recycling="dormant", growth="periodic", recycle_interval=3, interval_unit="updates"
    )
    rules = make_rules(config)
    assert [rule.name for rule in rules] == ["magnitude_pruning", "dormant_recycling", "periodic_growth"]
    context = context_of(organism_of(50, max_hidden=60), rate=torch.zeros(50))
    _, recycling, _ = rules
    assert recycling.propose(recycling.init(), context._replace(update=2))[0] is None
    assert recycling.propose(recycling.init(), context._replace(update=3))[0].n_born == 1


def test_bad_values_are_refused() -> None:
    for change in ({"method": "phoenix"}, {"share": 1.5}, {"threshold": -0.1}, {"maturity_updates": -1}):
        with pytest.raises(ConfigError, match=next(iter(change))):
            Recycling(**change)
