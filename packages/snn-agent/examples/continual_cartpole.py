"""Three poles one after the other, and the first again: with a column and a head for each, nothing is forgotten."""

import gymnasium

from snn_agent import ContinualTrainer, GrowingSparseSNN, LearningConfig, NetworkConfig, StructureConfig, TrainingConfig
from snn_agent.config import ContinualConfig

STEPS = 200_000


def pole(length: float, gravity: float) -> gymnasium.vector.VectorEnv:
    """CartPole with another pole (half its length in metres) or on another planet (gravity in m/s²)."""
    worlds = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * 8)
    for world in worlds.envs:
        world.unwrapped.length, world.unwrapped.gravity = length, gravity
        world.unwrapped.polemass_length = world.unwrapped.masspole * length
    return worlds


names = ["as usual", "long", "heavy"]
tasks = [pole(0.5, 9.8), pole(2.0, 9.8), pole(0.5, 25.0)]
config = NetworkConfig(init_hidden=32, input_power=4.0, input_scaling="standardise")
organism = GrowingSparseSNN.for_spaces(tasks[0].single_observation_space, tasks[0].single_action_space, config)
trainer = ContinualTrainer(
    organism,
    tasks,
    LearningConfig(gamma=0.99, lam=0.95, learning_rate=1e-2, entropy_weight=0.0, schedule="constant"),
    StructureConfig(growth="none", pruning="none"),
    TrainingConfig(rollout_steps=32),
    continual=ContinualConfig(heads="task", protect=1.0, column_size=16),
    sequence=[0, 1, 2, 0],
    phase_steps=STEPS // 4,
    evaluation_episodes=20,
    names=names,
)
trainer.train()
for line in trainer.journal.evaluations:
    print(f"{line.env_step:>7} steps, phase {line.phase}: {names[line.task]:>8} {line.score:5.0f} of 500 steps")
