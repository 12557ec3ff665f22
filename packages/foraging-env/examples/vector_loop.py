"""A CleanRL-style loop: many worlds, one call a step, a greedy forager as the policy."""

import gymnasium
import numpy as np

import foraging_env

envs = gymnasium.make_vec("ForagingGrid-v0", num_envs=64)
observations, infos = envs.reset(seed=0)
rewards = np.zeros(64)
for _ in range(500):
    world = envs.unwrapped
    actions = foraging_env.greedy_actions(world.state, world.timetable)
    observations, reward, terminated, truncated, infos = envs.step(actions)
    rewards += reward
print("mean return:", rewards.mean())
print("normalised:", foraging_env.normalised_score(infos["food_collected"].mean(), world.config))
