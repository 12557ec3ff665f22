"""Synapses end and begin at a fixed number; what no longer is leaves nothing behind."""

from __future__ import annotations

import math
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from plasticity_cases import context_of, organism_of
from torch import Tensor

from snn_agent import GrowingSparseSNN, LearningConfig, StructureConfig
from snn_agent.config.structure import REWIRING_NAMES
from snn_agent.network.surgery import operate
from snn_agent.plasticity.contract import Experience, StructuralContext
from snn_agent.plasticity.rewiring import BEGINNINGS, Rewiring
from snn_agent.training.agent import Agent

METHODS = sorted(BEGINNINGS)


def sparse(density: float = 0.4, inputs: int = 20, **config: Any) -> GrowingSparseSNN:
    return organism_of(6, inputs=inputs, input_density=density, **config)


def rewired(method: str, context: StructuralContext, share: float = 0.3) -> Tensor | None:
    edit, _ = Rewiring(method=method, share=share).propose(Rewiring().init(), context)
    return None if edit is None else edit.synapses


def test_every_method_of_the_config_is_there() -> None:
    assert {"none", *METHODS} == set(REWIRING_NAMES)


@given(
    density=st.sampled_from([0.05, 0.3, 0.7, 0.95]), share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    progress=st.sampled_from([0.0, 0.4, 1.0]), method=st.sampled_from(METHODS), seed=st.integers(0, 99),
)  # fmt: skip
def test_the_number_of_synapses_stays(density: float, share: float, progress: float, method: str, seed: int) -> None:
    organism = sparse(density, seed=seed)
    present = organism.synapses != 0
    synapses = rewired(method, context_of(organism, seed=seed, progress=progress), share)
    most = share * (1 + math.cos(math.pi * progress)) / 2 * int(present.sum()) + 1e-9
    if synapses is None:
        assert method == "deep_r" or most < 1
        return
    moved = (present & (synapses == 0)).sum()
    assert 0 < moved <= most
    assert (synapses != 0).sum() == present.sum()
    assert ((synapses != 0) & ~present).sum() == moved, "none that ended begins again at once"
    assert set(synapses.unique().tolist()) <= {-1, 0, 1}


def test_the_weakest_end() -> None:
    organism = sparse()
    synapses = rewired("set", context_of(organism, progress=0.0), 0.25)
    assert synapses is not None
    strength, present = organism.incoming.detach().abs(), organism.synapses != 0
    ended = present & (synapses == 0)
    assert int(ended.sum()) == int(0.25 * int(present.sum()))
    assert strength[ended].max() < strength[present & ~ended].min()


def test_deep_r_ends_what_changed_its_sign() -> None:
    organism = sparse()
    assert rewired("deep_r", context_of(organism, progress=0.0), 1.0) is None
    present = torch.nonzero(organism.synapses)
    with torch.no_grad():
        for d, h in present[[2, 5, 9]].tolist():
            organism.incoming[d, h] *= -0.01
    synapses = rewired("deep_r", context_of(organism, progress=0.0), 1.0)
    assert synapses is not None
    ended = torch.nonzero((organism.synapses != 0) & (synapses == 0))
    assert ended.tolist() == present[[2, 5, 9]].tolist()


def test_rigl_begins_where_the_objective_rises_most() -> None:
    """Finite differences of the policy objective, by a readout that is smooth in the weights, say where that is."""
    organism = sparse(0.5, inputs=8, readout="drive", ticks=10, hidden_bias=1.0)
    context = context_of(organism, progress=0.0)
    synapses = rewired("rigl", context, 0.1)
    assert synapses is not None
    begun = (organism.synapses == 0) & (synapses != 0)
    from_autograd = torch.autograd.functional.jacobian(
        lambda incoming: objective(organism, incoming, context.experience()), organism.incoming.detach()
    ).abs()
    absent = organism.synapses == 0
    assert from_autograd[begun].min() >= from_autograd[absent & ~begun].max()


