"""How the newborn are made, by name.

=================  ==================================================================================================
``zero_out``       incoming weights at the layer's *initial* scale, outgoing and critic zero: the policy does not change
``paired``         twins with equal incoming and opposite outgoing weights, which cancel: the policy does not change
``split``          the most useful neurons divide and share their outgoing weights: the policy does not change
``gradient``       as zero_out, the incoming weights turned to where the policy gradient is large
``kaiming_noise``  as the original project drew them: disturbs the policy
=================  ==================================================================================================

The initial scale, for weights grow several-fold in training, and newborns at that scale were measured to fire twice as
much as the others and to stay coarse. "Does not change" is exact up to the rounding of sums.
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
from snn_agent.network.topology import NeuronWeights, fresh_neurons, fresh_synapses
from snn_agent.plasticity.calibration import calibrate
from snn_agent.plasticity.contract import StructuralContext
from snn_agent.plasticity.policy_gradient import logit_gradient

NOISE: Final = 0.1
"""Standard deviation of the noise that the original adds to its Kaiming-normal newborns."""
DIRECTED: Final = 0.5
"""Share of the squared norm of ``gradient``'s incoming weights that is the gradient's; the rest is chance's."""
TWINS: Final = ("paired", "split")
"""Births whose newborn must fire as another neuron does, so their biases are not to be tuned."""


class Newborn(NamedTuple):
    """What a birth makes."""

    weights: NeuronWeights  # of n neurons, on the CPU
    outgoing_factor: Tensor | None = None  # [H] for the present neurons' outgoing and critic weights
    parents: Tensor | None = None  # int64 [n], the present neurons that they descend from
    shares: Tensor | None = None  # [n] what part of their parents' outgoing weights they took

    def added_to(self, edit: StructuralEdit) -> StructuralEdit:
        """An edit, and this birth."""
        return dataclasses.replace(
            edit, newborn=self.weights, outgoing_factor=self.outgoing_factor, parents=self.parents, shares=self.shares
        )


Birth = Callable[[StructuralContext, int], Newborn]
"""(context, n) -> n newborn neurons."""


def zero_out(context: StructuralContext, n: int) -> Newborn:
    """Newborns of which nothing is heard yet: logits, value and the others' spikes stay as they are.

    Their incoming weights have no gradient until the outgoing ones have learnt, and those learn only from spikes:
    whoever cannot spike never will be heard, see :func:`~snn_agent.plasticity.calibration.calibrate`.
    """
    weights = fresh_neurons(context.organism.config, n, context.generator)
    return Newborn(weights._replace(outgoing=torch.zeros_like(weights.outgoing)))


