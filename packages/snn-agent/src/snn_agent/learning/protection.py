"""Which weights may move: not those where there is no synapse, and not those into neurons that are protected.

What a protected neuron computes stays what it was, bit for bit: its incoming weights and bias get no gradient (before
the gradient's norm is taken, so they do not shorten the steps of the others), and as Adam also has no moments of them,
its step is zero exactly. Its outgoing and critic weights belong to those who listen, and go on learning.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from snn_agent.learning import neuron_adam
from snn_agent.learning.neuron_adam import AdamState
from snn_agent.network.organism import GrowingSparseSNN


class Movable(NamedTuple):
    """Where gradients may go."""

    incoming: Tensor  # bool [D, H]
    bias: Tensor  # bool [H]

    @classmethod
    def of(cls, organism: GrowingSparseSNN) -> Movable | None:
        """What may move in an organism; None where all may, so that nothing need be masked."""
        if organism.is_dense() and not bool(organism.protected.any()):
            return None
        free = ~organism.protected
        return cls((organism.synapses != 0) & free, free)


def hold(adam: AdamState, organism: GrowingSparseSNN) -> AdamState:
    """The optimizer's state without moments of what protected neurons are driven by.

    They may have been learning until just now, and a moment that is left would go on pushing them.
    """
    protected = organism.protected
    if not bool(protected.any()):
        return adam
    adam = neuron_adam.forget(adam, "incoming", protected.expand_as(adam.mean["incoming"]))
    return neuron_adam.forget(adam, "bias", protected)
