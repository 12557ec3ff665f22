"""What an evaluation is worth: means, intervals, and food beside the reference foragers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from runs import FORAGING

import foraging_env
from snn_agent.experiments.statistics import interquartile_mean
from snn_agent.experiments.statistics import interval as interval
from snn_agent.training.costs import describe_cost
from snn_agent.training.evaluation import Evaluation


def describe(name: str, values: list[float]) -> dict[str, Any]:
    """Mean, interquartile mean and interval of one quantity."""
    low, high = interval(values)
    return {
        f"{name}_mean": float(np.mean(values)),
        f"{name}_iqm": interquartile_mean(values),
        f"{name}_interval": [low, high],
    }


def references(env_id: str, env_kwargs: dict[str, Any]) -> dict[str, float]:
    """Food per episode of the reference foragers by name; empty where the world is not ours or its task changes."""
    if not _is_foraging(env_id) or env_kwargs.get("tasks") is not None:
        return {}
    reference = foraging_env.reference_scores(_foraging_config(env_kwargs))
    return {"random": reference.random_food, "greedy": reference.greedy_food}


def score(env_id: str, env_kwargs: dict[str, Any], evaluation: Evaluation) -> dict[str, Any]:
    """Everything that is told of an evaluation; food and its normalised score where the world is ours."""
    eaten = sum(evaluation.food)
    scores: dict[str, Any] = {
        "episodes": len(evaluation.returns),
        **describe("return", evaluation.returns),
        **describe_cost(evaluation.operations, sum(evaluation.lengths) / eaten if eaten else None),
    }
    if not _is_foraging(env_id) or not evaluation.food:
        return scores
    scores |= describe("food", [float(n) for n in evaluation.food])
    if others := references(env_id, env_kwargs):
        config = _foraging_config(env_kwargs)
        ends = [float(foraging_env.normalised_score(end, config)) for end in scores["food_interval"]]
        scores |= {f"{name}_food": food for name, food in others.items()}
        scores["normalised_score"] = float(foraging_env.normalised_score(scores["food_mean"], config))
        scores["normalised_interval"] = ends
    return scores


def _is_foraging(env_id: str) -> bool:
    return env_id.removeprefix("foraging_env:") == FORAGING


def _foraging_config(env_kwargs: dict[str, Any]) -> foraging_env.ForagingConfig:
    fields = {field.name for field in dataclasses.fields(foraging_env.ForagingConfig)}
    return foraging_env.ForagingConfig(**{name: value for name, value in env_kwargs.items() if name in fields})
