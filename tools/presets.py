"""Training runs by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from continual_tasks import SEQUENCES, tasks_of
from runs import FORAGING, RunConfig

from snn_agent.config import LearningConfig, NetworkConfig, NeuronConfig, StructureConfig, TrainingConfig

FIXED: Final = StructureConfig(growth="none", pruning="none")
COMPACT: Final = ("obs_dtype=uint8",)
"""Observations as bytes: the same numbers in a quarter of the memory."""


LEARNING: Final = LearningConfig(minibatches=16)
"""Smaller steps and more of them; how it was found is in docs/results/tuning.md, as for the next."""


def _network(hidden: int = 64) -> NetworkConfig:
    return NetworkConfig(
        init_hidden=hidden,
        max_hidden=max(512, hidden),
        incoming_scale=0.25,
        neuron=NeuronConfig(surrogate_slope=5.0),
    )


def _foraging(size: int, n_food: int, *extra: str) -> tuple[str, ...]:
    return (f"size={size}", f"n_food={n_food}", *extra, *COMPACT)


def _growing(**changes: Any) -> StructureConfig:
    """Small stages on a schedule, newborn at the layer's initial weight scale."""
    return StructureConfig(
        **{
            "growth": "periodic",
            "birth": "zero_out",
            "growth_size": 32,
            "grow_interval": 500_000,
            "pruning": "none",
            "interval_unit": "env_steps",
            **changes,
        }
    )


def _default() -> RunConfig:
    """The original task: 64 neurons that grow towards 512, the least useful pruned: much food in little time."""
    return RunConfig(
        env_kwargs=_foraging(15, 10),
        total_steps=14_000_000,
        network=_network(),
        learning=LEARNING,
        structure=_growing(
            pruning="low_utility",
            prune_interval=2_000_000,
            prune_share=0.02,
            maturity_updates=100,
        ),
    )


def _quick() -> RunConfig:
    """A 7×7 world with 4 food: a minute from nothing to a decent forager."""
    return RunConfig(
        env_kwargs=_foraging(7, 4),
        total_steps=600_000,
        eval_episodes=128,
        network=NetworkConfig(input_power=5.0),
        learning=LearningConfig(learning_rate=2e-2),
        structure=FIXED,
    )


def _egocentric() -> RunConfig:
    """The world as the agent sees it, centred on itself: much easier to learn."""
    return RunConfig(
        env_kwargs=_foraging(15, 10, "observation=egocentric"),
        total_steps=2_000_000,
        network=NetworkConfig(input_power=60.0),
        learning=LearningConfig(learning_rate=1e-2),
        structure=FIXED,
    )


def _fixed(hidden: int) -> Callable[[], RunConfig]:
    def make() -> RunConfig:
        return dataclasses.replace(
            _default(),
            network=_network(hidden),
            structure=FIXED,
        )

    make.__doc__ = f"The original task with {hidden} neurons that neither grow nor die."
    return make


STAGES: Final = _growing(grow_interval=2_000_000, grow_until=0.7)
"""Small stages from a small start: the most food for the energy spent, of what docs/results/structure.md compares."""


def _grow() -> RunConfig:
    """The original task in small stages from 32 neurons."""
    return dataclasses.replace(_default(), network=_network(32), structure=STAGES)


def _grow_prune() -> RunConfig:
    """The original task in small stages from 32 neurons, the least useful pruned: much food for little energy."""
    pruned = dataclasses.replace(
        STAGES, pruning="low_utility", prune_interval=500_000, prune_share=0.02, maturity_updates=100
    )
    return dataclasses.replace(_grow(), structure=pruned)


def _seed_rules() -> RunConfig:
    """The original task with the original's rules: low rates call for growth, quiet neurons die, births are noisy."""
    return dataclasses.replace(
        _default(),
        structure=StructureConfig(
            growth="low_rate",
            birth="kaiming_noise",
            pruning="low_rate",
            maturity_updates=0,
            compensate=False,
            interval_unit="episodes",
        ),
    )


CONTINUAL_PHASE: Final = 100_000
"""Environment steps of a phase: twice what 64 neurons take to get to 0.8 of the greedy forager from nothing."""


def _continual(name: str) -> Callable[[], RunConfig]:
    sequence = SEQUENCES[name]

    def make() -> RunConfig:
        world = _foraging(7, 4, "n_poison=4", "observation=egocentric")
        return RunConfig(
            env_kwargs=world,
            total_steps=CONTINUAL_PHASE * len(sequence.order),
            eval_episodes=128,
            network=_network(),
            # With a tenth of this entropy, whoever is punished for what used to pay learns to eat nothing, for good.
            # Rollouts are short, so that a phase has a hundred of them in which a change can be noticed.
            learning=LearningConfig(learning_rate=2e-3, schedule="constant", minibatches=8, entropy_weight=0.1),
            structure=FIXED,
            training=TrainingConfig(n_worlds=32, rollout_steps=32),
            tasks=tasks_of(sequence, world),
            sequence=sequence.order,
            evaluations_per_phase=5,
        )

    told = " → ".join(sequence.names[task] for task in sequence.order)
    make.__doc__ = f"A 7×7 world seen from within, with food and poison, whose task changes: {told}; 64 neurons."
    return make


PRESETS: Final[Mapping[str, Callable[[], RunConfig]]] = MappingProxyType(
    {
        "default": _default,
        "quick": _quick,
        "egocentric": _egocentric,
        "fixed-512": _fixed(512),
        "fixed-64": _fixed(64),
        "grow": _grow,
        "grow-prune": _grow_prune,
        "seed-rules": _seed_rules,
        **{f"continual-{name}": _continual(name) for name in SEQUENCES},
    }
)
"""Presets by name; the docstrings are their descriptions."""


def for_environment(env_id: str) -> RunConfig:
    """Settings for an environment of somebody else: standardised inputs, and a longer look ahead at rewards."""
    if env_id.removeprefix("foraging_env:") == FORAGING:
        return _default()
    return RunConfig(
        env_id=env_id,
        total_steps=500_000,
        eval_episodes=100,
        network=NetworkConfig(input_scaling="standardise", input_power=4.0, max_hidden=256),
        learning=LearningConfig(gamma=0.99, lam=0.95, learning_rate=1e-2, entropy_weight=0.0),
        structure=FIXED,
        training=TrainingConfig(n_worlds=32, rollout_steps=64),
    )
