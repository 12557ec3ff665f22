"""A whole run as a checkpoint, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from snn_agent.config import NetworkConfig, NeuronConfig
from snn_agent.engine.contract import Engine
from snn_agent.errors import BackendUnavailable, CheckpointError, ConfigError
from snn_agent.metrics.energy import EnergyLedger
from snn_agent.metrics.statistics import NeuronStatistics
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.spaces import SpaceAdapter
from snn_agent.network.topology import YOUNGER
from snn_agent.plasticity.contract import state_from_json, state_to_json
from snn_agent.training.agent import Agent, Counters
from snn_agent.training.checkpoint import Checkpoint
from snn_agent.training.rollout import Life
from snn_agent.types import LIFState, OrganismState

MEMORY: Final = "memory."
"""What the names of a memory's tensors begin with in a checkpoint."""


class Memory(NamedTuple):
    """What somebody who directs a run needs to remember beside the run itself; it goes into every checkpoint."""

    state: Mapping[str, Any] = MappingProxyType({})  # plain values, for JSON
    tensors: Mapping[str, Tensor] = MappingProxyType({})


def describe_organism(organism: GrowingSparseSNN) -> dict[str, Any]:
    """All that :func:`rebuild_organism` needs beside the tensors."""
    return {
        "config": dataclasses.asdict(organism.config),
        "adapter": dataclasses.asdict(organism.adapter),
        "hidden": organism.hidden,
        "engine": organism.engine.name,
    }


def rebuild_organism(
    description: dict[str, Any],
    tensors: dict[str, Tensor],
    *,
    engine: str | Engine | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> GrowingSparseSNN:
    """The organism that was saved, of the size it had.

    Raises:
        CheckpointError: description and tensors do not fit together.
        BackendUnavailable: the engine cannot run here; give another one.
    """
    try:
        fields = dict(description["config"])
        config = NetworkConfig(**(fields | {"neuron": NeuronConfig(**fields["neuron"])}))
        adapter = SpaceAdapter(**(description["adapter"] | {"shape": tuple(description["adapter"]["shape"])}))
        organism = GrowingSparseSNN(
            config.input_features,
            int(description["hidden"]),
            config.max_hidden,
            config.output_features,
            config=config,
            adapter=adapter,
            engine=description["engine"] if engine is None else engine,
            seed=seed,
            device=device,
        )
        organism.config = config  # with the size at birth, which scales newborn neurons
        for name in YOUNGER:  # there are as many heads put away as were saved
            if name in tensors:
                setattr(organism, name, torch.zeros_like(tensors[name], device=device))
        organism.load_state_dict({name: getattr(organism, name) for name in YOUNGER} | tensors)
    except BackendUnavailable:
        raise  # the checkpoint is whole, this machine lacks something
    except (KeyError, TypeError, RuntimeError, ConfigError) as problem:
        raise CheckpointError(f"the checkpoint's organism cannot be rebuilt: {problem}.") from problem
    return organism


def take_snapshot(agent: Agent, life: Life, extra: dict[str, Any], memory: Memory) -> Checkpoint:
    """Everything that the future of a run depends on. Taken between updates only."""
    optimizer = {name: tensor for name, tensor in agent.tensors().items() if not name.startswith("organism.")}
    optimizer |= {f"generator.{name}": generator.get_state() for name, generator in agent.generators.items()}
    optimizer["generator.draws"] = agent.organism.draws.get_state()
    optimizer |= {f"life.{name}": tensor for name, tensor in life.tensors().items()}
    optimizer |= {f"{MEMORY}{name}": tensor for name, tensor in memory.tensors.items()}
    state = {
        "organism": describe_organism(agent.organism),
        "configs": {part: dataclasses.asdict(config) for part, config in agent.configs.items()},
        "counters": dataclasses.asdict(agent.counters),
        "next_id": agent.next_id,
        "hidden_at_start": agent.hidden_at_start,
        "rule_states": [state_to_json(rule_state) for rule_state in agent.rule_states],
        "ledger": agent.ledger.to_dict(),
        **extra,
        **memory.state,
    }
    return Checkpoint(agent.organism.state_dict(), optimizer, life.worlds.get_state(), state)


def restore(agent: Agent, life: Life, checkpoint: Checkpoint) -> None:
    """Make a fresh agent (around the rebuilt organism) and its life what they were.

    Raises:
        CheckpointError: the organism, the configs or the worlds are not those of the checkpoint.
    """
    tensors, state, device = checkpoint.optimizer, checkpoint.state, agent.organism.device
    if "rule_states" not in state:
        raise CheckpointError(
            "this checkpoint holds an organism alone, without what its run needs to go on. Resume from the run "
            "directory it was trained in, or begin a new run with the organism that load_organism reads from it."
        )
    if agent.organism.hidden != state["organism"]["hidden"]:
        raise CheckpointError(
            f"the checkpoint's organism has {state['organism']['hidden']} hidden neurons, but this one "
            f"{agent.organism.hidden}. Resume with the organism that load_organism reads from that checkpoint."
        )
    _refuse_other_configs(agent, state)

    def part(prefix: str) -> dict[str, Tensor]:
        found = {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        return {name.removeprefix(prefix): tensor.clone() for name, tensor in found.items()}

    def on_device(found: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor.to(device) for name, tensor in found.items()}

    agent.learner = agent.learner.from_tensors(on_device(part("learner.")))
    agent.statistics = NeuronStatistics(**on_device(part("statistics.")))
    for name, generator in agent.generators.items():
        generator.set_state(tensors[f"generator.{name}"])
    agent.organism.draws.set_state(tensors["generator.draws"])
    membranes = on_device(part("membranes."))
    if membranes:
        agent.membranes = OrganismState(
            hidden=LIFState(membranes["hidden.v"], membranes["hidden.i"]),
            output=LIFState(membranes["output.v"], membranes["output.i"]),
        )
    agent.counters = Counters(**state["counters"])
    agent.next_id = int(state["next_id"])
    agent.hidden_at_start = int(state["hidden_at_start"])
    agent.rule_states = [
        state_from_json(fresh, saved) for fresh, saved in zip(agent.rule_states, state["rule_states"], strict=True)
    ]
    agent.ledger = EnergyLedger.from_dict(state["ledger"])
    if not life.restore(part("life."), checkpoint.worlds):
        agent.membranes = None  # they belong to episodes that are no more
        agent.learner = agent.learner.for_new_episodes()


def _refuse_other_configs(agent: Agent, state: dict[str, Any]) -> None:
    """A run goes on exactly only by the rules by which it began."""
    saved = state.get("configs", {})  # nothing is known of a knob that was not written down
    other = [
        f"{part}.{name} was {before!r} and is {value!r}"
        for part, config in agent.configs.items()
        for name, value in json.loads(json.dumps(dataclasses.asdict(config))).items()  # as the checkpoint has it
        if name not in ("grow_interval", "prune_interval")  # which train() may change
        and (before := saved.get(part, {}).get(name, value)) != value
    ]
    if other:
        raise CheckpointError(
            f"this run has other settings than that of the checkpoint: {'; '.join(other)}. Resume with the run's own, "
            f"or begin a new run with the organism that load_organism reads from it."
        )
