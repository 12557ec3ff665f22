"""What a neuron is."""

from __future__ import annotations

import dataclasses
from typing import Final

from snn_agent import checks
from snn_agent.errors import ConfigError

NEURON_MODELS: Final = ("lif", "relu")
SURROGATES: Final = ("superspike", "triangle", "arctan", "sigmoid")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeuronConfig:
    """What a leaky integrate-and-fire neuron is; the equations E1–E6 are in :mod:`snn_agent.neurons.lif`.

    Attributes:
        model: ``"lif"``, or ``"relu"`` for neurons that do not spike (E48), as a yardstick for those that do; they
            read nothing of what follows.
        dt_s: length of a tick, in seconds.
        tau_mem_s: time constant of the membrane voltage, in seconds.
        tau_syn_s: time constant of the synaptic current, in seconds.
        v_th: threshold; a neuron spikes in a tick that ends above it.
        v_leak: voltage that the membrane decays to without input.
        v_reset: voltage right after a spike.
        surrogate: derivative of a spike by the voltage, by name (E6): ``"superspike"``, ``"triangle"``,
            ``"arctan"`` or ``"sigmoid"``.
        surrogate_slope: α, how fast that derivative falls off with the distance from the threshold.
        reset_gradient: whether the gradient also flows through the reset (E5).

    Raises:
        ConfigError: a value is out of its range, or the values contradict each other.
    """

    model: str = "lif"
    dt_s: float = 0.001
    tau_mem_s: float = 0.02
    tau_syn_s: float = 0.01
    v_th: float = 1.0
    v_leak: float = 0.0
    v_reset: float = 0.0
    surrogate: str = "superspike"
    surrogate_slope: float = 10.0
    reset_gradient: bool = True

    def __post_init__(self) -> None:
        checked = {
            "model": checks.choice("model", self.model, NEURON_MODELS),
            "dt_s": _seconds("dt_s", self.dt_s, 0.1),
            "tau_mem_s": _seconds("tau_mem_s", self.tau_mem_s, 1.0),
            "tau_syn_s": _seconds("tau_syn_s", self.tau_syn_s, 1.0),
            "v_th": checks.number("v_th", self.v_th),
            "v_leak": checks.number("v_leak", self.v_leak),
            "v_reset": checks.number("v_reset", self.v_reset),
            "surrogate": checks.choice("surrogate", self.surrogate, SURROGATES),
            "surrogate_slope": checks.positive("surrogate_slope", self.surrogate_slope),
            "reset_gradient": checks.flag("reset_gradient", self.reset_gradient),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        for name in ("tau_mem_s", "tau_syn_s"):
            if self.dt_s >= getattr(self, name):
                raise ConfigError(
                    f"dt_s = {self.dt_s:g} must be below {name} = {getattr(self, name):g}: an explicit Euler step as "
                    f"long as the time constant overshoots. Use a shorter tick or a slower neuron."
                )
        if self.v_reset >= self.v_th:
            raise ConfigError(
                f"v_reset = {self.v_reset:g} must be below v_th = {self.v_th:g}, or a neuron that has spiked once "
                f"would go on without input."
            )
        if self.v_leak >= self.v_th:
            raise ConfigError(
                f"v_leak = {self.v_leak:g} must be below v_th = {self.v_th:g}, or every neuron would spike "
                f"without input."
            )


def _seconds(name: str, value: float, below: float) -> float:
    """Return a duration, or raise ConfigError; one that was typed in milliseconds is out of range."""
    return checks.positive(name, value, below, hint="It is in seconds: 20 ms is 0.02.")
