"""Between Gymnasium's spaces and the network's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from snn_agent import GrowingSparseSNN
from snn_agent.errors import SpaceError
from snn_agent.network.spaces import adapt

TWO = spaces.Discrete(2)


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_a_box_of_any_shape_is_flattened_row_by_row(shape: tuple[int, ...], dtype: type) -> None:
    space = spaces.Box(0, 200, shape, dtype=dtype)
    space.seed(0)
    adapter = adapt(space, TWO)
    batch = np.stack([space.sample() for _ in range(5)])
    features = adapter.features(batch)
    assert adapter.input_features == batch[0].size
    np.testing.assert_array_equal(features.numpy(), batch.reshape(5, -1).astype(np.float32))
    assert str(features.dtype) == "torch.float32"
    assert adapter.is_single(batch[0])
    assert not adapter.is_single(batch)
    assert not adapter.is_single(batch[:1])


def test_a_discrete_observation_is_one_hot_from_its_start() -> None:
    adapter = adapt(spaces.Discrete(4, start=-2), spaces.Discrete(3, start=5))
    assert (adapter.input_features, adapter.n_actions, adapter.action_start) == (4, 3, 5)
    assert adapter.features(np.array([-2, 1, 0])).tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    assert adapter.is_single(np.int64(1))
    assert not adapter.is_single(np.array([1]))


@pytest.mark.parametrize(
    ("space", "bounded"),
    [
        (spaces.Box(0, 1, (3,)), True),
        (spaces.Box(0.2, 0.7, (3,)), True),
        (spaces.Box(np.float32([0, 0]), np.float32([1, 1.5])), False),
        (spaces.Box(-1, 1, (3,)), False),
        (spaces.Box(-np.inf, np.inf, (3,)), False),
        (spaces.Discrete(3), True),
    ],
)
def test_numbers_between_0_and_1_are_known_as_such(space: spaces.Space, bounded: bool) -> None:
    assert adapt(space, TWO).bounded is bounded


@pytest.mark.parametrize(
    ("observation", "action", "text"),
    [
        (spaces.Box(0, 1, (3,)), spaces.Box(0, 1, (2,)), "the action space is Box.*Wrap the environment so that its"),
        (spaces.Box(0, 1, (3,)), spaces.MultiDiscrete([2, 2]), "chooses one of n actions"),
        (spaces.MultiBinary(3), TWO, "the observation space is MultiBinary.*FlattenObservation"),
        (spaces.Dict(a=spaces.Discrete(2)), TWO, "sees a Box or a Discrete"),
        (spaces.Box(0, 1, (0,)), TWO, "has no numbers, so there is nothing to see"),
    ],
)
def test_other_spaces_are_refused(observation: spaces.Space, action: spaces.Space, text: str) -> None:
    with pytest.raises(SpaceError, match=text):
        GrowingSparseSNN.for_spaces(observation, action)


@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (1, 2, 3, 4)])
def test_an_observation_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    adapter = adapt(spaces.Box(0, 1, (2, 3)), TWO)
    with pytest.raises(SpaceError, match=r"Pass observations of the environment it was made for"):
        adapter.is_single(np.zeros(shape))
