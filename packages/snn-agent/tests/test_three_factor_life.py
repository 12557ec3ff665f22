"""The three-factor rule in the life of an agent: a bandit, births and deaths, checkpoints, bad numbers, its price."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from three_factor_cases import FEEDBACKS, A, D, H, config_of, organism_of, rollout_of, take
from training_cases import Songs, copy_of, differences, everything, trainer_for, update

from snn_agent import AdaptiveTrainer, GrowingSparseSNN, LearningConfig, NetworkConfig, StructureConfig, TrainingConfig
from snn_agent.errors import ConfigError, NonFiniteError
from snn_agent.learning.registry import RULES
from snn_agent.learning.three_factor import ThreeFactor
from snn_agent.learning.three_factor_state import ThreeFactorState
from snn_agent.metrics.operations import AC, ADAM_STEP, MAC, NEURON_ADJOINT, OperationCounts, Work, three_factor_work
from snn_agent.network.events import find_events
from snn_agent.network.topology import NEURON_AXIS
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.snapshot import rebuild_organism

LEARNING = LearningConfig(rule="three_factor", feedback="random", learning_rate=0.01)
FIXED = StructureConfig(growth="none", pruning="none")


class Bandit(gymnasium.Env[int, int]):
    """One state, one step: the second arm pays 1 in 80 of 100 cases, the first in 20."""

    observation_space = spaces.Discrete(1)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        del options
        super().reset(seed=seed)
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        return 0, float(self.np_random.random() < (0.8 if action == 1 else 0.2)), True, False, {}


def bandit(**learning: Any) -> list[float]:
    """Probability of the better arm after training, for five seeds."""
    found = []
    for seed in range(5):
        env = gymnasium.vector.SyncVectorEnv([Bandit] * 16, autoreset_mode=AutoresetMode.SAME_STEP)
        organism = GrowingSparseSNN.for_spaces(
            env.single_observation_space, env.single_action_space, NetworkConfig(init_hidden=16, input_power=1.0),
            engine="torch", seed=seed,
        )  # fmt: skip
        training = TrainingConfig(n_worlds=16, rollout_steps=4, seed=seed)
        config = LearningConfig(rule="three_factor", learning_rate=0.05, schedule="constant", **learning)
        AdaptiveTrainer(organism, env, config, FIXED, training).train(4_000)
        with torch.no_grad():
            found.append(float(organism(torch.ones(1, 1))[0].logits.softmax(dim=1)[0, 1]))
    return found


@pytest.mark.parametrize("feedback", FEEDBACKS)
def test_a_bandit_is_solved(feedback: str) -> None:
    found = bandit(feedback=feedback)
    assert min(found) > 0.9, found


def lived(organism: GrowingSparseSNN, feedback: str = "random") -> ThreeFactorState:
    """The state after two rollouts that leave traces."""
    rule = ThreeFactor(config_of(feedback=feedback))
    state = rule.init(organism)
    for seed in range(2):
        state, _ = rule.update(organism, state, rollout_of(organism, 4, 3, ends=0.1, seed=seed), 0.0, torch.Generator())
    assert all(float(trace.abs().max()) > 0.0 for trace in state.traces.values())
    return state


def test_newborns_begin_without_traces_and_survivors_keep_theirs() -> None:
    state, keep = lived(organism_of()), torch.tensor([4, 0, 5])
    after = state.resize(keep, 2)
    for name, trace in after.traces.items():
        axis = NEURON_AXIS[name]
        if axis is None:
            assert torch.equal(trace, state.traces[name])
            continue
        old, new = trace.split([3, 2], dim=axis + 1)
        assert torch.equal(old, state.traces[name].index_select(axis + 1, keep))
        assert not new.any()
    assert after.adam.count["bias"].tolist() == [2, 2, 2, 0, 0]


def test_episodes_that_break_off_leave_no_traces() -> None:
    """Where a resumed run cannot go on with its episodes."""
    organism, rule = organism_of(), ThreeFactor(config_of())
    state, rollout = lived(organism), rollout_of(organism, 4, 5, seed=9)
    assert any(bool(trace.any()) for trace in state.traces.values())
    fresh, anew = rule.init(organism), state.for_new_episodes()
    steps = (state.adam.count["bias"] + 1).tolist()
    after, _ = rule.update(copy.deepcopy(organism), anew, rollout, 0.3, torch.Generator())
    expected, _ = rule.update(copy.deepcopy(organism), fresh, rollout, 0.3, torch.Generator())
    assert all(torch.equal(trace, expected.traces[name]) for name, trace in after.traces.items())
    assert after.adam.count["bias"].tolist() == steps, "what has been learnt stays"


def test_every_newborn_has_feedback_of_its_own() -> None:
    state, everyone = lived(organism_of()), torch.arange(H)
    one_by_one = state.resize(everyone, 1).resize(torch.arange(H + 1), 1).feedback.weight
    at_once = state.resize(everyone, 2).feedback.weight
    assert torch.equal(one_by_one, at_once)
    assert torch.equal(at_once[:H], state.feedback.weight)
    assert len(at_once.unique()) == (H + 2) * (A + 1)  # no number twice
    reborn = state.resize(torch.arange(H - 1), 0).resize(torch.arange(H - 1), 1).feedback.weight
    assert not torch.isin(reborn[-1], state.feedback.weight).any()  # nobody inherits from the dead
    many = state.resize(everyone, 4000).feedback
    assert float(many.weight[H:].std()) == pytest.approx(many.std, rel=0.02)


def test_a_synapse_that_ends_leaves_nothing_behind() -> None:
    state, gone = lived(organism_of()), torch.zeros(D, H, dtype=torch.bool)
    gone[1, 2] = gone[0, 5] = True
    after = state.forget(gone)
    for tensor in (after.traces["incoming"], after.adam.mean["incoming"], after.adam.square["incoming"]):
        assert not tensor[..., gone].any()
        assert (tensor[..., ~gone] != 0).all()
    assert torch.equal(after.traces["outgoing"], state.traces["outgoing"])


def test_where_there_is_no_synapse_nothing_is_learnt() -> None:
    organism = organism_of(input_density=0.34)
    assert 0 < int((organism.synapses == 0).sum()) < D * H
    rule, absent = ThreeFactor(config_of()), organism.synapses == 0
    rule.update(organism, rule.init(organism), rollout_of(organism, 4, 3), 0.0, torch.Generator())
    assert not organism.incoming[absent].any()
    assert organism.incoming[~absent].all()


def test_a_state_is_what_its_tensors_say() -> None:
    organism = organism_of()
    state = lived(organism)
    again = ThreeFactor(config_of(feedback="random")).init(organism_of(hidden=H)).from_tensors(copy_of(state.tensors()))
    assert all(torch.equal(again.tensors()[name], tensor) for name, tensor in state.tensors().items())
    grown = [s.resize(torch.arange(H), 3).feedback.weight for s in (state, again)]
    assert torch.equal(*grown)


def test_sparse_observations_are_the_same_as_dense_ones() -> None:
    organism = organism_of().float()
    rollout = rollout_of(organism, 4, 3)
    rollout = rollout._replace(
        **{n: getattr(rollout, n).float() for n in ("observation", "value", "next_value", "reward")}
    )
    seen = (rollout.observation > 0.9).float()
    events = find_events(seen.reshape(-1, D).numpy())
    dense, sparse = (take(organism, rollout._replace(observation=form)) for form in (seen, events))
    for name, tensor in dense.sums.items():
        torch.testing.assert_close(sparse.sums[name], tensor)
        torch.testing.assert_close(sparse.state.traces[name], dense.state.traces[name])


@pytest.mark.parametrize("where", ["reward", "observation"])
def test_numbers_that_are_not_finite_change_nothing(where: str) -> None:
    organism = organism_of()
    state, rule = lived(organism), ThreeFactor(config_of())
    weights, before = copy_of(organism.state_dict()), copy_of(state.tensors())
    rollout = rollout_of(organism, 4, 3, ends=0.0)
    getattr(rollout, where)[0, 1] = torch.inf
    with pytest.raises(NonFiniteError, match="those before this step"):
        rule.update(organism, state, rollout, 0.0, torch.Generator())
    assert all(torch.equal(weights[name], tensor) for name, tensor in organism.state_dict().items())
    assert all(torch.equal(before[name], tensor) for name, tensor in state.tensors().items())


def test_settings_are_checked() -> None:
    assert {name: RULES[name](LearningConfig(rule=name)).name for name in RULES} == {name: name for name in RULES}
    with pytest.raises(ConfigError, match=r"each state.*baseline=\"critic\""):
        LearningConfig(rule="three_factor", baseline="ema")
    for wrong in ({"rule": "backprop"}, {"feedback": "loud"}):
        with pytest.raises(ConfigError, match="must be one of"):
            LearningConfig(**wrong)


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "carried state": {"carry_state": True, "readout": "first_spike"},
    "scaled input": {"input_scaling": "standardise", "readout": "membrane"},
    "Poisson input": {"encoding": "poisson", "readout": "drive"},
}


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("variant", VARIANTS)
def test_twice_n_updates_are_n_and_n(tmp_path: Path, variant: str, mode: AutoresetMode) -> None:
    """With births and deaths, traces of three worlds and random feedback."""
    options: dict[str, Any] = {"network": VARIANTS[variant], "learning": LEARNING}
    unbroken = update(trainer_for(Songs(3, mode), run_dir=tmp_path / "unbroken", **options), 14)
    first = update(trainer_for(Songs(3, mode), run_dir=tmp_path / "run", **options), 7)
    first.save()
    _, saved = checkpoints.load_newest(tmp_path / "run")
    organism = rebuild_organism(saved.state["organism"], saved.model)
    second = trainer_for(Songs(3, mode), organism=organism, run_dir=tmp_path / "run", resume=saved, learning=LEARNING)
    assert any(trace.any() for trace in first.agent.learner.traces.values()), "the case carries no trace"
    assert differences(everything(update(second, 7)), everything(unbroken)) == []
    assert unbroken.agent.counters.growth_events > 2
    assert unbroken.agent.counters.pruning_events > 1
    second.agent.learner.traces["bias"][0, 0] += 1.0  # and the comparison sees a trace that is off
    assert "learner.trace.bias" in differences(everything(second), everything(unbroken))


def test_what_is_seen_is_learnt() -> None:
    """In these worlds a policy that does not look earns 0.5 a step, and the best one 1."""
    learning = LearningConfig(rule="three_factor", learning_rate=0.02, schedule="constant", gamma=0.5)
    trainer = trainer_for(Songs(16), FIXED, learning=learning, network={"init_hidden": 24})
    update(trainer, 150)
    with torch.no_grad():
        seen = torch.rand(500, 4, generator=torch.Generator().manual_seed(0))
        right = trainer.organism(seen)[0].logits.argmax(dim=1) == (seen[:, 0] > 0.5)
    assert float(right.float().mean()) > 0.85


def test_the_price_equals_a_loop_over_samples_worlds_and_parameters() -> None:
    rng, T, hidden, actions = np.random.default_rng(0), 4, 5, 3
    spikes = float(rng.integers(1, 20))
    decision = OperationCounts(
        input_acs=7.0, input_macs=0.0, input_acs_resent=7.0 * T, input_macs_resent=0.0, output_acs=actions * spikes,
        readout_macs=actions + hidden, neuron_updates=T * (hidden + actions), dense_operations=0.0, spikes=spikes,
        original_estimate=0.0,
    )  # fmt: skip
    found = three_factor_work(decision, samples=6, worlds=2, parameters=17, hidden=hidden, feedback_columns=actions + 1)
    total = Work()
    for _ in range(6):
        total += decision.work()  # forward again
        for _ in range(T):
            for _ in range(hidden + actions):
                total += NEURON_ADJOINT
        for _ in range(hidden):
            for _ in range(actions + 1):
                total += MAC  # the third factor
        for _ in ("change", "trace"):
            total += AC * (7.0 + actions * spikes) + MAC * (actions + hidden)
    for _ in range(2):
        for _ in range(17):
            total += MAC * 2
    for _ in range(17):
        total += ADAM_STEP
    for unit in ("acs", "macs", "words"):
        assert getattr(found, unit) == pytest.approx(getattr(total, unit))


def test_the_ledger_charges_the_rule_that_learns() -> None:
    """One pass with one step of the optimizer costs less than eight, and feedback has its price."""
    learnt = {}
    for name, learning in {
        "reinforce": LearningConfig(),
        "symmetric": LearningConfig(rule="three_factor"),
        "none": LearningConfig(rule="three_factor", feedback="none"),
    }.items():
        trainer = update(trainer_for(Songs(3), FIXED, learning=learning), 1)
        learnt[name], decisions = trainer.agent.ledger.learning, trainer.agent.ledger.decisions
    organism = trainer.organism
    third_factor = MAC * (decisions * organism.hidden * (organism.config.output_features + 1))
    assert learnt["symmetric"].macs - learnt["none"].macs == pytest.approx(third_factor.macs)
    assert learnt["symmetric"].acs == pytest.approx(learnt["none"].acs)
    assert learnt["symmetric"].macs < learnt["reinforce"].macs


def test_organisms_share_no_feedback_unless_they_share_the_seed() -> None:
    def feedback(seed: int) -> torch.Tensor:
        organism = GrowingSparseSNN(D, H, 40, A, engine="torch", seed=seed)
        return ThreeFactor(LEARNING).init(organism).feedback.weight

    assert torch.equal(feedback(1), feedback(1))
    assert not torch.isin(feedback(1), feedback(2)).any()
