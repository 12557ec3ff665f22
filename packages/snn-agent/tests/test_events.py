"""Observations told by what is not zero: nothing is lost, and every network reads them alike."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from fused_cases import Decision, decisions
from gymnasium import spaces
from hypothesis import given
from hypothesis.extra import numpy as npst

from snn_agent import NetworkConfig
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.network.decision import composed
from snn_agent.network.events import find_events
from snn_agent.network.spaces import adapt
from snn_agent.types import Events

NUMBERS = {
    np.bool_: st.booleans(),
    np.uint8: st.sampled_from([0, 0, 0, 1, 2, 255]),
    np.int64: st.sampled_from([0, 0, 0, 1, -3]),
    np.float32: st.sampled_from([0.0, 0.0, -0.0, 1.0, 0.5, -2.0, 1e-40]),
    np.float64: st.sampled_from([0.0, 0.0, -0.0, 1.0, 0.25]),
}
SHAPES = npst.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=5)
ARRAYS = st.sampled_from(list(NUMBERS)).flatmap(lambda dtype: npst.arrays(dtype, SHAPES, elements=NUMBERS[dtype]))
TABLES = npst.arrays(np.float32, st.tuples(st.integers(0, 6), st.just(5)), elements=NUMBERS[np.float32])


def assert_well_formed(events: Events) -> None:
    """What the kernels rely on without asking."""
    assert (events.offsets.dtype, events.columns.dtype) == (np.int64, np.int32)
    assert events.values.dtype == np.float32
    assert events.values.size in (0, events.columns.size)
    assert events.offsets[0] == 0
    assert events.offsets[-1] == events.columns.size
    for first, last in zip(events.offsets[:-1], events.offsets[1:], strict=True):
        row = events.columns[first:last]
        assert (np.diff(row) > 0).all()
        assert ((row >= 0) & (row < events.features)).all()


def assert_tells(events: Events, table: np.ndarray[Any, Any]) -> None:
    assert_well_formed(events)
    assert len(events) == len(table)
    np.testing.assert_array_equal(events.dense().numpy(), table.astype(np.float32))


@given(array=ARRAYS)
def test_nothing_is_lost(array: np.ndarray[Any, Any]) -> None:
    events = find_events(array)
    table = array.reshape(len(array), -1)
    assert_tells(events, table)
    assert events.columns.size == np.count_nonzero(table)
    assert bool(events.values.size) == bool((table[table != 0] != 1).any())


@pytest.mark.parametrize("dtype", list(NUMBERS))
@pytest.mark.parametrize("D", [1, 7, 8, 9, 64, 450])
def test_the_few_among_many_zeros(dtype: Any, D: int) -> None:
    rng = np.random.default_rng(D)
    table = (rng.random((13, D)) < 0.02).astype(dtype)
    table[[3, 12]] = 0
    table[5, -1] = table[6, 0] = 1
    assert_tells(find_events(table), table)
    assert_tells(find_events(np.zeros_like(table)), np.zeros_like(table))


@pytest.mark.parametrize("dtype", list(NUMBERS))
def test_no_observation_at_all(dtype: Any) -> None:
    assert_tells(find_events(np.zeros((0, 2, 3), dtype)), np.zeros((0, 6)))


def test_arrays_may_lie_anywhere() -> None:
    """Every other row, turned around, and beginning at an odd address."""
    table = np.random.default_rng(0).random((6, 5)) < 0.3
    assert_tells(find_events(table[::2]), table[::2])
    assert_tells(find_events(table.T), table.T)
    numbers = table.astype(np.float64)
    odd = np.zeros(numbers.nbytes + 1, np.uint8)[1:].view(np.float64).reshape(numbers.shape)
    odd[:] = numbers
    assert not odd.flags.aligned
    assert_tells(find_events(odd), numbers)


def test_what_is_not_finite_is_told() -> None:
    events = find_events(np.array([[0.0, np.nan, np.inf]]))
    assert np.isnan(events.values[0])
    assert events.values[1] == np.inf


@given(table=TABLES, data=st.data())
def test_taking_rows(table: np.ndarray[Any, Any], data: st.DataObject) -> None:
    rows = np.array(data.draw(st.lists(st.integers(0, max(0, len(table) - 1)), max_size=8 * len(table))), np.int64)
    assert_tells(find_events(table).take(rows), table[rows])


@given(tables=st.lists(TABLES, min_size=1, max_size=4))
def test_joining(tables: list[np.ndarray[Any, Any]]) -> None:
    """Parts whose values are all 1 may meet others."""
    assert_tells(Events.join([find_events(table) for table in tables]), np.concatenate(tables))


@given(table=TABLES, cut=st.integers(0, 6))
def test_parts_joined_are_the_whole(table: np.ndarray[Any, Any], cut: int) -> None:
    whole, rows = find_events(table), np.arange(len(table))
    joined = Events.join([whole.take(rows[:cut]), whole.take(rows[cut:])])
    for name in ("offsets", "columns", "values"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))


@given(start=st.integers(-3, 5), data=st.data())
def test_discrete_observations_are_one_event_each(start: int, data: st.DataObject) -> None:
    adapter = adapt(spaces.Discrete(6, start=start), spaces.Discrete(2))
    seen = np.array(data.draw(st.lists(st.integers(start, start + 5), max_size=5)), np.int64)
    assert adapter.suits_events(seen)
    assert_tells(adapter.events(seen), adapter.features(seen).numpy())


def test_who_suits_events() -> None:
    """Up to a quarter of the numbers, all between 0 and 1: nobody puts a scaled observation in these."""
    box, TWO = adapt(spaces.Box(0, 1, (4, 2)), spaces.Discrete(2)), spaces.Discrete(2)
    seen = np.zeros((3, 4, 2), np.float32)
    for n in range(9):
        seen.reshape(-1)[:n] = 0.5
        assert box.suits_events(seen) == (n <= 6)
    seen[:] = 0.0
    assert not adapt(spaces.Box(-1, 1, (4, 2)), TWO).suits_events(seen)
    assert_tells(box.events(seen), seen.reshape(3, 8))


@given(case=decisions(hidden=(1, 7)))
def test_a_network_layer_by_layer_reads_events_as_it_reads_numbers(case: Decision) -> None:
    events = case.observation if isinstance(case.observation, Events) else find_events(case.observation.numpy())
    case = case._replace(observation=events)
    organisms = [case.organism(TorchEngine()) for _ in range(2)]
    found = [
        composed(organism, seen, case.state()) for organism, seen in zip(organisms, (events, case.dense()), strict=True)
    ]
    torch.testing.assert_close(found[0].evidence, found[1].evidence)
    torch.testing.assert_close(found[0].counts, found[1].counts)
    gradients = [
        torch.autograd.grad(result.evidence.sum() + result.tally.sum(), (organism.incoming, organism.bias))
        for organism, result in zip(organisms, found, strict=True)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_poisson_spikes_are_drawn_alike() -> None:
    config = NetworkConfig(input_features=9, encoding="poisson", hidden_bias=0.5)
    seen = find_events(np.random.default_rng(0).random((5, 9)).astype(np.float32))
    case = Decision(config, 0, seen, carried=False, dtype=torch.float32)
    outputs = [composed(case.organism(TorchEngine()), seen, None) for seen in (case.observation, case.dense())]
    assert outputs[0].counts.any()
    assert torch.equal(outputs[0].counts, outputs[1].counts)
