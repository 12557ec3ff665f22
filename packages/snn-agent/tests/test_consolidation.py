"""Elastic weight consolidation: the penalty and its gradient, what it does to learning, and what surgery does to it."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from consolidation_cases import CASE, ENGINES, ONE_STEP, consolidated, memory_of, normal
from hypothesis import given, settings
from learner_cases import pupil, rollout_of
from test_surgery import H, edit_of, lived_agent, of_the_old_size
from training_cases import copy_of

from snn_agent import GrowingSparseSNN, LearningConfig
from snn_agent.engine.contract import Engine
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.errors import ConfigError
from snn_agent.learning.consolidation import NOTHING, Consolidation, Memory
from snn_agent.learning.fisher import POLICY, fisher
from snn_agent.learning.protection import Movable
from snn_agent.learning.reinforce import Reinforce, ReinforceState
from snn_agent.learning.reinforce_state import HEAD
from snn_agent.network.topology import LEARNT, NEURON_AXIS


def test_penalty_and_gradient_are_those_of_the_formula() -> None:
    organism = pupil(CASE, TorchEngine())
    memories = (memory_of(organism, 1), memory_of(organism, 3))
    learnt = organism.learnt()
    terms = [
        (memory.fisher[name] * (learnt[name] - memory.anchor[name]) ** 2).sum()
        for memory in memories
        for name in POLICY
    ]
    formula = 0.7 / 2.0 * torch.stack(terms).sum()
    wanted = torch.autograd.grad(formula, [learnt[name] for name in POLICY])
    penalty, gradients = Consolidation(0.7, memories).penalty(dict(learnt))
    torch.testing.assert_close(penalty, formula.detach(), rtol=1e-12, atol=0.0)
    assert gradients.keys() == set(POLICY)
    for name, gradient in zip(POLICY, wanted, strict=True):
        torch.testing.assert_close(gradients[name], gradient, rtol=1e-12, atol=1e-12)


def test_two_tasks_by_hand() -> None:
    """Fisher 2 around 1, then Fisher 3 around 5, and the weight is 4 now."""
    tasks = [({"bias": torch.tensor([2.0])}, torch.tensor([1.0])), ({"bias": torch.tensor([3.0])}, torch.tensor([5.0]))]
    found = {}
    for mode in ("ewc", "online_ewc"):
        state = NOTHING
        for fisher_terms, weight in tasks:
            state = state.remember(fisher_terms, {"bias": weight}, mode=mode, strength=2.0, decay=0.5)
        penalty, gradients = state.penalty({"bias": torch.tensor([4.0])})
        found[mode] = (len(state.memories), float(penalty), gradients["bias"].tolist())
    # 2/2·(2·3² + 3·1²) and 2·(2·3 − 3·1); online F = 0.5·2 + 3 = 4 around 5: 2/2·4·1² and −2·4·1
    assert found == {"ewc": (2, 21.0, [6.0]), "online_ewc": (1, 4.0, [-8.0])}


def test_anchors_do_not_follow_the_weights() -> None:
    organism = pupil(CASE, TorchEngine())
    state = NOTHING.remember(normal(organism, 0), dict(organism.learnt()), mode="ewc", strength=1.0, decay=0.0)
    before = copy_of(organism.learnt())
    with torch.no_grad():
        organism.incoming.add_(1.0)
    assert all(torch.equal(state.memories[0].anchor[name], tensor) for name, tensor in before.items())


def state_with(
    organism: GrowingSparseSNN, config: LearningConfig, past: Consolidation
) -> tuple[Reinforce, ReinforceState]:
    rule = Reinforce(config)
    return rule, rule.init(organism)._replace(consolidation=past)


@ENGINES
@pytest.mark.parametrize("density", [1.0, 0.3])
def test_the_pull_is_added_to_the_gradient_and_the_loss(engine: Engine, density: float) -> None:
    """Adam's first mean is 0.1 of the gradient, and the pull goes where gradients may go."""
    case = CASE._replace(config=CASE.config.replace(input_density=density))
    reports, means = [], []
    for past in (False, True):
        organism = pupil(case, engine)
        organism.protected[::4] = True
        consolidation = Consolidation(0.3, (memory_of(organism, 1), memory_of(organism, 3)))
        penalty, pulls = consolidation.penalty(dict(organism.learnt()))
        movable = Movable.of(organism)
        assert movable is not None
        rule, state = state_with(organism, ONE_STEP, consolidation if past else NOTHING)
        state, numbers = rule.update(organism, state, rollout_of(case), 0.0, torch.Generator().manual_seed(0))
        reports.append(numbers)
        means.append(state.adam.mean)
    for name in LEARNT:
        pull = pulls.get(name, torch.zeros(()))
        pull = pull * getattr(movable, name) if name in movable._fields else pull
        torch.testing.assert_close(means[1][name] / 0.1, means[0][name] / 0.1 + pull, rtol=1e-6, atol=1e-7, msg=name)
    assert reports[1].loss == pytest.approx(reports[0].loss + float(penalty), rel=1e-9)
    assert reports[1].policy_loss == pytest.approx(reports[0].policy_loss, rel=1e-9)
    squared = sum(float((mean / 0.1).square().sum()) for mean in means[1].values())
    assert reports[1].gradient_norm == pytest.approx(squared**0.5, rel=1e-9)


