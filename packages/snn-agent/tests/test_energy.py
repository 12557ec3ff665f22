"""The energy ledger: every operation of a small network counted one by one."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from snn_agent.errors import ConfigError
from snn_agent.metrics import operations
from snn_agent.metrics.energy import ENERGY_MODELS, EnergyLedger, EnergyModel
from snn_agent.metrics.operations import AC, ADAM_STEP, MAC, NEURON_ADJOINT, NEURON_UPDATE, OperationCounts, Work

D, H, A, T, N = 6, 5, 3, 4, 3


class Network:
    """Random weights with zeros and masked-out synapses, observations and spikes."""

    def __init__(self, seed: int, ternary: bool) -> None:
        generator = torch.Generator().manual_seed(seed)

        def sparse(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator) * (torch.rand(shape, generator=generator) < 0.7)

        self.incoming, self.outgoing = sparse(D, H), sparse(H, A)
        self.mask = torch.rand(D, H, generator=generator) < 0.8
        self.observation = sparse(N, D)
        if ternary:
            self.observation = self.observation.sign()
        elif operations.is_ternary(self.observation):
            self.observation[0, 0] = 0.5
        self.spikes = (torch.rand(N, T, H, generator=generator) < 0.3).float()

    def counts(self, **changes: Any) -> OperationCounts:
        arguments: dict[str, Any] = {
            "events": operations.input_events(self.observation, operations.out_degree(self.incoming, self.mask)),
            "ternary": operations.is_ternary(self.observation),
            "spike_counts": self.spikes.sum(dim=1),
            "outgoing_degree": operations.out_degree(self.outgoing),
            "inputs": D,
            "actions": A,
            "ticks": T,
            "output_neurons": A,
            "readout_macs": A,
        }
        return operations.count_decision(**{**arguments, **changes})

    def brute_force(self, resent: bool) -> Counter[str]:
        """Run each decision tick by tick and count what happens at each synapse and neuron."""
        seen: Counter[str] = Counter()
        for decision in range(N):
            for tick in range(T):
                if tick == 0 or resent:
                    for i in range(D):
                        for j in range(H):
                            alive = bool(self.mask[i, j]) and self.incoming[i, j] != 0
                            seen["input"] += bool(alive and self.observation[decision, i] != 0)
                for j in range(H):
                    seen["neuron_updates"] += 1
                    if self.spikes[decision, tick, j]:
                        seen["spikes"] += 1
                        seen["output"] += sum(bool(self.outgoing[j, k] != 0) for k in range(A))
                seen["neuron_updates"] += A
        return seen


@given(st.integers(0, 2**32), st.booleans())
def test_counts_equal_those_of_a_loop_over_ticks_neurons_and_synapses(seed: int, ternary: bool) -> None:
    network = Network(seed, ternary)
    found, once, resent = network.counts(), network.brute_force(False), network.brute_force(True)
    expected = {
        "input_acs": once["input"] / N if ternary else 0,
        "input_macs": 0 if ternary else once["input"] / N,
        "input_acs_resent": resent["input"] / N if ternary else 0,
        "input_macs_resent": 0 if ternary else resent["input"] / N,
        "output_acs": once["output"] / N,
        "output_macs": 0,
        "readout_macs": A,
        "neuron_updates": once["neuron_updates"] / N,
        "rectifications": 0,
        "dense_operations": T * (D * H + H * A),
        "spikes": once["spikes"] / N,
        "original_estimate": once["spikes"] * H / N,
    }
    assert found._asdict() == pytest.approx(expected)
    assert found.synaptic_operations() == pytest.approx((once["input"] + once["output"]) / N)
    assert found.synaptic_operations(resent=True) == pytest.approx((resent["input"] + once["output"]) / N)


@given(st.integers(0, 2**32), st.booleans())
def test_synaptic_operations_follow_neurobenchs_procedure(seed: int, ternary: bool) -> None:
    """It makes weights and inputs binary, runs the layers at each tick without bias and sums their outputs."""
    network = Network(seed, ternary)
    hidden_inputs = (network.observation != 0).float() @ ((network.incoming * network.mask) != 0).float()
    output_inputs = network.spikes @ (network.outgoing != 0).float()
    found = network.counts()
    assert found.synaptic_operations(resent=True) == pytest.approx(
        float(T * hidden_inputs.sum() + output_inputs.sum()) / N, rel=1e-6
    )


@given(st.integers(0, 2**32))
def test_inputs_drawn_anew_each_tick_cannot_be_kept(seed: int) -> None:
    network = Network(seed, ternary=True)
    spikes = (torch.rand(N, T, D, generator=torch.Generator().manual_seed(seed)) < 0.5).float()
    degree = operations.out_degree(network.incoming)
    events = operations.input_events(spikes.flatten(0, 1), degree) * T
    found = network.counts(events=events, constant_input=False)
    assert found.input_acs == found.input_acs_resent == pytest.approx(float((spikes.double() @ degree).sum()) / N)


def test_the_reference_numbers_of_the_original_task() -> None:
    """15×15 grid, 11 of 450 inputs active, 512 neurons, 10 ticks, 5 % firing: computed by hand."""
    counts = operations.count_decision(
        events=11 * 512,
        ternary=True,
        spike_counts=torch.full((1, 512), 0.5),
        outgoing_degree=torch.full((512,), 4.0),
        inputs=450,
        actions=4,
        ticks=10,
        output_neurons=0,
        readout_macs=0,
    )
    assert counts.input_acs == 5_632
    assert counts.input_acs_resent == 56_320
    assert counts.output_acs == 1_024
    assert counts.neuron_updates == 5_120
    assert counts.dense_operations == 10 * 454 * 512
    synapses = counts._replace(neuron_updates=0).work(resent=True)
    assert ENERGY_MODELS["45nm_fp32"].joules(synapses) == pytest.approx(50.688e-9 + 0.9216e-9)
    # a neuron update: 2 × 4.6 + 4 × 0.9 = 12.8 pJ
    neurons = counts.work() + counts._replace(neuron_updates=0).work() * -1
    assert ENERGY_MODELS["45nm_fp32"].joules(neurons) == pytest.approx(5_120 * 12.8e-12)


def test_is_ternary() -> None:
    assert operations.is_ternary(torch.tensor([-1.0, 0.0, 1.0]))
    assert operations.is_ternary(torch.tensor([0, 1]))
    assert not operations.is_ternary(torch.tensor([0.0, 0.5]))
    assert not operations.is_ternary(torch.tensor([2.0]))


def tick_of_lif() -> Counter[str]:
    """E1–E4 on numbers that count what is done with them; E5 only selects."""
    seen: Counter[str] = Counter()

    class Number:
        def __add__(self, other: object) -> Number:
            seen["additions"] += 1
            return Number()

        __sub__ = __gt__ = __add__

        def __mul__(self, other: object) -> Number:
            seen["multiplications"] += 1
            return Number()

    v, i, x, v_leak, v_th, dt_over_tau_mem, dt_over_tau_syn = (Number() for _ in range(7))
    i = i + x
    v = v + dt_over_tau_mem * ((v_leak - v) + i)
    i = i - dt_over_tau_syn * i
    _ = v > v_th
    return seen


def test_a_neuron_update_is_two_multiplications_and_six_additions() -> None:
    """A MAC is one of each. NeuroBench charges the sum, 8, for a Synaptic neuron with reset to zero."""
    seen = tick_of_lif()
    assert seen["multiplications"] == NEURON_UPDATE.macs == 2
    assert seen["additions"] == NEURON_UPDATE.macs + NEURON_UPDATE.acs == 6


@given(st.integers(0, 2**32), st.booleans(), st.integers(0, 5), st.integers(0, 7))
def test_learning_equals_a_loop_over_samples_ticks_and_parameters(
    seed: int, ternary: bool, passes: int, steps: int
) -> None:
    network = Network(seed, ternary)
    critic = H
    counts = network.counts(readout_macs=A + critic)
    synapses = int((network.outgoing != 0).sum())
    found = operations.learning_work(
        counts, samples=N * passes, optimizer_steps=steps, parameters=17, output_synapses=synapses, ticks=T
    )
    total = Work()
    event = AC if ternary else MAC
    once = network.brute_force(False)
    for _ in range(passes):
        total += event * (2 * once["input"])  # forward, and the weights' gradient
        total += AC * (2 * once["output"])
        for _ in range(N):
            total += MAC * (3 * (A + critic))  # forward, the weights' gradient, the gradient further back
            for _ in range(T):
                for _ in range(H + A):
                    total += NEURON_UPDATE
                    total += NEURON_ADJOINT
                for _ in range(synapses):
                    total += MAC  # the gradient of a spike
    for _ in range(steps):
        for _ in range(17):
            total += ADAM_STEP
    for unit in ("acs", "macs", "words"):
        assert getattr(found, unit) == pytest.approx(getattr(total, unit))


def test_energy_models_by_hand() -> None:
    work = Work(acs=10, macs=100, words=1000)
    expected = {"45nm_fp32": 9 + 460, "int8": 0.3 + 23, "45nm_fp32_sram": 9 + 460 + 5000}
    found = {name: model.joules(work) for name, model in ENERGY_MODELS.items()}
    assert found == pytest.approx({name: 1e-12 * picojoules for name, picojoules in expected.items()})
    assert all(name == model.name for name, model in ENERGY_MODELS.items())
    with pytest.raises(ConfigError, match="negative"):
        EnergyModel(name="free lunch", ac_pj=-1.0, mac_pj=1.0)


def test_the_ledger_adds_up() -> None:
    first, second = Network(1, True).counts(), Network(2, False).counts()
    ledger = EnergyLedger().after_decisions(first, 100).after_decisions(second, 7).after_learning(Work(1, 2, 3))
    assert ledger.decisions == 107
    operations_done = 100 * first.synaptic_operations() + 7 * second.synaptic_operations()
    assert ledger.synaptic_operations == pytest.approx(operations_done)
    assert ledger.original_estimate == pytest.approx(100 * first.original_estimate + 7 * second.original_estimate)
    assert ledger.learning == Work(1, 2, 3)
    for name, model in ENERGY_MODELS.items():
        acting = 100 * model.joules(first.work()) + 7 * model.joules(second.work())
        resent = 100 * model.joules(first.work(resent=True)) + 7 * model.joules(second.work(resent=True))
        assert ledger.joules("inference", model) == pytest.approx(acting)
        assert ledger.joules("inference_resent", model) == pytest.approx(resent)
        assert resent > acting
        assert ledger.report()[f"inference_joules_{name}"] == ledger.joules("inference", model)
    assert len(ledger.report()) == 9


def test_the_ledger_goes_through_json_unchanged() -> None:
    ledger = EnergyLedger().after_decisions(Network(3, True).counts(), 1e7 / 3).after_learning(Work(0.1, 0.2, 0.3))
    numbers = ledger.to_dict()
    assert all(isinstance(number, float) for number in numbers.values())
    assert EnergyLedger.from_dict(json.loads(json.dumps(numbers))) == ledger
    del numbers["learning_macs"]
    with pytest.raises(ConfigError, match=r"\['learning_macs'\]"):
        EnergyLedger.from_dict(numbers)


def test_wrong_counts_are_refused() -> None:
    network = Network(4, True)
    with pytest.raises(ConfigError, match=r"\[0, 4\], the number of ticks"):
        network.counts(spike_counts=torch.full((2, H), 5.0))
    with pytest.raises(ConfigError, match=r"spike_counts \[N, H\]"):
        network.counts(spike_counts=torch.ones(2, H + 1))
    with pytest.raises(ConfigError, match=r"need \[N, D\] and \[D\]"):
        operations.input_events(network.observation, torch.ones(D + 1))
