"""A network made ready for the numba engine's kernels: its weights as they are now, to be run many times."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from snn_agent.engine.numba_decision import Cells, Counting, Decided, Inputs, States, decide
from snn_agent.engine.numba_layer_op import flat
from snn_agent.engine.numba_network_op import (
    Membranes,
    Parameters,
    drive_for_kernels,
    events_of,
    states_of,
    table_of,
    weights_of,
)
from snn_agent.network.decision import fusing_engine
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.types import Events, LIFState, OrganismState


def cells_of(organism: GrowingSparseSNN) -> Cells:
    """What the kernels must know of an organism on the numba engine beside its weights."""
    engine = fusing_engine(organism)
    assert engine is not None
    network, lif = organism.config, organism.lif
    constants = engine.constants(lif, organism.surrogate, network.neuron.reset_gradient, network.ticks)
    return Cells(constants, lif.v_th - lif.v_reset, engine.readout_number(network.readout), network.ticks)


class FusedNetwork:
    """The kernels on a fixed set of weights.

    They may share memory with the organism's: use it until they change, or :meth:`refresh` it then.
    """

    def __init__(self, organism: GrowingSparseSNN) -> None:
        self.organism, self.cells = organism, cells_of(organism)
        self.learnt = {name: parameter.detach() for name, parameter in organism.learnt().items()}
        self.v_reset = organism.lif.v_reset
        self.nothing = flat(self.learnt["bias"])[:0]
        self.refresh()

    def refresh(self) -> None:
        """Take the weights as they are now."""
        learnt, organism = self.learnt, self.organism
        parameters = Parameters(
            learnt["incoming"], learnt["bias"], organism.threshold, learnt["outgoing"], learnt["critic"],
            learnt["output_bias"],
        )  # fmt: skip
        self.weights = weights_of(parameters, self.v_reset, organism.config.input_features)
        self.gain, self.critic_bias = float(learnt["gain"]), float(learnt["critic_bias"])

    def inputs(self, observation: Tensor | Events, rows: Tensor | None = None) -> tuple[Inputs, Tensor | None]:
        """Observations made ready: all of them, or ``rows``; and the scaled features [B, D] where they are dense."""
        if isinstance(observation, Events):
            meant = np.arange(len(observation)) if rows is None else rows.numpy()
            return Inputs(meant, *events_of(observation, self.weights.bias.dtype), self.nothing), None
        seen = self.organism.scale(observation if rows is None else observation[rows]).to(self.learnt["bias"].dtype)
        drive = drive_for_kernels(seen @ self.learnt["incoming"] + self.learnt["bias"], self.weights.sizes)
        return Inputs(np.arange(len(seen)), *events_of(None, self.weights.bias.dtype), drive), seen

    def states(self, state: OrganismState | None, B: int) -> States:
        """Membranes of B worlds made ready; None is at rest."""
        if self.organism.config.carry_state:
            state = self.organism.initial_state(B) if state is None else state
        else:
            state = None
        if state is None:
            return States(self.nothing, self.nothing, self.nothing, self.nothing)
        return states_of(Membranes(*(tensor for layer in state for tensor in layer)), self.weights.sizes, self.v_reset)

    def decide(self, observation: Tensor | Events, state: OrganismState | None, counting: Counting) -> Decided:
        """Run the network for all observations."""
        return decide(
            self.cells, self.weights, self.inputs(observation)[0], self.states(state, len(observation)), counting
        )

    def state_after(self, decided: Decided, B: int) -> OrganismState | None:
        """The membranes of B worlds after a decision; None where decisions begin at rest."""
        if not self.organism.config.carry_state:
            return None
        sizes = self.weights.sizes
        v, i = (table_of(array, B, sizes.H, sizes.Hp) for array in decided.states[:2])
        ov, oi = (table_of(array, B, sizes.A, sizes.Ap) for array in decided.states[2:])
        return OrganismState(LIFState(v + self.v_reset, i), LIFState(ov + self.v_reset, oi))
