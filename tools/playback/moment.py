"""What there is to see: one decision of an organism in its world, and the organism that made it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foraging_env import GridState

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class Brain(NamedTuple):
    """An organism at one moment of its training. Neurons are in the order of their birth, here and in every moment.

    Attributes:
        env_step: environment steps lived in training until then.
        update: updates until then.
        ids: of the H neurons, ascending, int64 [H]; stable for life.
        born: environment step of each one's birth, int64 [H]; 0 for founders.
        threshold: of each neuron, the unit of ``Moment.potentials``, float32 [H].
        actions: names of the A actions.
        ticks: T, ticks a decision.
        tick_s: length of a tick in seconds.
        task: that the organism lives in, by its own numbers.
        head: number of the task whose head acts, where it was put away; None: the active one.
        birth_task: of each neuron, the task in which it was born, int64 [H].
        protected: whose incoming weights stay as they are, bool [H].
    """

    env_step: int
    update: int
    ids: IntArray
    born: IntArray
    threshold: FloatArray
    actions: tuple[str, ...]
    ticks: int
    tick_s: float
    task: int
    head: int | None
    birth_task: IntArray
    protected: BoolArray

    @property
    def hidden(self) -> int:
        """H, living neurons."""
        return len(self.ids)


class Moment(NamedTuple):
    """One step of an episode: the world before it, how the organism decided, and what came of it.

    Attributes:
        step: of the episode, from 0.
        world: the grid before the step, a batch of one; None where the world is not ours.
        picture: the world before the step as Gymnasium draws it, uint8 [height, width, 3]; None where it cannot.
        spikes: of the hidden neurons, bool [T, H].
        potentials: membrane voltage at the end of each tick, float32 [T, H].
        output_spikes: of the output neurons, bool [T, A]; None for readouts without.
        probabilities: of the actions, float32 [A]; they sum to 1.
        action: the one that was taken, counted from 0.
        value: the critic's expectation of discounted reward.
        reward: of this step.
        total_reward: of the episode, this step included.
        food: eaten in the episode, this step included; None where the world does not count it.
        joules: what the decision cost by the model 45nm_fp32.
        total_joules: of the episode, this decision included.
        over: whether the episode ended with this step.
        phase: of the world before the step, where it goes through several (``info["phase"]``); else None.
        phase_task: number of the world's task in that phase, where its tasks come back; else None.
    """

    step: int
    world: GridState | None
    picture: npt.NDArray[np.uint8] | None
    spikes: BoolArray
    potentials: FloatArray
    output_spikes: BoolArray | None
    probabilities: FloatArray
    action: int
    value: float
    reward: float
    total_reward: float
    food: int | None
    joules: float
    total_joules: float
    over: bool
    phase: int | None = None
    phase_task: int | None = None

    @property
    def rate(self) -> float:
        """Spikes per tick and neuron in this decision."""
        return float(self.spikes.mean())
