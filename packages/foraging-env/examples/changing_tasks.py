"""Continual learning: food and poison trade value every 100 steps of the world's life."""

import gymnasium

import foraging_env  # noqa: F401

env = gymnasium.make("ForagingGrid-v0", size=7, n_food=4, tasks="swap", task_steps=100)
env.reset(seed=0)
returns: dict[int, float] = {}
for _ in range(400):
    _, reward, _, _, info = env.step(env.action_space.sample())
    returns[info["phase"]] = returns.get(info["phase"], 0.0) + float(reward)
print("return by phase:", {phase: round(total, 2) for phase, total in returns.items()})
