"""What each synapse remembers of a decision: its eligibility, from quantities at its own two ends only (E41–E44).

For a neuron that gets no spikes from its own layer, the eligibility of e-prop is the derivative of the neuron's
own spikes by its own weights: a product of what came in and of how much more the neuron would have fired for a
little more drive (Bellec et al., Nature Communications 11, 3625, 2020, eqs. 4–5). The second factor is a number a
neuron, computed here as the adjoint of each neuron's ticks on its own, which is the same number as the recursion
that runs forward beside the membrane (the tests hold the two equal); no error passes from one neuron to another.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.readout import READOUTS, OutputLayer
from snn_agent.types import Events, OrganismState


class Activity(NamedTuple):
    """What happened in N decisions at the two ends of every synapse."""

    features: Tensor  # [N, D] what the input synapses got
    rate: Tensor  # [N, H] spikes a tick of the hidden neurons
    rate_slope: Tensor  # [N, H] derivative of the rate by the neuron's own drive (E41)
    spikes: Tensor  # [T, N, H] of the hidden neurons
    evidence: Tensor  # [N, A] what the outputs say, before the gain
    evidence_slope: Tensor  # [T, N, A] derivative of an output's evidence by its own drive in a tick (E41)
    gain: Tensor  # [] the readout's, as it was


class Signals(NamedTuple):
    """The third factor of N decisions, as it arrives at the neurons."""

    output: Tensor  # [N, A]
    hidden: Tensor  # [N, H]; what the neuron did is in it already
    critic: Tensor  # [N]


def activity(organism: GrowingSparseSNN, observation: Tensor | Events, state: OrganismState | None) -> Activity:
    """Decide again, on any engine, and keep what the synapses need.

    Args:
        organism: with the weights that decided.
        observation: features [N, D] or events.
        state: of the membranes before; None: at rest. Poisson spikes are drawn anew, and their expectation stands for
            them in ``features``.
    """
    config, dense = organism.config, observation.dense() if isinstance(observation, Events) else observation
    if state is None:
        state = organism.initial_state(len(observation))
    layer = OutputLayer(organism.engine, organism.lif, organism.surrogate, config.neuron.reset_gradient)
    with torch.enable_grad():
        drive = organism.drive(observation).detach().requires_grad_()  # [N, H] or [T, N, H]
        hidden = organism.engine.run(
            drive,
            state.hidden,
            config.ticks,
            organism.lif,
            surrogate=organism.surrogate,
            reset_gradient=config.neuron.reset_gradient,
            threshold=organism.threshold,
            projection=organism.outgoing.detach(),
            record=True,
        )
        assert hidden.projected is not None
        assert hidden.spikes is not None
        (slope,) = torch.autograd.grad(hidden.counts, drive, torch.ones_like(hidden.counts))
        to_outputs = (hidden.projected.detach() + organism.output_bias.detach()).requires_grad_()  # [T, N, A]
        evidence = READOUTS[config.readout](layer, to_outputs, state.output).evidence
        (evidence_slope,) = torch.autograd.grad(evidence, to_outputs, torch.ones_like(evidence))
    return Activity(
        features=organism.scale(dense.to(organism.bias)),
        rate=hidden.counts.detach() / config.ticks,
        rate_slope=(slope.sum(dim=0) if slope.dim() == 3 else slope) / config.ticks,
        spikes=hidden.spikes.detach(),
        evidence=evidence.detach(),
        evidence_slope=evidence_slope,
        gain=organism.gain.detach(),
    )


def change(activity: Activity, signals: Signals, groups: int) -> dict[str, Tensor]:
    """Sum of eligibility × signal over the decisions of each group, by name of what is learnt (E42–E44).

    Args:
        activity: of N decisions, those of one step after those of another; a group's are every ``groups``-th.
        signals: of the same.
        groups: G, the worlds; 1 sums over all decisions.

    Returns:
        ``[G, *shape of the parameter]`` each.
    """

    def grouped(tensor: Tensor) -> Tensor:  # [.., N, X] -> [G, .., X], a group's ticks and steps in one axis
        table = tensor.reshape(-1, groups, tensor.shape[-1])
        return table[:, 0].unsqueeze(0) if groups == 1 else table.transpose(0, 1)

    to_hidden, to_outputs = grouped(signals.hidden), activity.gain * activity.evidence_slope * signals.output
    outputs = grouped(to_outputs)
    return {
        "incoming": grouped(activity.features).transpose(1, 2) @ to_hidden,
        "bias": to_hidden.sum(dim=1),
        "outgoing": grouped(activity.spikes).transpose(1, 2) @ outputs,
        "critic": grouped(activity.rate * signals.critic[:, None]).sum(dim=1),
        "output_bias": outputs.sum(dim=1),
        "critic_bias": grouped(signals.critic[:, None]).sum(dim=(1, 2)),
        "gain": grouped(activity.evidence * signals.output).sum(dim=(1, 2)),
    }


def keeps(ended: Tensor, decay: float) -> tuple[Tensor, Tensor]:
    """How much of each step is left in a trace after the last one (E45).

    Args:
        ended: [L, B] bool, after which steps the trace is wiped out: the episode is over, or the step was not real.
        decay: of the trace a step, γλ, in [0, 1].

    Returns:
        [L, B] for the eligibility of each step, and [B] for the trace that was there before.
    """
    L = len(ended)
    unbroken = (~ended).double().flip(0).cumprod(dim=0).flip(0)  # whether the trace lived on from this step to the last
    age = torch.arange(L - 1, -1, -1, device=ended.device, dtype=torch.float64)
    return unbroken * (decay**age)[:, None], unbroken[0] * decay**L
