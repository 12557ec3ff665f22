"""``predict`` as Stable-Baselines3 defines it."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from snn_agent import GrowingSparseSNN, NetworkConfig
from snn_agent.errors import SpaceError

LOUD = NetworkConfig(input_power=2.0, init_hidden=16, min_hidden=2, output_bias=1.0, outgoing_scale=4.0)
SEEN = np.random.default_rng(0).random((20, 2, 3), dtype=np.float32)


def organism_of(action_start: int = 0, seed: int = 0, **config: object) -> GrowingSparseSNN:
    return GrowingSparseSNN.for_spaces(
        spaces.Box(0, 1, (2, 3)), spaces.Discrete(3, start=action_start), LOUD.replace(**config), seed=seed
    )


def logits_of(organism: GrowingSparseSNN) -> torch.Tensor:
    with torch.no_grad():
        return organism(torch.from_numpy(SEEN.reshape(20, 6)))[0].logits


@pytest.mark.parametrize("start", [0, -4, 7])
def test_deterministic_is_the_most_probable_action(start: int) -> None:
    organism = organism_of(start, readout="drive")
    expected = logits_of(organism).argmax(dim=1).numpy() + start
    actions, state = organism.predict(SEEN, deterministic=True)
    assert state is None
    assert actions.dtype == np.int64
    np.testing.assert_array_equal(actions, expected)
    assert len(set(expected.tolist())) > 1
    singles = [organism.predict(one, deterministic=True)[0] for one in SEEN]
    assert {np.shape(action) for action in singles} == {()}
    assert all(organism_space(start).contains(action) for action in singles)
    np.testing.assert_array_equal(singles, expected)


def organism_space(start: int) -> spaces.Discrete:
    return spaces.Discrete(3, start=start)


def test_draws_follow_the_policy() -> None:
    organism = organism_of(action_start=2)
    n = 20_000
    probabilities = logits_of(organism)[0].softmax(dim=0).numpy()
    actions, _ = organism.predict(np.repeat(SEEN[:1], n, axis=0))
    share = np.bincount(actions - 2, minlength=3) / n
    assert (np.abs(share - probabilities) < 5 * np.sqrt(probabilities * (1 - probabilities) / n)).all()
    assert probabilities.max() < 0.9, "the case shows too little"


def test_draws_come_from_the_seed() -> None:
    a, b, other = (organism_of(seed=seed).predict(np.repeat(SEEN, 9, axis=0))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != other).any()


def test_state_is_carried_and_reset_where_an_episode_starts() -> None:
    organism = organism_of(carry_state=True)
    features = torch.from_numpy(SEEN.reshape(20, 6))
    _, state = organism.predict(SEEN, deterministic=True, episode_start=np.ones(20, np.bool_))
    assert state is not None
    assert [array.shape for array in state] == [(20, 16), (20, 16), (20, 3), (20, 3)]
    began = np.arange(20) % 2 == 0
    actions, after = organism.predict(SEEN, state, began, deterministic=True)
    with torch.no_grad():
        first, rest = organism(features)
        second, on = organism(features, rest)
    mask = torch.from_numpy(began)[:, None]
    expected = torch.where(mask, first.logits, second.logits)
    np.testing.assert_array_equal(actions, expected.argmax(dim=1).numpy())
    reset, kept = [*rest.hidden, *rest.output], [*on.hidden, *on.output]
    for array, of_reset, of_kept in zip(after, reset, kept, strict=True):
        np.testing.assert_array_equal(array, torch.where(mask, of_reset, of_kept).numpy())
    goes_on = organism.predict(SEEN, state, None, deterministic=True)[1]
    np.testing.assert_array_equal(goes_on[0], kept[0].numpy())


def test_a_single_observation_carries_its_state_too() -> None:
    organism = organism_of(carry_state=True)
    batch = single = None
    for _ in range(3):
        actions, batch = organism.predict(SEEN[:1], batch, deterministic=True)
        action, single = organism.predict(SEEN[0], single, deterministic=True)
        assert action == actions[0]
        assert all(np.array_equal(a, b) for a, b in zip(batch, single, strict=True))


def test_a_plain_integer_is_an_observation() -> None:
    env = gymnasium.make("FrozenLake-v1")
    organism = GrowingSparseSNN.for_spaces(env.observation_space, env.action_space)
    observation, _ = env.reset(seed=0)
    for _ in range(5):
        action, state = organism.predict(observation)
        observation, *_ = env.step(action)
    assert state is None
    assert organism.predict(np.array([0, 5, 15]))[0].shape == (3,)


def test_another_shape_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"has shape \(4,\), but this organism sees \(2, 3\)"):
        organism_of().predict(np.zeros(4))
