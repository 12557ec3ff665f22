"""Which neurons were born in which task, and what became of them."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from snn_agent.experiments.statistics import Row
from snn_agent.metrics.genealogy import NeuronLife, genealogy
from snn_agent.training.continual.boundary import COLUMN
from studies.continual_page.data import LifeRun, SequenceData

PLACES: Final = 161


class Fate(NamedTuple):
    """Neurons of a birth task, means over seeds."""

    born: float  # founders among them
    died_at_home: float  # in a phase of the task in which they were born
    died_abroad: float
    alive: float  # at the end


class Lineage(NamedTuple):
    """Neurons of an arm by the task in which they were born, means over seeds."""

    steps: Row  # [G] environment steps, of the whole life
    living: Row  # [N, G]
    fates: tuple[Fate, ...]  # [N]


def lineage(data: SequenceData, arm: str) -> Lineage:
    """Of the arm's runs that are done."""
    runs = data.of(arm, "done")
    n_tasks = len(data.names)
    steps = np.linspace(0.0, float(data.phase_steps * len(data.order)), PLACES)
    living = np.zeros((n_tasks, PLACES))
    fates = np.zeros((n_tasks, len(Fate._fields)))
    for run in runs:
        for neuron in genealogy(list(run.events), int(run.summary["neurons_initial"])).lives:
            home = data.order[born_in(run, neuron)]
            dead = neuron.died_env_step
            living[home] += (steps >= neuron.born_env_step) & (steps < (np.inf if dead is None else dead))
            fates[home, 0] += 1
            if dead is None:
                fates[home, 3] += 1
            else:
                fates[home, 1 if data.order[_phase(run, dead)] == home else 2] += 1
    n_runs = max(1, len(runs))
    return Lineage(steps, living / n_runs, tuple(Fate(*fate) for fate in (fates / n_runs).tolist()))


def born_in(run: LifeRun, neuron: NeuronLife) -> int:
    """The phase in which a neuron was born.

    What rules do with the update that ends a phase is of that phase; a column, born at the same step, is of the next.
    """
    if neuron.born_by is None:
        return 0
    if neuron.born_by == COLUMN:
        begins = [line.env_step for line in run.lived.phases]
        return int(np.searchsorted(begins, neuron.born_env_step, side="right")) - 1
    return _phase(run, neuron.born_env_step)


def _phase(run: LifeRun, env_step: int) -> int:
    """The phase to which an update that ended at a step belongs."""
    begins = [line.env_step for line in run.lived.phases]
    return max(0, int(np.searchsorted(begins, env_step, side="left")) - 1)
