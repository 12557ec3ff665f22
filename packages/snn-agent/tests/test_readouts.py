"""The four readouts against their definitions, from hidden spikes recorded by the readable neuron."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from snn_agent import GrowingSparseSNN, LIFState, NetworkConfig, NeuronConfig, SurrogateSpec, lif_step, make_engine
from snn_agent.network.readout import READOUTS, OutputLayer
from snn_agent.neurons.lif import LIFParameters

B, D, H, A, T = 6, 5, 14, 3, 12
OBSERVATION = torch.rand(B, D, generator=torch.Generator().manual_seed(5))
LOUD = {"input_power": 2.0, "min_hidden": 2, "output_bias": 1.0, "outgoing_scale": 4.0}  # the outputs spike too
PARAMETERS = LIFParameters(tau_mem_s=0.02, tau_syn_s=0.01)


def organism_of(readout: str, v_leak: float = 0.0) -> GrowingSparseSNN:
    config = NetworkConfig(**LOUD, ticks=T, readout=readout, readout_gain=2.5, neuron=NeuronConfig(v_leak=v_leak))
    return GrowingSparseSNN(D, H, 40, A, config=config, engine="torch", seed=2)


def spikes_of(drive: list[Tensor], parameters: LIFParameters) -> Tensor:
    """Spikes [T, B, N] of neurons from rest, by the readable neuron."""
    state = LIFState.at_rest(tuple(drive[0].shape), parameters.v_leak)
    spikes = []
    for x in drive:
        z, state = lif_step(x, state, parameters)
        spikes.append(z)
    return torch.stack(spikes)


def projected(organism: GrowingSparseSNN) -> tuple[Tensor, Tensor]:
    """Hidden spikes [T, B, H] and what they drive the outputs with, [T, B, A]."""
    drive = OBSERVATION @ organism.incoming + organism.bias
    hidden = spikes_of([drive] * T, organism.lif)
    return hidden, hidden @ organism.outgoing + organism.output_bias


@torch.no_grad()
def test_rate() -> None:
    organism = organism_of("rate")
    hidden, x = projected(organism)
    output, _ = organism(OBSERVATION)
    counts = spikes_of(list(x), organism.lif).sum(dim=0)
    assert counts.sum() > 0
    assert torch.equal(output.output_counts, counts)
    torch.testing.assert_close(output.logits, 2.5 * counts / T)
    assert torch.equal(output.counts, hidden.sum(dim=0))


@torch.no_grad()
def test_drive() -> None:
    organism = organism_of("drive")
    hidden, _ = projected(organism)
    expected = 2.5 * (hidden.sum(dim=0) / T @ organism.outgoing + organism.output_bias)
    torch.testing.assert_close(organism(OBSERVATION)[0].logits, expected)


@torch.no_grad()
@pytest.mark.parametrize("v_leak", [0.0, 0.3])
def test_membrane_is_two_exponential_filters(v_leak: float) -> None:
    """``v_T = v_leak + m Σ_t a^(T−1−t) Σ_{s≤t} b^(t−s) x_s``, m = dt/τ_mem, a = 1 − m, b = 1 − dt/τ_syn (E1–E3)."""
    organism = organism_of("membrane", v_leak)
    x = projected(organism)[1].double().numpy()
    m, b = PARAMETERS.dt_s / PARAMETERS.tau_mem_s, 1 - PARAMETERS.dt_s / PARAMETERS.tau_syn_s
    expected = np.full((B, A), v_leak)
    for t in range(T):
        for s in range(t + 1):
            expected += m * (1 - m) ** (T - 1 - t) * b ** (t - s) * x[s]
    np.testing.assert_allclose(organism(OBSERVATION)[0].logits.numpy(), 2.5 * expected, rtol=1e-5)


@torch.no_grad()
def test_first_spike() -> None:
    organism = organism_of("first_spike")
    organism.output_bias.copy_(torch.tensor([0.2, 1.0, 4.0]))
    spikes = spikes_of(list(projected(organism)[1]), organism.lif)
    output, _ = organism(OBSERVATION)
    latencies = set()
    for world in range(B):
        for action in range(A):
            when = torch.nonzero(spikes[:, world, action])
            latency = int(when[0]) if len(when) else T
            latencies.add(latency)
            assert float(output.logits[world, action]) == pytest.approx(-2.5 * latency / T)
    assert len(latencies) > 3, "the case shows too little"


def test_first_spike_by_hand() -> None:
    """After one tick v' = 0.05·x, after two 0.95·0.05·x + 0.05·1.9·x = 0.1425·x: 25, 10 and 0 spike at 1, 2, never."""
    layer = OutputLayer(make_engine("torch"), PARAMETERS, SurrogateSpec("superspike", 10.0), True)
    drive = torch.tensor([25.0, 10.0, 0.0]).repeat(4, 1, 1)
    result = READOUTS["first_spike"](layer, drive, LIFState.at_rest((1, 3)))
    assert result.evidence.tolist() == [[0.0, -0.25, -1.0]]


def test_an_earlier_spike_is_what_the_gradient_asks_for() -> None:
    layer = OutputLayer(make_engine("torch"), PARAMETERS, SurrogateSpec("superspike", 10.0), True)
    drive = torch.full((5, 1, 1), 6.0, requires_grad=True)
    evidence = READOUTS["first_spike"](layer, drive, LIFState.at_rest((1, 1))).evidence
    (gradient,) = torch.autograd.grad(evidence.sum(), drive)
    assert gradient[0] > 0
