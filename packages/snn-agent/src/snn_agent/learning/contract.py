"""What a learning rule is: a pair of functions, ``init`` and ``update``, over a state with a neuron axis."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.surgery import StructuralEdit
from snn_agent.types import Rollout

State = TypeVar("State", bound="LearnerState")


class LearnerState(Protocol):
    """What a rule remembers between updates. It has a neuron axis, so it can be resized and saved."""

    def resize(self: State, keep: Tensor, n_new: int, edit: StructuralEdit | None = None) -> State:
        """The state for the neurons ``keep`` (int64 indices), followed by ``n_new`` newborn ones.

        Args:
            keep: of the survivors, ascending.
            n_new: how many are born.
            edit: what did it, where earlier tasks are to be followed through it; None: nobody divided, and nothing made
                up for those who died.
        """
        ...

    def forget(self: State, synapses: Tensor) -> State:
        """The state without what it knows of some input synapses, bool [D, H]: those that end or begin."""
        ...

    def for_new_episodes(self: State) -> State:
        """The state without what it remembers of the episodes that are under way, where these break off."""
        ...

    def held(self, synapses: Tensor) -> int:
        """How many weights are pulled to where earlier tasks left them in each optimizer step, once for each penalty.

        Args:
            synapses: not 0 where there are input synapses, [D, H].
        """
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Everything worth saving, by name."""
        ...

    def from_tensors(self: State, tensors: dict[str, Tensor]) -> State:
        """The state that :meth:`tensors` described."""
        ...


class UpdateDiagnostics(NamedTuple):
    """Means over one update, as plain numbers."""

    loss: float
    policy_loss: float
    value_loss: float
    entropy: float
    approx_kl: float
    clip_fraction: float
    gradient_norm: float


class LearningRule(Protocol):
    """How weights change from experience."""

    name: str

    def init(self, organism: GrowingSparseSNN) -> Any:
        """The first state for an organism."""
        ...

    def update(
        self, organism: GrowingSparseSNN, state: Any, rollout: Rollout, progress: float, generator: torch.Generator
    ) -> tuple[Any, UpdateDiagnostics]:
        """Learn from a rollout; the organism's weights change in place.

        Args:
            organism: the network that made the rollout.
            state: from :meth:`init` or the last update.
            rollout: what happened.
            progress: share of the training that is done, in [0, 1].
            generator: for the order of the samples.

        Raises:
            NonFiniteError: a loss or gradient is not finite; weights and state are those before this step.
        """
        ...
