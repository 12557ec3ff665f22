"""Evaluation: the first episode of each fresh world, counted by hand."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch

import snn_agent
from snn_agent import GrowingSparseSNN, NetworkConfig
from snn_agent.errors import ConfigError
from snn_agent.metrics.operations import OperationCounts
from snn_agent.training.costs import InputActivity, describe_cost
from snn_agent.training.evaluation import evaluate
from snn_agent.training.seeds import stream, stream_seed

SYNC = {"vectorization_mode": "sync", "max_episode_steps": 60}


def cartpole_organism(carry: bool = False) -> GrowingSparseSNN:
    env = gymnasium.make("CartPole-v1")
    config = NetworkConfig(init_hidden=16, input_power=0.1, carry_state=carry, readout="drive")
    return GrowingSparseSNN.for_spaces(env.observation_space, env.action_space, config, seed=4)


@pytest.mark.parametrize("carry", [False, True])
@pytest.mark.parametrize("max_worlds", [3, 7, 100])
def test_it_is_what_single_worlds_give_one_after_the_other(max_worlds: int, carry: bool) -> None:
    organism = cartpole_organism(carry)
    result = evaluate(organism, "CartPole-v1", SYNC, episodes=7, seed=5, deterministic=True, max_worlds=max_worlds)
    env, lengths, counts = gymnasium.make("CartPole-v1", max_episode_steps=60), [], torch.zeros(16)
    for world in range(7):
        observation, _ = env.reset(seed=stream_seed(5, "evaluation") + world)
        state, done, length = organism.initial_state(1), False, 0
        while not done:
            with torch.no_grad():
                output, state = organism(torch.from_numpy(observation[None]), state)
            counts += output.counts[0]
            observation, _, terminated, truncated, _ = env.step(int(output.logits.argmax()))
            length += 1
            done = terminated or truncated
        lengths.append(length)
    assert result.lengths == lengths
    assert result.returns == lengths  # each step pays 1
    assert result.food == []
    np.testing.assert_allclose(result.counts.numpy(), (counts / sum(lengths)).numpy(), rtol=1e-6)
    assert len(set(lengths)) > 2, "the case shows too little"


@pytest.mark.parametrize(("readout", "outputs"), [("rate", 2), ("drive", 0)])
def test_operations_are_those_counted_one_by_one(readout: str, outputs: int) -> None:
    env = gymnasium.make("FrozenLake-v1")  # one input of 16 is 1, the others 0
    config = NetworkConfig(init_hidden=12, input_power=1.0, readout=readout)
    organism = GrowingSparseSNN.for_spaces(env.observation_space, env.action_space, config, seed=1)
    with torch.no_grad():
        organism.incoming[:, 3] = 0.0  # a neuron without input synapses
        organism.outgoing[5] = 0.0  # and one without output synapses
    result = evaluate(organism, "FrozenLake-v1", {"vectorization_mode": "sync"}, episodes=9, seed=2)
    spikes = result.counts.numpy()
    operations = result.operations
    assert operations.input_acs == 11
    assert operations.input_acs_resent == 110
    assert operations.input_macs == operations.input_macs_resent == 0
    assert operations.output_acs == pytest.approx(4 * (spikes.sum() - spikes[5]))
    assert operations.spikes == pytest.approx(spikes.sum())
    assert operations.spikes > 1, "the case shows too little"
    assert operations.neuron_updates == 10 * (12 + 2 * outputs)  # 4 actions
    assert operations.readout_macs == 4  # the gain; the critic is not read


def test_real_inputs_are_multiplied() -> None:
    result = evaluate(cartpole_organism(), "CartPole-v1", SYNC, episodes=3, seed=2)
    assert (result.operations.input_acs, result.operations.input_macs) == (0, 4 * 16)


def test_joules_by_hand() -> None:
    counts = OperationCounts(
        input_acs=100, input_macs=0, input_acs_resent=1000, input_macs_resent=0, output_acs=20, readout_macs=4,
        neuron_updates=50, dense_operations=9999, spikes=5, original_estimate=60,
    )  # fmt: skip
    told = describe_cost(counts, decisions_per_food=2.5)
    joules = (120 + 50 * 4) * 0.9e-12 + (4 + 50 * 2) * 4.6e-12  # an update of a neuron is 4 additions and 2 MACs
    assert told["energy"]["45nm_fp32"]["joules_per_decision"] == pytest.approx(joules)
    assert told["energy"]["45nm_fp32"]["joules_per_food"] == pytest.approx(2.5 * joules)
    assert told["energy"]["45nm_fp32_sram"]["joules_per_decision"] > joules
    assert told["synaptic_operations_per_decision"] == 120
    assert told["synaptic_operations_per_decision_resent"] == 1020
    assert describe_cost(counts)["energy"]["int8"]["joules_per_food"] is None


def test_poisson_inputs_are_counted_as_expected_spikes() -> None:
    env = gymnasium.make("FrozenLake-v1")
    config = NetworkConfig(init_hidden=3, encoding="poisson")
    organism = GrowingSparseSNN.for_spaces(env.observation_space, env.action_space, config)
    first, second = torch.zeros(2, 16), torch.zeros(1, 16)
    first[0, 2], first[1, 4], second[0, 4] = 0.5, 0.25, 0.25
    activity = InputActivity.of(organism, first).and_more(InputActivity.of(organism, second))
    assert (activity.decisions, activity.ternary) == (3, True)
    expected = torch.zeros(16, dtype=torch.float64)
    expected[2], expected[4] = 5.0, 5.0  # 10 ticks
    assert torch.equal(activity.presentations, expected)


def test_draws_come_from_the_seed_and_leave_the_organism_alone() -> None:
    organism = cartpole_organism()
    before = {name: tensor.clone() for name, tensor in organism.state_dict().items()}
    draws = organism.draws.get_state()
    runs = [evaluate(organism, "CartPole-v1", SYNC, episodes=9, seed=seed).lengths for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert all(torch.equal(before[name], tensor) for name, tensor in organism.state_dict().items())
    assert torch.equal(draws, organism.draws.get_state())


def test_no_episode_is_refused() -> None:
    with pytest.raises(ConfigError, match="episodes must be an integer at least 1"):
        evaluate(cartpole_organism(), "CartPole-v1", {}, episodes=0, seed=0)


def test_streams_are_named_and_unrelated() -> None:
    names = ["policy", "learning", "structure", "env", "evaluation", "evaluation policy"]
    seeds = {stream_seed(root, name) for root in range(50) for name in names}
    assert len(seeds) == 300
    assert all(0 <= seed < 2**31 for seed in seeds)
    first, again = (torch.rand(4, generator=stream(3, "policy")) for _ in range(2))
    assert torch.equal(first, again)
    with pytest.raises(ConfigError, match="seed must be an integer at least 0"):
        stream(-1, "policy")


def test_the_front_door() -> None:
    assert len(snn_agent.__all__) <= 20
    assert all(hasattr(snn_agent, name) for name in snn_agent.__all__)
