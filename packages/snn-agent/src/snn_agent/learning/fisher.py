"""How much each weight matters to the policy: the diagonal of its Fisher information."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from snn_agent.errors import ConfigError, NonFiniteError
from snn_agent.learning import categorical
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.readout import READOUTS, OutputLayer
from snn_agent.types import Events

POLICY: Final = ("incoming", "bias", "outgoing", "output_bias", "gain")
"""What the policy depends on; the critic does not belong to it."""
AT_A_TIME: Final = 256
"""Decisions whose gradients are in memory at once."""


def fisher(organism: GrowingSparseSNN, observations: Tensor | Events, generator: torch.Generator) -> dict[str, Tensor]:
    """``F_i = E_s E_{a~π(·|s)}[(∂ log π(a|s) / ∂θ_i)²]``, one action drawn a state from the policy as it is now.

    The expectation is over the policy's own actions, whatever they were worth: the squared gradient of the objective,
    which advantages scale, is no Fisher information, and neither is the square of a batch's mean gradient.

    Args:
        organism: at the end of the task; not changed.
        observations: states of that task, [N, D] as the environment gave them, or N events.
        generator: for the actions, on the CPU; gives N numbers.

    Returns:
        A tensor >= 0 of the shape of each parameter in :data:`POLICY`, 0 where there is no synapse.

    Raises:
        ConfigError: decisions do not depend on what is seen alone: observations become Poisson spikes, or membranes
            are carried from one decision to the next; or the observations do not fit the organism, or there are none.
        NonFiniteError: a gradient is not finite.
    """
    _refuse(organism, observations)
    uniform = torch.rand(len(observations), generator=generator, dtype=torch.float64)
    with torch.no_grad():
        logits = organism(observations)[0].logits
    return mean_square_scores(organism, observations, categorical.choose(logits, uniform.to(logits.device)))


def mean_square_scores(organism: GrowingSparseSNN, observations: Tensor | Events, action: Tensor) -> dict[str, Tensor]:
    """``mean_s (∂ log π(a_s|s) / ∂θ)²`` of given actions, int64 [N]; the rest is as for :func:`fisher`.

    The squares are of each decision alone, without a gradient for each: a held drive is ``x·W + b``, so with
    ``δ = ∂ log π/∂drive`` the squares of incoming weights are ``x_d²·δ_h²``, one matrix product for all decisions; an
    outgoing weight's gradient is ``Σ_t z_h[t]·ε_a[t]``, with z the spikes and ``ε = ∂ log π/∂projected``. It is
    computed layer by layer on the organism's own engine, with the surrogate that learning uses.

    Raises:
        ConfigError: as for :func:`fisher`.
        NonFiniteError: a gradient is not finite.
    """
    _refuse(organism, observations)
    N, dtype = len(observations), organism.bias.dtype
    sums = {name: torch.zeros_like(getattr(organism, name), requires_grad=False) for name in POLICY}
    for rows in torch.split(torch.arange(N), AT_A_TIME):
        if isinstance(observations, Events):
            seen = observations.take(rows.numpy()).dense().to(organism.device)  # events are never scaled
        else:
            seen = organism.scale(observations[rows.to(observations.device)])
        for name, tensor in _square_scores(organism, seen.to(dtype), action[rows.to(action.device)]).items():
            sums[name] += tensor
    found = {name: tensor / N for name, tensor in sums.items()}
    found["incoming"] *= organism.synapses != 0
    if not all(bool(torch.isfinite(tensor).all()) for tensor in found.values()):
        raise NonFiniteError(
            "the gradient of log π is not finite for some states, so nothing says how much the weights matter. Look "
            "for numbers in the observations that are not finite, or lower surrogate_slope."
        )
    return found


def _square_scores(organism: GrowingSparseSNN, seen: Tensor, action: Tensor) -> dict[str, Tensor]:
    """Squares summed over B decisions, of features [B, D] as the first layer sees them and actions [B]."""
    config, resting = organism.config, organism.initial_state(len(seen))
    incoming, bias, outgoing, output_bias, gain = (getattr(organism, name).detach() for name in POLICY)
    with torch.enable_grad():
        drive = (seen @ incoming + bias).requires_grad_()
        hidden = organism.engine.run(
            drive, resting.hidden, config.ticks, organism.lif, surrogate=organism.surrogate,
            reset_gradient=config.neuron.reset_gradient, threshold=organism.threshold, projection=outgoing,
            record=organism.engine.name != "relu",
        )  # fmt: skip
        assert hidden.projected is not None
        projected = hidden.projected + output_bias
        layer = OutputLayer(organism.engine, organism.lif, organism.surrogate, config.neuron.reset_gradient)
        evidence = READOUTS[config.readout](layer, projected, resting.output).evidence
        logits = gain * evidence
        chosen = categorical.log_prob(logits, action).sum()  # decisions do not know each other
        of_drive, of_projected, of_logits = torch.autograd.grad(chosen, [drive, projected, logits])
    sent = hidden.counts[None] if hidden.spikes is None else hidden.spikes  # without spikes: the activation, at once
    of_outgoing = torch.einsum("tbh,tba->bha", sent.detach(), of_projected)
    return {
        "incoming": seen.square().T @ of_drive.square(),
        "bias": of_drive.square().sum(dim=0),
        "outgoing": of_outgoing.square().sum(dim=0),
        "output_bias": of_projected.sum(dim=0).square().sum(dim=0),
        "gain": (of_logits * evidence.detach()).sum(dim=1).square().sum(),
    }


def _refuse(organism: GrowingSparseSNN, observations: Tensor | Events) -> None:
    config = organism.config
    if config.encoding != "constant":
        raise ConfigError(
            f"the Fisher information is computed from a drive that is held over the ticks, but encoding is "
            f'{config.encoding!r}. Use encoding="constant", or learn without consolidation.'
        )
    if config.carry_state:
        raise ConfigError(
            "the Fisher information is computed from decisions that begin at rest, but carry_state carries membranes "
            "from one to the next. Use carry_state=False, or learn without consolidation."
        )
    shape = (len(observations), observations.features) if isinstance(observations, Events) else observations.shape
    if len(shape) != 2 or shape[0] < 1 or shape[1] != config.input_features:
        raise ConfigError(
            f"observations must be at least one state of the old task with {config.input_features} features, [N, D], "
            f"got {list(shape)}."
        )
