"""Our counts beside those of NeuroBench, run on the same network built of its own kind of layers.

NeuroBench brings twenty other libraries, so it is a dependency group of its own. To run this test::

    .venv/bin/python -m pip install -c constraints.txt --group neurobench
    .venv/bin/python -m pytest -n 0 packages/snn-agent/tests/test_neurobench.py
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from snn_agent import GrowingSparseSNN, NetworkConfig
from snn_agent.metrics.measures import firing_rates, sparsity
from snn_agent.metrics.operations import NEURON_UPDATE, OperationCounts, out_degree
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.network.topology import fresh_neurons
from snn_agent.neurons.lif import LIFParameters
from snn_agent.training.costs import InputActivity, decision_cost

pytest.importorskip("neurobench", reason="needs the dependency group 'neurobench'")
from neurobench.benchmarks import Benchmark
from neurobench.metrics.static import ConnectionSparsity, Footprint, ParameterCount
from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
from neurobench.metrics.workload.neuron_operations import neuron_ops_reset_operations
from neurobench.models import TorchModel

pytestmark = pytest.mark.clients
D, H, A, T, N = 7, 6, 3, 5, 9


class Spikes(nn.Module):
    """LIF neurons (E1–E5), one tick a call."""

    def __init__(self, parameters: LIFParameters) -> None:
        super().__init__()
        self.p = parameters
        self.rest()

    def rest(self) -> None:
        self.v: Tensor | float = self.p.v_leak
        self.i: Tensor | float = 0.0

    def forward(self, x: Tensor) -> Tensor:
        p = self.p
        i = self.i + x
        v = self.v + p.dt_s / p.tau_mem_s * ((p.v_leak - self.v) + i)
        self.i = i - p.dt_s / p.tau_syn_s * i
        z = (v > p.v_th).to(x)
        self.v = (1 - z) * v + z * p.v_reset
        return z


class Twin(nn.Module):
    """The organism's layers as NeuroBench knows layers; its input is sent again each tick, or its drive is held."""

    def __init__(self, organism: GrowingSparseSNN, *, held: bool, reads_critic: bool) -> None:
        super().__init__()
        self.held, self.ticks = held, organism.config.ticks
        self.incoming = linear(organism.incoming, organism.bias)
        self.hidden = Spikes(organism.lif)
        self.outgoing = linear(organism.outgoing, organism.output_bias)
        self.critic = linear(organism.critic[:, None], organism.critic_bias[None]) if reads_critic else None

    def forward(self, observation: Tensor) -> Tensor:
        self.hidden.rest()
        drive, counts, out = self.incoming(observation), torch.zeros(()), []
        for t in range(self.ticks):
            z = self.hidden(drive if self.held or t == 0 else self.incoming(observation))
            counts = counts + z
            out.append(self.outgoing(z))
        if self.critic is not None:
            self.critic(counts / self.ticks)
        return torch.stack(out).mean(dim=0)


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(*weight.shape, dtype=weight.dtype)
    layer.weight.data, layer.bias.data = weight.detach().T.contiguous(), bias.detach().clone()
    return layer


def network(kind: str, density: float) -> tuple[GrowingSparseSNN, Tensor]:
    """An organism with some weights of zero, in doubles so that rounding decides no spike, and observations [N, D]."""
    config = NetworkConfig(
        init_hidden=H, min_hidden=1, max_hidden=16, ticks=T, input_density=density, input_power=2.0, hidden_bias=3.0,
        readout="drive",
    )  # fmt: skip
    organism = GrowingSparseSNN(D, H, 16, A, config=config, engine="torch", seed=3).double()
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        organism.bias += torch.randn(H, generator=generator)
        organism.outgoing *= torch.rand(H, A, generator=generator) < 0.7
        organism.critic += torch.randn(H, generator=generator)
        organism.critic[0] = 0.0
    observation = torch.randn(N, D, generator=generator).double() * (torch.rand(N, D, generator=generator) < 0.5)
    return organism, {"binary": observation.sign().abs(), "ternary": observation.sign(), "real": observation}[kind]