def paired(context: StructuralContext, n: int) -> Newborn:
    """Twins, side by side: equal incoming weights W and biases, outgoing V and −V, at the scale of fresh neurons (E31).

    They spike together, so what the outputs get from them is 0; yet all their weights have gradients at once, those of
    W opposite in the two, so that they part at the first step. Of an odd number the last is as ``zero_out`` makes it.
    Critic weights are 0, as fresh ones are. The idea is that of gromo's pairing, (V, V) and (Z, −Z).
    """
    drawn = fresh_neurons(context.organism.config, (n + 1) // 2, context.generator)
    sign = torch.ones(n)
    sign[1::2] = -1.0
    if n % 2:
        sign[-1] = 0.0
    twin = torch.arange(n) // 2
    weights = NeuronWeights(
        incoming=drawn.incoming[:, twin],
        bias=drawn.bias[twin],
        outgoing=drawn.outgoing[twin] * sign[:, None],
        critic=drawn.critic[twin] * sign,
    )
    return Newborn(weights)


def split(context: StructuralContext, n: int) -> Newborn:
    """Children of the most useful neurons, which spike as their parents do and share their effect (E32).

    Net2Wider (Chen, Goodfellow & Shlens, *Net2Net*, ICLR 2016), but the symmetry is broken by unequal shares instead of
    noise: the child takes a share s of the outgoing and critic weights, drawn from 16/64 … 48/64, and leaves 1 − s.
    Nothing changes then, and still the two have different gradients. (An optimizer that does not mind the gradient's
    size, as Adam, parts them by the child's fresh moments.) Threshold and synapses are inherited in surgery.

    Only neurons of age 1 or more with a utility above 0 divide; if n is more than there are, the first divide again. If
    there are none, the newborn are those of ``zero_out``. The protected divide too: they give away outgoing weight
    only, and the child, which is not protected, takes what they have learnt further.
    """
    organism = context.organism
    utility = context.utility.where(context.measured, torch.zeros_like(context.utility)).cpu()
    able = torch.nonzero(utility > 0.0).squeeze(1)
    if able.numel() == 0:
        return zero_out(context, n)
    able = able[utility[able].argsort(descending=True, stable=True)]
    parents = able[torch.arange(n) % len(able)]
    share = torch.randint(16, 49, (n,), generator=context.generator) / 64.0  # exact, and so is 1 − share
    left, taken = torch.ones(organism.hidden), torch.empty(n)
    for start in range(0, n, len(able)):  # nobody divides twice in the same round
        dividing = slice(start, start + len(able))
        taken[dividing] = left[parents[dividing]] * share[dividing]
        left[parents[dividing]] -= taken[dividing]
    weights = NeuronWeights(
        incoming=organism.incoming.detach().cpu()[:, parents],
        bias=organism.bias.detach().cpu()[parents],
        outgoing=organism.outgoing.detach().cpu()[parents] * taken[:, None],
        critic=organism.critic.detach().cpu()[parents] * taken,
    )
    return Newborn(weights, left, parents, taken)


@torch.no_grad()
def gradient(context: StructuralContext, n: int) -> Newborn:
    """Newborns as those of ``zero_out``, turned to the inputs that the policy gradient asks for (E33).

    While the outgoing weights are 0, their gradient is ``E_n[δ_n·rate(W·x_n)]`` with δ the policy gradient at the
    logits and x the features. For a rate that is linear in its drive this is M·W with ``M = E_n[δ_n ⊗ x_n]``, [A, D]:
    the longest for W along M's first right singular vector (GradMax: Evci et al., ICLR 2022). Here each newborn gets a
    random mixture ``±Mᵀ·g``, g ~ N(0, 1)^A, which prefers the singular directions by their singular values, and to it
    an equally long fresh draw, as M has no more than A − 1 directions. The sign is the one that is nearer to the draw;
    norm and synapses are the draw's.

    Raises:
        ConfigError: the context has no recent decisions.
    """
    newborn = zero_out(context, n)
    fresh, organism = newborn.weights.incoming, context.organism
    if len(context.observations) == 0:
        raise ConfigError('birth "gradient" needs recent decisions, but the context has none. Give it some.')
    delta = logit_gradient(context)  # [N, A]
    features = organism.scale(context.observations).to(delta)
    moment = (delta.T @ features / len(features)).cpu()  # [A, D]
    mixed = moment.T @ torch.randn(len(moment), n, generator=context.generator)
    wanted, drawn = _unit(mixed * (fresh != 0.0)), _unit(fresh)
    wanted = torch.where((wanted * drawn).sum(dim=0) < 0.0, -wanted, wanted)  # so that the two never cancel
    turned = _unit(math.sqrt(DIRECTED) * wanted + math.sqrt(1.0 - DIRECTED) * drawn)
    return newborn._replace(weights=newborn.weights._replace(incoming=turned * fresh.norm(dim=0)))


def _unit(columns: Tensor) -> Tensor:
    """Columns of length 1; those of length 0 stay."""
    return torch.nn.functional.normalize(columns, dim=0, eps=1e-30)


def kaiming_noise(context: StructuralContext, n: int) -> Newborn:
    """Newborns as the original draws them: Kaiming normal (He et al., 2015), plus noise of 0.1.

    The fan-in of the incoming weights is D, as if all inputs were active, and that of the outgoing ones is n, for
    only their own rows are drawn: standard deviations ``sqrt(2/D + 0.01)`` and ``sqrt(2/n + 0.01)``. So the outputs
    jump at a birth. The original has no bias and no critic: here the bias is the layer's, the critic's weights are 0.
    Where ``input_density`` is below 1, each has as many synapses as a fresh neuron.
    """
    config, generator = context.organism.config, context.generator
    d, a = config.input_features, config.output_features

    def kaiming(fan_in: int, *shape: int) -> Tensor:
        drawn = torch.randn(shape, generator=generator) * math.sqrt(2.0 / fan_in)
        return drawn + NOISE * torch.randn(shape, generator=generator)

    incoming, outgoing = kaiming(d, d, n), kaiming(n, n, a)
    if config.input_density < 1.0:
        incoming *= fresh_synapses(config, n, generator)
    return Newborn(NeuronWeights(incoming, torch.full((n,), config.hidden_bias), outgoing, torch.zeros(n)))


BIRTHS: Final[Mapping[str, Birth]] = MappingProxyType(
    {
        "zero_out": zero_out,
        "paired": paired,
        "split": split,
        "gradient": gradient,
        "kaiming_noise": kaiming_noise,
    }
)
"""Births by name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BirthPlan:
    """How many are born at a time, and how.

    Attributes:
        size: neurons born at a time, fewer where less capacity is left.
        birth: a name of :data:`BIRTHS`.
        target_rate: mean rate on recent observations that each newborn is tuned to, spikes/tick; None leaves it as
            drawn. Not for twins (:data:`TWINS`), which must fire alike.

    Raises:
        ConfigError: a value is out of its range, or twins are to be tuned.
    """

    size: int = 32
    birth: str = "zero_out"
    target_rate: float | None = None

    def __post_init__(self) -> None:
        checks.integer("size", self.size, 1)
        checks.choice("birth", self.birth, BIRTHS)
        if self.target_rate is not None:
            checks.positive("target_rate", checks.number("target_rate", self.target_rate, 0.0, 1.0))
            if self.birth in TWINS:
                raise ConfigError(
                    f"newborn of birth={self.birth!r} must fire as another neuron does, so they are not tuned to a "
                    f"rate, but target_rate (newborn_rate of the configuration) is {self.target_rate!r}. Set it to "
                    f"None, or take another birth."
                )

    def make(self, context: StructuralContext, n: int) -> Newborn:
        """N newborn, tuned where that is wanted; capacity is not looked at."""
        newborn = BIRTHS[self.birth](context, n)
        if self.target_rate is None:
            return newborn
        return newborn._replace(weights=calibrate(newborn.weights, context, self.target_rate))

    def propose(self, rule: str, reason: str, context: StructuralContext) -> StructuralEdit | None:
        """The birth of ``size`` neurons, or of as many as there is room for; None if there is none."""
        organism = context.organism
        n = min(self.size, organism.config.max_hidden - organism.hidden)
        if n <= 0:
            return None
        return self.make(context, n).added_to(StructuralEdit(rule=rule, reason=reason))
