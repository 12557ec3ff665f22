"""Surgery carries all that belongs to a neuron, and nothing of the old size is left anywhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from plasticity_cases import context_of, on_a_grid, organism_of, same, snapshot
from torch import Tensor, nn
from training_cases import FIXED, copy_of, trainer_for, update

from snn_agent.config import READOUT_NAMES
from snn_agent.errors import CapacityError, ConfigError
from snn_agent.network import heads
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.network.topology import NeuronWeights
from snn_agent.plasticity.births import BIRTHS
from snn_agent.training.agent import Agent

H = 37
"""No other dimension of these agents is 37."""
DYING = torch.tensor([0, 5, 36])


def lived_agent(**network: Any) -> Agent:
    """An agent with H = 37 that has learnt a little and has membranes, moments and statistics, in its third task: two
    heads are put away, and some neurons are protected.
    """
    sizes = {"init_hidden": H, "max_hidden": 60, "carry_state": True, "input_scaling": "standardise"}
    agent = update(trainer_for(structure=FIXED, network=sizes | network), 2).agent
    organism = agent.organism
    for task in (0, 1):
        heads.put_away(organism, task)
        heads.fresh(organism, torch.Generator().manual_seed(task))
    organism.head_reads[1, 3:] = False
    organism.protected[[1, 7, 30]] = True
    organism.birth_task.copy_(torch.arange(H) % 3)
    organism.task.fill_(2)
    return agent


def newborn(agent: Agent, n: int) -> NeuronWeights:
    generator = torch.Generator().manual_seed(n)
    d, a = agent.organism.config.input_features, agent.organism.config.output_features
    return NeuronWeights(*(torch.randn(shape, generator=generator) for shape in ((d, n), (n,), (n, a), (n,))))


def edit_of(agent: Agent, n_born: int = 5, dying: Tensor | None = DYING) -> StructuralEdit:
    return StructuralEdit(rule="test", reason="", dying=dying, newborn=newborn(agent, n_born) if n_born else None)


def everything_in(thing: Any, seen: set[int], path: str = "agent") -> Iterator[tuple[str, Tensor]]:
    """Every tensor that can be reached from an object."""
    if id(thing) in seen or isinstance(thing, (str, bytes, int, float, type(None), torch.Generator, type)):
        return
    seen.add(id(thing))
    if isinstance(thing, (Tensor, np.ndarray)):
        yield path, torch.as_tensor(thing)
        return
    parts: dict[Any, Any] = {}
    if isinstance(thing, nn.Module):
        parts |= dict(thing.named_parameters()) | dict(thing.named_buffers())
    if isinstance(thing, dict):
        parts |= thing
    elif isinstance(thing, (list, tuple, set, frozenset)):
        parts |= dict(enumerate(thing))
    parts |= getattr(thing, "__dict__", {})
    for name, part in parts.items():
        yield from everything_in(part, seen, f"{path}.{name}")


def of_the_old_size(agent: Agent) -> list[str]:
    reachable = list(everything_in(agent, set()))
    listed = list(agent.tensors().items())
    return [name for name, tensor in listed + reachable if H in tensor.shape]


@pytest.mark.parametrize("readout", READOUT_NAMES)
def test_nothing_of_the_old_size_is_left(readout: str) -> None:
    agent = lived_agent(readout=readout)
    before = of_the_old_size(agent)
    for part in (
        "organism.incoming",
        "organism.synapses",
        "organism.protected",
        "organism.birth_task",
        "organism.head_outgoing",
        "organism.head_critic",
        "organism.head_reads",
        "learner.square.bias",
        "learner.count.critic",
        "statistics.id",
        "membranes",
    ):
        assert any(name.startswith(part) for name in before), part
    agent.operate(edit_of(agent))
    assert agent.organism.hidden == H + 5 - 3
    assert of_the_old_size(agent) == []


@pytest.mark.parametrize("hide", ["in the network", "in the agent", "in the statistics"])
def test_something_forgotten_is_found(hide: str) -> None:
    agent = lived_agent()
    forgotten = torch.zeros(3, H)
    if hide == "in the network":
        agent.organism.register_buffer("forgotten", forgotten)
    elif hide == "in the agent":
        agent.forgotten = {"deep": [forgotten]}  # type: ignore[attr-defined]
    agent.operate(edit_of(agent))
    if hide == "in the statistics":
        agent.statistics = agent.statistics._replace(rate=torch.zeros(H))
    assert of_the_old_size(agent)


def test_every_tensor_of_the_agent_is_listed() -> None:
    """What :meth:`Agent.tensors` leaves out would be in no checkpoint."""
    agent = lived_agent()
    listed = {tensor.data_ptr() for tensor in agent.tensors().values()}
    forgotten = [name for name, tensor in everything_in(agent, set()) if tensor.data_ptr() not in listed]
    assert forgotten == []


@pytest.mark.parametrize("n_born", [0, 5])
@pytest.mark.parametrize("dying", [None, DYING, torch.tensor([36, 0])])
def test_survivors_keep_everything_and_newborns_start_at_nothing(n_born: int, dying: Tensor | None) -> None:
    agent = lived_agent()
    before, edit, next_id = copy_of(agent.tensors()), edit_of(agent, n_born, dying), agent.next_id
    agent.operate(edit)
    gone = [] if dying is None else dying.tolist()
    keep = torch.tensor([index for index in range(H) if index not in gone])
    after = agent.tensors()
    assert before.keys() == after.keys()
    born: dict[str, Tensor] = {}
    for name, old in before.items():
        if H not in old.shape:
            assert torch.equal(old, after[name]), name
            continue
        axis = old.shape.index(H)
        assert torch.equal(after[name].narrow(axis, 0, len(keep)), old.index_select(axis, keep)), name
        born[name] = after[name].narrow(axis, len(keep), n_born)
    assert before["learner.count.bias"].min() > 0, "the case shows too little"
    for name, new in born.items():
        if name.startswith(("learner", "membranes")) or name in ("statistics.rate", "statistics.age"):
            assert not new.any(), name
    assert born["statistics.id"].tolist() == list(range(next_id, next_id + n_born))
    assert set(born["statistics.birth_update"].tolist()) <= {agent.counters.update}
    assert (born["organism.threshold"] == agent.organism.lif.v_th).all()
    assert (born["organism.birth_task"] == 2).all()
    for name in ("protected", "head_outgoing", "head_critic", "head_reads"):
        assert not born[f"organism.{name}"].any(), name
        assert before[f"organism.{name}"].any(), "the case shows too little"
    if n_born:
        assert edit.newborn is not None
        for name, weights in edit.newborn._asdict().items():
            assert torch.equal(born[f"organism.{name}"], weights), name
    assert all(parameter.requires_grad for parameter in agent.organism.parameters())
    assert not agent.organism.threshold.requires_grad


def test_newborn_membranes_rest_at_the_leak() -> None:
    agent = lived_agent()
    agent.organism.lif = agent.organism.lif._replace(v_leak=-0.25)
    agent.operate(edit_of(agent, 2))
    assert agent.membranes is not None
    assert agent.membranes.hidden.v[:, -2:].tolist() == [[-0.25] * 2] * 3


def test_the_agent_goes_on_learning_after_surgery() -> None:
    trainer = update(trainer_for(structure=FIXED, network={"init_hidden": H, "max_hidden": 60}), 1)
    event = trainer.agent.operate(edit_of(trainer.agent))
    assert (event.size_before, event.size_after, event.born, event.died) == (37, 39, (37, 38, 39, 40, 41), (0, 5, 36))
    weights = trainer.organism.outgoing.detach().clone()
    update(trainer, 1)
    assert (trainer.organism.outgoing[-5:] != weights[-5:]).any()
    counts = trainer.agent.learner.tensors()["count.outgoing"]
    assert (counts[:34] == 8).all()
    assert (counts[34:] == 4).all()


def test_names_are_never_given_again() -> None:
    agent = lived_agent()
    given = set(range(H))
    for _ in range(3):
        last, living = torch.tensor([agent.organism.hidden - 1]), agent.statistics.id.tolist()
        event = agent.operate(edit_of(agent, 2, last))
        assert not set(event.born) & given
        assert set(event.died) <= given
        given |= set(event.born)
        assert event.died == (living[-1],)
        assert agent.statistics.id.tolist() == [*living[:-1], *event.born]
    assert (agent.counters.growth_events, agent.counters.pruning_events) == (3, 3)


@pytest.mark.parametrize("readout", READOUT_NAMES)
def test_a_silent_birth_changes_no_logit(readout: str) -> None:
    organism = on_a_grid(organism_of(readout=readout, ticks=16))
    observations = torch.randint(0, 5, (40, 5), generator=torch.Generator().manual_seed(0)).float() / 4
    with torch.no_grad():
        before, _ = organism(observations)
        weights = BIRTHS["zero_out"](context_of(organism), 7).weights
        operate(StructuralEdit(rule="test", reason="", newborn=weights), organism)
        after, _ = organism(observations)
    assert organism.hidden == 13
    assert after.counts[:, 6:].sum() > 0, "the newborn must be heard, had they a voice"
    assert torch.equal(before.logits, after.logits)
    assert torch.equal(before.value, after.value)
    assert torch.equal(before.counts, after.counts[:, :6])


def test_growing_and_pruning_the_same_is_the_identity() -> None:
    agent = lived_agent()
    before = copy_of(agent.tensors())
    agent.operate(edit_of(agent, 4, None))
    agent.operate(edit_of(agent, 0, torch.arange(H, H + 4)))
    assert same(before, agent.tensors())


def test_factor_and_shifts_are_applied() -> None:
    organism = organism_of()
    before, factor = snapshot(organism), torch.arange(1.0, 7.0)
    shifts = {"output_shift": torch.tensor([1.0, 2.0, 3.0]), "critic_shift": torch.tensor(4.0)}
    operate(StructuralEdit(rule="test", reason="", outgoing_factor=factor, **shifts), organism)
    assert torch.equal(organism.outgoing, before["outgoing"] * factor[:, None])
    assert torch.equal(organism.critic, before["critic"] * factor)
    assert torch.equal(organism.output_bias, before["output_bias"] + shifts["output_shift"])
    assert torch.equal(organism.critic_bias, before["critic_bias"] + 4.0)


GOOD = NeuronWeights(torch.zeros(5, 2), torch.zeros(2), torch.zeros(2, 3), torch.zeros(2))
NAN = torch.full((2,), torch.nan)


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"dying": torch.arange(5)}, CapacityError, "death of 5 of 6 neurons, but at least 2 must live. Lower min_hid"),
        (
            {"newborn": NeuronWeights(torch.zeros(5, 12), torch.zeros(12), torch.zeros(12, 3), torch.zeros(12))},
            CapacityError,
            "asked for 12 neurons but 10 of 16 are left. Raise max_hidden, or put a pruning rule before growth",
        ),
        ({"dying": torch.tensor([1, 6])}, ConfigError, r"indices outside 0 … 5, the living neurons: \[1, 6\]"),
        ({"dying": torch.tensor([-1])}, ConfigError, "indices outside"),
        ({"dying": torch.tensor([1, 1])}, ConfigError, "distinct int64 indices"),
        ({"dying": torch.tensor([1.0])}, ConfigError, "distinct int64 indices"),
        ({"newborn": GOOD._replace(incoming=torch.zeros(2, 5))}, ConfigError, r"newborn incoming has shape \(2, 5\)"),
        ({"newborn": GOOD._replace(critic=NAN)}, ConfigError, "newborn critic has numbers that are not finite"),
        (
            {"newborn": GOOD, "outgoing_factor": torch.ones(1)},
            ConfigError,
            r"outgoing_factor has shape \(1,\), but \(6",
        ),
        ({"newborn": GOOD, "output_shift": torch.ones(1)}, ConfigError, r"output_shift has shape \(1,\), but \(3,\)"),
        ({"newborn": GOOD, "critic_shift": torch.ones(1)}, ConfigError, r"critic_shift has shape \(1,\), but \(\)"),
        ({"newborn": GOOD, "output_shift": torch.full((3,), torch.inf)}, ConfigError, "output_shift has numbers that"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused_and_changes_nothing(
    change: dict[str, Any], kind: type[Exception], text: str
) -> None:
    organism = organism_of()
    before = snapshot(organism)
    with pytest.raises(kind, match=text):
        operate(dataclasses.replace(StructuralEdit(rule="test", reason=""), **change), organism)
    assert same(before, snapshot(organism))
