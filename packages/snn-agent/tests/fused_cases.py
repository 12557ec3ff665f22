"""Random networks and what they see, to be decided about by any engine."""

from __future__ import annotations

from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import torch
from layer_cases import Case, closest_approach
from torch import Tensor

from snn_agent import GrowingSparseSNN, LIFState, NetworkConfig, NeuronConfig
from snn_agent.config import READOUT_NAMES
from snn_agent.engine.contract import Engine
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.network.decision import Found, composed, drive_of, fused
from snn_agent.network.events import find_events
from snn_agent.types import Events, OrganismState

VARIANTS = [  # each surrogate, reset, and few or many actions: one kernel each, which takes a while to compile
    ("superspike", True, False),
    ("superspike", False, True),
    ("triangle", True, True),
    ("arctan", False, False),
    ("sigmoid", True, False),
    ("sigmoid", False, True),
]
FUSED_GRADIENTS = ("incoming", "bias", "outgoing", "critic", "output_bias")


class Decision(NamedTuple):
    """A network at birth and B observations."""

    config: NetworkConfig
    seed: int
    observation: Tensor | Events  # [B, D]
    carried: bool
    dtype: torch.dtype = torch.float64

    def organism(self, engine: Engine) -> GrowingSparseSNN:
        """The same network on any engine; all its tensors are random, the thresholds too."""
        config = self.config
        organism = GrowingSparseSNN(
            config.input_features, config.init_hidden, config.max_hidden, config.output_features, config=config,
            engine=engine, seed=self.seed,
        ).to(self.dtype)  # fmt: skip
        generator = torch.Generator().manual_seed(self.seed)
        with torch.no_grad():
            for tensor in (organism.bias, organism.critic, organism.output_bias, organism.critic_bias, organism.gain):
                tensor += 0.3 * torch.randn(tensor.shape, generator=generator, dtype=self.dtype)
            organism.threshold += 0.2 * torch.rand(organism.hidden, generator=generator, dtype=self.dtype)
        return organism

    def state(self) -> OrganismState | None:
        """Where the neurons are; None at rest."""
        if not self.carried:
            return None
        generator = torch.Generator().manual_seed(self.seed + 1)

        def layer(n: int) -> LIFState:
            v, i = torch.randn((2, len(self.observation), n), generator=generator, dtype=self.dtype)
            return LIFState(0.5 * v, 0.5 * i)

        return OrganismState(layer(self.config.init_hidden), layer(self.config.output_features))

    def dense(self) -> Tensor:
        """What is seen, as a tensor of the network's type."""
        seen = self.observation
        return (seen.dense() if isinstance(seen, Events) else seen).to(self.dtype)

    def fused(self, organism: GrowingSparseSNN | None = None) -> Found:
        """Decide at once."""
        return fused(organism or self.organism(NumbaEngine()), self.observation, self.state())

    def composed(self, engine: Engine) -> Found:
        """Decide layer by layer, seeing everything."""
        return composed(self.organism(engine), self.dense(), self.state())

    def gradients(self, engine: Engine | None, numba: NumbaEngine | None = None) -> list[Tensor]:
        """Gradients of a random linear function of evidence and tally, layer by layer; without an engine, at once."""
        organism, seen = self.organism(engine or numba or NumbaEngine()), self.observation
        leaves: list[Tensor] = [getattr(organism, name) for name in FUSED_GRADIENTS]
        if isinstance(seen, Tensor):
            seen = seen.clone().requires_grad_()
            leaves.append(seen)
        elif engine is not None:
            seen = self.dense()
        found = fused(organism, seen, self.state()) if engine is None else composed(organism, seen, self.state())
        generator = torch.Generator().manual_seed(self.seed + 2)
        outputs = [found.evidence, found.tally]
        weights = [torch.randn(y.shape, generator=generator, dtype=self.dtype) for y in outputs]
        return list(torch.autograd.grad(outputs, leaves, weights, allow_unused=True, materialize_grads=True))

    def closest_approach(self) -> float:
        """The least distance of a voltage from its threshold, hidden or output; see :mod:`layer_cases`."""
        organism, engine, config = self.organism(TorchEngine()), TorchEngine(), self.config
        state = self.state() or organism.initial_state(len(self.observation))
        with torch.no_grad():
            hidden = Case(
                drive_of(organism, self.dense()), state.hidden, config.ticks, organism.lif, organism.surrogate, True,
                organism.threshold, organism.outgoing,
            )  # fmt: skip
            closest = closest_approach(hidden)
            if config.readout not in ("rate", "first_spike"):
                return closest
            projected = hidden.run(engine).projected
            assert projected is not None
            drive = projected + organism.output_bias
            return min(closest, closest_approach(hidden._replace(drive=drive, state=state.output, threshold=None)))


def observations(kind: str, B: int, D: int, dtype: torch.dtype, seed: int) -> Tensor | Events:
    """``"ones"``: events that are all 1; ``"weighted"``: others; ``"dense"``: a tensor."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(B, D)).astype(np.float32)
    if kind == "dense":
        return torch.from_numpy(numbers).to(dtype)
    some = rng.random((B, D)) < 0.4
    return find_events(some if kind == "ones" else numbers * some)


NEURONS = st.fixed_dictionaries(
    {
        "tau_mem_s": st.sampled_from([0.003, 0.01, 0.02]),
        "tau_syn_s": st.sampled_from([0.002, 0.01]),
        "v_th": st.sampled_from([1.0, 0.4]),
        "v_leak": st.sampled_from([0.0, 0.2, -0.5]),
        "v_reset": st.sampled_from([0.0, -0.3, 0.25]),
        "surrogate_slope": st.sampled_from([1.0, 3.0, 10.0]),
    }
)


@st.composite
def decisions(
    draw: st.DrawFn,
    dtype: torch.dtype = torch.float64,
    hidden: tuple[int, ...] = (1, 2, 7, 31, 32, 33, 64, 100),
    variants: list[tuple[str, bool, bool]] = VARIANTS,
    **fixed: Any,
) -> Decision:
    """Networks of all sizes, constants and readouts; ``fixed`` are fields of the configuration."""
    surrogate, reset_gradient, many = draw(st.sampled_from(variants))
    seed, D = draw(st.integers(0, 2**16)), draw(st.integers(1, 20))
    B = draw(st.sampled_from([1, 2, 7, 8, 9, 19]))
    carried = draw(st.booleans())
    H = draw(st.sampled_from(hidden))
    network = {
        "input_features": D,
        "output_features": draw(st.integers(5, 9) if many else st.integers(2, 4)),
        "init_hidden": H,
        "max_hidden": H,
        "ticks": draw(st.sampled_from([1, 2, 5, 10, 12])),
        "readout": draw(st.sampled_from(READOUT_NAMES)),
        "carry_state": carried,
        "input_power": max(1.0, 0.4 * D),
        "incoming_scale": 1.0,
        "hidden_bias": 0.8,
        "outgoing_scale": 3.0,
        "output_bias": 0.8,
        "input_density": draw(st.sampled_from([1.0, 0.4])),
        "neuron": NeuronConfig(surrogate=surrogate, reset_gradient=reset_gradient, **draw(NEURONS)),
    }
    kind = draw(st.sampled_from(["ones", "weighted", "dense"]))
    return Decision(NetworkConfig(**(network | fixed)), seed, observations(kind, B, D, dtype, seed), carried, dtype)
