"""How well an organism does on worlds it has never seen, with frozen weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.learning import categorical
from snn_agent.metrics.operations import OperationCounts
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.costs import InputActivity, decision_cost
from snn_agent.training.deciding import FrozenNetwork
from snn_agent.training.seeds import stream, stream_seed
from snn_agent.training.vitals import RANK_DECISIONS
from snn_agent.training.worlds import AnyEnv, Worlds
from snn_agent.types import Array, Events, OrganismState


class Evaluation(NamedTuple):
    """Whole episodes of one policy."""

    returns: list[float]
    lengths: list[int]
    food: list[int]  # empty where the environment does not count food
    counts: Tensor  # [H] spikes per decision of each hidden neuron
    operations: OperationCounts  # of the mean decision; the critic, which acting does not need, left out
    inputs: InputActivity  # what it saw in all decisions
    activity: Tensor  # [N, H] spikes of N <= 256 decisions from all over the episodes


def evaluate(
    organism: GrowingSparseSNN,
    env: AnyEnv,
    env_kwargs: dict[str, Any],
    *,
    episodes: int,
    seed: int,
    deterministic: bool = False,
    max_worlds: int = 128,
) -> Evaluation:
    """The first episode of each of ``episodes`` fresh worlds.

    Counting the first episode of every world, and all of them, keeps short episodes from being counted more often than
    long ones. The worlds' seeds come from the stream "evaluation" of ``seed``, which training never uses.

    Args:
        organism: with frozen weights.
        env: id of the environment; or an environment, or a vector environment, which is reset for every B of the
            episodes and left open.
        env_kwargs: arguments that go with an id.
        episodes: how many worlds.
        seed: of the worlds and of the policy's draws.
        deterministic: the most probable action instead of a draw.
        max_worlds: how many live at the same time.
    """
    checks.integer("episodes", episodes, 1)
    returns: list[float] = []
    lengths: list[int] = []
    food: list[int] = []
    counts = torch.zeros(organism.hidden, dtype=torch.float64)
    active: list[Tensor] = []
    inputs: InputActivity | None = None
    generator = stream(seed, "evaluation policy")
    first_seed, network = stream_seed(seed, "evaluation"), FrozenNetwork(organism)
    while len(returns) < episodes:
        wanted = episodes - len(returns)
        worlds = Worlds(env, min(max_worlds, wanted), env_kwargs)
        n = worlds.n_worlds
        observation, _ = worlds.vector.reset(seed=first_seed + len(returns))
        sparse = organism.config.input_scaling == "none" and worlds.adapter.suits_events(observation)
        state: OrganismState | None = None
        alive = np.arange(n) < wanted
        total, length = np.zeros(n), np.zeros(n, dtype=np.int64)
        eaten = np.full(n, -1)
        while alive.any():
            adapter = worlds.adapter
            features = adapter.events(observation) if sparse else adapter.features(observation, organism.device)
            logits, spikes, state = network.decide(features, state)
            if not alive.all():
                spikes, features = spikes[torch.from_numpy(alive)], _of(features, np.flatnonzero(alive))
            counts += spikes.double().sum(dim=0)
            active.append(spikes[len(active) % len(spikes)].clone())  # of another world each time
            seen = InputActivity.of(organism, features)
            inputs = seen if inputs is None else inputs.and_more(seen)
            if deterministic:
                action = categorical.greedy(logits)
            else:
                action = torch.multinomial(logits.softmax(dim=-1), 1, generator=generator).squeeze(1)
            observation, reward, ends, cuts, infos = worlds.vector.step(action.numpy() + worlds.adapter.action_start)
            total += np.where(alive, reward, 0.0)
            length += alive
            over = alive & (ends | cuts)
            source = infos.get("final_info", {}) if worlds.resets_at_once else infos
            if over.any() and "food_collected" in source:
                eaten[over] = source["food_collected"][over]
            alive &= ~over
        if isinstance(env, str):
            worlds.close()
        returns.extend(total[:wanted].tolist())
        lengths.extend(length[:wanted].tolist())
        if (eaten[:wanted] >= 0).all():
            food.extend(eaten[:wanted].tolist())
    assert inputs is not None
    mean_counts = counts / inputs.decisions
    operations = decision_cost(organism, inputs, mean_counts, reads_critic=False)
    chosen = torch.randperm(len(active), generator=torch.Generator().manual_seed(0))[:RANK_DECISIONS]
    activity = torch.stack(active)[chosen]
    return Evaluation(returns, lengths, food, mean_counts, operations, inputs, activity)


def _of(features: Tensor | Events, rows: Array) -> Tensor | Events:
    """What some of the worlds see."""
    return features.take(rows) if isinstance(features, Events) else features[torch.from_numpy(rows).to(features.device)]
