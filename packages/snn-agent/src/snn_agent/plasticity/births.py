"""How the newborn are made, by name, and how they are tuned so that they can spike.

=================  ==================================================================================================
``zero_out``       incoming weights at the layer's *initial* scale, outgoing and critic zero: the policy does not change
``kaiming_noise``  as the original project drew them: disturbs the policy
=================  ==================================================================================================

The initial scale, for weights grow several-fold in training, and newborns at that scale were measured to fire twice as
much as the others and to stay coarse.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.network.surgery import StructuralEdit
from snn_agent.network.topology import NeuronWeights, fresh_neurons
from snn_agent.neurons.closed_forms import rheobase_drive
from snn_agent.plasticity.contract import StructuralContext

NOISE: Final = 0.1
"""Standard deviation of the noise that the original adds to its Kaiming-normal newborns."""


class Newborn(NamedTuple):
    """What a birth makes."""

    weights: NeuronWeights  # of n neurons, on the CPU
    outgoing_factor: Tensor | None = None  # [H] for the present neurons' outgoing and critic weights


Birth = Callable[[StructuralContext, int], Newborn]
"""(context, n) -> n newborn neurons."""


def zero_out(context: StructuralContext, n: int) -> Newborn:
    """Newborns of which nothing is heard yet: logits, value and the others' spikes stay as they are.

    Their incoming weights have no gradient until the outgoing ones have learnt, and those learn only from spikes:
    whoever cannot spike never will be heard, see :func:`calibrate`.
    """
    weights = fresh_neurons(context.organism.config, n, context.generator)
    return Newborn(weights._replace(outgoing=torch.zeros_like(weights.outgoing)))


def kaiming_noise(context: StructuralContext, n: int) -> Newborn:
    """Newborns as the original draws them: Kaiming normal (He et al., 2015), plus noise of 0.1.

    The fan-in of the incoming weights is D, as if all inputs were active, and that of the outgoing ones is n, for
    only their own rows are drawn: standard deviations ``sqrt(2/D + 0.01)`` and ``sqrt(2/n + 0.01)``. So the outputs
    jump at a birth. The original has no bias and no critic: here the bias is the layer's, the critic's weights are 0.
    """
    config, generator = context.organism.config, context.generator
    d, a = config.input_features, config.output_features

    def kaiming(fan_in: int, *shape: int) -> Tensor:
        drawn = torch.randn(shape, generator=generator) * math.sqrt(2.0 / fan_in)
        return drawn + NOISE * torch.randn(shape, generator=generator)

    incoming, outgoing = kaiming(d, d, n), kaiming(n, n, a)
    return Newborn(NeuronWeights(incoming, torch.full((n,), config.hidden_bias), outgoing, torch.zeros(n)))


BIRTHS: Final[Mapping[str, Birth]] = MappingProxyType({"zero_out": zero_out, "kaiming_noise": kaiming_noise})
"""Births by name."""


@torch.no_grad()
def calibrate(weights: NeuronWeights, context: StructuralContext, target_rate: float) -> NeuronWeights:
    """Newborns with their bias shifted so that each spikes, once or more, on that share of the observations.

    From rest, a constant drive x makes a neuron spike within T ticks if and only if x is above the rheobase of T ticks
    (:func:`~snn_agent.neurons.closed_forms.rheobase_drive`). So each bias moves that threshold into the gap below the
    ``ceil(share · N)``-th largest of the neuron's N drives. Its rate is then at least share/T spikes/tick.

    Observations that drive a neuron equally (to 0.01 % of the rheobase) cannot be told apart by a bias; the share is
    then the next larger one that can be had. With Poisson input the drive is the expected one, and a membrane that
    carries its state may also spike on weaker drives.

    Args:
        weights: of the newborn; not changed.
        context: with N observations, at least 1.
        target_rate: in (0, 1].

    Raises:
        ConfigError: the share is out of range, or there are no observations.
    """
    share = checks.positive("target_rate", checks.number("target_rate", target_rate, 0.0, 1.0))
    organism, n = context.organism, context.observations.shape[0]
    if n == 0:
        raise ConfigError("newborns are calibrated on recent observations, but the context has none. Give it some.")
    features = organism.scale(context.observations).to(weights.incoming)
    drive = (features @ weights.incoming + weights.bias).sort(dim=0, descending=True).values  # [N, n]
    rheobase = rheobase_drive(organism.lif, organism.config.ticks)
    k = math.ceil(share * n - 1e-9)  # 0.07 * 100 is a little more than 7
    weakest = drive[k - 1]
    next_weaker = drive[k] if k < n else weakest
    cut = torch.minimum((weakest + next_weaker) / 2, weakest - 1e-4 * rheobase)
    return weights._replace(bias=weights.bias + rheobase - cut)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BirthPlan:
    """How many are born at a time, and how.

    Attributes:
        size: neurons born at a time, fewer where less capacity is left.
        birth: a name of :data:`BIRTHS`.
        target_rate: share of recent observations on which each newborn is made to spike; None leaves it as drawn.

    Raises:
        ConfigError: a value is out of its range.
    """

    size: int = 32
    birth: str = "zero_out"
    target_rate: float | None = None

    def __post_init__(self) -> None:
        checks.integer("size", self.size, 1)
        checks.choice("birth", self.birth, BIRTHS)
        if self.target_rate is not None:
            checks.positive("target_rate", checks.number("target_rate", self.target_rate, 0.0, 1.0))

    def propose(self, rule: str, reason: str, context: StructuralContext) -> StructuralEdit | None:
        """The birth of ``size`` neurons, or of as many as there is room for; None if there is none."""
        organism = context.organism
        n = min(self.size, organism.config.max_hidden - organism.hidden)
        if n <= 0:
            return None
        weights, factor = BIRTHS[self.birth](context, n)
        if self.target_rate is not None:
            weights = calibrate(weights, context, self.target_rate)
        return StructuralEdit(rule=rule, reason=reason, newborn=weights, outgoing_factor=factor)
