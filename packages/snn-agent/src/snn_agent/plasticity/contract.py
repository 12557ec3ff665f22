"""What a structural rule is: a pair of functions, ``init`` and ``propose``, over a state of plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.config import INTERVAL_UNITS
from snn_agent.errors import CheckpointError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.surgery import StructuralEdit
from snn_agent.types import PolicyOutput

State = TypeVar("State")


class Experience(NamedTuple):
    """Some decisions of the last rollout, from all over its steps and worlds in any order, none of them a reset."""

    observations: Tensor  # [N, D] features, as the environment gave them
    action: Tensor  # [N] int64
    target: Tensor  # [N] λ-returns, what the critic is to say
    value: Tensor  # [N] what it said

    @property
    def advantage(self) -> Tensor:
        """How much better each went than expected, ``G − v``, [N]."""
        return self.target - self.value


class StructuralContext(NamedTuple):
    """All that a rule may know. It is read only; only the generator advances, and only where something is drawn.

    Running averages of a neuron of age 0 mean nothing: no rule may judge by them, see :attr:`measured`.
    """

    organism: GrowingSparseSNN
    rate: Tensor  # [H] running mean, spikes/tick
    utility: Tensor  # [H] running mean of |rate| · Σ|outgoing weights|
    age: Tensor  # [H] int64, updates lived through
    output_contribution: Tensor  # [H, A] what each neuron adds to the outputs on average, drive per tick
    critic_contribution: Tensor  # [H] and to the value
    update: int  # counters of the run so far
    env_step: int
    episode: int
    progress: float  # share of the training that is done, in [0, 1]
    recent_returns: tuple[float, ...]  # of finished episodes, newest last; rules say how many they want
    experience: Callable[[], Experience]  # recent decisions, put together when first asked for
    generator: torch.Generator  # structure's own random stream, on the CPU

    @property
    def observations(self) -> Tensor:
        """A recent sample of features, as the environment gave them, [N, D]."""
        return self.experience().observations

    @torch.no_grad()
    def decide(self) -> PolicyOutput:
        """What the organism does on the sample from rest: logits [N, A], values [N] and spike counts [N, H]."""
        draws = self.organism.draws.get_state()  # Poisson inputs must not shift those of the run
        output: PolicyOutput = self.organism(self.observations)[0]
        self.organism.draws.set_state(draws)
        return output

    @property
    def unprotected(self) -> Tensor:
        """Mask [H] of the neurons that rules may change."""
        return ~self.organism.protected

    @property
    def measured(self) -> Tensor:
        """Mask [H] of the neurons that have lived through an update, so that their averages mean something."""
        return self.age >= 1

    def mature(self, updates: int) -> Tensor:
        """Mask [H] of the neurons that may be judged: not protected, and measured for that many updates or more."""
        return self.measured & (self.age >= updates) & self.unprotected

    def mean_rate(self) -> float | None:
        """Mean rate of all neurons of age 1 or more, rounded as the rates are; None if there are none."""
        measured = self.rate[self.measured]
        return float(measured.double().mean().to(self.rate.dtype)) if measured.numel() else None

    def counter(self, unit: str) -> int:
        """The run's counter of a unit of :data:`snn_agent.config.INTERVAL_UNITS`."""
        checks.choice("unit", unit, INTERVAL_UNITS)
        return {"episodes": self.episode, "updates": self.update, "env_steps": self.env_step}[unit]


class NoState(NamedTuple):
    """The state of a rule that remembers nothing."""


class StructuralRule(Protocol):
    """Who is born and who dies, as a pair of functions.

    Laws, which the tests hold every rule to:

    1. An edit never leaves fewer than ``min_hidden`` neurons by deaths, or more than ``max_hidden``.
    2. An edit lets neurons be born or die, not both — but for recycling, where as many are born as die —, or changes
       synapses, or regulates thresholds and weights; and it is None rather than empty.
    3. The same state, context and generator give the same edit; without an edit the generator does not advance, unless
       a vote was discarded (:func:`snn_agent.plasticity.compose.votes`).
    4. Nothing but the generator changes.
    5. The state is a NamedTuple of numbers, strings, None and such NamedTuples.
    6. A protected neuron does not die, and its incoming weights, bias, threshold and synapses stay, bit for bit. It
       may be a parent, and its outgoing and critic weights may change.
    """

    @property
    def name(self) -> str:
        """By which the event log calls the rule."""
        ...

    def init(self) -> Any:
        """The first state."""
        ...

    def propose(self, state: Any, context: StructuralContext) -> tuple[StructuralEdit | None, Any]:
        """An edit, or None, and the next state. Whoever asks applies the edit before the next question."""
        ...


def state_to_json(state: Any) -> Any:
    """A rule's state as dictionaries and numbers that ``json`` can write."""
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return {name: state_to_json(value) for name, value in zip(state._fields, state, strict=True)}
    return state


def state_from_json(like: State, data: Any) -> State:
    """The state that :func:`state_to_json` wrote; ``like`` is any state of the rule, such as ``rule.init()``.

    Raises:
        CheckpointError: the data are of another rule, or of another composition of rules.
    """
    if not (isinstance(like, tuple) and hasattr(like, "_fields")):
        if isinstance(data, (dict, list)):
            raise CheckpointError(f"a rule's state has {data!r} where a plain value belongs. Use the run's own rules.")
        return data  # type: ignore[no-any-return]
    if not isinstance(data, dict) or set(data) != set(like._fields):
        raise CheckpointError(
            f"a rule's state must have the fields {list(like._fields)}, got {data!r}. The checkpoint was written with "
            f"other structural rules; use the run's own."
        )
    return type(like)(*(state_from_json(value, data[name]) for name, value in zip(like._fields, like, strict=True)))
