"""A death is made up for in every head that is put away, with the head's own weights."""

from __future__ import annotations

import pytest
import torch
from life_cases import decisions
from plasticity_cases import context_of
from test_heads import born, organism_of, shake

from snn_agent import GrowingSparseSNN
from snn_agent.network import heads
from snn_agent.network.surgery import operate
from snn_agent.plasticity.pruning import propose_deaths

STEADY, LOUD = 3, 8
"""Neurons that no input reaches: they do the same whatever is seen. The loud one spikes in every tick."""
SEEN = torch.rand(40, 5, generator=torch.Generator().manual_seed(7))


def with_heads(readout: str, engine: str = "torch") -> GrowingSparseSNN:
    """With heads of tasks 5 and 2 put away, and two neurons that they do not read."""
    organism = organism_of(engine, readout=readout, max_hidden=200)
    with torch.no_grad():
        organism.incoming[:, [STEADY, LOUD]] = 0.0
        organism.bias[[STEADY, LOUD]] = torch.tensor([6.0, 1000.0])
    heads.put_away(organism, 5)
    shake(organism, 1)
    heads.put_away(organism, 2)
    born(organism, 2)
    shake(organism, 2)
    return organism


def die(organism: GrowingSparseSNN, dying: list[int], *, compensate: bool = True) -> None:
    context = context_of(organism, observations=SEEN)
    edit = propose_deaths("test", "", context, torch.tensor(dying), compensate)
    assert edit is not None
    operate(edit, organism)


def outputs(organism: GrowingSparseSNN, task: int) -> list[torch.Tensor]:
    """Logits and values of a head, on the neurons that it reads and on all."""
    return [*decisions(heads.for_task(organism, task)), *decisions(heads.with_head(organism, task))]


@pytest.mark.parametrize("engine", ["torch", "numba"])
@pytest.mark.parametrize(("readout", "dying"), [("drive", [LOUD, STEADY]), ("rate", [LOUD]), ("membrane", [LOUD])])
def test_the_death_of_a_steady_neuron_changes_no_head(readout: str, dying: list[int], engine: str) -> None:
    """Where the bias of every tick can stand for the neuron: with any readout if it spikes in every tick, else where
    only the mean drive counts.
    """
    organism = with_heads(readout, engine)
    counts = organism(SEEN)[0].counts
    assert (counts[:, STEADY] == counts[0, STEADY]).all()
    assert 0 < counts[0, STEADY] < counts[0, LOUD] == organism.config.ticks
    before = {task: outputs(organism, task) for task in (5, 2)} | {0: list(decisions(organism))}
    die(organism, dying)
    after = {task: outputs(organism, task) for task in (5, 2)} | {0: list(decisions(organism))}
    for task, known in before.items():
        for a, b in zip(known, after[task], strict=True):
            torch.testing.assert_close(a, b, rtol=0.0, atol=1e-5)
    heads.take_up(organism, 5)
    torch.testing.assert_close(decisions(organism)[0], before[5][0], rtol=0.0, atol=1e-5)


def test_without_compensation_heads_lose_the_mean() -> None:
    organism = with_heads("drive")
    before, biases = outputs(organism, 5), organism.head_output_bias.clone()
    die(organism, [STEADY, LOUD], compensate=False)
    after = outputs(organism, 5)
    assert float((before[0] - after[0]).abs().max()) > 0.1
    assert float((before[1] - after[1]).abs().max()) > 0.1
    assert torch.equal(organism.head_output_bias, biases)


def test_what_is_left_out_is_only_the_deviation_from_the_mean() -> None:
    """Of neurons that do answer to what they see, the mean over what is seen stays (E38), in each head."""
    organism = with_heads("drive")
    found = {task: [heads.for_task(organism, task)(SEEN)[0]] for task in (5, 2)}
    die(organism, [0, 1, 6])
    for task, before in found.items():
        now, then = heads.for_task(organism, task)(SEEN)[0], before[0]
        assert float((now.logits - then.logits).detach().abs().max()) > 0.1, "the case shows too little"
        torch.testing.assert_close(now.logits.mean(0), then.logits.mean(0), rtol=0.0, atol=2e-5)
        torch.testing.assert_close(now.value.mean(), then.value.mean(), rtol=0.0, atol=1e-5)


def test_heads_do_not_mind_the_death_of_those_they_do_not_read() -> None:
    organism = with_heads("rate")
    before = {task: decisions(heads.for_task(organism, task)) for task in (5, 2)}
    die(organism, [12, 13])
    for task, known in before.items():
        assert all(torch.equal(a, b) for a, b in zip(known, decisions(heads.for_task(organism, task)), strict=True))
