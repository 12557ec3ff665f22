"""One neuron: the step against Norse and hand computation, the closed forms against simulation."""

from __future__ import annotations

import math
from itertools import pairwise

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from layer_cases import PARAMETERS, Case, cases, readable_run

from snn_agent import LIFParameters, LIFState, SurrogateSpec, lif_step
from snn_agent.engine.norse_reference import NorseEngine
from snn_agent.errors import ConfigError
from snn_agent.neurons import closed_forms

DRIVES = st.floats(-1.0, 2.0)


def simulate(
    drive: float, ticks: int, parameters: LIFParameters, v0: float, i0: float
) -> tuple[list[float], list[int]]:
    """Return the voltage after each tick and the ticks (from 1) that spiked, in float64."""
    state = LIFState(torch.tensor([[v0]], dtype=torch.float64), torch.tensor([[i0]], dtype=torch.float64))
    x, voltages, spikes = torch.tensor([[drive]], dtype=torch.float64), [], []
    for t in range(1, ticks + 1):
        z, state = lif_step(x, state, parameters)
        voltages.append(float(state.v))
        if z.item():
            spikes.append(t)
    return voltages, spikes


@given(cases(surrogates=st.just(SurrogateSpec("superspike", 1.0))))
def test_step_is_norses(case: Case) -> None:
    ours, norses = readable_run(case), case.run(NorseEngine())
    assert torch.equal(ours.counts, norses.counts)
    torch.testing.assert_close(ours.state, norses.state)


def test_each_equation_by_hand() -> None:
    # i = 1 + 2 = 3 (E1); v' = 0.5 + 0.05·((0.1 − 0.5) + 3) = 0.63 (E2); i = 3 − 0.1·3 = 2.7 (E3);
    # 0.63 > 0.6 spikes (E4); v = −0.2 (E5).
    parameters = LIFParameters(v_th=0.6, v_leak=0.1, v_reset=-0.2)
    before = LIFState(torch.tensor([[0.5]], dtype=torch.float64), torch.tensor([[1.0]], dtype=torch.float64))
    z, after = lif_step(torch.tensor([[2.0]], dtype=torch.float64), before, parameters)
    assert z.item() == 1
    assert math.isclose(after.v.item(), -0.2)
    assert math.isclose(after.i.item(), 2.7)
    _, silent = lif_step(torch.tensor([[2.0]], dtype=torch.float64), before, parameters._replace(v_th=0.64))
    assert math.isclose(silent.v.item(), 0.63)


@given(DRIVES, st.integers(0, 60), PARAMETERS, st.floats(-1, 1), st.floats(-2, 2))
def test_subthreshold_voltage(drive: float, ticks: int, parameters: LIFParameters, v0: float, i0: float) -> None:
    deaf = parameters._replace(v_th=math.inf)
    voltages, _ = simulate(drive, ticks, deaf, v0, i0)
    expected = closed_forms.subthreshold_voltage(drive, ticks, deaf, v0, i0)
    assert math.isclose(([v0, *voltages])[-1], expected, rel_tol=1e-9, abs_tol=1e-9)


def test_subthreshold_voltage_of_many_neurons_from_rest() -> None:
    parameters = LIFParameters(v_leak=0.2, tau_mem_s=0.01)  # both time constants equal: the solution's limit case
    drives = torch.linspace(-0.01, 0.05, 5, dtype=torch.float64)
    state = LIFState.at_rest((1, 5), parameters.v_leak, dtype=torch.float64)
    for _ in range(7):
        _, state = lif_step(drives[None], state, parameters)
    torch.testing.assert_close(closed_forms.subthreshold_voltage(drives, 7, parameters), state.v[0])


@settings(max_examples=20)
@given(st.floats(0.001, 2.0), PARAMETERS)
def test_current_settles_where_it_should(drive: float, parameters: LIFParameters) -> None:
    state = LIFState.at_rest((1, 1), dtype=torch.float64)
    x = torch.tensor([[drive]], dtype=torch.float64)
    for _ in range(500):
        _, state = lif_step(x, state, parameters)
    seen_by_membrane = state.i.item() + drive
    assert math.isclose(seen_by_membrane, closed_forms.steady_state_current(drive, parameters), rel_tol=1e-9)


@settings(max_examples=20)
@given(PARAMETERS, st.one_of(st.none(), st.integers(1, 40)))
def test_rheobase_divides_silence_from_spikes(parameters: LIFParameters, ticks: int | None) -> None:
    rheobase = closed_forms.rheobase_drive(parameters, ticks)
    horizon = ticks or 1500  # 15 of the slowest time constants: a millionth above is seen after 14
    below, above = (rheobase * (1 + sign * 1e-6) for sign in (-1, 1))
    assert not simulate(below, horizon, parameters, parameters.v_leak, 0.0)[1]
    assert simulate(above, horizon, parameters, parameters.v_leak, 0.0)[1]


@settings(max_examples=40)
@given(st.floats(0.01, 3.0), PARAMETERS)
def test_firing_rate_is_the_simulated_one(drive: float, parameters: LIFParameters) -> None:
    interval = closed_forms.ticks_between_spikes(drive, parameters)
    settled = closed_forms.steady_state_current(drive, parameters) - drive  # the current after its decay, E3
    _, spikes = simulate(drive, 300, parameters, parameters.v_reset, settled)
    simulated = {later - earlier for earlier, later in pairwise(spikes)}
    if interval is None:
        assert not spikes
        assert closed_forms.firing_rate(drive, parameters) == 0
    elif interval <= 120:
        assert simulated == {interval}
        assert math.isclose(closed_forms.firing_rate(drive, parameters), 1 / (interval * parameters.dt_s))


def test_firing_rate_curve_of_the_default_neuron() -> None:
    parameters = LIFParameters()
    assert math.isclose(closed_forms.rheobase_drive(parameters), 0.1)
    assert closed_forms.firing_rate(0.1, parameters) == 0
    # x = 0.2: j = 2, so v_n = 2·(1 − 0.95^n) passes 1 at n = ln 0.5 / ln 0.95 = 13.5, in tick 14.
    assert closed_forms.ticks_between_spikes(0.2, parameters) == 14
    assert math.isclose(closed_forms.firing_rate(0.2, parameters), 1000 / 14)
    rates = [closed_forms.firing_rate(0.05 * k, parameters) for k in range(60)]
    assert rates == sorted(rates)
    assert closed_forms.firing_rate(1e6, parameters) == 1000  # a spike a tick, no refractory time


def test_ticks_are_checked() -> None:
    with pytest.raises(ConfigError, match="ticks must be an integer at least 0, got -1"):
        closed_forms.subthreshold_voltage(0.1, -1, LIFParameters())
    with pytest.raises(ConfigError, match="ticks must be an integer at least 1, got 0"):
        closed_forms.rheobase_drive(LIFParameters(), 0)