@ENGINES
def test_what_is_clipped_is_the_whole_gradient(engine: Engine) -> None:
    organism = pupil(CASE, engine)
    config = LearningConfig(**(vars(ONE_STEP) | {"max_grad_norm": 0.5}))
    rule, state = state_with(organism, config, Consolidation(1e6, (memory_of(organism, 1),)))
    state, numbers = rule.update(organism, state, rollout_of(CASE), 0.0, torch.Generator().manual_seed(0))
    assert numbers.gradient_norm > 1e4
    squared = sum(float((mean / 0.1).square().sum()) for mean in state.adam.mean.values())
    assert squared**0.5 == pytest.approx(0.5, rel=1e-6)


@ENGINES
def test_weights_go_back_to_their_anchors(engine: Engine) -> None:
    """Where nothing else is to be learnt; those that do not matter stay where they are."""
    organism = pupil(CASE, engine)
    home = copy_of(organism.learnt())
    matters = {name: tensor > 0.0 for name, tensor in normal(organism, 0).items() if name in POLICY}
    past = Consolidation(50.0, (Memory({n: m.double() for n, m in matters.items()}, {n: home[n] for n in matters}),))
    with torch.no_grad():
        for name, tensor in normal(organism, 5).items():
            organism.learnt()[name].add_(0.05 * tensor)
    away = copy_of(organism.learnt())
    rule, state = state_with(organism, LearningConfig(learning_rate=2e-3, entropy_weight=0.0), past)
    rollout = rollout_of(CASE)
    rollout.valid[:] = False
    for k in range(12):  # of 32 steps each
        state, _ = rule.update(organism, state, rollout, k / 12.0, torch.Generator().manual_seed(k))
    for name, where in matters.items():
        now = organism.learnt()[name].detach()
        far, near = (away[name] - home[name])[where].abs(), (now - home[name])[where].abs()
        assert far.numel() == 0 or float(near.max()) < 0.05 * float(far.max()), name
        assert torch.equal(now[~where], away[name][~where]), name
    assert matters["incoming"].float().mean() > 0.4


def test_consolidating_takes_the_fisher_information_of_now() -> None:
    organism = pupil(CASE, TorchEngine())
    state = Reinforce(ONE_STEP).init(organism)
    after = consolidated(organism, state)
    seen = torch.rand(20, 20, generator=torch.Generator().manual_seed(3)).double()
    expected = fisher(organism, seen, torch.Generator().manual_seed(8))
    (memory,) = after.consolidation.memories
    assert memory.fisher.keys() == memory.anchor.keys() == set(POLICY)
    assert all(torch.equal(memory.fisher[name], tensor) for name, tensor in expected.items())
    assert all(torch.equal(memory.anchor[name], organism.learnt()[name]) for name in POLICY)
    assert state.consolidation == NOTHING
    of_own_heads = consolidated(organism, state, shared_head=False).consolidation.memories[0]
    assert of_own_heads.fisher.keys() == of_own_heads.anchor.keys() == {"incoming", "bias"}
    assert len(consolidated(organism, after).consolidation.memories) == 2
    assert len(consolidated(organism, after, mode="online_ewc").consolidation.memories) == 1


@ENGINES
def test_strength_zero_is_no_consolidation(engine: Engine) -> None:
    """Bit for bit, and no random number is drawn; also where terms are kept but pull no more."""
    organism = pupil(CASE, engine)
    state, generator = Reinforce(ONE_STEP).init(organism), torch.Generator().manual_seed(8)
    before = generator.get_state()
    after = state.consolidate(organism, torch.rand(4, 20), mode="ewc", strength=0.0, decay=0.9, generator=generator)
    assert after is state
    assert torch.equal(generator.get_state(), before)
    found = []
    for past in (NOTHING, Consolidation(0.0, (memory_of(organism, 1),))):
        organism = pupil(CASE, engine)
        rule, state = state_with(organism, LearningConfig(learning_rate=0.01), past)
        state, numbers = rule.update(organism, state, rollout_of(CASE), 0.0, torch.Generator().manual_seed(0))
        found.append((copy_of(organism.learnt()) | copy_of(state._replace(consolidation=NOTHING).tensors()), numbers))
    assert found[0][1] == found[1][1]
    assert all(torch.equal(found[1][0][name], tensor) for name, tensor in found[0][0].items())


def test_wrong_settings_are_refused() -> None:
    organism = pupil(CASE, TorchEngine())
    state = Reinforce(ONE_STEP).init(organism)
    for options, text in (
        ({"mode": "none"}, "mode must be one of 'ewc', 'online_ewc'"),
        ({"strength": -1.0}, "strength must be"),
        ({"decay": 1.5}, "decay must be"),
    ):
        with pytest.raises(ConfigError, match=text):
            consolidated(organism, state, **options)
    twice = consolidated(organism, consolidated(organism, state))
    with pytest.raises(ConfigError, match=r'has 2, of "ewc". Go on with "ewc"'):
        consolidated(organism, twice, mode="online_ewc")


