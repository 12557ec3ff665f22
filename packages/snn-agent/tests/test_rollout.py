"""A rollout against a life foretold: what is seen in :class:`training_cases.Songs` does not depend on the actions."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from training_cases import Songs, organism_for, song

from snn_agent import GrowingSparseSNN, NetworkConfig
from snn_agent.errors import ConfigError, NonFiniteError
from snn_agent.training.rollout import Finished, Life
from snn_agent.training.worlds import Worlds
from snn_agent.types import Rollout

MODES = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP]
L, B, SEED = 7, 3, 11


class Step(NamedTuple):
    """One real step of one world, as it was bound to be."""

    observation: torch.Tensor
    value: float
    next_value: float
    terminated: bool
    truncated: bool
    first: bool


@torch.no_grad()
def foretell(organism: GrowingSparseSNN, world: int, n: int) -> list[Step]:
    """The first n steps of a world, one after the other, by nothing but the organism's forward pass."""
    steps, episode = [], 0
    while len(steps) < n:
        melody = song(SEED, world, episode, 4)
        seen = torch.from_numpy(melody.observations)
        state = organism.initial_state(1)
        for time in range(melody.length):
            output, state = organism(seen[time : time + 1], state)
            after, _ = organism(seen[time + 1 : time + 2], state)
            ends = time == melody.length - 1
            terminated, truncated = ends and melody.terminates, ends and not melody.terminates
            steps.append(Step(seen[time], float(output.value), float(after.value), terminated, truncated, time == 0))
        episode += 1
    return steps[:n]


def live(organism: GrowingSparseSNN, env: Any, n_rollouts: int = 4) -> tuple[list[Rollout], list[Finished], Life]:
    life = Life(Worlds(env, B), organism, SEED)
    generator, membranes = torch.Generator().manual_seed(0), None
    rollouts, finished = [], []
    for _ in range(n_rollouts):
        rollout, ended, membranes = life.rollout(organism, membranes, L, generator)
        rollouts.append(rollout)
        finished.append(ended)
    return rollouts, finished, life


def voiced(organism: GrowingSparseSNN) -> GrowingSparseSNN:
    torch.nn.init.normal_(organism.critic, generator=torch.Generator().manual_seed(1))
    return organism


