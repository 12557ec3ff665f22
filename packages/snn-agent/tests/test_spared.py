"""Protected neurons live on as they are, whatever rules there are; surgery refuses what would touch them."""

from __future__ import annotations

import dataclasses
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from plasticity_cases import context_of, on_a_grid, organism_of, same, snapshot
from torch import Tensor

from snn_agent import GrowingSparseSNN, LearningConfig, StructureConfig
from snn_agent.config import BIRTH_NAMES
from snn_agent.errors import ConfigError
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.network.topology import NeuronWeights
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import StructuralContext
from snn_agent.plasticity.growth import PeriodicGrowth
from snn_agent.plasticity.pruning import LowRatePruning, LowUtilityPruning
from snn_agent.plasticity.recycling import Recycling
from snn_agent.plasticity.registry import PRUNING, RECYCLING, make_rules
from snn_agent.plasticity.rewiring import BEGINNINGS
from snn_agent.training.agent import Agent

KEPT = {"incoming": 1, "bias": 0, "threshold": 0, "synapses": 1}
"""What of a protected neuron never changes, with the neuron axis."""
SOME = torch.tensor([True, False, True, False, False, True])
EACH = {
    "low_rate": {"pruning": "low_rate", "prune_quiet_share": 0.0, "prune_rate_threshold": 1.0},
    "low_utility": {"pruning": "low_utility", "prune_share": 1.0},
    "utility_per_joule": {"pruning": "utility_per_joule", "prune_share": 1.0},
    "magnitude": {"pruning": "magnitude", "prune_share": 1.0},
    "replay": {"pruning": "replay", "schedule": ((1, 0, 6),)},
    "dormant": {"recycling": "dormant", "recycle_share": 1.0, "dormant_threshold": 1.0},
    "useless": {"recycling": "low_utility", "recycle_share": 1.0},
    "set": {"rewiring": "set", "rewire_share": 1.0},
    "rigl": {"rewiring": "rigl", "rewire_share": 1.0},
    "deep_r": {"rewiring": "deep_r", "rewire_share": 1.0},
    "homeostasis": {"homeostasis_rate": 1.0, "homeostasis_gain": 1.0},
    "scaling": {"synaptic_limit": 0.01},
    "shrink_perturb": {"shrink": 0.5, "perturb": 0.5},
}
"""Options that make each rule change every neuron that it may."""


def kept(organism: GrowingSparseSNN, who: Tensor) -> dict[str, Tensor]:
    return {name: getattr(organism, name).detach().index_select(axis, who).clone() for name, axis in KEPT.items()}


def rule_of(options: dict[str, Any]) -> Any:
    intervals = {f"{what}_interval": 1 for what in ("grow", "prune", "recycle", "rewire", "shrink")}
    quiet = {"growth": "none", "pruning": "none", "interval_unit": "updates", "maturity_updates": 1}
    (rule,) = make_rules(StructureConfig(**quiet | intervals | options))
    return rule


def restless(protected: Tensor) -> StructuralContext:
    """Half of the synapses, all of which have changed their sign, and equal rates: every rule has what to change."""
    organism = organism_of(6, inputs=8, input_density=0.5, min_hidden=1)
    with torch.no_grad():
        organism.incoming.neg_()
    organism.protected.copy_(protected)
    return context_of(organism, progress=0.0, rate=torch.full((6,), 0.125))


# --- every rule spares them -------------------------------------------------------------------------------------------


def test_each_rule_that_changes_neurons_is_among_them() -> None:
    named = {rule_of(options).name for options in EACH.values()}
    configured = [{"pruning": name} for name in PRUNING] + [{"recycling": name} for name in RECYCLING]
    configured += [{"rewiring": name} for name in BEGINNINGS]
    assert named >= {rule_of(options).name for options in configured}
    assert len(named) == len(EACH) == len(configured) + 3


@pytest.mark.parametrize("name", sorted(EACH))
@given(st.lists(st.booleans(), min_size=6, max_size=6).filter(lambda mask: not all(mask)))
def test_a_rule_changes_all_but_the_protected(name: str, mask: list[bool]) -> None:
    rule, protected = rule_of(EACH[name]), torch.tensor(mask)
    context = restless(protected)
    organism = context.organism
    free, spared = torch.nonzero(~protected).squeeze(1), torch.nonzero(protected).squeeze(1)
    before, others = kept(organism, spared), kept(organism, free)
    edit, _ = rule.propose(rule.init(), context)
    assert edit is not None
    organism.protected.fill_(False)  # so that surgery does what the rule says, whatever it is
    keep = operate(edit, organism).keep
    if edit.n_dying:
        least = 0 if edit.n_born else 1
        assert len(keep) == max(least, len(spared))
        assert set(keep.tolist()) >= set(spared.tolist())
        assert same(before, kept(organism, torch.nonzero(protected[keep]).squeeze(1)))
    else:
        assert same(before, kept(organism, spared))
        assert not same(others, kept(organism, free)), "the case shows too little"


