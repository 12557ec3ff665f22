"""Train into a run directory, load the organism from it, and let Stable-Baselines3 evaluate it."""

import tempfile
from pathlib import Path

import gymnasium
from stable_baselines3.common.evaluation import evaluate_policy

from snn_agent import AdaptiveTrainer, GrowingSparseSNN, NetworkConfig, TrainingConfig, load_organism
from snn_agent.training.report import write_report

STEPS = 100_000
EPISODES = 20

env = gymnasium.make("CartPole-v1")
organism = GrowingSparseSNN.for_spaces(
    env.observation_space, env.action_space, NetworkConfig(input_scaling="standardise", input_power=4.0)
)
run_dir = Path(tempfile.mkdtemp()) / "run"
trainer = AdaptiveTrainer(organism, "CartPole-v1", training=TrainingConfig(n_worlds=16), run_dir=run_dir)
trainer.train(total_steps=STEPS)

loaded = load_organism(run_dir)
mean, spread = evaluate_policy(loaded, env, n_eval_episodes=EPISODES, warn=False)  # type: ignore[arg-type]  # has predict
print(f"return {mean:.0f} ± {spread:.0f} with {loaded.hidden} neurons")
print(f"report: {write_report(run_dir)}")
