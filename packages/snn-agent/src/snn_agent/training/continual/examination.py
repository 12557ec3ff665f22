"""How well an organism does each of its tasks at a moment of its life, with frozen weights."""

from __future__ import annotations

import statistics

import torch
from torch import Tensor

from snn_agent.metrics.energy import ENERGY_MODELS
from snn_agent.metrics.measures import dormant_fraction, effective_rank
from snn_agent.network import heads
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.agent import Agent
from snn_agent.training.continual.journal import EvaluationLine
from snn_agent.training.continual.tasks import Task
from snn_agent.training.costs import decision_cost
from snn_agent.training.evaluation import Evaluation, evaluate
from snn_agent.training.recording import ENERGY_MODEL


def examine(
    agent: Agent, task: Task, number: int, *, phase: int, head: int | None, episodes: int, seed: int
) -> EvaluationLine:
    """One task, always in the same worlds, so that scores differ by what the organism is and not by luck.

    Args:
        agent: not changed, and nothing that it does later depends on having been examined.
        task: what is asked.
        number: of the true task.
        phase: that is being lived.
        head: number of the task whose head is to act; None, or one that was not put away: the active one.
        episodes: how many worlds.
        seed: of worlds and draws.
    """
    organism, counters, model = agent.organism, agent.counters, ENERGY_MODELS[ENERGY_MODEL]
    draws = organism.draws.get_state()  # Poisson inputs must not shift those of the run
    acting = organism if head is None else heads.for_task(organism, head)
    found = evaluate(acting, task.examination, task.kwargs, episodes=episodes, seed=seed)
    organism.draws.set_state(draws)
    return EvaluationLine(
        env_step=counters.env_step,
        update=counters.update,
        phase=phase,
        task=number,
        score=statistics.fmean(found.returns),
        food=statistics.fmean(found.food) if found.food else None,
        joules_per_decision=_joules_per_decision(organism, head, found),
        neurons=organism.hidden,
        joules=agent.ledger.joules("inference", model) + agent.ledger.joules("learning", model),
        dormant_fraction=dormant_fraction(found.counts),
        effective_rank=effective_rank(found.activity),
    )


def _joules_per_decision(organism: GrowingSparseSNN, head: int | None, found: Evaluation) -> float:
    """Of the whole organism. Neurons that the head does not read live, too, and get their inputs; what they spike
    reaches no synapse of this head, so it costs nothing more.
    """
    operations = found.operations
    if head is not None and head in heads.known(organism):
        read, inputs = heads.read_by(organism, head).cpu(), found.inputs

        def of_all(numbers: Tensor) -> Tensor:
            return torch.zeros(organism.hidden, dtype=numbers.dtype).index_copy(0, read, numbers)

        if inputs.rectified is not None:
            inputs = inputs._replace(rectified=inputs.rectified._replace(active=of_all(inputs.rectified.active)))
        whole = heads.with_head(organism, head)
        operations = decision_cost(whole, inputs, of_all(found.counts), reads_critic=False)
    return ENERGY_MODELS[ENERGY_MODEL].joules(operations.work())
