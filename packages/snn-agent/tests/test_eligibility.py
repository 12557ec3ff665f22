"""Eligibilities against the recursion that would run forward, beside each membrane."""

from __future__ import annotations

import pytest
import torch
from three_factor_cases import A, D, organism_of, rollout_of
from torch import Tensor

from snn_agent import GrowingSparseSNN, NeuronConfig
from snn_agent.learning.eligibility import activity
from snn_agent.neurons.surrogate import SURROGATE_DERIVATIVES
from snn_agent.types import LIFState


def forward_eligibility(
    organism: GrowingSparseSNN, x: Tensor, state: LIFState, threshold: Tensor | float
) -> tuple[Tensor, Tensor]:
    """E-prop's recursion: the derivative of each tick's spike by the inputs' weights runs beside the membrane.

    Args:
        organism: for its constants.
        x: [T, P, N, H] what each of P synapses of a neuron brings in a tick, at weight 1; the first is the whole input.
        state: [N, H].
        threshold: of the neurons.

    Returns:
        Spikes [T, N, H] and Σ_k dz[k]/dw of each synapse, [P, N, H].
    """
    lif, surrogate = organism.lif, organism.surrogate
    step, loss = lif.membrane_step, lif.current_decay
    v, i = state
    eligible_v, eligible_i = torch.zeros_like(x[0]), torch.zeros_like(x[0])
    spikes, total = [], torch.zeros_like(x[0])
    for tick in x:
        i, eligible_i = i + tick[0], eligible_i + tick
        v, eligible_v = v + step * (lif.v_leak - v + i), eligible_v + step * (eligible_i - eligible_v)
        i, eligible_i = i - loss * i, eligible_i - loss * eligible_i
        z = (v > threshold).to(v)
        slope = SURROGATE_DERIVATIVES[surrogate.name](surrogate.slope * (v - threshold))
        total = total + slope * eligible_v
        through_reset = (lif.v_reset - v) * slope * eligible_v if organism.config.neuron.reset_gradient else 0.0
        eligible_v = (1 - z) * eligible_v + through_reset
        v = (1 - z) * v + z * lif.v_reset
        spikes.append(z)
    return torch.stack(spikes), total


@pytest.mark.parametrize("reset_gradient", [True, False])
@pytest.mark.parametrize("engine", ["torch", "numba"])
@pytest.mark.parametrize("carry_state", [True, False])
def test_eligibilities_are_those_of_the_recursion_that_runs_forward(
    carry_state: bool, engine: str, reset_gradient: bool
) -> None:
    neuron = NeuronConfig(surrogate_slope=3.0, reset_gradient=reset_gradient)
    organism = organism_of(engine=engine, carry_state=carry_state, neuron=neuron)
    rollout = rollout_of(organism, 5, 4)
    seen = rollout.observation.reshape(-1, D)
    before = (
        organism.initial_state(len(seen)) if rollout.state is None else rollout.state.map(lambda t: t.flatten(0, 1))
    )
    did = activity(organism, seen, None if rollout.state is None else before)
    T = organism.config.ticks
    drive = organism.drive(seen).detach()
    inputs = torch.stack([drive, torch.ones_like(drive)]).expand(T, 2, -1, -1)
    spikes, total = forward_eligibility(organism, inputs, before.hidden, organism.threshold)
    assert torch.equal(did.spikes, spikes)
    assert 0.05 < float(spikes.mean()) < 0.95, "the case shows too little"
    torch.testing.assert_close(did.rate_slope, total[1] / T)
    u = (spikes @ organism.outgoing + organism.output_bias).detach()
    synapses = [u, torch.ones_like(u)] + [z[:, :, None].expand(T, -1, A) for z in spikes.unbind(dim=2)]
    spoken, total = forward_eligibility(organism, torch.stack(synapses, dim=1), before.output, organism.lif.v_th)
    torch.testing.assert_close(did.evidence, spoken.mean(dim=0))
    torch.testing.assert_close(did.evidence_slope.sum(dim=0), total[1] / T)
    of_synapses = torch.einsum("tnh,tna->hna", did.spikes, did.evidence_slope)
    torch.testing.assert_close(of_synapses, total[2:] / T)
