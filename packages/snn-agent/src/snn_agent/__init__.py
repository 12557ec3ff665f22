"""A spiking network that grows and prunes its own neurons while it learns to act."""

from snn_agent.config import NeuronConfig
from snn_agent.engine.contract import Engine
from snn_agent.engine.device import describe_device
from snn_agent.engine.select import make_engine
from snn_agent.errors import SnnAgentError
from snn_agent.neurons.lif import LIFParameters, lif_step
from snn_agent.neurons.surrogate import SurrogateSpec
from snn_agent.types import LayerOutput, LIFState

__version__ = "0.1.0"

__all__ = [
    "Engine",
    "LIFParameters",
    "LIFState",
    "LayerOutput",
    "NeuronConfig",
    "SnnAgentError",
    "SurrogateSpec",
    "describe_device",
    "lif_step",
    "make_engine",
]
