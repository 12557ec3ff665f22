"""Shrink and perturb: the formula, what it does in the long run, and that it changes nothing where it is off."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from plasticity_cases import context_of, organism_of, same, snapshot, tensors_of
from torch import Tensor
from training_cases import FIXED, copy_of, differences, everything, trainer_for, update

from snn_agent import GrowingSparseSNN, StructureConfig
from snn_agent.errors import ConfigError
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.network.topology import NeuronWeights, incoming_std
from snn_agent.plasticity.compose import Every
from snn_agent.plasticity.contract import NoState
from snn_agent.plasticity.registry import make_rules
from snn_agent.plasticity.shrink_perturb import ShrinkPerturb


def wide(**config: Any) -> GrowingSparseSNN:
    """40,000 incoming and 4,000 outgoing weights, whose bias is not what fresh ones have."""
    organism = organism_of(200, inputs=200, actions=20, max_hidden=200, hidden_bias=0.25, **config)
    with torch.no_grad():
        organism.bias.copy_(torch.randn(200, generator=torch.Generator().manual_seed(9)))
        organism.incoming.mul_(3.0)
    return organism


def weights_after(organism: GrowingSparseSNN, seed: int = 0, **options: float) -> NeuronWeights:
    edit, _ = ShrinkPerturb(**options).propose(NoState(), context_of(organism, seed=seed))
    assert edit is not None
    assert edit.weights is not None
    assert not edit.is_structural
    return edit.weights


def outgoing_std(organism: GrowingSparseSNN) -> float:
    """Of fresh neurons, from the definition."""
    return organism.config.outgoing_scale / math.sqrt(organism.config.init_hidden)


def is_drawn(noise: Tensor, std: float, instead_of: Tensor) -> None:
    """Whether it has mean 0 and that deviation, and knows nothing of the weights: all within 5 standard errors."""
    n = noise.numel()
    assert abs(float(noise.mean())) < 5.0 * std / math.sqrt(n)
    assert float(noise.square().mean()) == pytest.approx(std**2, rel=5.0 * math.sqrt(2.0 / n))
    assert abs(float(torch.corrcoef(torch.stack([noise, instead_of]))[0, 1])) < 5.0 / math.sqrt(n)


# --- the formula ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shrink", "perturb"), [(0.4, 0.1), (0.9, 0.5), (1.0, 0.2)])
def test_mean_and_variance_are_the_formulas(shrink: float, perturb: float) -> None:
    organism = wide()
    after = weights_after(organism, shrink=shrink, perturb=perturb)
    for name, std in (("incoming", incoming_std(organism.config)), ("outgoing", outgoing_std(organism))):
        before = getattr(organism, name).detach().flatten()
        is_drawn((getattr(after, name).flatten() - shrink * before) / perturb, std, before)
    torch.testing.assert_close(after.bias, 0.25 + shrink * (organism.bias.detach() - 0.25))
    torch.testing.assert_close(after.critic, shrink * organism.critic.detach())
    if shrink == 1.0:
        assert torch.equal(after.bias, organism.bias)
        assert torch.equal(after.critic, organism.critic)


def test_only_synapses_that_are_there_are_perturbed() -> None:
    organism = wide(input_density=0.3)
    present = organism.synapses != 0
    after = weights_after(organism, shrink=0.5, perturb=0.5)
    assert (after.incoming[~present] == 0.0).all()
    before = organism.incoming.detach()[present]
    is_drawn((after.incoming[present] - 0.5 * before) / 0.5, incoming_std(organism.config), before)


def test_shrinking_alone_is_a_step_down_the_penalty_of_l2_init() -> None:
    """``θ − η·∂/∂θ ½‖θ − m‖²`` with η = 1 − λ, by autograd; m is 0, and hidden_bias for the bias."""
    organism = wide()
    after = weights_after(organism, shrink=0.75, perturb=0.0)
    for name, tensor in after._asdict().items():
        theta = getattr(organism, name).detach().clone().requires_grad_()
        anchor = 0.25 if name == "bias" else 0.0
        (gradient,) = torch.autograd.grad(0.5 * (theta - anchor).square().sum(), theta)
        torch.testing.assert_close(tensor, theta.detach() - 0.25 * gradient)


@pytest.mark.parametrize("perturb", [math.sqrt(1.0 - 0.8**2), 0.2])
def test_what_is_not_learnt_is_forgotten_at_the_rate_of_the_closed_form(perturb: float) -> None:
    """After n of them: mean λⁿ·θ, variance λ²ⁿ·var + σ²·(1 − λ²ⁿ)/(1 − λ²) in units of fresh weights."""
    organism = wide()
    start, fresh = organism.incoming.detach().clone(), incoming_std(organism.config)
    context, rule = context_of(organism), ShrinkPerturb(shrink=0.8, perturb=perturb)
    for n in range(1, 21):
        edit, _ = rule.propose(NoState(), context)
        assert edit is not None
        operate(edit, organism)
        if n in (1, 5, 20):
            now, left = organism.incoming.detach(), 0.8**n
            noise = perturb**2 * (1.0 - left**2) / (1.0 - 0.8**2)
            spread = fresh * math.sqrt(noise)
            is_drawn((now - left * start).flatten(), spread, start.flatten())
    if perturb > 0.5:
        assert float(organism.incoming.detach().std()) == pytest.approx(fresh, rel=0.05), "as at birth"


def test_every_draw_is_another_one() -> None:
    organism = wide()
    context, rule = context_of(organism), ShrinkPerturb(shrink=1.0, perturb=1.0)
    first, second = (rule.propose(NoState(), context)[0] for _ in range(2))
    noise = [edit.weights.incoming - organism.incoming.detach() for edit in (first, second)]
    assert abs(float(torch.corrcoef(torch.stack([part.flatten() for part in noise]))[0, 1])) < 0.025


def test_the_protected_keep_their_outgoing_weights_too() -> None:
    organism = wide()
    organism.protected[::3] = True
    after, spared = weights_after(organism, shrink=0.5, perturb=0.5), organism.protected
    for name, tensor in after._asdict().items():
        changed = tensor != getattr(organism, name).detach()
        changed = changed.T if name == "incoming" else changed
        assert not changed[spared].any(), name
        assert changed[~spared].all(), name


# --- off --------------------------------------------------------------------------------------------------------------


def test_off_it_proposes_nothing_and_draws_nothing() -> None:
    context = context_of(organism_of())
    before = context.generator.get_state()
    assert ShrinkPerturb(shrink=1.0, perturb=0.0).propose(NoState(), context) == (None, NoState())
    assert torch.equal(context.generator.get_state(), before)
    assert make_rules(dataclasses.replace(FIXED, shrink_interval=1)) == ()


def test_a_run_without_it_has_the_same_bits_whatever_its_interval() -> None:
    structure = StructureConfig(growth="periodic", growth_size=2, grow_interval=2, interval_unit="updates")
    plain, off, on = (
        everything(update(trainer_for(structure=dataclasses.replace(structure, **changes)), 5))
        for changes in ({}, {"shrink_interval": 1}, {"shrink_interval": 1, "perturb": 1e-3})
    )
    assert differences(plain, off) == ["configs"], "which says the interval"
    assert "incoming" in differences(plain, on), "the case shows too little"


# --- in the life of an agent ------------------------------------------------------------------------------------------


def test_an_agent_shrinks_in_its_interval_and_it_is_no_event() -> None:
    structure = dataclasses.replace(FIXED, shrink=0.5, perturb=0.25, shrink_interval=3, interval_unit="updates")
    agent = update(trainer_for(structure=structure), 4).agent
    tensors, rate = copy_of(agent.tensors()), agent.statistics.rate
    before = snapshot(agent.organism)
    for now, happens in ((4, False), (5, False), (6, True), (7, False)):
        agent.counters.update = now
        assert agent.restructure((), context_of(agent.organism, rate=rate).experience, 0.0) == []
        assert same(before, snapshot(agent.organism)) != happens
        before = snapshot(agent.organism)
    changed = {name for name, tensor in agent.tensors().items() if not torch.equal(tensor, tensors[name])}
    assert changed == {f"organism.{name}" for name in NeuronWeights._fields}, "moments, counts and statistics stay"


def test_it_goes_before_regulation_and_after_rewiring() -> None:
    config = StructureConfig(rewiring="set", shrink=0.9, homeostasis_rate=0.1, synaptic_limit=2.0, shrink_interval=7)
    rules = make_rules(dataclasses.replace(config, growth="none", pruning="none"))
    names = ["set_rewiring", "shrink_perturb", "threshold_homeostasis", "synaptic_scaling"]
    assert [rule.name for rule in rules] == names
    assert rules[1] == Every(ShrinkPerturb(shrink=0.9, perturb=0.0), 7, "episodes")


# --- values that are refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"), [("shrink", 0.0), ("shrink", 1.5), ("perturb", -0.1), ("perturb", math.inf)]
)
def test_bad_values_are_refused(name: str, value: float) -> None:
    for make in (ShrinkPerturb, StructureConfig):
        with pytest.raises(ConfigError, match=f"{name} must be"):
            make(**{name: value})
    with pytest.raises(ConfigError, match="shrink_interval must be an integer at least 1"):
        StructureConfig(shrink_interval=0)


@pytest.mark.parametrize(
    ("part", "tensor", "text"),
    [
        ("incoming", torch.zeros(5, 5), r"weights incoming has shape \(5, 5\), but \(5, 6\) is needed"),
        ("outgoing", torch.zeros(6), r"weights outgoing has shape \(6,\), but \(6, 3\) is needed"),
        ("critic", torch.full((6,), torch.nan), "weights critic has numbers that are not finite"),
        ("incoming", torch.ones(5, 6), "a neuron has a weight where it has no synapse. Make it 0"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(part: str, tensor: Tensor, text: str) -> None:
    organism = organism_of(input_density=0.6)
    weights = weights_after(organism, shrink=0.5, perturb=0.5)
    before = snapshot(organism)
    edit = StructuralEdit(rule="test", reason="", weights=weights._replace(**{part: tensor}))
    with pytest.raises(ConfigError, match=text):
        operate(edit, organism)
    assert same(before, snapshot(organism))
    good = dataclasses.replace(edit, weights=weights)
    operate(good, organism)
    now = [getattr(organism, name).detach() for name in NeuronWeights._fields]
    assert all(torch.equal(a, b) for a, b in zip(now, tensors_of(good), strict=True))
