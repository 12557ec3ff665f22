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
from snn_agent.learning import categorical
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.worlds import Worlds, final_observations
from snn_agent.types import LIFState, OrganismState, Rollout


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
        self.observation: Tensor = worlds.adapter.features(observation, organism.device)
        n = worlds.n_worlds
        self.resetting = torch.zeros(n, dtype=torch.bool)  # worlds whose next step is their reset (NEXT_STEP)
        self.episode_return = torch.zeros(n, dtype=torch.float64)
        self.episode_length = torch.zeros(n, dtype=torch.int64)

    def tensors(self) -> dict[str, Tensor]:
        """What the next rollout depends on beside the worlds."""
        return {
            "observation": self.observation,
            "resetting": self.resetting,
            "episode_return": self.episode_return,
            "episode_length": self.episode_length,
        }

    def restore(self, tensors: dict[str, Tensor], worlds: dict[str, npt.NDArray[Any]]) -> bool:
        """Go on from :meth:`tensors` and the state of the worlds.

        Where the environment could not be saved, its episodes begin anew, and the run is not an exact continuation.

        Returns:
            Whether it goes on exactly.

        Raises:
            CheckpointError: it was saved with another number of worlds or another environment.
        """
        saved, present = tuple(tensors["observation"].shape), tuple(self.observation.shape)
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
        self.observation = tensors["observation"].to(self.observation.device)
        self.resetting = tensors["resetting"]
        self.episode_return = tensors["episode_return"]
        self.episode_length = tensors["episode_length"]
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
        n, adapter = self.worlds.n_worlds, self.worlds.adapter
        device = organism.device
        observations = torch.empty((n_steps, *self.observation.shape), device=device)
        action = torch.empty((n_steps, n), dtype=torch.int64, device=device)
        log_prob, value, next_value = (torch.empty((n_steps, n), device=device) for _ in range(3))
        reward = torch.empty((n_steps, n))
        terminated, truncated, valid = (torch.empty((n_steps, n), dtype=torch.bool) for _ in range(3))
        counts = torch.zeros(organism.hidden, device=device)
        states: list[OrganismState] = []
        finished = Finished([], [], [])
        finite = True
        missing = torch.ones(n, dtype=torch.bool, device=device)  # whose next value is still to come
        for step in range(n_steps):
            if carried and state is not None:
                states.append(state)
            output, after = organism(self.observation, state)
            chosen = categorical.sample(output.logits.cpu(), generator).to(device)
            observations[step] = self.observation
            action[step] = chosen
            log_prob[step] = categorical.log_prob(output.logits, chosen)
            value[step] = output.value
            counts += output.counts.sum(dim=0)
            if step:  # the observation after the last step is the one before this, unless an episode began
                next_value[step - 1] = torch.where(missing, output.value, next_value[step - 1])
            valid[step] = ~self.resetting
            observed, rewards, ends, cuts, infos = self.worlds.vector.step(chosen.cpu().numpy() + adapter.action_start)
            reward[step] = torch.from_numpy(np.asarray(rewards, dtype=np.float32))
            terminated[step] = torch.from_numpy(np.asarray(ends))
            truncated[step] = torch.from_numpy(np.asarray(cuts))
            done = terminated[step] | truncated[step]
            missing.fill_(True)
            if self.worlds.resets_at_once and bool(done.any()):
                rows = torch.nonzero(done).squeeze(1)
                last = adapter.features(final_observations(infos, rows.numpy()), device)
                finite &= bool(torch.isfinite(last).all())
                next_value[step, rows] = organism(last, after.map(itemgetter(rows)))[0].value
                missing = ~done.to(device)
            self._count_episodes(reward[step], done, infos, finished)
            self.observation = adapter.features(observed, device)
            began = done if self.worlds.resets_at_once else self.resetting
            state = after.where(began.to(device), organism.initial_state(n)) if carried else None
            self.resetting = done if not self.worlds.resets_at_once else self.resetting
        last_value = organism(self.observation, state)[0].value
        next_value[-1] = torch.where(missing, last_value, next_value[-1])
        recorded = Rollout(
            observation=observations,
            action=action,
            log_prob=log_prob,
            value=value,
            next_value=next_value,
            reward=reward.to(device),
            terminated=terminated.to(device),
            truncated=truncated.to(device),
            valid=valid.to(device),
            counts=counts,
            state=_stack(states) if states else None,
        )
        finite &= bool(torch.isfinite(observations).all()) and bool(torch.isfinite(self.observation).all())
        if not finite or not bool(torch.isfinite(reward).all()):
            what = "a reward" if finite else "an observation"
            raise NonFiniteError(
                f"{what} of the environment is not finite, so nothing can be learnt from this rollout. "
                f"Look into the environment, or wrap it to bound its numbers."
            )
        return recorded, finished, state

    def _count_episodes(self, reward: Tensor, done: Tensor, infos: dict[str, Any], finished: Finished) -> None:
        living = ~self.resetting
        self.episode_return += reward.double() * living
        self.episode_length += living
        if not bool(done.any()):
            return
        rows = torch.nonzero(done).squeeze(1)
        finished.returns.extend(self.episode_return[rows].tolist())
        finished.lengths.extend(self.episode_length[rows].tolist())
        source = infos.get("final_info", {}) if self.worlds.resets_at_once else infos
        food: npt.NDArray[Any] | None = source.get("food_collected")
        finished.food.extend(math.nan if food is None else float(food[row]) for row in rows.tolist())
        self.episode_return[rows] = 0.0
        self.episode_length[rows] = 0


def _stack(states: list[OrganismState]) -> OrganismState:
    return OrganismState(
        *(LIFState(*(torch.stack([state[layer][part] for state in states]) for part in range(2))) for layer in range(2))
    )
