"""All weights shrink a little and take up a little fresh noise, so a network that has learnt stays able to learn."""

from __future__ import annotations

import dataclasses

import torch

from snn_agent import checks
from snn_agent.network.surgery import StructuralEdit
from snn_agent.network.topology import NeuronWeights, fresh_neurons, incoming_std
from snn_agent.plasticity.contract import NoState, StructuralContext


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShrinkPerturb:
    """``θ ← m + λ·(θ − m) + σ·(f − m)`` with a fresh draw f of each weight and m = E[f].

    For weights drawn around 0 this is ``θ ← λ·θ + σ·f`` (Ash & Adams, *On warm-starting neural network training*,
    NeurIPS 2020, once before new data, λ = 0.4 and σ = 0.1 in their code). Done often, with λ near 1 and a small σ, it
    is the soft version, one of the few that helped on-policy learners under a shift of the task (Juliani & Ash, *A
    study of plasticity loss in on-policy deep reinforcement learning*, NeurIPS 2024, after every step of the
    optimizer). Without gradients a weight forgets where it was as λⁿ, and its variance ends at ``σ²/(1 − λ²)`` times
    that of a fresh one: ``σ = sqrt(1 − λ²)`` keeps the initial scale, ``σ = 1 − λ`` is nearly a pure decay. The
    shrinking alone is a step down the penalty of L2 Init (Kumar, Marklund & Van Roy, 2023), with the mean of the
    initial weights for the anchor instead of those that this neuron once had.

    What it is done with: everything that a neuron is drawn with, as in both papers. Incoming and outgoing weights
    shrink towards 0 and are perturbed, incoming ones only where there is a synapse. The bias goes to ``hidden_bias``
    and the critic's weights to 0 without noise, for that is how all are born. The outputs' and the value's bias and the
    readout's gain belong to no neuron, and stay. Protected neurons are left out altogether, their outgoing weights too:
    they have no plasticity to regain, and without a gradient to hold them those weights would fade.

    The optimizer's moments stay, as in the soft version: they describe gradients a few steps ago at nearly the same
    weights, and no weight is left without a gradient, pushed by its moments alone. After a hard one (λ far from 1)
    they are out of date for some ``1/(1 − β)`` steps.

    Attributes:
        shrink: λ in (0, 1]; with 1 nothing shrinks.
        perturb: σ >= 0, in standard deviations of fresh weights; with 0 nothing is perturbed.
        name: of the rule.
    """

    shrink: float = 0.4
    perturb: float = 0.1
    name: str = "shrink_perturb"

    def __post_init__(self) -> None:
        checks.positive("shrink", checks.number("shrink", self.shrink, 0.0, 1.0))
        checks.number("perturb", self.perturb, 0.0)

    def init(self) -> NoState:
        """Nothing to remember."""
        return NoState()

    @torch.no_grad()
    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        """Other weights of all neurons that are not protected; None if there are none, or nothing is to change."""
        organism = context.organism
        free = context.unprotected.cpu()
        if (self.shrink == 1.0 and self.perturb == 0.0) or not bool(free.any()):
            return None, state
        now = NeuronWeights(*(getattr(organism, name).detach().cpu() for name in NeuronWeights._fields))
        fresh = fresh_weights(context)
        moved = NeuronWeights(
            incoming=self.shrink * now.incoming + self.perturb * fresh.incoming,
            bias=self.shrink * now.bias + (1.0 - self.shrink) * organism.config.hidden_bias,
            outgoing=self.shrink * now.outgoing + self.perturb * fresh.outgoing,
            critic=self.shrink * now.critic + self.perturb * fresh.critic,
        )
        weights = NeuronWeights(
            incoming=moved.incoming.where(free, now.incoming),
            bias=moved.bias.where(free, now.bias),
            outgoing=moved.outgoing.where(free[:, None], now.outgoing),
            critic=moved.critic.where(free, now.critic),
        )
        reason = f"weights shrink to {self.shrink:g} of what they are and take up {self.perturb:g} of fresh ones"
        return StructuralEdit(rule=self.name, reason=reason, weights=weights), state


def fresh_weights(context: StructuralContext) -> NeuronWeights:
    """A fresh draw for each present neuron, with the input synapses that it has; on the CPU."""
    organism, config = context.organism, context.organism.config
    fresh = fresh_neurons(config, organism.hidden, context.generator)
    if config.input_density == 1.0:
        return fresh
    incoming = torch.randn(fresh.incoming.shape, generator=context.generator) * incoming_std(config)
    return fresh._replace(incoming=incoming * (organism.synapses != 0).cpu())
