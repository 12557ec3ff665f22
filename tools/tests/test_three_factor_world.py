"""The three-factor rule learns to forage: a small world, seen from the agent."""

from __future__ import annotations

import pytest

import foraging_env
from snn_agent import AdaptiveTrainer, GrowingSparseSNN, LearningConfig, NetworkConfig, StructureConfig, TrainingConfig
from snn_agent.training.evaluation import evaluate
from snn_agent.training.worlds import Worlds

FORAGING = "ForagingGrid-v0"
WORLD = {"size": 5, "n_food": 2}


@pytest.mark.parametrize("feedback", ["symmetric", "random"])
def test_it_eats_three_times_what_a_random_walk_eats(feedback: str) -> None:
    kwargs = {**WORLD, "observation": "egocentric", "obs_dtype": "uint8"}
    spaces = Worlds(FORAGING, 1, kwargs)
    organism = GrowingSparseSNN.for_spaces(
        spaces.vector.single_observation_space,
        spaces.vector.single_action_space,
        NetworkConfig(input_power=10.0),
    )
    spaces.close()
    trainer = AdaptiveTrainer(
        organism,
        FORAGING,
        LearningConfig(rule="three_factor", feedback=feedback, learning_rate=0.02),
        StructureConfig(growth="none", pruning="none"),
        TrainingConfig(n_worlds=32, rollout_steps=8),
        env_kwargs=kwargs,
    )
    trainer.train(30_000)
    eaten = evaluate(organism, FORAGING, kwargs, episodes=32, seed=0).food
    random_food = foraging_env.reference_scores(foraging_env.ForagingConfig(**WORLD)).random_food
    assert sum(eaten) / len(eaten) > 3.0 * random_food
