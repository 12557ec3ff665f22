"""How each kind of newborn is made."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from plasticity_cases import context_of, organism_of, snapshot

from snn_agent.config import BIRTH_NAMES, LearningConfig, StructureConfig
from snn_agent.errors import ConfigError
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.network.topology import incoming_std
from snn_agent.plasticity.births import BIRTHS, BirthPlan
from snn_agent.plasticity.contract import StructuralContext
from snn_agent.plasticity.policy_gradient import advantages, incoming_gradient
from snn_agent.training.agent import Agent


def born(birth: str, context: StructuralContext, n: int) -> StructuralEdit:
    edit = BirthPlan(size=n, birth=birth).propose("test", "", context)
    assert edit is not None
    return edit


def test_births_have_the_documented_spread() -> None:
    organism = organism_of(6, inputs=200, actions=4, input_power=11.0, incoming_scale=0.5, max_hidden=4000)
    with torch.no_grad():
        organism.incoming.mul_(30)  # grown in training: the newborn must not care
    n = 2000
    newborn = {birth: BIRTHS[birth](context_of(organism, seed=1), n) for birth in BIRTH_NAMES if birth != "split"}
    assert incoming_std(organism.config) == pytest.approx(0.5 * math.sqrt(2 / 11))
    for birth in ("zero_out", "paired", "gradient"):
        assert float(newborn[birth].weights.incoming.std()) == pytest.approx(incoming_std(organism.config), rel=0.01)
    for birth in ("zero_out", "gradient"):
        assert not newborn[birth].weights.outgoing.any()
    fresh = organism.config.outgoing_scale / math.sqrt(6)
    assert float(newborn["paired"].weights.outgoing.std()) == pytest.approx(fresh, rel=0.03)
    original = newborn["kaiming_noise"].weights
    assert float(original.incoming.std()) == pytest.approx(math.sqrt(2 / 200 + 0.1**2), rel=0.01)
    assert float(original.outgoing.std()) == pytest.approx(math.sqrt(2 / n + 0.1**2), rel=0.03)
    for weights, factor, parents, shares in newborn.values():
        assert factor is parents is shares is None
        assert not weights.critic.any()
        assert (weights.bias == organism.config.hidden_bias).all()


@pytest.mark.parametrize("birth", BIRTH_NAMES)
def test_births_draw_from_the_stream_of_structure(birth: str) -> None:
    def draw(context: StructuralContext) -> torch.Tensor:
        return torch.cat([part.flatten() for part in BIRTHS[birth](context, 3).weights])

    context = context_of(organism_of(), seed=1)
    first, second = draw(context), draw(context)
    assert not torch.equal(first, second)
    assert torch.equal(draw(context_of(organism_of(), seed=1)), first)


@given(seed=st.integers(0, 2**16), n=st.integers(1, 9))
def test_twins_are_equal_before_and_opposite_behind(seed: int, n: int) -> None:
    weights = BIRTHS["paired"](context_of(organism_of(), seed=seed), n).weights
    left, right = range(0, n - 1, 2), range(1, n, 2)
    assert torch.equal(weights.incoming[:, left], weights.incoming[:, right])
    assert torch.equal(weights.bias[left], weights.bias[right])
    assert torch.equal(weights.outgoing[left], -weights.outgoing[right])
    assert weights.outgoing[: n // 2 * 2].all()
    assert bool(weights.outgoing[n // 2 * 2 :].any()) is False, "an odd one must not be heard"
    assert len({tuple(column.tolist()) for column in weights.incoming.T}) == (n + 1) // 2


def test_twins_part_at_the_first_gradient() -> None:
    """The gradients of their incoming weights are opposite, and not 0."""
    organism = organism_of(incoming_scale=1.0, hidden_bias=0.5)
    context = context_of(organism)
    operate(born("paired", context, 6), organism)
    gradient = incoming_gradient(context)[:, 6:]
    assert (gradient.norm(dim=0) > 1e-4).all()
    torch.testing.assert_close(gradient[:, ::2], -gradient[:, 1::2])


def test_the_most_useful_divide_and_share_their_effect() -> None:
    organism = organism_of(6)
    utility = torch.tensor([0.1, 0.9, 0.5, 0.0, 0.7, torch.nan])
    age = torch.tensor([5, 5, 1, 5, 0, 5])
    context = context_of(organism, utility=utility, age=age)
    before = snapshot(organism)
    for n, parents in ((1, [1]), (3, [1, 2, 0]), (5, [1, 2, 0, 1, 2])):
        newborn = BIRTHS["split"](context, n)
        assert newborn.parents is not None
        assert newborn.outgoing_factor is not None
        assert newborn.parents.tolist() == parents
        assert torch.equal(newborn.weights.incoming, before["incoming"][:, parents])
        assert torch.equal(newborn.weights.bias, before["bias"][parents])
        left = before["outgoing"] * newborn.outgoing_factor[:, None]
        children = torch.zeros_like(left).index_add_(0, newborn.parents, newborn.weights.outgoing)
        torch.testing.assert_close(left + children, before["outgoing"])
        family = torch.bincount(newborn.parents, minlength=6)
        assert (newborn.outgoing_factor[family == 0] == 1.0).all()
        ones = newborn.outgoing_factor[family == 1]
        assert ((ones >= 0.25) & (ones <= 0.75)).all()
        assert (newborn.outgoing_factor[family == 2] < 0.75**2 + 1e-6).all()


def test_parent_and_child_have_different_gradients() -> None:
    organism = organism_of(incoming_scale=1.0, hidden_bias=0.5)
    context = context_of(organism)
    edit = born("split", context, 3)
    assert edit.parents is not None
    assert edit.outgoing_factor is not None
    operate(edit, organism)
    gradient = incoming_gradient(context)
    assert (gradient[:, 6:].norm(dim=0) > 1e-4).all()
    left = edit.outgoing_factor[edit.parents]
    torch.testing.assert_close(gradient[:, 6:] * left, gradient[:, edit.parents] * (1 - left))
    assert (left != 0.5).any()


def test_children_inherit_synapses_that_have_no_weight_yet() -> None:
    organism = organism_of(6, inputs=10, input_density=0.5)
    begun = int(torch.nonzero(organism.synapses[:, 2] == 0)[0])
    organism.synapses[begun, 2] = -1
    utility = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    operate(born("split", context_of(organism, utility=utility), 2), organism)
    assert torch.equal(organism.synapses[:, 6:], organism.synapses[:, [2, 2]])
    assert organism.synapses[begun, 6] == -1


def test_children_do_not_get_synapses_that_their_parents_have_not() -> None:
    organism = organism_of(6, inputs=10, input_density=0.5)
    weights = BIRTHS["zero_out"](context_of(organism), 1).weights
    own = weights.incoming[:, 0] != 0
    parents = torch.tensor([2])
    edit = StructuralEdit(rule="test", reason="", newborn=weights, parents=parents)
    assert not torch.equal(own, organism.synapses[:, 2] != 0)
    with pytest.raises(ConfigError, match="where its parent has no synapse"):
        operate(edit, organism)
    assert organism.hidden == 6


@pytest.mark.parametrize("change", [{"utility": torch.zeros(6)}, {"age": torch.zeros(6, dtype=torch.int64)}])
def test_where_nobody_is_useful_nobody_divides(change: dict[str, torch.Tensor]) -> None:
    newborn = BIRTHS["split"](context_of(organism_of(), **change), 3)
    assert newborn.outgoing_factor is newborn.parents is newborn.shares is None
    assert newborn.weights.incoming.any()
    assert not newborn.weights.outgoing.any()


def pull_of(context: StructuralContext) -> torch.Tensor:
    """∂J/∂Q at 0 of logits with direct weights Q from the inputs, by autograd: M of E33, [A, D]."""
    experience, organism = context.experience(), context.organism
    with torch.no_grad():
        logits = organism(experience.observations)[0].logits
    direct = torch.zeros(organism.config.output_features, organism.config.input_features, requires_grad=True)
    policy = (logits + organism.scale(experience.observations) @ direct.T).log_softmax(dim=-1)
    chosen = policy.gather(1, experience.action[:, None]).squeeze(1)
    (pull,) = torch.autograd.grad((advantages(context) * chosen).mean(), direct)
    return pull


@pytest.mark.parametrize("density", [1.0, 0.4])
@pytest.mark.parametrize("scaling", ["none", "standardise"])
def test_the_gradient_turns_the_incoming_weights(scaling: str, density: float) -> None:
    """Half-way to the rows of M, by either sign; the norm is that of the fresh draw."""
    organism = organism_of(6, inputs=60, max_hidden=2000, input_scaling=scaling, input_density=density)
    observations = torch.randn(200, 60, generator=torch.Generator().manual_seed(0)) * 2 + 1
    organism.see(observations)
    turned, fresh = (
        BIRTHS[birth](context_of(organism, seed=3, observations=observations), 500).weights.incoming
        for birth in ("gradient", "zero_out")
    )
    torch.testing.assert_close(turned.norm(dim=0), fresh.norm(dim=0))
    assert torch.equal(turned != 0, fresh != 0)
    pull = pull_of(context_of(organism, seed=3, observations=observations))
    gain, chance = ((pull @ weights).square().sum() / weights.square().sum() for weights in (turned, fresh))
    assert gain > 4 * chance, "the newborn's outgoing weights must have longer gradients"
    strongest = torch.linalg.svd(pull).Vh[0] @ turned
    assert 0.4 < (strongest > 0).float().mean() < 0.6
    if density == 1.0:
        rows = torch.linalg.svd(pull).Vh[: int(torch.linalg.matrix_rank(pull, rtol=1e-4))]
        share = (rows @ turned).square().sum(dim=0) / turned.square().sum(dim=0)
        together = math.sqrt(2 / (math.pi * 60))  # mean |cosine| of two directions
        assert float(share.mean()) == pytest.approx((1 + 2 * together + len(rows) / 60) / (2 + 2 * together), abs=0.01)
    assert torch.linalg.matrix_rank(turned) == 60, "no two alike, in any direction"


def test_without_any_advantage_chance_decides_alone() -> None:
    organism = organism_of()
    experience = context_of(organism).experience()
    flat = experience._replace(target=experience.value)
    turned, fresh = (
        BIRTHS[birth](context_of(organism, experience=flat), 4).weights.incoming for birth in ("gradient", "zero_out")
    )
    torch.testing.assert_close(turned, fresh)


def test_children_begin_where_their_parents_are() -> None:
    """Where membranes are carried from one decision to the next, a division does not change what comes next either."""
    organism = organism_of(6, carry_state=True, hidden_bias=0.9)
    agent = Agent(organism, LearningConfig(), StructureConfig(growth="none", pruning="none"), seed=0)
    observations = torch.rand(5, 5, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        _, agent.membranes = organism(observations)
        expected, after = organism(observations, agent.membranes)
        assert float(agent.membranes.hidden.v.abs().mean()) > 0.1
        edit = born("split", context_of(organism), 4)
        agent.operate(edit)
        found, now = organism(observations, agent.membranes)
    torch.testing.assert_close(found.logits, expected.logits)
    assert torch.equal(found.counts[:, :6], expected.counts)
    assert torch.equal(now.hidden.v[:, 6:], after.hidden.v[:, edit.parents])
