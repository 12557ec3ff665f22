"""Living for a while: L steps of B worlds under the present policy, recorded without gradients."""

from __future__ import annotations

import math
import warnings
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from snn_agent.errors import CheckpointError, NonFiniteError
from snn_agent.network.events import find_events
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.acting import make_actor
from snn_agent.training.worlds import Worlds, final_observations
from snn_agent.types import Array, Events, LIFState, OrganismState, Rollout


class Finished(NamedTuple):
    """Episodes that ended during a rollout, in the order of their end."""

    returns: list[float]
    lengths: list[int]
    food: list[float]  # info["food_collected"] at the end; NaN where the environment does not tell it


class Life:
    """The worlds as the organism meets them: last observations and running sums of each episode."""

    def __init__(self, worlds: Worlds, organism: GrowingSparseSNN, env_seed: int) -> None:
        self.worlds = worlds
        observation, _ = worlds.vector.reset(seed=env_seed)
        self.device = organism.device
        self.sparse = organism.config.input_scaling == "none" and worlds.adapter.suits_events(observation)
        self.observation: Tensor | Events = self._read(observation, organism.device)
        n = worlds.n_worlds
        self.resetting = np.zeros(n, np.bool_)  # worlds whose next step is their reset (NEXT_STEP)
        self.episode_return = np.zeros(n, np.float64)
        self.episode_length = np.zeros(n, np.int64)

    def tensors(self) -> dict[str, Tensor]:
        """What the next rollout depends on beside the worlds."""
        seen = self.observation
        return {
            "observation": seen.dense() if isinstance(seen, Events) else seen,
            "resetting": torch.from_numpy(self.resetting.copy()),
            "episode_return": torch.from_numpy(self.episode_return.copy()),
            "episode_length": torch.from_numpy(self.episode_length.copy()),
        }

    def restore(self, tensors: dict[str, Tensor], worlds: dict[str, npt.NDArray[Any]]) -> bool:
        """Go on from :meth:`tensors` and the state of the worlds.

        Where the environment could not be saved, its episodes begin anew, and the run is not an exact continuation.

        Returns:
            Whether it goes on exactly.

        Raises:
            CheckpointError: it was saved with another number of worlds or another environment.
        """
        saved, present = (
            tuple(tensors["observation"].shape),
            (len(self.observation), self.worlds.adapter.input_features),
        )
        if saved != present and (worlds or saved[1:] != present[1:]):
            raise CheckpointError(
                f"the checkpoint was written with observations {saved} (worlds, inputs), but these environments give "
                f"{present}. Resume with the environment and the number of worlds of that run."
            )
        if not worlds or not self.worlds.can_save:
            warnings.warn(
                "the environment has no get_state and set_state, so its episodes begin anew: the resumed run goes on "
                "well but not exactly as it would have.",
                RuntimeWarning,
                stacklevel=2,
            )
            return False
        self.worlds.set_state(worlds)
        seen = tensors["observation"]
        self.observation = find_events(seen.numpy()) if self.sparse else seen.to(self.device)
        self.resetting = tensors["resetting"].numpy().copy()
        self.episode_return = tensors["episode_return"].numpy().copy()
        self.episode_length = tensors["episode_length"].numpy().copy()
        return True

    @torch.no_grad()
    def rollout(
        self,
        organism: GrowingSparseSNN,
        membranes: OrganismState | None,
        n_steps: int,
        generator: torch.Generator,
    ) -> tuple[Rollout, Finished, OrganismState | None]:
        """Act for L steps; the organism is not changed.

        Args:
            organism: who acts.
            membranes: its state, None at the beginning of a life; returned anew, None unless ``carry_state``.
            n_steps: L.
            generator: that the actions are drawn with.

        Raises:
            NonFiniteError: an observation or a reward is not finite.
        """
        carried = organism.config.carry_state
        state = organism.initial_state(self.worlds.n_worlds) if carried and membranes is None else membranes
        n, adapter, actor = self.worlds.n_worlds, self.worlds.adapter, make_actor(organism)
        uniform = torch.rand((n_steps, n), generator=generator, dtype=torch.float64).numpy()
        seen: list[Tensor | Events] = []
        states: list[OrganismState] = []
        action = np.empty((n_steps, n), np.int64)
        log_prob, value, next_value, reward = (np.empty((n_steps, n), np.float32) for _ in range(4))
        terminated, truncated, valid = (np.empty((n_steps, n), np.bool_) for _ in range(3))
        counts = torch.zeros(organism.hidden, device=organism.device)
        finished = Finished([], [], [])
        last_words: list[tuple[int, Array, Array]] = []  # steps, worlds and values where SAME_STEP ended an episode
        for step in range(n_steps):
            if carried and state is not None:
                states.append(state)
            seen.append(self.observation)
            acted = actor.act(self.observation, state, uniform[step])
            action[step], log_prob[step], value[step] = acted.action, acted.log_prob, acted.value
            counts += acted.counts
            valid[step] = ~self.resetting
            observed, rewards, ends, cuts, infos = self.worlds.vector.step(acted.action + adapter.action_start)
            reward[step], terminated[step], truncated[step] = rewards, ends, cuts
            done = terminated[step] | truncated[step]
            if self.worlds.resets_at_once and done.any():
                rows = np.flatnonzero(done)
                last = self._read(final_observations(infos, rows), organism.device)
                after = None
                if acted.state is not None:
                    after = acted.state.map(itemgetter(torch.from_numpy(rows).to(organism.device)))
                last_words.append((step, rows, actor.value(last, after)))
            self._count_episodes(reward[step], done, infos, finished)
            self.observation = self._read(observed, organism.device)
            began = done if self.worlds.resets_at_once else self.resetting
            if acted.state is not None:
                state = acted.state.where(torch.from_numpy(began).to(organism.device), organism.initial_state(n))
            self.resetting = np.zeros(n, np.bool_) if self.worlds.resets_at_once else done
        # The observation after a step is the one before the next, unless an episode began at once.
        next_value[:-1], next_value[-1] = value[1:], actor.value(self.observation, state)
        for step, rows, values in last_words:
            next_value[step, rows] = values

        def tensor(array: Array) -> Tensor:
            return torch.from_numpy(array).to(organism.device)

        recorded = Rollout(
            observation=_joined(seen),
            action=tensor(action),
            log_prob=tensor(log_prob),
            value=tensor(value),
            next_value=tensor(next_value),
            reward=tensor(reward),
            terminated=tensor(terminated),
            truncated=tensor(truncated),
            valid=tensor(valid),
            counts=counts,
            state=_stack(states) if states else None,
        )
        spoilt = not all(map(_finite, (*seen, self.observation, torch.from_numpy(next_value))))
        if spoilt or not np.isfinite(reward).all():
            what = "an observation" if spoilt else "a reward"
            raise NonFiniteError(
                f"{what} of the environment is not finite, so nothing can be learnt from this rollout. "
                f"Look into the environment, or wrap it to bound its numbers."
            )
        return recorded, finished, state if carried else None

    def _read(self, observed: Array, device: torch.device) -> Tensor | Events:
        """Observations as features, or as events where these worlds are mostly empty."""
        adapter = self.worlds.adapter
        return adapter.events(observed) if self.sparse else adapter.features(observed, device)

    def _count_episodes(self, reward: Array, done: Array, infos: dict[str, Any], finished: Finished) -> None:
        living = ~self.resetting
        self.episode_return += reward * living
        self.episode_length += living
        if not done.any():
            return
        rows = np.flatnonzero(done)
        finished.returns.extend(self.episode_return[rows].tolist())
        finished.lengths.extend(self.episode_length[rows].tolist())
        source = infos.get("final_info", {}) if self.worlds.resets_at_once else infos
        food: Array | None = source.get("food_collected")
        finished.food.extend(math.nan if food is None else float(food[row]) for row in rows.tolist())
        self.episode_return[rows] = 0.0
        self.episode_length[rows] = 0


def _joined(seen: list[Tensor | Events]) -> Tensor | Events:
    events = [part for part in seen if isinstance(part, Events)]
    return Events.join(events) if events else torch.stack([part for part in seen if isinstance(part, Tensor)])


def _finite(seen: Tensor | Events) -> bool:
    return bool(np.isfinite(seen.values).all()) if isinstance(seen, Events) else bool(torch.isfinite(seen).all())


def _stack(states: list[OrganismState]) -> OrganismState:
    return OrganismState(
        *(LIFState(*(torch.stack([state[layer][part] for state in states]) for part in range(2))) for layer in range(2))
    )
