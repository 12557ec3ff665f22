"""The laws of structural rules, for every rule of the registry."""

from __future__ import annotations

import json

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from plasticity_cases import (
    EAGER,
    Always,
    configs,
    context_of,
    contexts,
    organism_of,
    reasons_to_grow,
    same,
    snapshot,
    tensors_of,
)

from snn_agent.config import StructureConfig
from snn_agent.errors import CheckpointError
from snn_agent.network.surgery import operate
from snn_agent.plasticity.compose import cool_down, every, limit, votes
from snn_agent.plasticity.contract import NoState, StructuralContext, state_from_json, state_to_json
from snn_agent.plasticity.registry import GROWTH, PRUNING, make_rules


@given(contexts(), configs())
def test_edits_fit_the_network(context: StructuralContext, config: StructureConfig) -> None:
    organism = context.organism
    before, hidden = snapshot(organism), organism.hidden
    (rule,) = make_rules(config)
    edit, _ = rule.propose(rule.init(), context)
    if edit is None:
        return
    if config.recycling != "none":
        assert edit.n_born == edit.n_dying > 0
        assert edit.n_born <= config.recycle_share * hidden + 1e-6
    elif config.growth == config.pruning == "none":  # rewiring and regulation
        assert edit.n_born == edit.n_dying == 0
        assert edit.is_structural == (config.rewiring != "none")
    else:
        assert (edit.n_born > 0) != (edit.n_dying > 0)
        replayed = sum(born for step, born, _ in config.schedule if step <= context.env_step)
        assert edit.n_born <= (replayed if config.growth == "replay" else config.growth_size)
        assert edit.n_dying == 0 or hidden - edit.n_dying >= organism.config.min_hidden
    assert edit.rule == rule.name
    assert edit.reason
    if edit.n_dying:
        assert edit.dying is not None
        assert (context.age[edit.dying] >= max(1, config.maturity_updates)).all(), "the immature survive"
        assert edit.dying.tolist() == sorted(set(edit.dying.tolist()))
    assert hidden - edit.n_dying + edit.n_born <= organism.config.max_hidden
    if edit.parents is not None:
        assert edit.dying is None or not set(edit.parents.tolist()) & set(edit.dying.tolist())
    resizing = operate(edit, organism)  # surgery refuses whatever does not fit
    assert organism.hidden == len(resizing.keep) + edit.n_born
    after = snapshot(organism)
    for name in ("input_sum", "input_square_sum", "input_count", "gain"):
        assert torch.equal(after[name], before[name])
    assert (after["incoming"][after["synapses"] == 0] == 0).all()
    if edit.is_structural and edit.synapses is None:
        assert torch.equal(after["incoming"][:, : len(resizing.keep)], before["incoming"][:, resizing.keep])


@given(contexts(), configs())
def test_same_generator_same_edit(context: StructuralContext, config: StructureConfig) -> None:
    (rule,) = make_rules(config)
    before = context.generator.get_state()
    first, first_state = rule.propose(rule.init(), context)
    assert first is not None or torch.equal(context.generator.get_state(), before)
    context.generator.set_state(before)
    second, second_state = rule.propose(rule.init(), context)
    assert first_state == second_state
    assert (first is None) == (second is None)
    assert all(torch.equal(a, b) for a, b in zip(tensors_of(first), tensors_of(second), strict=True))


@given(contexts(), configs())
def test_proposing_changes_nothing(context: StructuralContext, config: StructureConfig) -> None:
    (rule,) = make_rules(config)
    organism, state = context.organism, rule.init()
    before, draws, written = snapshot(organism), organism.draws.get_state(), state_to_json(state)
    seen = [part.clone() for part in context if isinstance(part, torch.Tensor)]
    parameters = dict(organism.named_parameters())
    edit, _ = rule.propose(state, context)
    assert same(before, snapshot(organism))
    assert torch.equal(draws, organism.draws.get_state())
    assert all(parameters[name] is parameter for name, parameter in organism.named_parameters())
    now = [part for part in context if isinstance(part, torch.Tensor)]
    assert all(torch.equal(a.nan_to_num(-1), b.nan_to_num(-1)) for a, b in zip(seen, now, strict=True))
    assert state_to_json(state) == written
    assert not any(tensor.requires_grad for tensor in tensors_of(edit))


@given(configs(), st.lists(contexts(), min_size=1, max_size=4))
def test_states_survive_json(config: StructureConfig, life: list[StructuralContext]) -> None:
    (rule,) = make_rules(config)
    state = rule.init()
    for context in life:
        _, state = rule.propose(state, context)
        text = json.dumps(state_to_json(state), allow_nan=False)
        back = state_from_json(rule.init(), json.loads(text))
        assert back == state
        assert type(back) is type(state)


@pytest.mark.parametrize("name", sorted(GROWTH))
def test_every_growth_rule_grows(name: str) -> None:
    easy = {"saturation_threshold": 0.0, "gradient_threshold": 0.0, "schedule": ((1, 3, 0),)}
    (rule,) = make_rules(StructureConfig(growth=name, pruning="none", growth_size=3, **easy, **EAGER))
    state, born = rule.init(), []
    for context in reasons_to_grow():
        edit, state = rule.propose(state, context)
        born.append(0 if edit is None else edit.n_born)
    assert born[-1] == 3 or (name == "replay" and born == [3, 0])


@pytest.mark.parametrize("name", sorted(PRUNING))
def test_every_pruning_rule_prunes(name: str) -> None:
    config = StructureConfig(growth="none", pruning=name, prune_share=0.5, schedule=((1, 0, 3),), **EAGER)
    (rule,) = make_rules(config)
    organism = organism_of()
    with torch.no_grad():
        organism.outgoing[[0, 1, 3]] *= 0.01
    edit, _ = rule.propose(rule.init(), context_of(organism, rate=torch.tensor([0, 0, 0.1, 0, 0.1, 0.1])))
    assert edit is not None
    assert edit.dying is not None
    assert edit.n_dying == 3
    assert edit.dying.tolist() == [0, 1, 3] or name == "replay"  # by lot


def test_a_state_of_other_rules_is_refused() -> None:
    always = Always()
    written = state_to_json(votes(always, 2).init())
    for rule in (limit(always, 1), every(votes(always, 2), 1), cool_down(always, 1), always):
        with pytest.raises(CheckpointError, match="rule's state"):
            state_from_json(rule.init(), written)
    with pytest.raises(CheckpointError, match="rule's state"):
        state_from_json(votes(always, 2).init(), {**written, "votes": {"passed": 1}})
    assert state_from_json(NoState(), {}) == NoState()


def test_neurons_of_age_0_count_for_nothing() -> None:
    context = context_of(organism_of(), rate=torch.tensor([0.0, 0.2, 0.4, 0.0, 0.0, 0.0]))
    newly = context._replace(age=torch.tensor([0, 1, 1, 0, 0, 0]))
    assert newly.mean_rate() == pytest.approx(0.3)
    assert newly.mature(0).tolist() == newly.mature(1).tolist() == [False, True, True, False, False, False]
    assert newly._replace(age=torch.zeros(6, dtype=torch.int64)).mean_rate() is None
