"""Plain Gymnasium: one episode with random actions."""

import gymnasium

import foraging_env  # noqa: F401 - registers ForagingGrid-v0

env = gymnasium.make("ForagingGrid-v0", size=7, n_food=4)
observation, info = env.reset(seed=0)
done = False
while not done:
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
    done = terminated or truncated
print("food eaten:", info["food_collected"])
