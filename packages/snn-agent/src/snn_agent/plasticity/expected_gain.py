"""Growth when newborn promise more than the present neurons do."""

from __future__ import annotations

import dataclasses
from typing import Final, NamedTuple

import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.network.surgery import StructuralEdit
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.contract import NoState, StructuralContext
from snn_agent.plasticity.policy_gradient import logit_gradient

PARTS: Final = 16
"""The decisions are dealt out to so many parts, whose gradients are compared."""
CERTAIN: Final = 2.0
"""A gain of fewer standard errors than this is taken for noise."""


class Gain(NamedTuple):
    """An estimate and its standard error."""

    mean: float
    error: float


def expected_gain(delta: Tensor, features: Tensor) -> Gain:
    """``‖E[δᵀφ]‖²`` without bias: how fast the objective rises along outgoing weights of the features φ (E24).

    A step η along the gradient ``E[δᵀφ]`` of outgoing weights raises the objective by ``η·‖E[δᵀφ]‖²`` to first order.
    The squared norm of an *estimated* mean would count the noise of the estimate as gain. So the decisions are dealt
    out to K parts in turn, and of the parts' means G_k only products of different ones are taken:
    ``mean_{j<k} <G_j, G_k>``. Where parts are independent their noises cancel. Without any gain these products have
    mean 0 and no correlation, so the root of their mean square over the root of their number is their mean's error.

    Args:
        delta: [N, A] gradient by the logits.
        features: [N, F].

    Returns:
        Both 0 for fewer than two decisions.
    """
    parts = min(PARTS, len(delta))
    if parts < 2:
        return Gain(0.0, 0.0)
    delta, features = delta.double(), features.double()
    means = torch.stack([delta[k::parts].T @ features[k::parts] / len(delta[k::parts]) for k in range(parts)])
    flat = means.flatten(1)  # [K, A·F]
    first, second = torch.triu_indices(parts, parts, 1)
    products = (flat @ flat.T)[first, second]
    return Gain(float(products.mean()), float((products.square().mean() / len(products)).sqrt()))


def unsaid(inputs: Tensor, rates: Tensor) -> Tensor:
    """What of the inputs [N, D] no linear readout of the rates [N, H] and a constant can say, [N, D] in float64.

    The residual of least squares; a little ridge keeps silent and equal neurons from doing harm.
    """
    exact = inputs.double()
    basis = torch.cat([rates.double(), torch.ones_like(exact[:, :1])], dim=1)
    gram = basis.T @ basis
    gram.diagonal().add_(1e-9 * gram.diagonal().mean())
    said: Tensor = basis @ torch.linalg.solve(gram, basis.T @ exact)
    return exact - said


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientGrowth:
    """Grows where newborn would take a good share of the expected first-order gain (E24, E25).

    Newborn with zero outgoing weights see the inputs x, the present neurons offer their rates r. Among all incoming
    directions of norm 1 together, newborn gain ``‖E[δᵀx]‖²`` (the singular values of GradMax: Evci et al., *GradMax:
    growing neural networks using gradient information*, ICLR 2022). Only what the present neurons cannot say counts,
    for the rest needs no newborn, so x is replaced by its residual x⊥ (the projection of TINY: Verbockhaven et al.,
    *Growing tiny networks*, TMLR 2024). Both gains are divided by their features' mean square, so that their units
    do not matter::

        share = new / (new + present),  new = ‖E[δᵀx⊥]‖² / E‖x‖²,  present = ‖E[δᵀr]‖² / E‖r‖²

    A new gain within two standard errors of 0 is none. With N <= H decisions the rates can say everything, and
    nothing is proposed. In short runs in foraging worlds the new gain was hardly ever beyond its noise in 1,024
    decisions: expect few births by this rule, some of them by chance (votes hold against that).

    Attributes:
        threshold: share of the gain.
        plan: how many are born, and how.
        name: of the rule.
    """

    threshold: float = 0.2
    plan: BirthPlan = dataclasses.field(default_factory=BirthPlan)
    name: str = "gradient_growth"

    def __post_init__(self) -> None:
        checks.number("threshold", self.threshold, 0.0, 1.0)

    def init(self) -> NoState:
        """Nothing to remember."""
        return NoState()

    @torch.no_grad()
    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        """A birth if the newborn's share of the gain is at or above the threshold."""
        share = newborn_share(context)
        if share is None or share < self.threshold:
            return None, state
        reason = f"newborn would take {share:.0%} of the expected gain"
        return self.plan.propose(self.name, reason, context), state


@torch.no_grad()
def newborn_share(context: StructuralContext) -> float | None:
    """The share of :class:`GradientGrowth`, in (0, 1]; None where the newborn's gain cannot be told from noise."""
    organism = context.organism
    if len(context.observations) <= organism.hidden + 1:
        return None
    inputs = organism.scale(context.observations).double()
    rates = context.decide().counts.double() / organism.config.ticks
    delta = logit_gradient(context).double()
    new = expected_gain(delta, unsaid(inputs, rates))
    if not new.mean > CERTAIN * new.error:
        return None
    present = expected_gain(delta, rates).mean
    gained = new.mean / float(inputs.square().sum(dim=1).mean())
    kept = max(0.0, present) / max(float(rates.square().sum(dim=1).mean()), 1e-12)
    return gained / (gained + kept)