def objective(organism: GrowingSparseSNN, incoming: Tensor, experience: Experience) -> Tensor:
    """E[A · log π(a)] with advantages of mean 0 and mean square 1."""
    output, _ = torch.func.functional_call(organism, {"incoming": incoming}, (experience.observations,))
    advantage = experience.target - experience.value
    advantage = (advantage - advantage.mean()) / advantage.std(correction=0)
    log_policy: Tensor = output.logits.log_softmax(dim=1)
    return (advantage * log_policy[torch.arange(len(advantage)), experience.action]).mean()


@pytest.mark.parametrize("method", METHODS)
def test_a_dense_network_is_left_alone(method: str) -> None:
    organism = organism_of()
    organism.incoming.data.mul_(-1.0)
    assert rewired(method, context_of(organism, progress=0.0), 1.0) is None


def test_what_ends_and_begins_has_neither_weight_nor_moments() -> None:
    agent = Agent(
        sparse(), LearningConfig(), StructureConfig(growth="none", pruning="none", rewiring="set", rewire_interval=1,
        interval_unit="updates"), seed=0,
    )  # fmt: skip
    for moments in (agent.learner.adam.mean, agent.learner.adam.square):
        moments["incoming"].copy_(agent.organism.synapses != 0)
    before, weights = agent.organism.synapses.clone(), agent.organism.incoming.detach().clone()
    agent.counters.update = 1
    experience = context_of(agent.organism).experience
    (event,) = agent.restructure((), experience, 0.0)
    after, now = agent.organism.synapses, agent.organism.incoming.detach()
    ended, begun, stayed = (before != 0) & (after == 0), (before == 0) & (after != 0), (before != 0) & (after != 0)
    assert event.synapses_ended == event.synapses_begun == int(ended.sum()) == int(begun.sum()) > 0
    assert (event.size_before, event.born, event.died) == (event.size_after, (), ())
    assert (now[~stayed] == 0).all()
    assert torch.equal(now[stayed], weights[stayed])
    for moments in (agent.learner.adam.mean, agent.learner.adam.square):
        assert (moments["incoming"][~stayed] == 0).all()
        assert (moments["incoming"][stayed] == 1).all()


@given(density=st.sampled_from([0.05, 0.3, 0.5, 1.0]), seed=st.integers(0, 99))
def test_newborn_are_as_sparse_as_the_others(density: float, seed: int) -> None:
    organism = sparse(density, seed=seed)
    kept = max(1, round(density * 20))
    assert ((organism.synapses != 0).sum(dim=0) == kept).all()
    rule = StructureConfig(growth="periodic", pruning="none", grow_interval=1, growth_size=4, interval_unit="updates")
    agent = Agent(organism, LearningConfig(), rule, seed=seed)
    agent.counters.update = 1
    agent.restructure((), context_of(organism).experience, 0.0)
    assert organism.hidden == 10
    assert ((organism.synapses != 0).sum(dim=0) == kept).all()
    assert ((organism.incoming != 0) == (organism.synapses != 0)).all()


def test_fewer_synapses_drive_a_neuron_as_far() -> None:
    """The spread of the drive does not depend on the density (E11)."""
    spreads = []
    for density in (1.0, 0.2):
        organism = organism_of(400, inputs=400, input_density=density, max_hidden=400, input_power=20.0)
        inputs = (torch.rand(200, 400, generator=torch.Generator().manual_seed(0)) < 0.05).float()
        spreads.append(float((inputs @ organism.incoming.detach()).std()))
    assert spreads[1] == pytest.approx(spreads[0], rel=0.03)


def test_surgery_takes_the_new_synapses() -> None:
    organism = sparse()
    edit, _ = Rewiring().propose(Rewiring().init(), context_of(organism, progress=0.0))
    assert edit is not None
    assert edit.is_structural
    operate(edit, organism)
    assert torch.equal(organism.synapses, edit.synapses)
