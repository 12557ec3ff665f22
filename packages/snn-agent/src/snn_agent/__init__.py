"""A spiking network that grows and prunes its own neurons while it learns to act."""

from snn_agent.config import LearningConfig, NetworkConfig, NeuronConfig, StructureConfig, TrainingConfig
from snn_agent.engine.contract import Engine
from snn_agent.engine.device import describe_device
from snn_agent.engine.select import make_engine
from snn_agent.errors import SnnAgentError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.neurons.lif import LIFParameters, lif_step
from snn_agent.neurons.surrogate import SurrogateSpec
from snn_agent.training.callbacks import Callback
from snn_agent.training.continual.trainer import ContinualTrainer
from snn_agent.training.loading import load_organism, save_checkpoint
from snn_agent.training.trainer import AdaptiveTrainer
from snn_agent.types import LayerOutput, LIFState

__version__ = "0.1.0"

__all__ = [
    "AdaptiveTrainer",
    "Callback",
    "ContinualTrainer",
    "Engine",
    "GrowingSparseSNN",
    "LIFParameters",
    "LIFState",
    "LayerOutput",
    "LearningConfig",
    "NetworkConfig",
    "NeuronConfig",
    "SnnAgentError",
    "StructureConfig",
    "SurrogateSpec",
    "TrainingConfig",
    "describe_device",
    "lif_step",
    "load_organism",
    "make_engine",
    "save_checkpoint",
]
