"""How long runs that nobody has made yet will take, by making a few updates of each."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from runs import RunConfig, parse_env_kwargs

from snn_agent.errors import SnnAgentError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.trainer import AdaptiveTrainer
from snn_agent.training.worlds import Worlds

PROBE_SECONDS = 2.0
"""Seconds for all arms together, without what the compiler takes."""


def probed_paces(arms: Mapping[str, RunConfig]) -> dict[str, float]:
    """Seconds per environment step of each arm, at its size at birth and on this machine.

    Arms that cannot live here are left out: their runs will say why.
    """
    found = {}
    for name, config in arms.items():
        try:
            found[name] = _pace(config, PROBE_SECONDS / len(arms))
        except SnnAgentError:
            continue
    return found


def _pace(config: RunConfig, seconds: float) -> float:
    torch.set_num_threads(config.threads)
    kwargs = parse_env_kwargs(config.env_kwargs)
    spaces = Worlds(config.env_id, 1, kwargs)
    observed, acted = spaces.vector.single_observation_space, spaces.vector.single_action_space
    spaces.close()
    organism = GrowingSparseSNN.for_spaces(observed, acted, config.network, engine=config.engine, device=config.device)
    trainer = AdaptiveTrainer(
        organism, config.env_id, config.learning, config.structure, config.training, env_kwargs=kwargs
    )
    trainer.train(total_steps=1)  # an update, in which kernels are compiled
    warm, begin = trainer.seconds, trainer.agent.counters.env_step
    while trainer.seconds - warm < seconds:
        trainer.train(total_steps=trainer.agent.counters.env_step + 1)
    trainer.worlds.close()
    return (trainer.seconds - warm) / (trainer.agent.counters.env_step - begin)
