"""REINFORCE (Williams, 1992) with a baseline, entropy bonus and, optionally, clipped reuse of each rollout.

One pass over a rollout is plain REINFORCE with λ-returns. Further passes weigh each decision by how much likelier it
has become, within ``1 ± clip_ratio`` (Schulman et al., *Proximal Policy Optimization Algorithms*, 2017).

Where earlier tasks are held on to (:mod:`snn_agent.learning.consolidation`), their penalty is part of the loss of every
minibatch, and its gradient is added *before* the norm is clipped: what is clipped is the gradient of all that is
minimised, so its direction stays whatever λ is, and no pull reaches Adam's moments at a size that nothing bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from snn_agent.config import LearningConfig
from snn_agent.errors import NonFiniteError
from snn_agent.learning import categorical, neuron_adam
from snn_agent.learning.baseline import EmaBaseline
from snn_agent.learning.contract import UpdateDiagnostics
from snn_agent.learning.fused_step import FusedLearner
from snn_agent.learning.fused_update import FusedUpdate, suits_kernel
from snn_agent.learning.newborn import paces
from snn_agent.learning.objective import policy_objective, value_objective
from snn_agent.learning.protection import Movable, hold
from snn_agent.learning.reinforce_state import ReinforceState as ReinforceState
from snn_agent.learning.returns import advantages, lambda_returns, normalise
from snn_agent.learning.samples import Samples
from snn_agent.learning.schedule import SCHEDULES
from snn_agent.network.decision import fusing_engine
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.topology import LEARNT, NEURON_AXIS
from snn_agent.types import Events, Rollout


class Reinforce:
    """The learning rule ``"reinforce"``."""

    name = "reinforce"

    def __init__(self, config: LearningConfig) -> None:
        self.config = config
        self.ema = EmaBaseline(config.ema_decay)
        self._schedule = SCHEDULES[config.schedule]

    def init(self, organism: GrowingSparseSNN) -> ReinforceState:
        """Zero moments and counts."""
        parameters: dict[str, Tensor] = dict(organism.learnt())
        axes = {name: NEURON_AXIS[name] for name in LEARNT}
        return ReinforceState(neuron_adam.init(parameters, axes), self.ema.init())

    def update(
        self,
        organism: GrowingSparseSNN,
        state: ReinforceState,
        rollout: Rollout,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[ReinforceState, UpdateDiagnostics]:
        """One update: ``reuse_epochs`` passes of ``minibatches`` optimizer steps each."""
        state, samples = self._samples(state, rollout)
        learning_rate = self._schedule(self.config.learning_rate, progress)
        n, device = samples.action.shape[0], samples.action.device
        size = math.ceil(n / self.config.minibatches)
        orders = [torch.randperm(n, generator=generator).to(device) for _ in range(self.config.reuse_epochs)]
        parts = [part for order in orders for part in torch.split(order, size)]
        totals = dict.fromkeys(UpdateDiagnostics._fields, 0.0)
        for after, numbers in self._steps(organism, state, samples, parts, learning_rate):
            self._refuse_non_finite(numbers)
            state = after
            for name in totals:
                totals[name] += numbers[name]
        return state, UpdateDiagnostics(**{name: total / len(parts) for name, total in totals.items()})

    def _steps(
        self,
        organism: GrowingSparseSNN,
        state: ReinforceState,
        samples: Samples,
        parts: list[Tensor],
        learning_rate: float,
    ) -> Iterator[tuple[ReinforceState, dict[str, float]]]:
        """One optimizer step a part, by what is fastest on the organism's engine: state and numbers after each.

        The kernel of a whole update knows no penalty, so an organism that holds on to earlier tasks learns step by
        step: measured with one of them, 450 inputs and minibatches of 512 an update takes 1.4 times as long with 512
        neurons and 2.4 times with 64; each further task of ``"ewc"`` adds 0.2 to 0.25.
        """
        state = state._replace(adam=hold(state.adam, organism))
        if fusing_engine(organism) is None:
            neuron_lr = paces(state.adam, self.config)  # for the whole update, though neurons age meanwhile
            movable = Movable.of(organism)
            for part in parts:
                state, numbers = self._step(organism, state, samples.take(part), learning_rate, neuron_lr, movable)
                yield state, numbers
        elif suits_kernel(organism, state.adam, samples) and not state.consolidation.pulls:
            update = FusedUpdate(organism, state.adam, samples, self.config)
            bounds = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
            reported, done = update.run(torch.cat(parts).numpy(), bounds, learning_rate)
            for row in reported[: done + 1]:
                yield state, update.describe(row)
        else:
            learner = FusedLearner(organism, state.adam, samples, self.config, state.consolidation)
            for part in parts:
                yield state, learner.step(part, learning_rate)

    def _refuse_non_finite(self, numbers: dict[str, float]) -> None:
        if not math.isfinite(numbers["loss"]) or not math.isfinite(numbers["gradient_norm"]):
            raise NonFiniteError(
                f"the loss is {numbers['loss']:g} and its gradient's norm {numbers['gradient_norm']:g}. The weights "
                f"are those before this step. Lower learning_rate ({self.config.learning_rate:g}), or look for "
                f"numbers in the observations or rewards that are not finite."
            )

    def _samples(self, state: ReinforceState, rollout: Rollout) -> tuple[ReinforceState, Samples]:
        """Targets and advantages of a rollout, as a flat batch of its N = L·B decisions."""
        config = self.config
        value, next_value = rollout.value, rollout.next_value
        if config.baseline == "ema":
            value = next_value = torch.full_like(value, self.ema.value(state.baseline))
        target = lambda_returns(
            rollout.reward, rollout.terminated, rollout.truncated, next_value, config.gamma, config.lam, rollout.valid
        )
        if config.baseline == "ema":
            state = state._replace(baseline=self.ema.update(state.baseline, target[rollout.valid]))
        advantage = advantages(target, value, rollout.valid)
        if config.normalise_advantages:
            advantage = normalise(advantage, rollout.valid)
        flat, seen = rollout.action.numel(), rollout.observation
        before = None if rollout.state is None else rollout.state.map(lambda tensor: tensor.reshape(flat, -1))
        return state, Samples(
            observation=seen if isinstance(seen, Events) else seen.reshape(flat, -1),
            action=rollout.action.reshape(flat),
            log_prob=rollout.log_prob.reshape(flat),
            advantage=advantage.reshape(flat),
            target=target.reshape(flat),
            weight=rollout.valid.reshape(flat).to(advantage.dtype),
            state=before,
        )

    def _step(
        self,
        organism: GrowingSparseSNN,
        state: ReinforceState,
        batch: Samples,
        learning_rate: float,
        neuron_lr: Tensor | None,
        movable: Movable | None,
    ) -> tuple[ReinforceState, dict[str, float]]:
        """One optimizer step by autograd; a gradient that is not finite changes nothing."""
        config = self.config
        output, _ = organism(batch.observation, batch.state)
        log_prob = categorical.log_prob(output.logits, batch.action)
        entropy = categorical.entropy(output.logits)
        clip_ratio = config.clip_ratio if config.reuse_epochs * config.minibatches > 1 else None
        policy_loss, diagnostics = policy_objective(
            log_prob, batch.log_prob, batch.advantage, entropy, clip_ratio, config.entropy_weight, batch.weight
        )
        loss, value_loss = policy_loss, torch.zeros(())
        if config.baseline == "critic":
            value_loss = value_objective(output.value, batch.target, batch.weight)
            loss = policy_loss + config.value_weight * value_loss
        learnt = organism.learnt()
        found = torch.autograd.grad(loss, list(learnt.values()), allow_unused=True, materialize_grads=True)
        gradients = dict(zip(learnt, found, strict=True))
        if state.consolidation.pulls:
            penalty, pulls = state.consolidation.penalty(dict(learnt))
            loss = loss + penalty
            gradients |= {name: gradients[name] + pull for name, pull in pulls.items()}
        if movable is not None:
            gradients |= {name: gradients[name] * where for name, where in movable._asdict().items()}
        norm = neuron_adam.clip_by_global_norm(gradients, config.max_grad_norm)
        if bool(torch.isfinite(norm)) and bool(torch.isfinite(loss)):
            adam = neuron_adam.update(gradients, state.adam, dict(learnt), lr=learning_rate, neuron_lr=neuron_lr)
            state = state._replace(adam=adam)
        return state, {
            "loss": float(loss.detach()),
            "policy_loss": float(policy_loss.detach()),
            "value_loss": float(value_loss.detach()),
            "entropy": float(diagnostics.entropy),
            "approx_kl": float(diagnostics.approx_kl),
            "clip_fraction": float(diagnostics.clip_fraction),
            "gradient_norm": float(norm),
        }
