"""What a network is made of, and how far it may change."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from snn_agent import checks
from snn_agent.config.neuron import NeuronConfig
from snn_agent.errors import ConfigError

READOUT_NAMES: Final = ("rate", "drive", "membrane", "first_spike")
ENCODINGS: Final = ("constant", "poisson")
INPUT_SCALINGS: Final = ("none", "standardise")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What a network is made of at birth, and how far it may change.

    Attributes:
        input_features: D, numbers in an observation.
        output_features: A, actions.
        init_hidden: H at birth.
        max_hidden: the most hidden neurons there may be.
        min_hidden: the fewest that pruning leaves.
        ticks: T, neuron time steps per decision.
        readout: how spikes become logits: ``"rate"``, ``"drive"``, ``"membrane"`` or ``"first_spike"``.
        encoding: how observations become drive: ``"constant"``, or ``"poisson"`` spikes of numbers in [0, 1].
        carry_state: whether membranes keep their state from one decision to the next of an episode.
        input_scaling: ``"none"``, or ``"standardise"`` by the mean and spread seen in training.
        input_power: expected sum of squared (scaled) inputs, which sets the spread of fresh incoming weights.
        input_density: share of the input synapses that each neuron has; below 1 they are sparse, and can be rewired.
        incoming_scale: standard deviation of the drive, in units of ``sqrt(2)``, that fresh weights give.
        hidden_bias: constant drive of fresh hidden neurons.
        outgoing_scale: fresh outgoing weights have a standard deviation of this over ``sqrt(init_hidden)``.
        output_bias: constant drive of fresh outputs.
        readout_gain: what the readout's evidence is multiplied with at first; it is learnt.
        neuron: the neurons' constants.

    Raises:
        ConfigError: a value is out of its range, or the values contradict each other.
    """

    input_features: int = 450
    output_features: int = 4
    init_hidden: int = 64
    max_hidden: int = 512
    min_hidden: int = 32
    ticks: int = 10
    readout: str = "rate"
    encoding: str = "constant"
    carry_state: bool = False
    input_scaling: str = "none"
    input_power: float = 11.0
    input_density: float = 1.0
    incoming_scale: float = 0.5
    hidden_bias: float = 0.3
    outgoing_scale: float = 1.0
    output_bias: float = 0.5
    readout_gain: float = 4.0
    neuron: NeuronConfig = dataclasses.field(default_factory=NeuronConfig)

    def __post_init__(self) -> None:
        checked = {
            "input_features": checks.integer("input_features", self.input_features, 1),
            "output_features": checks.integer("output_features", self.output_features, 2, hint="One is no choice."),
            "init_hidden": checks.integer("init_hidden", self.init_hidden, 1),
            "max_hidden": checks.integer("max_hidden", self.max_hidden, 1),
            "min_hidden": checks.integer("min_hidden", self.min_hidden, 1),
            "ticks": checks.integer("ticks", self.ticks, 1),
            "readout": checks.choice("readout", self.readout, READOUT_NAMES),
            "encoding": checks.choice("encoding", self.encoding, ENCODINGS),
            "carry_state": checks.flag("carry_state", self.carry_state),
            "input_scaling": checks.choice("input_scaling", self.input_scaling, INPUT_SCALINGS),
            "input_power": checks.positive("input_power", self.input_power),
            "input_density": checks.positive(
                "input_density", checks.number("input_density", self.input_density, 0.0, 1.0)
            ),
            "incoming_scale": checks.positive("incoming_scale", self.incoming_scale),
            "hidden_bias": checks.number("hidden_bias", self.hidden_bias),
            "outgoing_scale": checks.number("outgoing_scale", self.outgoing_scale, 0.0),
            "output_bias": checks.number("output_bias", self.output_bias),
            "readout_gain": checks.positive("readout_gain", self.readout_gain),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.init_hidden > self.max_hidden:
            raise ConfigError(
                f"init_hidden = {self.init_hidden} is more than max_hidden = {self.max_hidden}. Raise max_hidden."
            )
        if self.encoding == "poisson" and self.input_scaling == "standardise":
            raise ConfigError(
                'encoding="poisson" reads numbers as probabilities, but input_scaling="standardise" makes them '
                "negative. Use one of the two."
            )
        if self.neuron.model == "relu":
            self._refuse_time()

    def _refuse_time(self) -> None:
        """Raise ConfigError where a network without spikes is to do what takes ticks."""
        needed = {"ticks": 1, "readout": "drive", "encoding": "constant", "carry_state": False}
        wrong = [f"{name}={getattr(self, name)!r}" for name, value in needed.items() if getattr(self, name) != value]
        if wrong:
            raise ConfigError(
                f'neurons of the model "relu" neither spike nor remember, so {", ".join(wrong)} says nothing to them. '
                f"Use {', '.join(f'{name}={value!r}' for name, value in needed.items())}."
            )

    def replace(self, **changes: Any) -> NetworkConfig:
        """A copy with some fields changed, validated anew."""
        return dataclasses.replace(self, **changes)
