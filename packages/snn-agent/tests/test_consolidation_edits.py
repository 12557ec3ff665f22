"""What births and deaths do to what earlier tasks ask: a policy that stays is not pulled back, one that changes is."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from consolidation_cases import consolidated
from life_cases import LIVELY
from plasticity_cases import context_of
from test_fisher import actions_of, organism_of, seen_of
from training_cases import FIXED, trainer_for, update

from snn_agent import GrowingSparseSNN
from snn_agent.config import READOUT_NAMES
from snn_agent.errors import ConfigError
from snn_agent.learning.consolidation import NOTHING, Consolidation, Memory
from snn_agent.learning.fisher import POLICY, mean_square_scores
from snn_agent.learning.reinforce import ReinforceState
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import NoState, StructuralContext
from snn_agent.plasticity.pruning import propose_deaths
from snn_agent.plasticity.recycling import Recycling
from snn_agent.training.agent import Agent


def split_of(context: StructuralContext, n: int) -> StructuralEdit:
    edit = BirthPlan(size=n, birth="split").propose("test", "", context)
    assert edit is not None
    return edit


def remembered(organism: GrowingSparseSNN, strength: float = 2.0) -> Consolidation:
    fisher = mean_square_scores(organism, seen_of("dense"), actions_of(organism))
    return NOTHING.remember(fisher, dict(organism.learnt()), mode="ewc", strength=strength, decay=0.0)


def followed(past: Consolidation, edit: StructuralEdit, organism: GrowingSparseSNN) -> Consolidation:
    """After the edit, which is carried out."""
    return past.resize(*operate(edit, organism), edit)


def penalty_of(past: Consolidation, organism: GrowingSparseSNN) -> float:
    return float(past.penalty(dict(organism.learnt()))[0])


@pytest.mark.parametrize("n", [1, 4, 20])
@pytest.mark.parametrize("readout", READOUT_NAMES)
def test_a_divided_network_is_remembered_as_if_it_had_been_divided_before(readout: str, n: int) -> None:
    """The Fisher information that is carried over is the one measured anew, and the anchors are the weights."""
    organism = organism_of(readout=readout)
    past = remembered(organism)
    assert penalty_of(past, organism) == 0.0
    now = followed(past, split_of(context_of(organism, observations=seen_of("dense")), n), organism)
    assert organism.hidden == 9 + n
    fresh = mean_square_scores(organism, seen_of("dense"), actions_of(organism))
    (memory,) = now.memories
    for name in POLICY:
        torch.testing.assert_close(memory.fisher[name], fresh[name], rtol=1e-6, atol=1e-12, msg=name)
        assert torch.equal(memory.anchor[name], getattr(organism, name)), name
    assert fresh["outgoing"][9:].any(), "the case shows too little"
    assert fresh["incoming"][:, 9:].any()
    assert penalty_of(now, organism) == 0.0


def test_a_memory_that_does_not_follow_pulls_a_division_back() -> None:
    """Else the test above would show nothing."""
    organism = organism_of()
    past = remembered(organism)
    edit = split_of(context_of(organism, observations=seen_of("dense")), 4)
    assert penalty_of(past.resize(*operate(edit, organism)), organism) > 1e-3


def test_the_penalty_of_a_division_by_hand() -> None:
    """An input weight that matters 2 and is 3 away from home, an outgoing one that matters 5 and is 2 away from 4.

    The penalty is (2·3² + 5·2²) = 38; of the neuron 3/4 are left, the child has 1/4: (9 + 1)/16 of 38.
    """
    home = {"incoming": torch.tensor([[1.0, 8.0]]), "outgoing": torch.tensor([[4.0], [8.0]])}
    matters = {"incoming": torch.tensor([[2.0, 1.0]]), "outgoing": torch.tensor([[5.0], [1.0]])}
    past = Consolidation(2.0, (Memory(matters, home),))
    assert (
        float(past.penalty({"incoming": torch.tensor([[4.0, 8.0]]), "outgoing": torch.tensor([[6.0], [8.0]])})[0])
        == 38.0
    )
    edit = StructuralEdit(
        rule="test", reason="", parents=torch.tensor([0]), shares=torch.tensor([0.25]),
        outgoing_factor=torch.tensor([0.75, 1.0]),
    )  # fmt: skip
    now = past.resize(torch.tensor([0, 1]), 1, edit)
    weights = {"incoming": torch.tensor([[4.0, 8.0, 4.0]]), "outgoing": torch.tensor([[4.5], [8.0], [1.5]])}
    penalty, pulls = now.penalty(weights)
    assert float(penalty) == 38.0 * (9 + 1) / 16
    # λ·F·a²·(W − W*) and λ·F·a·(V − V*)
    assert pulls["incoming"].tolist() == [[2 * 2 * 9 / 16 * 3, 0.0, 2 * 2 / 16 * 3]]
    assert pulls["outgoing"].tolist() == [[2 * 5 * 0.75 * 2], [0.0], [2 * 5 * 0.25 * 2]]


def test_the_death_of_a_neuron_by_hand() -> None:
    """The output bias matters 3 and is 1 away from home; the neuron spikes in every other tick, with 4 for 2 then.

    Its own penalty of 7·2² goes with it. The bias takes over what the neuron did now and what it did then, ½·4 and
    ½·2, so it is 2 from home: as far as the mean drive was.
    """
    home = {"outgoing": torch.tensor([[2.0], [9.0]]), "output_bias": torch.tensor([0.0])}
    matters = {"outgoing": torch.tensor([[7.0], [1.0]]), "output_bias": torch.tensor([3.0])}
    past = Consolidation(2.0, (Memory(matters, home),))
    before = past.penalty({"outgoing": torch.tensor([[4.0], [9.0]]), "output_bias": torch.tensor([1.0])})[0]
    assert float(before) == 7 * 2**2 + 3 * 1**2
    dying, rate = torch.tensor([0]), torch.tensor([0.5])
    edit = StructuralEdit(rule="test", reason="", dying=dying, dying_rate=rate, output_shift=torch.tensor([2.0]))
    now = past.resize(torch.tensor([1]), 0, edit)
    after = now.penalty({"outgoing": torch.tensor([[9.0]]), "output_bias": torch.tensor([3.0])})[0]
    assert float(after) == 3 * 2**2
    uncompensated = past.resize(torch.tensor([1]), 0, StructuralEdit(rule="test", reason="", dying=dying))
    assert uncompensated.memories[0].anchor["output_bias"].tolist() == [0.0]
    of_heads = past.without(["outgoing", "output_bias"]).resize(torch.tensor([1]), 0, edit)
    assert of_heads.memories == (Memory({}, {}),)


@pytest.mark.parametrize("compensate", [True, False])
def test_a_death_that_is_made_up_for_is_not_pulled_back(compensate: bool) -> None:
    organism = organism_of()
    past = remembered(organism)
    context = context_of(organism, observations=seen_of("dense"))
    edit = propose_deaths("test", "", context, torch.tensor([4, 1, 7]), compensate)
    assert edit is not None
    bias = organism.output_bias.detach().clone()
    now = followed(past, edit, organism)
    moved = float((organism.output_bias - bias).detach().abs().max())
    assert (moved > 0.1) == compensate
    assert penalty_of(now, organism) < 1e-12
    torch.testing.assert_close(
        now.memories[0].anchor["output_bias"], organism.output_bias.detach(), rtol=1e-6, atol=0.0
    )
    assert torch.equal(past.memories[0].anchor["output_bias"], bias), "the old state is as it was"


def lived_agent() -> Agent:
    agent = update(trainer_for(structure=FIXED, network=LIVELY), 3).agent
    assert isinstance(agent.learner, ReinforceState)
    for mode in ("ewc", "ewc"):
        agent.learner = consolidated(agent.organism, agent.learner, mode=mode)
    return agent


def context_in(agent: Agent) -> StructuralContext:
    seen = torch.rand(30, 4, generator=torch.Generator().manual_seed(0))
    return context_of(agent.organism, observations=seen, utility=agent.statistics.utility)


def pulled_in(agent: Agent) -> float:
    assert isinstance(agent.learner, ReinforceState)
    return penalty_of(agent.learner.consolidation, agent.organism)


def test_an_agent_s_edits_are_followed_by_what_its_learner_remembers() -> None:
    """A division, and one in which others die."""
    agent = lived_agent()
    assert pulled_in(agent) == 0.0
    agent.operate(split_of(context_in(agent), 5))
    assert pulled_in(agent) == 0.0
    plan = BirthPlan(birth="split")
    edit, _ = Recycling(method="low_utility", share=0.3, plan=plan).propose(NoState(), context_in(agent))
    assert edit is not None
    assert (edit.n_dying, edit.n_born) == (5, 5)
    assert edit.output_shift is not None
    assert edit.output_shift.any()
    agent.operate(edit)
    assert pulled_in(agent) < 1e-9
    assert isinstance(agent.learner, ReinforceState)
    for memory in agent.learner.consolidation.memories:
        assert memory.fisher["outgoing"][-5:].any()
        assert memory.fisher["incoming"].shape == (4, 17)


def test_edits_that_change_the_policy_are_pulled_back() -> None:
    """The rows of the survivors stay what the old task left, bit for bit, and the newborn are free."""
    agent = lived_agent()
    assert isinstance(agent.learner, ReinforceState)
    before = agent.learner.consolidation.memories
    factor, shift = torch.full((12,), 0.5), torch.tensor([1.0, 2.0])
    agent.operate(
        StructuralEdit(rule="test", reason="", incoming_factor=factor, outgoing_factor=factor, output_shift=shift)
    )
    for old, now in zip(before, agent.learner.consolidation.memories, strict=True):
        for part, after in zip(old, now, strict=True):
            assert all(torch.equal(after[name], tensor) for name, tensor in part.items())
    assert pulled_in(agent) > 1e-3
    birth = BirthPlan(size=3, birth="paired").propose("test", "", context_in(agent))
    assert birth is not None
    pulled = pulled_in(agent)
    agent.operate(birth)
    assert pulled_in(agent) == pytest.approx(pulled, rel=1e-6)
    for memory in agent.learner.consolidation.memories:
        assert not memory.fisher["incoming"][:, 12:].any()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"outgoing_factor": None}, "parents and outgoing_factor"),
        ({"parents": None}, "parents and outgoing_factor"),
        ({"shares": torch.ones(3)}, r"shares has shape \(3,\), but \(2,\) is needed"),
        ({"shares": torch.tensor([0.5, torch.nan])}, "shares has numbers that are not finite"),
        ({"dying_rate": torch.ones(2)}, r"dying_rate has shape \(2,\), but \(0,\) is needed"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], text: str) -> None:
    organism = organism_of()
    edit = dataclasses.replace(split_of(context_of(organism, observations=seen_of("dense")), 2), **change)
    with pytest.raises(ConfigError, match=text):
        operate(edit, organism)
    assert organism.hidden == 9
