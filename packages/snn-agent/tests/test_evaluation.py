"""Evaluation: the first episode of each fresh world, counted by hand."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch

import snn_agent
from snn_agent import GrowingSparseSNN, NetworkConfig
from snn_agent.errors import ConfigError
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
