"""Every knob, as frozen and validated values with their units in their names."""

from snn_agent.config.learning import BASELINES, SCHEDULE_NAMES, LearningConfig
from snn_agent.config.network import ENCODINGS, INPUT_SCALINGS, READOUT_NAMES, NetworkConfig
from snn_agent.config.neuron import SURROGATES, NeuronConfig
from snn_agent.config.structure import BIRTH_NAMES, GROWTH_NAMES, INTERVAL_UNITS, PRUNING_NAMES, StructureConfig
from snn_agent.config.training import TrainingConfig

__all__ = [
    "BASELINES",
    "BIRTH_NAMES",
    "ENCODINGS",
    "GROWTH_NAMES",
    "INPUT_SCALINGS",
    "INTERVAL_UNITS",
    "PRUNING_NAMES",
    "READOUT_NAMES",
    "SCHEDULE_NAMES",
    "SURROGATES",
    "LearningConfig",
    "NetworkConfig",
    "NeuronConfig",
    "StructureConfig",
    "TrainingConfig",
]
