"""NeuronConfig refuses what cannot work, and says why."""

from __future__ import annotations

from typing import Any

import pytest

from snn_agent import LIFParameters, NeuronConfig
from snn_agent.config import SURROGATES
from snn_agent.errors import ConfigError, SnnAgentError
from snn_agent.neurons.surrogate import SURROGATE_DERIVATIVES


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tau_mem_s": 20}, "tau_mem_s .* got 20. It is in seconds: 20 ms is 0.02"),
        ({"tau_syn_s": 10.0}, "It is in seconds"),
        ({"dt_s": 1}, "It is in seconds"),
        ({"dt_s": 0.0}, "dt_s must be a number above 0"),
        ({"tau_mem_s": -0.02}, "above 0"),
        ({"tau_mem_s": float("nan")}, "got nan"),
        ({"tau_mem_s": "0.02"}, "got '0.02'"),
        ({"dt_s": 0.01}, "dt_s = 0.01 must be below tau_syn_s = 0.01: an explicit Euler step"),
        ({"dt_s": 0.03, "tau_syn_s": 0.1}, "below tau_mem_s"),
        ({"v_reset": 1.0}, "v_reset = 1 must be below v_th = 1"),
        ({"v_leak": 2.0}, "v_leak = 2 must be below v_th = 1"),
        ({"v_th": float("inf")}, "v_th must be a finite number"),
        ({"surrogate": "super"}, "must be one of 'superspike', .* got 'super'"),
        ({"surrogate_slope": 0}, "surrogate_slope must be a finite number above 0, got 0"),
        ({"reset_gradient": 1}, "must be True or False, got 1"),
    ],
)
def test_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        NeuronConfig(**wrong)


def test_errors_can_be_caught_as_ours_and_as_the_builtin() -> None:
    for kind in (SnnAgentError, ValueError):
        with pytest.raises(kind):
            NeuronConfig(dt_s=1)


def test_it_is_frozen_and_its_numbers_are_floats() -> None:
    config = NeuronConfig(v_th=2)
    assert isinstance(config.v_th, float)
    with pytest.raises(AttributeError):
        config.v_th = 3.0  # type: ignore[misc]


def test_every_named_surrogate_exists() -> None:
    assert set(SURROGATES) == set(SURROGATE_DERIVATIVES)


def test_defaults_are_the_ones_of_the_parameters() -> None:
    assert LIFParameters.from_config(NeuronConfig()) == LIFParameters()


def test_norse_gets_rates_in_hertz() -> None:
    assert LIFParameters().to_norse() == {
        "tau_mem_inv": 50.0,
        "tau_syn_inv": 100.0,
        "v_leak": 0.0,
        "v_th": 1.0,
        "v_reset": 0.0,
    }
