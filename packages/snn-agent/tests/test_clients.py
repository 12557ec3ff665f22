"""Other people's libraries with this organism."""

from __future__ import annotations

import gymnasium
import pytest

from snn_agent import GrowingSparseSNN, NetworkConfig

evaluation = pytest.importorskip("stable_baselines3.common.evaluation", reason="needs the dependency group 'clients'")
pytestmark = pytest.mark.clients


@pytest.mark.parametrize("carry", [False, True])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "FrozenLake-v1"])
def test_stable_baselines3_evaluates_it(env_id: str, carry: bool) -> None:
    env = gymnasium.make(env_id, max_episode_steps=40)
    config = NetworkConfig(carry_state=carry, init_hidden=16, input_power=1.0)
    organism = GrowingSparseSNN.for_spaces(env.observation_space, env.action_space, config)
    returns, lengths = evaluation.evaluate_policy(
        organism, env, n_eval_episodes=3, deterministic=False, return_episode_rewards=True, warn=False
    )
    assert len(returns) == 3
    assert all(1 <= length <= 40 for length in lengths)
    if env_id == "CartPole-v1":
        assert returns == lengths  # each step pays 1
