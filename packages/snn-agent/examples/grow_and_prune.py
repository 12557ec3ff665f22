"""Neurons are born and die while the organism learns; a listener tells of it."""

import gymnasium

from snn_agent import AdaptiveTrainer, Callback, GrowingSparseSNN, NetworkConfig, StructureConfig, TrainingConfig
from snn_agent.training.agent import StructuralEvent
from snn_agent.training.callbacks import Run

STEPS = 100_000


class Storyteller(Callback):
    """Prints every birth and death."""

    def on_event(self, run: Run, event: StructuralEvent) -> None:
        """Called after an edit was carried out."""
        del run
        change = f"+{len(event.born)} -{len(event.died)}"
        print(f"{event.env_step:>7} steps: {change:>8} -> {event.size_after} neurons ({event.rule}: {event.reason})")


env = gymnasium.make("CartPole-v1")
organism = GrowingSparseSNN.for_spaces(
    env.observation_space,
    env.action_space,
    NetworkConfig(input_scaling="standardise", input_power=4.0, init_hidden=16, max_hidden=128, min_hidden=8),
)
structure = StructureConfig(
    growth="periodic",
    growth_size=8,
    grow_interval=STEPS // 8,
    pruning="low_utility",
    prune_interval=STEPS // 5,
    maturity_updates=2,
    interval_unit="env_steps",
)
training = TrainingConfig(n_worlds=16, rollout_steps=32)
AdaptiveTrainer(organism, "CartPole-v1", None, structure, training, callbacks=[Storyteller()]).train(total_steps=STEPS)
