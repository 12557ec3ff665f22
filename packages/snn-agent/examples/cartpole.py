"""Learn to balance a pole, then see how well it does in fifty fresh worlds."""

import gymnasium

from snn_agent import AdaptiveTrainer, GrowingSparseSNN, LearningConfig, NetworkConfig, StructureConfig, TrainingConfig
from snn_agent.training.evaluation import evaluate

STEPS = 500_000
EPISODES = 50

env = gymnasium.make("CartPole-v1")
organism = GrowingSparseSNN.for_spaces(
    env.observation_space,
    env.action_space,
    NetworkConfig(input_scaling="standardise", input_power=4.0),
)
trainer = AdaptiveTrainer(
    organism,
    "CartPole-v1",
    LearningConfig(gamma=0.99, lam=0.95, learning_rate=1e-2, entropy_weight=0.0),
    StructureConfig(growth="none", pruning="none"),
    TrainingConfig(n_worlds=32, rollout_steps=64),
)
summary = trainer.train(total_steps=STEPS)
result = evaluate(organism, "CartPole-v1", {}, episodes=EPISODES, seed=1)
print(f"{summary['env_steps']} steps at {summary['env_steps_per_second']:.0f} a second")
print(f"the pole stands for {sum(result.lengths) / EPISODES:.0f} of 500 steps")
print(f"a decision takes {result.operations.synaptic_operations():.0f} synaptic operations")
