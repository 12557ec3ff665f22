"""Where the policy objective rises, on recent decisions: what structural rules that follow the gradient look at."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_agent.plasticity.contract import StructuralContext


def advantages(context: StructuralContext) -> Tensor:
    """Advantages of the recent decisions with mean 0 and mean square 1, [N]; all 0 where they are equal."""
    advantage = context.experience().advantage
    centred = advantage - advantage.mean()
    return centred / (centred.square().mean().sqrt() + 1e-8)


@torch.no_grad()
def logit_gradient(context: StructuralContext) -> Tensor:
    """``∂J_n/∂logit_a = A_n·(1[a = a_n] − π(a))`` for each recent decision, [N, A], with ``J = E[A·log π]`` (E13)."""
    experience = context.experience()
    policy = context.decide().logits.softmax(dim=-1)
    taken = torch.nn.functional.one_hot(experience.action, policy.shape[1]).to(policy)
    return advantages(context)[:, None].to(policy) * (taken - policy)


def incoming_gradient(context: StructuralContext) -> Tensor:
    """``∂J/∂W`` [D, H], through the surrogate gradient, also where there is no synapse."""
    experience, organism = context.experience(), context.organism
    draws = organism.draws.get_state()
    with torch.enable_grad():
        output, _ = organism(experience.observations)
        chosen = output.logits.log_softmax(dim=-1).gather(1, experience.action[:, None]).squeeze(1)
        objective = (advantages(context).to(chosen) * chosen).mean()
        (gradient,) = torch.autograd.grad(objective, organism.incoming)
    organism.draws.set_state(draws)
    return gradient
