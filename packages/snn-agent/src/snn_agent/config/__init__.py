"""Every knob, as frozen and validated values with their units in their names."""

from snn_agent.config.continual import METHODS, ContinualConfig
from snn_agent.config.learning import BASELINES, SCHEDULE_NAMES, LearningConfig
from snn_agent.config.network import ENCODINGS, INPUT_SCALINGS, READOUT_NAMES, NetworkConfig
from snn_agent.config.neuron import NEURON_MODELS, SURROGATES, NeuronConfig
from snn_agent.config.structure import BIRTH_NAMES, GROWTH_NAMES, INTERVAL_UNITS, PRUNING_NAMES, StructureConfig
from snn_agent.config.training import TrainingConfig

__all__ = [
    "BASELINES",
    "BIRTH_NAMES",
    "ENCODINGS",
    "GROWTH_NAMES",
    "INPUT_SCALINGS",
    "INTERVAL_UNITS",
    "METHODS",
    "NEURON_MODELS",
    "PRUNING_NAMES",
    "READOUT_NAMES",
    "SCHEDULE_NAMES",
    "SURROGATES",
    "ContinualConfig",
    "LearningConfig",
    "NetworkConfig",
    "NeuronConfig",
    "StructureConfig",
    "TrainingConfig",
]
