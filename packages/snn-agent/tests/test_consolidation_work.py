"""What holding on to earlier tasks costs: by hand, by a walk one operation at a time, and in a life."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from consolidation_cases import memory_of
from hypothesis import assume, given
from ledger_walk import Tally, look, walk
from life_cases import life_for
from plasticity_cases import same, snapshot
from test_ledger_oracle import as_seen, assert_equal, organisms, rollout_of
from torch import Tensor
from training_cases import LEARNING

from snn_agent import ContinualTrainer, GrowingSparseSNN, LearningConfig, NetworkConfig
from snn_agent.config import ContinualConfig
from snn_agent.learning import reinforce_state
from snn_agent.learning.consolidation import NOTHING, Consolidation
from snn_agent.learning.fisher import POLICY
from snn_agent.learning.reinforce import Reinforce
from snn_agent.learning.reinforce_state import HEAD
from snn_agent.metrics.energy import EnergyLedger
from snn_agent.metrics.operations import Work
from snn_agent.training.accounting import account_fisher, account_learning
from snn_agent.training.costs import InputActivity

STATES = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])


def by_hand() -> GrowingSparseSNN:
    """2 inputs, 2 neurons, 2 actions, 2 ticks: the first neuron spikes in every tick, the second one never."""
    config = NetworkConfig(init_hidden=2, min_hidden=1, max_hidden=2, ticks=2, readout="drive", input_power=1.0)
    organism = GrowingSparseSNN(2, 2, 2, 2, config=config, engine="torch")
    with torch.no_grad():
        organism.incoming.copy_(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
        organism.bias.copy_(torch.tensor([1000.0, -1000.0]))
        organism.outgoing.copy_(torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    return organism


def test_the_fisher_information_of_three_states_by_hand() -> None:
    """Three decisions: 2 + 3 + 0 input events, 3·2 output events, 3·2 products with the gain, 3·4 neuron updates."""
    organism = by_hand()
    assert organism(STATES)[0].counts.tolist() == [[2.0, 0.0]] * 3
    forward = Work(acs=5 + 6 + 12 * 4, macs=6 + 12 * 2, words=(5 + 6) * 3 + 6 * 3 + 12 * 5)
    # Backward: an operation for each event, 3 output synapses in 2 ticks of 3 samples, the gain, 12 adjoints.
    to_neurons = 3 * 2 * 3 + 6
    backward = Work(acs=11 + 12 * 3, macs=6 + to_neurons + 12 * 8, words=11 * 3 + (6 + to_neurons) * 3 + 12 * 8)
    squares = Work(macs=3 * (2 + 3 + 2 + 1), words=3 * 3 * (2 + 3 + 2 + 1))
    expected = forward * 2 + backward + squares
    assert expected == Work(acs=165, macs=210, words=513)
    ledger = account_fisher(EnergyLedger(), organism, STATES)
    assert dataclasses.asdict(ledger) == dataclasses.asdict(EnergyLedger(learning=expected))


@pytest.mark.parametrize(("mode", "heads", "held"), [("ewc", 1, 3 * 13), ("online_ewc", 1, 13), ("ewc", 0, 3 * 6)])
def test_the_pull_of_three_tasks_by_hand(mode: str, heads: int, held: int) -> None:
    """13 numbers make the policy: 4 + 2 into the neurons, 4 + 2 out of them, and the gain, which a head may own."""
    organism, past = by_hand(), NOTHING
    for seed in range(3):
        fisher, anchor = memory_of(organism, seed)
        past = past.remember(fisher, anchor, mode=mode, strength=2.0, decay=0.5)
    past = past if heads else past.without(HEAD)
    learner = Reinforce(LEARNING).init(organism)._replace(consolidation=past)
    assert learner.held(organism.synapses) == held
    assert learner._replace(consolidation=past._replace(strength=0.0)).held(organism.synapses) == 0
    assert Reinforce(LEARNING).init(organism).held(organism.synapses) == 0
    learning = LearningConfig(reuse_epochs=4, minibatches=2)  # of 3 samples: 2 and 1, so 8 steps
    rollout = rollout_of(STATES, torch.tensor([6.0, 0.0]), 1)
    inputs = InputActivity.of(organism, STATES)
    plain, pulled = (
        account_learning(EnergyLedger(), organism, learning, rollout, inputs, held=n).learning for n in (0, held)
    )
    assert pulled == plain + Work(acs=8 * held, macs=8 * 2 * held, words=8 * 5 * held)


def test_there_is_nothing_to_pull_at_where_there_is_no_synapse() -> None:
    organism = by_hand()
    organism.synapses[0, 0] = 0
    past = Consolidation(1.0, (memory_of(organism, 0), memory_of(organism, 1)))
    assert past.held(organism.synapses) == 2 * 12


def walk_fisher(tally: Tally, organism: GrowingSparseSNN, observation: Tensor) -> None:
    """Every operation of the measurement."""
    seen = look(organism, observation)
    walk(tally, organism, seen, resent=False, critic=False, learns=False)  # which action is drawn
    walk(tally, organism, seen, resent=False, critic=False, learns=True)
    ternary = all(x in (-1.0, 0.0, 1.0) for row in seen.inputs for x in row)
    for row in seen.inputs:
        squared = [x for x in row if x != 0 and not ternary]
        squared += [weight for to in organism.outgoing.tolist() for weight in to if weight != 0]
        squared += [*organism.bias.tolist(), *organism.output_bias.tolist(), organism.gain.item()]
        for _ in squared:
            tally.mac()


@given(organisms())
def test_the_fisher_information_costs_what_a_walk_through_it_counts(
    case: tuple[GrowingSparseSNN, Tensor, bool],
) -> None:
    organism, observation, as_events = case
    assume(organism.config.encoding == "constant")
    tally = Tally()
    walk_fisher(tally, organism, observation)
    assert_equal(account_fisher(EnergyLedger(), organism, as_seen(observation, as_events)).learning, tally)


def lived(continual: ContinualConfig) -> ContinualTrainer:
    life = life_for(continual, sequence=(0, 1, 0))
    life.train()
    return life


@pytest.mark.parametrize("mode", ["ewc", "online_ewc"])
def test_a_life_pays_for_what_it_holds_on_to(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pull is so weak that no bit of any weight changes, so all that differs is what it costs to have it."""
    tally, steps = Tally(), 60  # 15 updates of two passes of two minibatches
    measure = reinforce_state.fisher

    def measuring(organism: GrowingSparseSNN, observations: Tensor, generator: torch.Generator) -> Any:
        walk_fisher(tally, organism, observations)
        return measure(organism, observations, generator)

    plain = lived(ContinualConfig())
    monkeypatch.setattr(reinforce_state, "fisher", measuring)
    holding = lived(ContinualConfig(consolidation=mode, ewc_strength=1e-30, fisher_samples=7))
    assert same(snapshot(plain.organism), snapshot(holding.organism))
    fisher = tally.acs
    for life in (plain, holding):
        assert int(life.trainer.agent.learner.tensors()["count.output_bias"]) == steps
    for terms in [0] * 20 + [1] * 20 + [2 if mode == "ewc" else 1] * 20:
        for name in POLICY:
            for _ in range(terms * int(getattr(holding.organism, name).numel())):
                tally.acs, tally.macs, tally.words = tally.acs + 1, tally.macs + 2, tally.words + 5
    before, after = plain.trainer.agent.ledger, holding.trainer.agent.ledger
    paid = {unit: getattr(after.learning, unit) - getattr(before.learning, unit) for unit in ("acs", "macs", "words")}
    assert 0 < fisher < tally.acs
    assert_equal(Work(**paid), tally)
    assert dataclasses.replace(after, learning=before.learning) == before
    last = [life.journal.evaluations[-1].joules for life in (plain, holding)]
    assert last[1] - last[0] == pytest.approx(tally.joules("45nm_fp32"))


def test_strength_zero_costs_nothing() -> None:
    ledgers = [
        lived(ContinualConfig(**options)).trainer.agent.ledger
        for options in ({}, {"consolidation": "ewc", "ewc_strength": 0.0})
    ]
    assert ledgers[0] == ledgers[1]
