"""Heads: put away and taken up without the loss of a bit, whatever happens to the neurons meanwhile."""

from __future__ import annotations

import math

import pytest
import torch
from life_cases import LIVELY, decisions
from plasticity_cases import same, snapshot

from snn_agent import GrowingSparseSNN, NetworkConfig
from snn_agent.errors import ConfigError
from snn_agent.network import heads
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.network.topology import fresh_neurons
from snn_agent.training.loading import load_organism, save_checkpoint


def organism_of(engine: str = "torch", hidden: int = 12, seed: int = 0, **network: object) -> GrowingSparseSNN:
    """Whose head has nothing that is 0, as after some learning."""
    config = NetworkConfig(input_power=2.0, min_hidden=1, **LIVELY | network)  # type: ignore[arg-type]
    organism = GrowingSparseSNN(5, hidden, 200, 3, config=config, engine=engine, seed=seed)
    shake(organism, seed)
    return organism


def shake(organism: GrowingSparseSNN, seed: int) -> None:
    """Another head's worth of learning."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name in heads.PARTS:
            part = getattr(organism, name)
            part += torch.randn(part.shape, generator=generator)


def born(organism: GrowingSparseSNN, n: int, dying: list[int] | None = None) -> None:
    weights = fresh_neurons(organism.config, n, torch.Generator().manual_seed(n))
    gone = None if dying is None else torch.tensor(dying)
    operate(StructuralEdit(rule="test", reason="", newborn=weights, dying=gone), organism)


def head_of(organism: GrowingSparseSNN) -> dict[str, torch.Tensor]:
    return {name: getattr(organism, name).detach().clone() for name in heads.PARTS}


def test_what_was_put_away_comes_back() -> None:
    organism = organism_of()
    first, whole = head_of(organism), snapshot(organism)
    heads.put_away(organism, 3)
    shake(organism, 1)
    second = head_of(organism)
    heads.put_away(organism, 7)
    assert heads.known(organism) == (3, 7)
    assert not same(first, second), "the case shows too little"
    heads.take_up(organism, 3)
    assert same(head_of(organism), first)
    assert heads.known(organism) == (7,)
    heads.take_up(organism, 7)
    assert same(head_of(organism), second)
    heads.put_away(organism, 7)
    for name, tensor in first.items():
        with torch.no_grad():
            getattr(organism, name).copy_(tensor)
    heads.take_up(organism, 7)
    heads.put_away(organism, 7)
    assert whole.keys() == snapshot(organism).keys()
    assert isinstance(organism.outgoing, torch.nn.Parameter)


@pytest.mark.parametrize("engine", ["torch", "numba"])
@pytest.mark.parametrize("readout", ["rate", "membrane"])
def test_a_task_s_outputs_stay_bit_for_bit(engine: str, readout: str) -> None:
    organism = organism_of(engine, readout=readout)
    logits, value = decisions(organism)
    heads.put_away(organism, 0)
    born(organism, 19)
    shake(organism, 2)
    heads.put_away(organism, 1)
    born(organism, 5, dying=[12, 20])  # of those that task 0 does not read
    shake(organism, 3)
    old = heads.for_task(organism, 0)
    assert old.hidden == 12
    assert torch.equal(decisions(old)[0], logits)
    assert torch.equal(decisions(old)[1], value)
    assert not torch.allclose(decisions(organism)[0], logits), "the case shows too little"
    whole = heads.with_head(organism, 0)
    assert whole.hidden == organism.hidden == 34
    torch.testing.assert_close(decisions(whole)[0], logits)
    torch.testing.assert_close(decisions(whole)[1], value)
    heads.take_up(organism, 0)
    torch.testing.assert_close(decisions(organism)[0], logits)
    assert not organism.outgoing[12:].any()
    assert not organism.critic[12:].any()


def test_a_head_loses_the_neurons_that_die() -> None:
    organism = organism_of()
    heads.put_away(organism, 0)
    before = organism.head_outgoing.clone()
    born(organism, 4, dying=[2, 11])
    assert heads.read_by(organism, 0).tolist() == list(range(10))
    assert torch.equal(organism.head_outgoing[:, :10], before[:, [0, 1, 3, 4, 5, 6, 7, 8, 9, 10]])
    old = heads.for_task(organism, 0)
    assert torch.equal(old.outgoing, organism.head_outgoing[0, :10])
    assert torch.equal(old.incoming, organism.incoming[:, :10])


def test_a_head_all_of_whose_neurons_died_says_what_its_biases_say() -> None:
    organism = organism_of(readout="drive")
    heads.put_away(organism, 0)
    born(organism, 4, dying=list(range(12)))
    logits, value = decisions(heads.for_task(organism, 0))
    torch.testing.assert_close(logits, logits[:1].expand_as(logits))
    assert float(logits.abs().max()) > 0.5
    assert (value == organism.head_critic_bias[0]).all()


def test_a_copy_does_not_touch_the_organism() -> None:
    organism = organism_of(encoding="poisson")
    heads.put_away(organism, 0)
    before, draws = snapshot(organism), organism.draws.get_state()
    for copy in (heads.for_task(organism, 0), heads.with_head(organism, 0)):
        decisions(copy)
        with torch.no_grad():
            for tensor in copy.state_dict().values():
                tensor.zero_()
    assert same(before, snapshot(organism))
    assert torch.equal(organism.draws.get_state(), draws)
    assert not torch.equal(copy.draws.get_state(), draws), "the copy must have drawn"


def test_one_head_for_all_is_the_organism_itself() -> None:
    organism = organism_of()
    assert heads.for_task(organism, 0) is organism
    assert heads.with_head(organism, 4) is organism
    assert heads.known(organism) == ()


def test_a_fresh_head_is_as_loud_as_the_first_one_whatever_the_size() -> None:
    organism = organism_of(hidden=100, outgoing_scale=2.0)
    born(organism, 100)
    incoming = organism.incoming.detach().clone()
    heads.fresh(organism, torch.Generator().manual_seed(1))
    weights = organism.outgoing.detach()
    n = weights.numel()
    assert float(weights.std()) == pytest.approx(2.0 / math.sqrt(200), rel=4.0 / math.sqrt(2 * n))
    assert abs(float(weights.mean())) < 4.0 * 2.0 / math.sqrt(200 * n)
    assert (weights != 0.0).all()
    config = organism.config
    assert not organism.critic.any()
    assert (organism.output_bias == config.output_bias).all()
    assert (organism.critic_bias.item(), organism.gain.item()) == (0.0, config.readout_gain)
    assert torch.equal(organism.incoming, incoming)


def test_wrong_tasks_are_refused() -> None:
    organism = organism_of()
    heads.put_away(organism, 2)
    with pytest.raises(ConfigError, match=r"task 2 has a head that is put away\. Take it up"):
        heads.put_away(organism, 2)
    with pytest.raises(ConfigError, match=r"no head was put away for task 1, only for the tasks \(2,\)"):
        heads.take_up(organism, 1)


def test_heads_are_saved_and_loaded(tmp_path: object) -> None:
    organism = organism_of()
    heads.put_away(organism, 4)
    born(organism, 3)
    loaded = load_organism(save_checkpoint(organism, f"{tmp_path}/saved"))
    assert heads.known(loaded) == (4,)
    assert same(snapshot(organism), snapshot(loaded))
    assert torch.equal(decisions(heads.for_task(loaded, 4))[0], decisions(heads.for_task(organism, 4))[0])


def test_the_input_scale_stays_once_a_neuron_is_protected() -> None:
    organism = organism_of(input_scaling="standardise")
    organism.see(torch.rand(50, 5))
    logits = decisions(organism)[0]
    organism.protected[3] = True
    organism.see(torch.rand(50, 5) * 10.0)
    assert torch.equal(decisions(organism)[0], logits)
    organism.protected[3] = False
    organism.see(torch.rand(50, 5) * 10.0)
    assert not torch.equal(decisions(organism)[0], logits)
