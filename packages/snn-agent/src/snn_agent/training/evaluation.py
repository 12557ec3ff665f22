"""How well an organism does on worlds it has never seen, with frozen weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from snn_agent import checks
from snn_agent.learning import categorical
from snn_agent.metrics.operations import OperationCounts
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.costs import InputActivity, decision_cost
from snn_agent.training.seeds import stream, stream_seed
from snn_agent.training.worlds import Worlds


class Evaluation(NamedTuple):
    """Whole episodes of one policy."""

    returns: list[float]
    lengths: list[int]
    food: list[int]  # empty where the environment does not count food
    counts: torch.Tensor  # [H] spikes per decision of each hidden neuron
    operations: OperationCounts  # of the mean decision; the critic, which acting does not need, left out


def evaluate(
    organism: GrowingSparseSNN,
    env: str,
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
        env: id of the environment.
        env_kwargs: its arguments.
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
    inputs: InputActivity | None = None
    generator = stream(seed, "evaluation policy")
    first_seed = stream_seed(seed, "evaluation")
    while len(returns) < episodes:
        n = min(max_worlds, episodes - len(returns))
        worlds = Worlds(env, n, env_kwargs)
        observation, _ = worlds.vector.reset(seed=first_seed + len(returns))
        state = organism.initial_state(n)
        alive = np.ones(n, dtype=np.bool_)
        total, length = np.zeros(n), np.zeros(n, dtype=np.int64)
        eaten = np.full(n, -1)
        while alive.any():
            features = worlds.adapter.features(observation, organism.device)
            with torch.no_grad():
                output, state = organism(features, state)
            living = torch.from_numpy(alive)
            counts += output.counts.cpu()[living].double().sum(dim=0)
            seen = InputActivity.of(organism, features[living.to(organism.device)])
            inputs = seen if inputs is None else inputs.and_more(seen)
            if deterministic:
                action = categorical.greedy(output.logits).cpu()
            else:
                action = torch.multinomial(output.logits.softmax(dim=-1).cpu(), 1, generator=generator).squeeze(1)
            observation, reward, ends, cuts, infos = worlds.vector.step(action.numpy() + worlds.adapter.action_start)
            total += np.where(alive, reward, 0.0)
            length += alive
            over = alive & (ends | cuts)
            source = infos.get("final_info", {}) if worlds.resets_at_once else infos
            if over.any() and "food_collected" in source:
                eaten[over] = source["food_collected"][over]
            alive &= ~over
        worlds.close()
        returns.extend(total.tolist())
        lengths.extend(length.tolist())
        if (eaten >= 0).all():
            food.extend(eaten.tolist())
    assert inputs is not None
    mean_counts = counts / inputs.decisions
    operations = decision_cost(organism, inputs, mean_counts, reads_critic=False)
    return Evaluation(returns, lengths, food, mean_counts, operations)
