"""TorchRL wraps the single and the vector environment."""

from __future__ import annotations

import gymnasium
import pytest
import torch
from gymnasium.vector import AutoresetMode
from torchrl.envs.libs.gym import GymEnv, GymWrapper  # type: ignore[import-untyped, unused-ignore]
from torchrl.envs.utils import check_env_specs  # type: ignore[import-untyped, unused-ignore]

from foraging_env import ForagingGrid

pytestmark = pytest.mark.clients
ENV_ID = "foraging_env:ForagingGrid-v0"


@pytest.mark.parametrize("categorical", [True, False])
def test_the_specs_of_the_single_environment(categorical: bool) -> None:
    env = GymEnv(ENV_ID, categorical_action_encoding=categorical)
    check_env_specs(env)
    assert env.observation_spec["observation"].shape == (450,)
    env.close()


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
def test_the_specs_of_the_vector_environment(mode: AutoresetMode) -> None:
    env = GymWrapper(gymnasium.make_vec(ENV_ID, num_envs=3, autoreset_mode=mode), categorical_action_encoding=True)
    check_env_specs(env, break_when_any_done="both")
    env.close()


def test_a_rollout_brings_what_the_environment_says() -> None:
    env = GymEnv(ENV_ID, categorical_action_encoding=True)
    env.set_seed(3)
    torch.manual_seed(0)
    rollout = env.rollout(60)
    single = ForagingGrid()
    single.reset(seed=3)  # set_seed resets with the seed, and rollout once more without
    observation, _ = single.reset()
    for step in range(60):
        assert (rollout["observation"][step].numpy() == observation).all()
        observation, reward, *_ = single.step(int(rollout["action"][step]))
        assert rollout["next", "reward"][step].item() == pytest.approx(reward)
        assert (rollout["next", "observation"][step].numpy() == observation).all()


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
def test_a_vector_rollout_goes_on_over_the_ends_of_episodes(mode: AutoresetMode) -> None:
    worlds = gymnasium.make_vec(ENV_ID, num_envs=3, autoreset_mode=mode, max_episode_steps=7)
    env = GymWrapper(worlds, categorical_action_encoding=True)
    env.set_seed(0)
    rollout = env.rollout(30, break_when_any_done=False)
    truncated = rollout["next", "truncated"].squeeze(-1)  # [B, T]
    assert truncated.sum(dim=1).tolist() == [4, 4, 4]
    assert truncated[0].nonzero().squeeze(-1).tolist() == [6, 13, 20, 27]
    # Before a reset the last observation of the episode, after it the first of the next: the agent in the centre.
    begins = rollout["observation"][:, [0, 7, 14, 21, 28], 112]
    assert (begins == 1).all()
    assert not (rollout["next", "observation"][:, [6, 13, 20, 27], 112] == 1).all()
    env.close()
