"""Stable-Baselines3: PPO on a small egocentric world."""

from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import foraging_env

tiny = foraging_env.PRESETS["tiny"].to_kwargs()
envs = make_vec_env("foraging_env:ForagingGrid-v0", n_envs=4, env_kwargs=tiny)
model = PPO("MlpPolicy", envs, n_steps=64, batch_size=64, seed=0).learn(1024)
print("trained for", model.num_timesteps, "steps")
