"""Calibration: newborn fire at the rate they were tuned to, or at the next that can be had."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from plasticity_cases import context_of, organism_of
from torch import Tensor

from snn_agent.config import NeuronConfig
from snn_agent.errors import ConfigError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.network.topology import NeuronWeights
from snn_agent.neurons.closed_forms import rheobase_drive
from snn_agent.neurons.lif import LIFParameters, lif_step
from snn_agent.plasticity.births import BIRTHS, BirthPlan
from snn_agent.plasticity.calibration import calibrate, critical_drives
from snn_agent.types import LIFState


def counts_by_the_book(drive: Tensor, ticks: int, lif: LIFParameters) -> Tensor:
    """Spikes under constant drives of any shape, in float64, tick by tick."""
    drive = drive.double()
    state, counts = LIFState.at_rest(tuple(drive.shape), lif.v_leak, dtype=torch.float64), torch.zeros_like(drive)
    for _ in range(ticks):
        spikes, state = lif_step(drive, state, lif)
        counts += spikes
    return counts


def scene(seed: int, n: int, ticks: int, scaling: str = "none", **config: float) -> tuple[GrowingSparseSNN, Tensor]:
    """A network and n observations, no two of them equal."""
    organism = organism_of(6, seed=seed, ticks=ticks, input_scaling=scaling, max_hidden=30, **config)
    observations = torch.randn(n, 5, generator=torch.Generator().manual_seed(seed)) * 3 + 1
    organism.see(observations)
    return organism, observations


@pytest.mark.parametrize("neuron", [{}, {"v_leak": -0.5, "v_reset": 0.25}, {"v_reset": -2.0, "tau_syn_s": 0.002}])
@pytest.mark.parametrize("ticks", [1, 2, 10, 25])
def test_below_a_critical_drive_a_spike_is_missing(ticks: int, neuron: dict[str, float]) -> None:
    organism = organism_of(ticks=ticks, neuron=NeuronConfig(**neuron))
    critical = critical_drives(organism)
    assert float(critical[0]) == pytest.approx(rheobase_drive(organism.lif, ticks), rel=1e-5)
    wanted = torch.arange(1, ticks + 1)
    assert (counts_by_the_book(critical * (1 + 1e-5), ticks, organism.lif) >= wanted).all()
    assert (counts_by_the_book(critical * (1 - 1e-5), ticks, organism.lif) < wanted).all()


RATES = st.sampled_from([0.001, 0.01, 0.05, 0.1, 0.29, 0.5, 0.999, 1.0])


@given(
    seed=st.integers(0, 2**16),
    rate=RATES,
    n=st.integers(1, 60),
    ticks=st.integers(1, 12),
    scaling=st.sampled_from(["none", "standardise"]),
    birth=st.sampled_from(["zero_out", "gradient", "kaiming_noise"]),
)
def test_newborn_fire_at_the_rate_they_were_tuned_to(
    seed: int, rate: float, n: int, ticks: int, scaling: str, birth: str
) -> None:
    """The oracle is the network with the newborn in it: they have just the spikes they need, or a nearby one more."""
    organism, observations = scene(seed, n, ticks, scaling)
    context = context_of(organism, seed=seed, observations=observations)
    operate(BirthPlan(size=20, birth=birth, target_rate=rate).propose("test", "", context), organism)
    found = organism(observations)[0].counts[:, 6:].sum(dim=0)
    needed = math.ceil(rate * n * ticks - 1e-9)
    assert (found >= needed).all()
    assert (found >= 1).all()
    assert (found == needed).float().mean() > 0.9, "to the spike, but where two spikes come at the same bias"


@given(seed=st.integers(0, 2**16), rate=RATES, n=st.integers(1, 12), ticks=st.integers(1, 12))
def test_no_bias_comes_nearer_to_the_target(seed: int, rate: float, n: int, ticks: int) -> None:
    """Brute force: of 4,000 biases none gives fewer spikes that are still enough, unless it is as good as equal; many
    observations are equal here.
    """
    organism, observations = scene(seed, n, ticks)
    observations = observations.round().clamp(0, 1)
    context = context_of(organism, seed=seed, observations=observations)
    weights = BIRTHS["zero_out"](context, 3).weights
    tuned = calibrate(weights, context, rate)
    drive = (observations @ weights.incoming).double()
    lowest, highest = rheobase_drive(organism.lif, ticks) - 0.1 - drive.max(), 1.0 / 0.05 - drive.min()
    biases = torch.linspace(float(lowest), float(highest) + 0.1, 4000).double()[:, None]
    totals = counts_by_the_book(drive[:, None] + biases, ticks, organism.lif).sum(dim=0)  # [4000, 3]
    assert not totals[0].any()
    assert (totals[-1] == n * ticks).all()
    needed = math.ceil(rate * n * ticks - 1e-9)
    found = counts_by_the_book(drive + tuned.bias.double(), ticks, organism.lif).sum(dim=0)
    assert (found >= needed).all()
    margin = 2e-5 * (drive + weights.bias).abs().amax(dim=0).clamp_min(rheobase_drive(organism.lif, ticks))
    nearer = (totals >= needed) & (totals < found) & ((biases - tuned.bias).abs() > margin)
    assert not nearer.any()


def test_calibration_wakes_silent_newborns_and_changes_only_biases() -> None:
    organism = organism_of(6, hidden_bias=-3.0)
    context = context_of(organism)
    weights = BIRTHS["zero_out"](context, 5).weights
    calibrated = calibrate(weights, context, 0.25)
    for name in ("incoming", "outgoing", "critic"):
        assert torch.equal(getattr(calibrated, name), getattr(weights, name))
    operate(StructuralEdit(rule="test", reason="", newborn=calibrated), organism)
    counts = organism(context.observations)[0].counts
    assert not counts[:, :6].any()
    assert (counts[:, 6:].sum(dim=0) == 0.25 * 16 * 10).all()


def test_it_quietens_the_loud_too() -> None:
    organism = organism_of(6, hidden_bias=3.0)
    context = context_of(organism)
    operate(BirthPlan(size=5, target_rate=0.05).propose("test", "", context), organism)
    rate = organism(context.observations)[0].counts.mean(dim=0) / 10
    assert (rate[:6] > 0.3).all()
    assert (rate[6:] == 8 / 160).all()


@given(st.integers(1, 10))
def test_equal_observations_have_equal_counts(spikes: int) -> None:
    """The rate is then a multiple of 1/T: the next one above the target."""
    organism = organism_of(6)
    context = context_of(organism, observations=torch.ones(10, 5))
    operate(BirthPlan(size=8, target_rate=spikes / 10 - 0.07).propose("test", "", context), organism)
    assert (organism(context.observations)[0].counts[:, 6:] == spikes).all()


def test_what_cannot_be_tuned_is_refused() -> None:
    context = context_of(organism_of(), observations=torch.zeros(0, 5))
    weights = NeuronWeights(torch.zeros(5, 1), torch.zeros(1), torch.zeros(1, 3), torch.zeros(1))
    with pytest.raises(ConfigError, match="observations"):
        calibrate(weights, context, 0.5)
    with pytest.raises(ConfigError, match="target_rate"):
        calibrate(weights, context, 0.0)
    for birth in ("paired", "split"):
        with pytest.raises(ConfigError, match=rf"'{birth}' must fire as another neuron does.*newborn_rate"):
            BirthPlan(birth=birth, target_rate=0.1)