@given(
    seed=st.integers(0, 2**16),
    events=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=4),
    n_tasks=st.integers(1, 3),
)
@settings(max_examples=60)
def test_each_neuron_keeps_its_own_fisher_and_anchor(seed: int, events: list[tuple[int, int]], n_tasks: int) -> None:
    """Through births and deaths in any order; whoever was born since is pulled by nothing."""
    organism = pupil(CASE, TorchEngine())
    past = Consolidation(1.0, tuple(memory_of(organism, 10 * k) for k in range(n_tasks)))
    generator, now = torch.Generator().manual_seed(seed), past
    ids = list(range(organism.hidden))
    for dying, n_new in events:
        keep = torch.randperm(len(ids), generator=generator)[: len(ids) - dying].sort().values
        now = now.resize(keep, n_new)
        ids = [ids[k] for k in keep.tolist()] + [-1] * n_new
    old = torch.tensor([i for i in ids if i >= 0])
    at, born = torch.tensor([i >= 0 for i in ids]), torch.tensor([i < 0 for i in ids])
    assert (now.strength, len(now.memories)) == (past.strength, n_tasks)
    for before, after in zip(past.memories, now.memories, strict=True):
        for part, resized in zip(before, after, strict=True):
            for name, tensor in part.items():
                axis = NEURON_AXIS[name]
                if axis is None:
                    assert torch.equal(resized[name], tensor)
                    continue
                along = resized[name].movedim(axis, 0)
                assert len(along) == len(ids)
                assert torch.equal(along[at], tensor.movedim(axis, 0)[old])
                assert not along[born].any()


@pytest.mark.parametrize("mode", ["ewc", "online_ewc"])
def test_surgery_leaves_nothing_of_the_old_size(mode: str) -> None:
    agent = lived_agent(carry_state=False)
    assert isinstance(agent.learner, ReinforceState)
    for _ in range(2):
        agent.learner = consolidated(agent.organism, agent.learner, mode=mode)
    names = set(of_the_old_size(agent))
    assert {"learner.consolidation.0.fisher.incoming", "learner.consolidation.0.anchor.outgoing"} <= names
    agent.operate(edit_of(agent))
    assert agent.organism.hidden == H + 2
    assert of_the_old_size(agent) == []


def test_synapses_that_end_or_begin_are_not_pulled() -> None:
    organism = pupil(CASE, TorchEngine())
    state = consolidated(organism, Reinforce(ONE_STEP).init(organism))
    state = consolidated(organism, state)
    changed = normal(organism, 4)["incoming"] > 1.0
    after = state.forget(changed)
    for before, now in zip(state.consolidation.memories, after.consolidation.memories, strict=True):
        assert before.fisher["incoming"][changed].any()
        assert not now.fisher["incoming"][changed].any()
        assert torch.equal(now.fisher["incoming"][~changed], before.fisher["incoming"][~changed])
        assert all(now.fisher[name] is before.fisher[name] for name in POLICY if name != "incoming")
    assert not after.adam.mean["incoming"][changed].any()


@ENGINES
def test_a_new_head_begins_anew(engine: Engine) -> None:
    organism = pupil(CASE, engine)
    rule, state = state_with(organism, LearningConfig(learning_rate=0.01), NOTHING)
    state, _ = rule.update(organism, state, rollout_of(CASE), 0.0, torch.Generator().manual_seed(0))
    state = consolidated(organism, state)
    before, after = state.adam, state.for_new_head()
    for name in LEARNT:
        parts = [
            (kind, getattr(before, kind)[name], getattr(after.adam, kind)[name]) for kind in ("mean", "square", "count")
        ]
        for kind, old, new in parts:
            assert old.any(), (kind, name)
            assert (not new.any()) if name in HEAD else torch.equal(old, new), (kind, name)
    assert after.consolidation.memories[0].fisher.keys() == {"incoming", "bias"}
    assert state.consolidation.memories[0].fisher.keys() == set(POLICY), "the old state is as it was"


def test_a_learner_with_many_tasks_is_what_its_tensors_say() -> None:
    organism = pupil(CASE, TorchEngine())
    rule = Reinforce(ONE_STEP)
    state = rule.init(organism)
    plain = copy_of(state.tensors())
    assert not any(name.startswith("consolidation") for name in plain)
    assert rule.init(organism).from_tensors(plain).consolidation == NOTHING, "as saved by versions without it"
    past = Consolidation(3.5, tuple(memory_of(organism, 10 * k) for k in range(12))).without(["gain"])
    state = state._replace(consolidation=past)
    again = rule.init(organism).from_tensors(copy_of(state.tensors())).consolidation
    assert (again.strength, len(again.memories)) == (3.5, 12)
    for old, new in zip(past.memories, again.memories, strict=True):
        for before, after in zip(old, new, strict=True):
            assert before.keys() == after.keys() == set(POLICY) - {"gain"}
            assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
