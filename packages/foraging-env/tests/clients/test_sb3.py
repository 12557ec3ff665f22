"""Stable-Baselines3 checks, vectorises and learns the environment."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from foraging_env import PRESETS, TASK_PRESETS, ForagingGrid, reference_scores

pytestmark = pytest.mark.clients
ENV_ID = "foraging_env:ForagingGrid-v0"


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_checker_has_nothing_to_say(preset: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if preset == "image":
            # SB3 takes any uint8 image for a photograph. Ours is a map: 0 or 1, 15 cells wide.
            warnings.filterwarnings(
                "ignore", message=r".* is an image but the upper and lower bounds are not in \[0, 255\]"
            )
            warnings.filterwarnings("ignore", message=r"The minimal resolution for an image is 36x36")
        env = gymnasium.make(ENV_ID, render_mode="rgb_array", **PRESETS[preset].to_kwargs())
        check_env(env, warn=True, skip_render_check=False)


@pytest.mark.parametrize("tasks", sorted(TASK_PRESETS))
def test_the_checker_has_nothing_to_say_about_tasks(tasks: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(ENV_ID, tasks=tasks), warn=True)


@pytest.mark.parametrize("vec_env_cls", [DummyVecEnv, SubprocVecEnv])
def test_vectorised_worlds_live_as_single_ones_do(vec_env_cls: type[DummyVecEnv] | type[SubprocVecEnv]) -> None:
    kwargs = {"size": 3, "n_food": 4, "respawn": False}
    venv = make_vec_env(ENV_ID, n_envs=2, seed=7, vec_env_cls=vec_env_cls, env_kwargs=kwargs)
    singles = [ForagingGrid(**kwargs) for _ in range(2)]  # type: ignore[arg-type]
    observations = venv.reset()
    expected = [single.reset(seed=7 + world)[0] for world, single in enumerate(singles)]
    n_episodes = 0
    for actions in np.random.default_rng(0).integers(4, size=(150, 2)):
        np.testing.assert_array_equal(observations, expected)
        observations, rewards, dones, infos = venv.step(actions)
        for world, single in enumerate(singles):
            expected[world], reward, terminated, _, info = single.step(actions[world])
            assert rewards[world] == pytest.approx(reward)  # DummyVecEnv rounds to float32
            assert dones[world] == terminated
            assert info.items() <= infos[world].items()
            if terminated:
                np.testing.assert_array_equal(infos[world]["terminal_observation"], expected[world])
                expected[world] = single.reset()[0]
                n_episodes += 1
    assert n_episodes > 2
    assert [frame.shape[2] for frame in venv.get_images() if frame is not None] == [3, 3]
    venv.close()


def test_ppo_learns_to_forage() -> None:
    """Five times the food of a random forager: far beyond luck, well below the 220 that this run reaches."""
    torch.set_num_threads(1)
    config = PRESETS["tiny"]
    model = PPO(
        "MlpPolicy",
        make_vec_env(ENV_ID, n_envs=16, seed=0, env_kwargs=config.to_kwargs()),
        n_steps=64,
        batch_size=256,
        n_epochs=6,
        learning_rate=2e-3,
        gamma=0.9,
        gae_lambda=0.9,
        ent_coef=0.01,
        policy_kwargs={"net_arch": [64]},
        seed=0,
        device="cpu",
    )
    test_worlds = make_vec_env(ENV_ID, n_envs=24, seed=1000, env_kwargs=config.to_kwargs())
    food = []
    for n_steps in (0, 50_000):
        model.learn(n_steps)
        mean_return, _ = evaluate_policy(model, test_worlds, n_eval_episodes=24, deterministic=False)
        assert isinstance(mean_return, float)
        food.append(mean_return + 500 * config.step_cost)
    untrained, trained = food
    random_food = reference_scores(config).random_food
    assert untrained < 2 * random_food
    assert trained > 5 * random_food