@pytest.mark.parametrize("birth", BIRTH_NAMES)
@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_birth_changes_nobody_and_protects_nobody(birth: str, mask: list[bool]) -> None:
    context = restless(torch.tensor(mask))
    organism = context.organism
    before = kept(organism, torch.arange(6))
    rule = rule_of({"growth": "periodic", "birth": birth, "growth_size": 3})
    edit, _ = rule.propose(rule.init(), context)
    assert edit is not None, "even where all are protected"
    operate(edit, organism)
    assert same(before, kept(organism, torch.arange(6)))
    assert organism.protected.tolist() == [*mask, False, False, False]


@pytest.mark.parametrize("name", sorted(EACH))
def test_where_all_are_protected_there_is_nothing_to_change(name: str) -> None:
    rule, context = rule_of(EACH[name]), restless(torch.ones(6, dtype=torch.bool))
    before = context.generator.get_state()
    assert rule.propose(rule.init(), context)[0] is None
    assert torch.equal(context.generator.get_state(), before)
    assert rule.propose(rule.init(), restless(SOME))[0] is not None, "the case shows too little"


def test_a_threshold_out_of_range_is_not_drawn_back() -> None:
    context = restless(SOME)
    context.organism.threshold.mul_(5.0)
    rule = rule_of(EACH["homeostasis"])
    edit, _ = rule.propose(rule.init(), context)
    assert edit is not None
    assert (edit.threshold[SOME] == 5.0).all()
    assert (edit.threshold[~SOME] == 2.0).all()


def test_an_agent_that_does_everything_at_once_keeps_them() -> None:
    """Deaths, births, rewiring and regulation one after the other, for many updates."""
    organism = organism_of(12, inputs=8, max_hidden=20, min_hidden=2, input_density=0.5)
    with torch.no_grad():
        organism.incoming.neg_()
    options = {name: value for options in EACH.values() for name, value in options.items() if name != "schedule"}
    options |= {"growth": "periodic", "birth": "split", "growth_size": 3, "recycling": "dormant", "synaptic_limit": 1.0}
    options |= {"pruning": "low_utility", "prune_share": 0.2, "recycle_share": 0.2, "rewire_share": 0.3}
    intervals = {f"{what}_interval": 1 for what in ("grow", "prune", "recycle", "rewire", "shrink")}
    config = StructureConfig(**options | intervals, maturity_updates=1, interval_unit="updates")
    agent = Agent(organism, LearningConfig(), config, seed=0)
    spared = torch.arange(0, 12, 3)
    organism.protected[spared] = True
    before, context = kept(organism, spared), context_of(organism)
    rules = set()
    for _ in range(15):
        agent.counters.update += 1
        agent.record_activity(organism(context.observations)[0].counts.mean(dim=0) / organism.config.ticks)
        rules |= {event.rule for event in agent.restructure((), context.experience, 0.1)}
    assert rules == {"low_utility_pruning", "dormant_recycling", "periodic_growth", "deep_r_rewiring"}
    assert agent.statistics.id[organism.protected].tolist() == spared.tolist()
    assert same(before, kept(organism, torch.nonzero(organism.protected).squeeze(1)))
    assert agent.next_id > 40
    assert set(agent.statistics.id.tolist()) & set(range(12)) == set(spared.tolist()), "of the founders no others live"


# --- numbers and shares -----------------------------------------------------------------------------------------------


def context_with(protected: int, hidden: int = 10, floor: int = 2, **changes: Any) -> StructuralContext:
    """The last so many are protected."""
    organism = organism_of(hidden, min_hidden=floor)
    organism.protected[hidden - protected :] = True
    return context_of(organism, **changes)


def deaths(rule: Any, context: StructuralContext) -> list[int]:
    edit, _ = rule.propose(rule.init(), context)
    return [] if edit is None else edit.dying.tolist()


def test_a_share_is_one_of_the_unprotected() -> None:
    least = torch.arange(10.0)
    for protected, n in ((0, 5), (2, 4), (5, 2), (8, 1), (9, 0)):
        context = context_with(protected, utility=least, rate=least)
        assert deaths(LowUtilityPruning(share=0.5), context) == list(range(n))
        assert deaths(Recycling(method="low_utility", share=0.5), context) == list(range(n))


def test_the_quiet_are_compared_with_the_unprotected() -> None:
    rate = torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    assert deaths(LowRatePruning(quiet_share=0.3), context_with(4, rate=rate)) == [0, 1]  # 2 of 6
    assert deaths(LowRatePruning(quiet_share=0.4), context_with(4, rate=rate)) == []