@pytest.mark.parametrize("carry", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_what_is_learnt_from_is_what_happened(mode: AutoresetMode, carry: bool) -> None:
    env = Songs(B, mode)
    organism = voiced(organism_for(env, carry_state=carry))
    rollouts, _, _ = live(organism, env)
    joined = {
        name: torch.cat([getattr(rollout, name) for rollout in rollouts])
        for name in ("observation", "value", "next_value", "terminated", "truncated", "valid", "reward", "action")
    }
    assert bool(joined["valid"].all()) == (mode is AutoresetMode.SAME_STEP)
    for world in range(B):
        real = joined["valid"][:, world]
        found = {name: tensor[:, world][real] for name, tensor in joined.items()}
        steps = foretell(organism, world, int(real.sum()))
        for index, step in enumerate(steps):
            assert torch.equal(found["observation"][index], step.observation)
            assert float(found["value"][index]) == pytest.approx(step.value, abs=1e-5)
            assert bool(found["terminated"][index]) == step.terminated
            assert bool(found["truncated"][index]) == step.truncated
            if not step.terminated:  # nothing follows, so nothing is read
                assert float(found["next_value"][index]) == pytest.approx(step.next_value, abs=1e-5)
            pays = (step.observation[0] > 0.5) == bool(found["action"][index])
            assert float(found["reward"][index]) == float(pays)
        assert any(step.truncated for step in steps), "the case shows too little"
        assert any(step.terminated for step in steps), "the case shows too little"


@pytest.mark.parametrize("mode", MODES)
def test_decisions_can_be_replayed(mode: AutoresetMode) -> None:
    env = Songs(B, mode)
    organism = voiced(organism_for(env, carry_state=True))
    for rollout in live(organism, env)[0]:
        assert rollout.state is not None
        counts = torch.zeros(organism.hidden)
        for step in range(L):
            state = type(rollout.state)(*(type(layer)(*(t[step] for t in layer)) for layer in rollout.state))
            with torch.no_grad():
                output, _ = organism(rollout.observation[step], state)
            log_prob = output.logits.log_softmax(1)[torch.arange(B), rollout.action[step]]
            torch.testing.assert_close(rollout.log_prob[step], log_prob)
            torch.testing.assert_close(rollout.value[step], output.value)
            counts += output.counts.sum(dim=0)
        torch.testing.assert_close(rollout.counts, counts)
        assert not rollout.observation.requires_grad
        assert not rollout.value.requires_grad


@pytest.mark.parametrize("mode", MODES)
def test_carried_membranes_rest_where_an_episode_begins(mode: AutoresetMode) -> None:
    env = Songs(B, mode)
    organism = organism_for(env, carry_state=True)
    rollouts, _, _ = live(organism, env)
    at_rest = torch.cat([(rollout.state.hidden.i == 0).all(dim=-1) for rollout in rollouts])
    valid = torch.cat([rollout.valid for rollout in rollouts])
    for world in range(B):
        real = valid[:, world]
        expected = [step.first for step in foretell(organism, world, int(real.sum()))]
        assert at_rest[:, world][real].tolist() == expected


@pytest.mark.parametrize("counts_food", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_returns_and_lengths_are_sums_of_real_steps(mode: AutoresetMode, counts_food: bool) -> None:
    env = Songs(B, mode, counts_food=counts_food)
    rollouts, finished, life = live(organism_for(env), env)
    returns, lengths = [], []
    total, length = [0.0] * B, [0] * B
    for rollout in rollouts:
        for step in range(L):
            for world in range(B):
                if not rollout.valid[step, world]:
                    continue
                total[world] += float(rollout.reward[step, world])
                length[world] += 1
                if rollout.terminated[step, world] or rollout.truncated[step, world]:
                    returns.append(total[world])
                    lengths.append(length[world])
                    total[world], length[world] = 0.0, 0
    assert [value for part in finished for value in part.returns] == returns
    assert [value for part in finished for value in part.lengths] == lengths
    assert life.episode_length.tolist() == length
    food = [value for part in finished for value in part.food]
    assert len(lengths) > 10
    if counts_food:
        assert food == lengths  # these worlds count the steps as food
    else:
        assert len(food) == len(lengths)
        assert np.isnan(food).all()


@pytest.mark.parametrize("start", [-1, 3])
def test_actions_begin_where_the_space_says(start: int) -> None:
    env = Songs(B, action_start=start)
    rollouts, _, _ = live(organism_for(env), env, 1)
    (rollout,) = rollouts
    pays = (rollout.observation[..., 0] > 0.5) == rollout.action.bool()
    assert torch.equal(rollout.reward[rollout.valid], pays[rollout.valid].float())


def test_a_vector_environment_that_does_not_reset_itself_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"autoreset mode is AutoresetMode.DISABLED.*NEXT_STEP"):
        Worlds(Songs(B, AutoresetMode.DISABLED), B)


@pytest.mark.parametrize("what", ["reward", "observation"])
@pytest.mark.parametrize("step", [1, L])
@pytest.mark.parametrize("mode", MODES)
def test_numbers_that_are_not_finite_are_refused(what: str, step: int, mode: AutoresetMode) -> None:
    env = Songs(B, mode)
    env.spoil = (step, what)
    with pytest.raises(NonFiniteError, match=f"an? {what} of the environment is not finite"):
        live(organism_for(env), env, 1)


def cut_cartpole() -> gymnasium.Env[Any, Any]:
    return gymnasium.make("CartPole-v1", max_episode_steps=6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: "CartPole-v1",
        lambda: "FrozenLake-v1",
        lambda: gymnasium.make("Acrobot-v1", max_episode_steps=9),
        lambda: SyncVectorEnv([cut_cartpole] * 3, autoreset_mode=AutoresetMode.SAME_STEP),
        lambda: SyncVectorEnv([cut_cartpole] * 3),
    ],
)
def test_environments_of_gymnasium(make: Any) -> None:
    worlds = Worlds(make(), B)
    vector = worlds.vector
    config = NetworkConfig(init_hidden=10, input_power=1.0)
    organism = GrowingSparseSNN.for_spaces(vector.single_observation_space, vector.single_action_space, config)
    life = Life(worlds, organism, SEED)
    rollout, finished, _ = life.rollout(organism, None, 40, torch.Generator().manual_seed(0))
    done = rollout.terminated | rollout.truncated
    assert len(finished.lengths) == int(done.sum()) > 0
    assert sum(finished.lengths) + int(life.episode_length.sum()) == int(rollout.valid.sum())
    assert sum(finished.returns) + float(life.episode_return.sum()) == pytest.approx(
        float(rollout.reward[rollout.valid].double().sum())
    )
    assert not rollout.reward[~rollout.valid].any()
    worlds.close()


def test_what_is_no_environment_is_refused() -> None:
    with pytest.raises(ConfigError, match="got int"):
        Worlds(3, B)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"env_kwargs \['size'\] go with an environment's id"):
        Worlds(Songs(), B, {"size": 3})
