"""``GrowingSparseSNN``: a hidden layer of LIF neurons whose number changes, read by an actor and a critic."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor, nn

from snn_agent import checks
from snn_agent.config import NetworkConfig
from snn_agent.engine.contract import Engine
from snn_agent.engine.select import engine_for
from snn_agent.network.decision import decide, drive_of
from snn_agent.network.spaces import SpaceAdapter, adapt
from snn_agent.network.topology import LEARNT, NEURON_AXIS, fresh_neurons, synapses_of
from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import SurrogateSpec
from snn_agent.types import Events, LIFState, OrganismState, PolicyOutput


class GrowingSparseSNN(nn.Module):
    """A spiking policy and value network with a hidden layer that can grow and shrink.

    The observation is a constant drive during ``ticks`` ticks (or Poisson spikes): ``x = observation @ incoming +
    bias``; hidden LIF neurons (E1–E6) spike; their spikes drive the outputs, and a non-spiking linear critic reads
    their rates. Parameters have the size of the living network, never more.

    Args:
        input_features: D, numbers in an observation.
        init_hidden: H at birth.
        max_hidden: the most neurons it may grow to.
        output_features: A, actions.
        config: all other knobs; the four sizes above override its own.
        adapter: how an environment's observations and actions are read; by default [D] numbers and actions from 0.
        engine: name of the engine ("auto", "torch", "norse") or an engine.
        seed: of the weights.
        device: where it lives, "cpu" or "cuda" (which is also ROCm's name).

    Raises:
        ConfigError: a size or knob is out of range.
        BackendUnavailable: the engine cannot run here.
    """

    incoming: nn.Parameter
    bias: nn.Parameter
    outgoing: nn.Parameter
    critic: nn.Parameter
    output_bias: nn.Parameter
    critic_bias: nn.Parameter
    gain: nn.Parameter
    threshold: Tensor
    synapses: Tensor
    protected: Tensor
    birth_task: Tensor
    task: Tensor
    head_task: Tensor
    head_outgoing: Tensor
    head_critic: Tensor
    head_reads: Tensor
    head_output_bias: Tensor
    head_critic_bias: Tensor
    head_gain: Tensor
    input_sum: Tensor
    input_square_sum: Tensor
    input_count: Tensor

    def __init__(
        self,
        input_features: int = 450,
        init_hidden: int = 64,
        max_hidden: int = 512,
        output_features: int = 4,
        *,
        config: NetworkConfig | None = None,
        adapter: SpaceAdapter | None = None,
        engine: str | Engine = "auto",
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        super().__init__()
        base = NetworkConfig() if config is None else config
        self.config = base.replace(
            input_features=input_features,
            init_hidden=init_hidden,
            max_hidden=max_hidden,
            output_features=output_features,
        )
        self.adapter = adapter or SpaceAdapter(shape=(input_features,), n_actions=output_features)
        self.engine = engine_for(self.config.neuron.model, engine, device)
        self.lif = LIFParameters.from_config(self.config.neuron)
        self.surrogate = SurrogateSpec(self.config.neuron.surrogate, self.config.neuron.surrogate_slope)
        generator = torch.Generator().manual_seed(checks.integer("seed", seed, 0))
        weights = fresh_neurons(self.config, init_hidden, generator)
        for name, tensor in weights._asdict().items():
            setattr(self, name, nn.Parameter(tensor))
        self.output_bias = nn.Parameter(torch.full((output_features,), self.config.output_bias))
        self.critic_bias = nn.Parameter(torch.zeros(()))
        self.gain = nn.Parameter(torch.tensor(self.config.readout_gain))
        self.register_buffer("threshold", torch.full((init_hidden,), self.lif.v_th))
        self.register_buffer("synapses", synapses_of(self.config, weights.incoming))
        self.register_buffer("protected", torch.zeros(init_hidden, dtype=torch.bool))
        self.register_buffer("birth_task", torch.zeros(init_hidden, dtype=torch.int64))
        self.register_buffer("task", torch.zeros((), dtype=torch.int64))  # that it lives in now
        self.register_buffer("head_task", torch.zeros(0, dtype=torch.int64))  # [K] of the heads that are put away
        self.register_buffer("head_outgoing", torch.zeros(0, init_hidden, output_features))
        self.register_buffer("head_critic", torch.zeros(0, init_hidden))
        self.register_buffer("head_reads", torch.zeros(0, init_hidden, dtype=torch.bool))
        self.register_buffer("head_output_bias", torch.zeros(0, output_features))
        self.register_buffer("head_critic_bias", torch.zeros(0))
        self.register_buffer("head_gain", torch.zeros(0))
        self.register_buffer("input_sum", torch.zeros(input_features, dtype=torch.float64))
        self.register_buffer("input_square_sum", torch.zeros(input_features, dtype=torch.float64))
        self.register_buffer("input_count", torch.zeros((), dtype=torch.float64))
        self.draws = torch.Generator().manual_seed(seed)  # of actions in predict, and of Poisson spikes; on the CPU
        self.to(device)

    @classmethod
    def for_spaces(
        cls,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: NetworkConfig | None = None,
        *,
        engine: str | Engine = "auto",
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> GrowingSparseSNN:
        """An organism for the (single) spaces of an environment; other sizes as in ``config``.

        Raises:
            SpaceError: the observations are neither Box nor Discrete, or the actions not Discrete.
        """
        adapter = adapt(observation_space, action_space)
        config = NetworkConfig() if config is None else config
        return cls(
            adapter.input_features,
            config.init_hidden,
            config.max_hidden,
            adapter.n_actions,
            config=config,
            adapter=adapter,
            engine=engine,
            seed=seed,
            device=device,
        )

    @property
    def hidden(self) -> int:
        """H, the number of living hidden neurons."""
        return int(self.bias.shape[0])

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.bias.device

    def learnt(self) -> dict[str, nn.Parameter]:
        """The tensors that follow gradients, by name."""
        return {name: getattr(self, name) for name in LEARNT}

    def is_dense(self) -> bool:
        """Whether every input has a synapse to every neuron."""
        return bool(self.synapses.all())  # none is 0

    def neuron_tensors(self) -> dict[str, tuple[Tensor, int]]:
        """Every tensor with a neuron axis, with that axis; what surgery must resize."""
        return {name: (getattr(self, name), axis) for name, axis in NEURON_AXIS.items() if axis is not None}

    def initial_state(self, n_worlds: int) -> OrganismState:
        """All neurons at rest, for B worlds."""
        sizes = (self.hidden, self.config.output_features)
        return OrganismState(
            *(LIFState.at_rest((n_worlds, n), self.lif.v_leak, self.device, self.bias.dtype) for n in sizes)
        )

    def forward(
        self, observation: Tensor | Events, state: OrganismState | None = None
    ) -> tuple[PolicyOutput, OrganismState]:
        """One decision: features [B, D] (or events) and the state after the last one -> output, state.

        With ``carry_state=False`` every decision begins at rest and ``state`` is not read.
        """
        if not self.config.carry_state:
            return decide(self, observation, None)
        return decide(self, observation, self.initial_state(len(observation)) if state is None else state)

    def drive(self, observation: Tensor | Events) -> Tensor:
        """What enters the hidden neurons each tick: [B, H], or [T, B, H] for Poisson spikes (E1's x, E7)."""
        return drive_of(self, observation)

    def scale(self, observation: Tensor) -> Tensor:
        """Features with the mean and spread seen so far taken out, clipped to ±5; as they are unless configured."""
        if self.config.input_scaling == "none" or self.input_count == 0.0:
            return observation
        mean = self.input_sum / self.input_count
        spread = (self.input_square_sum / self.input_count - mean**2).clamp(min=1e-8).sqrt()
        return ((observation - mean.to(observation)) / spread.to(observation)).clamp(-5.0, 5.0)

    @torch.no_grad()
    def see(self, observation: Tensor) -> None:
        """Take features [N, D] into the mean and spread of the inputs. Called between updates, so that a decision is
        always replayed on the scale on which it was made. The scale stays once neurons are protected: on another one
        they would hear something else.
        """
        if self.config.input_scaling == "standardise" and not bool(self.protected.any()):
            self.input_sum += observation.sum(dim=0, dtype=torch.float64)
            self.input_square_sum += observation.double().square().sum(dim=0)
            self.input_count += observation.shape[0]

    def predict(
        self,
        observation: npt.NDArray[Any],
        state: tuple[npt.NDArray[Any], ...] | None = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[npt.NDArray[np.int64], tuple[npt.NDArray[Any], ...] | None]:
        """Actions for one observation or a batch of them, with the meaning Stable-Baselines3 gives ``predict``.

        Args:
            observation: ``[*shape]`` or ``[B, *shape]``, as the environment gives it.
            state: what the last call returned; None at first. Always None unless ``carry_state``.
            episode_start: bool [B]; where True the state is put to rest first.
            deterministic: the most probable action instead of a draw.

        Returns:
            Actions, int64 [] or [B], and the state for the next call.

        Raises:
            SpaceError: the observation has not the shape that this organism sees.
        """
        observation = np.asarray(observation)  # a Discrete one may be a plain integer
        single = self.adapter.is_single(observation)
        features = self.adapter.features(observation[None] if single else observation, self.device)
        with torch.no_grad():
            before = self._unpack(state, features.shape[0], episode_start)
            output, after = self(features, before)
            if deterministic:
                action = output.logits.argmax(dim=-1)
            else:
                action = torch.multinomial(output.logits.softmax(dim=-1).cpu(), 1, generator=self.draws).squeeze(1)
        chosen = action.cpu().numpy() + self.adapter.action_start
        packed = tuple(t.cpu().numpy() for layer in after for t in layer) if self.config.carry_state else None
        return (chosen[0] if single else chosen), packed

    def _unpack(
        self, state: tuple[npt.NDArray[Any], ...] | None, n: int, episode_start: npt.NDArray[np.bool_] | None
    ) -> OrganismState:
        rest = self.initial_state(n)
        if state is None:
            return rest
        hv, hi, ov, oi = (torch.as_tensor(array, device=self.device) for array in state)
        given = OrganismState(LIFState(hv, hi), LIFState(ov, oi))
        if episode_start is None:
            return given
        began = torch.as_tensor(np.asarray(episode_start), device=self.device).reshape(-1)
        return given.where(began, rest)