def test_the_floor_counts_the_protected_too() -> None:
    everybody = LowUtilityPruning(share=1.0)
    assert deaths(everybody, context_with(6, floor=8, utility=torch.arange(10.0))) == [0, 1]
    assert deaths(everybody, context_with(6, floor=2, utility=torch.arange(10.0))) == [0, 1, 2, 3]


def test_the_dormant_are_compared_with_the_whole_layer() -> None:
    rate = torch.tensor([0.01, 0.1, 0.1, 0.1, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5])  # mean 0.291, of the first five 0.082
    context = context_with(5, rate=rate)
    assert context.mean_rate() == pytest.approx(0.291)
    assert deaths(Recycling(share=1.0, threshold=0.35), context) == [0, 1, 2, 3, 4]
    assert deaths(Recycling(share=1.0, threshold=0.34), context) == [0]


# --- parents ----------------------------------------------------------------------------------------------------------


def test_a_protected_neuron_may_be_a_parent() -> None:
    """It gives away a share of its outgoing weights, and nothing that anybody computes changes."""
    organism = on_a_grid(organism_of(readout="drive", ticks=16, hidden_bias=0.5))
    organism.protected[2] = True
    utility = torch.zeros(6).index_fill(0, torch.tensor(2), 1.0)
    rule = PeriodicGrowth(plan=BirthPlan(size=2, birth="split"))
    edit, _ = rule.propose(rule.init(), context_of(organism, utility=utility))
    assert edit is not None
    assert edit.parents.tolist() == [2, 2]
    observations = torch.randint(0, 5, (40, 5), generator=torch.Generator().manual_seed(0)).float() / 4
    before = snapshot(organism)
    with torch.no_grad():
        heard = organism(observations)[0]
        operate(edit, organism)
        after = organism(observations)[0]
    assert heard.counts[:, 2].sum() > 0, "the case shows too little"
    torch.testing.assert_close(after.logits, heard.logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(after.value, heard.value, rtol=0, atol=1e-5)
    assert torch.equal(organism.incoming[:, 2], before["incoming"][:, 2])
    assert torch.equal(organism.incoming[:, 6], before["incoming"][:, 2])
    assert not torch.equal(organism.outgoing[2], before["outgoing"][2])
    assert organism.protected.tolist() == [False, False, True, *[False] * 5]


# --- the last line of defence -----------------------------------------------------------------------------------------


def weights_of(organism: GrowingSparseSNN) -> NeuronWeights:
    return NeuronWeights(*(getattr(organism, name).detach().clone() for name in NeuronWeights._fields))


ORGANISM = organism_of(6, input_density=0.6)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"dying": torch.tensor([1, 3, 4])}, r"neurons \[3\] are protected, but would die"),
        ({"incoming_factor": torch.full((6,), 0.5)}, r"neurons \[3, 5\] are protected, but their incoming weights"),
        ({"threshold": torch.full((6,), 1.25)}, r"neurons \[3, 5\] are protected, but their thresholds"),
        ({"synapses": -ORGANISM.synapses}, r"neurons \[3, 5\] are protected, but their synapses"),
        ({"weights": weights_of(ORGANISM)._replace(bias=torch.full((6,), 9.0))}, r"\[3, 5\] .* their biases"),
        (
            {"weights": weights_of(ORGANISM)._replace(incoming=2.0 * ORGANISM.incoming.detach())},
            r"\[3, 5\] .* their incoming weights would change. Leave them out .* or lift their protection",
        ),
    ],
)
def test_surgery_refuses_to_touch_them(change: dict[str, Any], text: str) -> None:
    organism = organism_of(6, input_density=0.6)
    edit = dataclasses.replace(StructuralEdit(rule="careless", reason=""), **change)
    organism.protected[[3, 5]] = True
    before = snapshot(organism)
    with pytest.raises(ConfigError, match=f"careless: .*{text}"):
        operate(edit, organism)
    assert same(before, snapshot(organism))
    organism.protected.fill_(False)
    operate(edit, organism)
    assert not same(before, snapshot(organism)), "without protection it is carried out"


def test_surgery_lets_what_is_not_theirs_and_their_outgoing_weights_change() -> None:
    organism = organism_of(6, input_density=0.6)
    organism.protected[[3, 5]] = True
    before = snapshot(organism)
    others = (~organism.protected).float()
    weights = weights_of(organism)
    edit = StructuralEdit(
        rule="careful",
        reason="",
        dying=torch.tensor([0]),
        outgoing_factor=torch.full((6,), 0.5),
        incoming_factor=1.0 + others,
        threshold=organism.threshold + others,
        weights=weights._replace(bias=weights.bias + others, outgoing=weights.outgoing + 1.0),
    )
    operate(edit, organism)
    assert torch.equal(organism.bias, before["bias"][1:] + others[1:])
    assert torch.equal(organism.incoming, before["incoming"][:, 1:] * (1.0 + others[1:]))
    assert torch.equal(organism.outgoing, 0.5 * (before["outgoing"][1:] + 1.0))
