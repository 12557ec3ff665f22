"""A walk through decisions and learning, one operation at a time: what the energy ledger must come to."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from snn_agent import GrowingSparseSNN, LearningConfig

PICOJOULES: dict[str, tuple[float, float, float]] = {  # an AC, a MAC, a word
    "45nm_fp32": (0.9, 4.6, 0.0),
    "int8": (0.03, 0.23, 0.0),
    "45nm_fp32_sram": (0.9, 4.6, 5.0),
}


class Tally:
    """Counts one operation a call."""

    def __init__(self) -> None:
        self.acs = self.macs = self.words = self.synaptic = self.spikes = 0

    def ac(self) -> None:  # reads the weight and the sum, writes the sum
        self.acs, self.words = self.acs + 1, self.words + 3

    def mac(self) -> None:  # likewise
        self.macs, self.words = self.macs + 1, self.words + 3

    def neuron(self) -> None:  # reads v, i, x, writes v, i
        self.acs, self.macs, self.words = self.acs + 4, self.macs + 2, self.words + 5

    def adjoint(self) -> None:  # reads v and four adjoints, writes three
        self.acs, self.macs, self.words = self.acs + 3, self.macs + 8, self.words + 8

    def rectify(self) -> None:  # compares; reads the drive, writes the activation
        self.acs, self.words = self.acs + 1, self.words + 2

    def rectifier_adjoint(self) -> None:  # compares; reads the activation and its adjoint, writes the drive's
        self.acs, self.words = self.acs + 1, self.words + 3

    def adam(self) -> None:  # clips: reads twice, writes once; steps: reads four, writes three
        self.acs, self.macs, self.words = self.acs + 2, self.macs + 10, self.words + 10

    def joules(self, model: str) -> float:
        ac, mac, word = PICOJOULES[model]
        return 1e-12 * (self.acs * ac + self.macs * mac + self.words * word)


class Seen(NamedTuple):
    """What decisions were made of."""

    inputs: list[list[float]]  # [N][D] as the first layer gets them
    spikes: list[list[list[float]]]  # [N][T][H]; activations, where neurons do not spike


def look(organism: GrowingSparseSNN, observation: Tensor) -> Seen:
    """Decide on [N, D] from rest, with a record of the spikes; with Poisson input the observation must be 0 or 1."""
    inputs = organism.scale(observation)
    if organism.config.neuron.model == "relu":
        activation = (inputs @ organism.incoming + organism.bias).detach().clamp(min=0.0)
        return Seen(inputs.tolist(), activation[:, None].tolist())
    with torch.no_grad():
        hidden = organism.engine.run(
            organism.drive(observation), organism.initial_state(len(observation)).hidden, organism.config.ticks,
            organism.lif, surrogate=organism.surrogate, threshold=organism.threshold, record=True,
            reset_gradient=True,
        )  # fmt: skip
    assert hidden.spikes is not None
    return Seen(inputs.tolist(), hidden.spikes.transpose(0, 1).tolist())


def walk(tally: Tally, organism: GrowingSparseSNN, seen: Seen, *, resent: bool, critic: bool, learns: bool) -> None:
    """Every decision, and where it ``learns`` the way back through it, at each tick, synapse and neuron."""
    if organism.config.neuron.model == "relu":
        _walk_rectified(tally, organism, seen, critic=critic, learns=learns)
        return
    config, H = organism.config, organism.hidden
    D, A, T = config.input_features, config.output_features, config.ticks
    incoming, outgoing = organism.incoming.tolist(), organism.outgoing.tolist()
    ternary = all(x in (-1.0, 0.0, 1.0) for row in seen.inputs for x in row)
    event: Callable[[], None] = tally.ac if ternary else tally.mac
    for inputs, spikes in zip(seen.inputs, seen.spikes, strict=True):
        for t in range(T):
            if t == 0 or resent or config.encoding == "poisson":
                for d in range(D):
                    for h in range(H):
                        if inputs[d] != 0 and incoming[d][h] != 0:
                            event()
                            tally.synaptic += 1
                            if learns:
                                event()  # the gradient of the weight
            for h in range(H):
                tally.neuron()
                if learns:
                    tally.adjoint()
                tally.spikes += spikes[t][h] == 1
                for a in range(A):
                    if spikes[t][h] == 1 and outgoing[h][a] != 0:
                        tally.ac()
                        tally.synaptic += 1
                        if learns:
                            tally.ac()  # the gradient of the weight
                    if learns and outgoing[h][a] != 0:
                        tally.mac()  # the gradient of the spike, or of the spike that was not
            for _ in range(A if config.readout != "drive" else 0):
                tally.neuron()
                if learns:
                    tally.adjoint()
        for _ in range(A + (H if critic else 0)):  # the gain, and the critic
            tally.mac()
            if learns:
                tally.mac()  # the gradient of the number multiplied with
                tally.mac()  # and the gradient further back


def _walk_rectified(tally: Tally, organism: GrowingSparseSNN, seen: Seen, *, critic: bool, learns: bool) -> None:
    """The same where neurons do not spike: what is 0 costs nothing on the way there, nor on the way back."""
    incoming, outgoing, H = organism.incoming.tolist(), organism.outgoing.tolist(), organism.hidden
    ternary = all(x in (-1.0, 0.0, 1.0) for row in seen.inputs for x in row)
    event: Callable[[], None] = tally.ac if ternary else tally.mac
    for inputs, (activations,) in zip(seen.inputs, seen.spikes, strict=True):
        numbers = organism.config.output_features  # the gain's
        for h in range(H):
            active = activations[h] > 0
            for d, x in enumerate(inputs):
                if x != 0 and incoming[d][h] != 0:
                    event()
                    tally.synaptic += 1
                    if learns and active:
                        event()  # the gradient of the weight
            tally.rectify()
            if learns:
                tally.rectifier_adjoint()
            if not active:
                continue
            tally.spikes += 1
            numbers += critic
            for weight in outgoing[h]:
                if weight != 0:
                    tally.mac()
                    tally.synaptic += 1
                    if learns:
                        tally.mac()  # the gradient of the weight
                        tally.mac()  # and that of the activation
        for _ in range(numbers):
            tally.mac()
            if learns:
                tally.mac()
                tally.mac()


def optimize(tally: Tally, organism: GrowingSparseSNN, samples: int, learning: LearningConfig) -> int:
    """Every optimizer step on every parameter that is one; the number of steps."""
    size, steps = math.ceil(samples / learning.minibatches), 0
    for _ in range(learning.reuse_epochs):
        for _ in range(0, samples, size):
            steps += 1
            for name, tensor in organism.learnt().items():
                present = organism.synapses if name == "incoming" else torch.ones_like(tensor)
                for alive in present.flatten().tolist():
                    if alive:
                        tally.adam()
    return steps
