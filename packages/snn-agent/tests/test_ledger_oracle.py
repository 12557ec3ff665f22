"""The energy ledger against a walk over every tick, synapse, neuron, sample and parameter, one operation at a time."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ledger_walk import Seen, Tally, look, optimize, walk
from torch import Tensor
from training_cases import CHANGING, LEARNING, Songs, trainer_for, update

from snn_agent import AdaptiveTrainer, GrowingSparseSNN, LearningConfig, NetworkConfig, NeuronConfig
from snn_agent.config import READOUT_NAMES
from snn_agent.metrics.energy import ENERGY_MODELS, EnergyLedger
from snn_agent.metrics.operations import Work
from snn_agent.network.events import find_events
from snn_agent.training.accounting import account_acting, account_learning, steps_a_pass
from snn_agent.training.costs import InputActivity, decision_cost
from snn_agent.types import Rollout


def assert_equal(work: Work, tally: Tally) -> None:
    found = dataclasses.asdict(work)
    assert found == pytest.approx({"acs": tally.acs, "macs": tally.macs, "words": tally.words})


@st.composite
def organisms(draw: st.DrawFn) -> tuple[GrowingSparseSNN, Tensor, bool]:
    """A small network, spiking or not, with weights that are zero, observations [N, D], and whether as events."""
    model = draw(st.sampled_from(["lif", "lif", "relu"]))
    encoding = draw(st.sampled_from(["constant", "constant", "poisson"])) if model == "lif" else "constant"
    kind = "binary" if encoding == "poisson" else draw(st.sampled_from(["binary", "ternary", "real"]))
    config = NetworkConfig(
        neuron=NeuronConfig(model=model), init_hidden=draw(st.integers(1, 6)), max_hidden=9, min_hidden=1,
        ticks=draw(st.integers(1, 4)) if model == "lif" else 1, input_density=draw(st.sampled_from([1.0, 0.5, 0.2])),
        readout=draw(st.sampled_from(READOUT_NAMES)) if model == "lif" else "drive", encoding=encoding,
        hidden_bias=4.0 if model == "lif" else 0.0, input_power=1.0,
        input_scaling="standardise" if kind == "real" and draw(st.booleans()) else "none",
    )  # fmt: skip
    seed = draw(st.integers(0, 2**32))
    organism = GrowingSparseSNN(
        draw(st.integers(1, 5)),
        config.init_hidden,
        9,
        draw(st.integers(2, 4)),
        config=config,
        engine="torch" if model == "lif" else "relu",
        seed=seed,
    )
    generator = torch.Generator().manual_seed(seed)

    def thin(tensor: Tensor, share: float) -> Tensor:
        return tensor * (torch.rand(tensor.shape, generator=generator) < share)

    with torch.no_grad():
        organism.incoming.copy_(thin(organism.incoming, draw(st.sampled_from([1.0, 0.7]))))
        organism.outgoing.copy_(thin(organism.outgoing, draw(st.sampled_from([1.0, 0.5]))))
        organism.bias += torch.randn(organism.hidden, generator=generator)
    observation = thin(torch.randn(draw(st.integers(1, 4)), organism.config.input_features, generator=generator), 0.5)
    if kind != "real":
        observation = observation.sign()
    if kind == "binary":
        observation = observation.abs()
    organism.see(observation)
    return organism, observation, config.input_scaling == "none" and draw(st.booleans())


def as_seen(observation: Tensor, as_events: bool) -> Any:
    return find_events(observation.numpy()) if as_events else observation


@given(organisms(), st.booleans())
def test_a_decision_costs_what_a_walk_through_it_counts(
    case: tuple[GrowingSparseSNN, Tensor, bool], critic: bool
) -> None:
    organism, observation, as_events = case
    n, seen = len(observation), look(organism, observation)
    with torch.no_grad():
        counts = organism(observation)[0].counts
    if organism.config.encoding == "constant":
        assert counts.tolist() == torch.tensor(seen.spikes).sum(dim=1).tolist()
    inputs = InputActivity.of(organism, as_seen(observation, as_events))
    mean_counts = torch.tensor(seen.spikes).sum(dim=1).mean(dim=0)
    found = decision_cost(organism, inputs, mean_counts, reads_critic=critic)
    for resent in (False, True):
        tally = Tally()
        walk(tally, organism, seen, resent=resent, critic=critic, learns=False)
        assert_equal(found.work(resent=resent) * n, tally)
        assert found.synaptic_operations(resent=resent) * n == pytest.approx(tally.synaptic)
        assert found.spikes * n == pytest.approx(tally.spikes)
        for name, model in ENERGY_MODELS.items():
            assert model.joules(found.work(resent=resent) * n) == pytest.approx(tally.joules(name))


def test_the_networks_of_this_test_do_spike_and_their_weights_are_sometimes_zero() -> None:
    """Or it would have nothing to count."""
    found = {"spikes": 0, "silence": 0, "zeros": 0}

    @given(organisms())
    def visit(case: tuple[GrowingSparseSNN, Tensor, bool]) -> None:
        organism, observation, _ = case
        spikes = torch.tensor(look(organism, observation).spikes)
        found["spikes"] += int(spikes.sum())
        found["silence"] += int((spikes == 0).sum())
        found["zeros"] += int((organism.outgoing == 0).sum())

    visit()
    assert all(times > 100 for times in found.values()), found


def rollout_of(observation: Any, counts: Tensor, n_worlds: int) -> Rollout:
    """A rollout as far as it is accounted for."""
    action = torch.zeros(len(observation) // n_worlds, n_worlds, dtype=torch.int64)
    some = torch.zeros(action.shape)
    return Rollout(observation, action, *[some] * 4, *[some.bool()] * 3, counts, None)


@given(organisms(), st.integers(1, 3), st.integers(1, 6), st.sampled_from(["critic", "ema"]))
def test_learning_costs_what_a_walk_through_it_counts(
    case: tuple[GrowingSparseSNN, Tensor, bool], epochs: int, minibatches: int, baseline: str
) -> None:
    organism, observation, as_events = case
    learning = LearningConfig(reuse_epochs=epochs, minibatches=minibatches, baseline=baseline)
    seen = look(organism, observation)
    rollout = rollout_of(observation, torch.tensor(seen.spikes).sum(dim=(0, 1)), len(observation))
    inputs = InputActivity.of(organism, as_seen(observation, as_events))
    ledger = account_learning(EnergyLedger(), organism, learning, rollout, inputs)
    tally = Tally()
    for _ in range(epochs):
        walk(tally, organism, seen, resent=False, critic=baseline == "critic", learns=True)
    steps = optimize(tally, organism, len(observation), learning)
    assert steps == epochs * steps_a_pass(len(observation), minibatches)
    assert_equal(ledger.learning, tally)
    assert ledger.inference == Work()


@given(st.integers(1, 60), st.integers(1, 20))
def test_steps_of_a_pass_are_the_parts_that_the_samples_are_cut_into(samples: int, minibatches: int) -> None:
    parts = torch.split(torch.arange(samples), math.ceil(samples / minibatches))
    assert steps_a_pass(samples, minibatches) == len(parts) <= minibatches


@given(st.lists(organisms(), min_size=1, max_size=3))
def test_rollouts_of_different_networks_add_up(cases: list[tuple[GrowingSparseSNN, Tensor, bool]]) -> None:
    ledger, tally, resent, estimate, n = EnergyLedger(), Tally(), Tally(), 0, 0
    for organism, observation, as_events in cases:
        seen = look(organism, observation)
        rollout = rollout_of(observation, torch.tensor(seen.spikes).sum(dim=(0, 1)), len(observation))
        inputs = InputActivity.of(organism, as_seen(observation, as_events))
        ledger = account_acting(ledger, organism, LEARNING, rollout, inputs)
        before = tally.spikes
        walk(tally, organism, seen, resent=False, critic=True, learns=False)
        walk(resent, organism, seen, resent=True, critic=True, learns=False)
        estimate += (tally.spikes - before) * organism.hidden
        n += len(observation)
    assert ledger.decisions == n
    assert ledger.synaptic_operations == pytest.approx(tally.synaptic)
    assert ledger.original_estimate == pytest.approx(estimate)
    assert_equal(ledger.inference, tally)
    assert_equal(ledger.inference_resent, resent)


class Watched(NamedTuple):
    """A rollout of a real run and the networks that made it and learnt from it."""

    rollout: Rollout
    acted: GrowingSparseSNN
    learnt: GrowingSparseSNN


def watch(trainer: AdaptiveTrainer, times: int, monkeypatch: pytest.MonkeyPatch) -> list[Watched]:
    """What each of so many updates was made of; learning is what the trainer does next to a rollout."""
    found: list[Watched] = []
    learn = trainer.agent.rule.update

    def learning(organism: GrowingSparseSNN, state: Any, rollout: Rollout, *rest: Any) -> Any:
        acted = copy.deepcopy(organism)
        result = learn(organism, state, rollout, *rest)
        found.append(Watched(rollout, acted, copy.deepcopy(organism)))
        return result

    monkeypatch.setattr(trainer.agent.rule, "update", learning)
    update(trainer, times)
    return found


@pytest.mark.parametrize("baseline", ["critic", "ema"])
@pytest.mark.parametrize(
    ("network", "minibatches"),
    [
        ({}, 2),
        ({"input_scaling": "standardise", "readout": "drive"}, 8),
        ({"input_density": 0.5}, 5),
        ({"neuron": NeuronConfig(model="relu"), "ticks": 1, "readout": "drive"}, 2),
        ({"neuron": NeuronConfig(model="relu"), "ticks": 1, "readout": "drive", "input_density": 0.5}, 2),
    ],
)
def test_the_ledger_of_a_run_that_grows_and_prunes(
    network: dict[str, Any], minibatches: int, baseline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning = dataclasses.replace(LEARNING, baseline=baseline, minibatches=minibatches)
    structure = dataclasses.replace(CHANGING, rewiring="set" if "input_density" in network else "none")
    engine = "relu" if "neuron" in network else "torch"
    trainer = trainer_for(Songs(), structure, network={**network, "engine": engine}, learning=learning)
    watched = watch(trainer, 8, monkeypatch)
    assert len({entry.acted.hidden for entry in watched}) > 2
    # The newborn are silent towards the outputs until they have learnt.
    assert any(bool((entry.acted.outgoing == 0).any()) for entry in watched)
    acting, resent, learnt, n, steps = Tally(), Tally(), Tally(), 0, 0
    for rollout, acted, after in watched:
        assert isinstance(rollout.observation, Tensor)
        looks = [look(acted, step) for step in rollout.observation]  # step by step, for equal rounding
        seen = Seen([x for part in looks for x in part.inputs], [z for part in looks for z in part.spikes])
        assert rollout.counts.tolist() == pytest.approx(torch.tensor(seen.spikes).sum(dim=(0, 1)).tolist())
        critic, samples = baseline == "critic", len(seen.inputs)
        walk(acting, acted, seen, resent=False, critic=critic, learns=False)
        walk(resent, acted, seen, resent=True, critic=critic, learns=False)
        for _ in range(learning.reuse_epochs):
            walk(learnt, after, seen, resent=False, critic=critic, learns=True)
        steps += optimize(learnt, after, samples, learning)
        n += samples
    ledger = trainer.agent.ledger
    assert ledger.decisions == n
    assert ledger.synaptic_operations == pytest.approx(acting.synaptic)
    assert_equal(ledger.inference, acting)
    assert_equal(ledger.inference_resent, resent)
    assert_equal(ledger.learning, learnt)
    for name, model in ENERGY_MODELS.items():
        assert ledger.joules("inference", model) == pytest.approx(acting.joules(name))
        assert ledger.joules("learning", model) == pytest.approx(learnt.joules(name))
    # Adam itself says how many steps it took: the output bias was there from the beginning.
    assert int(trainer.agent.learner.tensors()["count.output_bias"].max()) == steps