def theirs(organism: GrowingSparseSNN, observation: Tensor, **how: bool) -> dict[str, float]:
    """What NeuroBench says, all metrics in one table. Where a metric of its fails it says 0 or None."""
    model = TorchModel(Twin(organism, **how))
    model.add_activation_module(Spikes)
    data = DataLoader(TensorDataset(observation, torch.zeros(len(observation))), batch_size=len(observation))
    static, workload = [ConnectionSparsity], [SynapticOperations, ActivationSparsity]
    with torch.no_grad():
        found = Benchmark(model, data, [], [], [static, workload]).run(quiet=True)
    return found | found.pop("SynapticOperations")


def ours(organism: GrowingSparseSNN, observation: Tensor, *, reads_critic: bool) -> tuple[OperationCounts, Tensor]:
    """Operations of the mean decision, and spikes [N, H]."""
    with torch.no_grad():
        counts = organism(observation)[0].counts
    inputs = InputActivity.of(organism, observation)
    return decision_cost(organism, inputs, counts.mean(dim=0), reads_critic=reads_critic), counts


@pytest.mark.parametrize("density", [1.0, 0.5])
@pytest.mark.parametrize("kind", ["binary", "ternary", "real"])
def test_synaptic_operations_and_sparsity_are_neurobenchs(kind: str, density: float) -> None:
    organism, observation = network(kind, density)
    found, counts = ours(organism, observation, reads_critic=False)
    resent = theirs(organism, observation, held=False, reads_critic=False)
    assert resent["Effective_ACs"] == pytest.approx(found.input_acs_resent + found.output_acs)
    assert resent["Effective_MACs"] == pytest.approx(found.input_macs_resent)
    assert resent["Dense"] == pytest.approx(found.dense_operations)
    held = theirs(organism, observation, held=True, reads_critic=False)
    assert held["Effective_ACs"] == pytest.approx(found.input_acs + found.output_acs)
    assert held["Effective_MACs"] == pytest.approx(found.input_macs)
    assert (found.input_macs > 0) == (kind == "real")
    assert 0 < counts.sum() < N * T * H
    rate = firing_rates(counts, T)
    assert held["ActivationSparsity"] == resent["ActivationSparsity"] == pytest.approx(sparsity(rate))
    alive = float(out_degree(organism.incoming.detach()).sum() + out_degree(organism.outgoing.detach()).sum())
    assert held["ConnectionSparsity"] == pytest.approx(1 - alive / (D * H + H * A), abs=5e-5)  # it rounds


def test_the_critic_is_charged_in_full_where_neurobench_leaves_out_zeros() -> None:
    """It reads H rates, of which some are zero, by weights of which one is; a difference by definition."""
    organism, observation = network("binary", 1.0)
    found, counts = ours(organism, observation, reads_critic=True)
    with_critic = theirs(organism, observation, held=True, reads_critic=True)
    assert with_critic["Effective_ACs"] == pytest.approx(found.input_acs + found.output_acs)
    read = (counts != 0).double() @ (organism.critic.detach() != 0).double()
    assert with_critic["Effective_MACs"] == pytest.approx(float(read.mean()))
    assert with_critic["Effective_MACs"] < H == found.readout_macs - A


def test_a_neuron_update_costs_what_neurobench_charges_for_its_nearest_neuron() -> None:
    assert NEURON_UPDATE.acs + 2 * NEURON_UPDATE.macs == neuron_ops_reset_operations["Synaptic"]["zero"]


@pytest.mark.parametrize("n", [1, 5])
def test_footprint_and_parameters_follow_the_living(n: int) -> None:
    organism = GrowingSparseSNN(D, H, 16, A, config=NetworkConfig(input_features=D, min_hidden=1), engine="torch")

    def measured() -> tuple[float, float]:
        return Footprint()(TorchModel(organism)), ParameterCount()(TorchModel(organism))

    before = measured()
    assert before[0] == sum(tensor.numel() * tensor.element_size() for tensor in organism.state_dict().values())
    assert before[1] == sum(tensor.numel() for tensor in organism.learnt().values())
    newborn = fresh_neurons(organism.config, n, torch.Generator().manual_seed(0))
    operate(StructuralEdit(rule="test", reason="test", newborn=newborn), organism)
    after = measured()
    assert after[1] - before[1] == n * (D + 1 + A + 1)  # incoming, bias, outgoing, critic
    assert after[0] - before[0] == n * (4 * (D + 1 + A + 1) + 4 + D)  # and a threshold, and a byte a synapse
