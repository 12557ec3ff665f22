"""Actors choose alike on any engine, draw what the policy says, and live the same life."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from fused_cases import VARIANTS, Decision, decisions
from gymnasium.vector import AutoresetMode
from hypothesis import assume, given, settings
from hypothesis.extra import numpy as npst
from training_cases import NETWORK, Song, Songs

from snn_agent import GrowingSparseSNN
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.torch_engine import TorchEngine
from snn_agent.learning import categorical
from snn_agent.training.acting import Acted, ComposedActor, FusedActor, choose, make_actor
from snn_agent.training.rollout import Life
from snn_agent.training.worlds import Worlds
from snn_agent.types import Events, Rollout

B = 3


def uniform_for(case: Decision) -> np.ndarray[Any, Any]:
    return np.random.default_rng(case.seed).random(len(case.observation))


def assert_alike(ours: Acted, theirs: Acted) -> None:
    np.testing.assert_array_equal(ours.action, theirs.action)
    np.testing.assert_allclose(ours.log_prob, theirs.log_prob, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.value, theirs.value, rtol=1e-9, atol=1e-9)
    assert torch.equal(ours.counts, theirs.counts)
    assert (ours.state is None) == (theirs.state is None)
    if ours.state is not None and theirs.state is not None:
        for mine, reference in zip(ours.state, theirs.state, strict=True):
            torch.testing.assert_close(tuple(mine), tuple(reference))


@given(case=decisions(variants=VARIANTS[:2]))
def test_actors_do_the_same(case: Decision) -> None:
    assume(case.closest_approach() > 1e-10)
    ours, theirs = make_actor(case.organism(NumbaEngine())), make_actor(case.organism(TorchEngine()))
    assert isinstance(ours, FusedActor)
    assert isinstance(theirs, ComposedActor)
    uniform = uniform_for(case)
    acted = ours.act(case.observation, case.state(), uniform)
    assert_alike(acted, theirs.act(case.dense(), case.state(), uniform))
    assert acted.counts.shape == (case.config.init_hidden,)
    assert (acted.state is not None) == case.carried
    value = ours.value(case.observation, case.state())
    np.testing.assert_allclose(value, theirs.value(case.dense(), case.state()), rtol=1e-9, atol=1e-9)


@given(case=decisions(hidden=(7, 33), variants=VARIANTS[:1], carry_state=True))
@settings(max_examples=30)
def test_actors_go_on_alike(case: Decision) -> None:
    """From rest, and from where the last decision led."""
    case = case._replace(carried=False)
    assume(case.closest_approach() > 1e-10)
    actors = make_actor(case.organism(NumbaEngine())), make_actor(case.organism(TorchEngine()))
    first = [actor.act(case.dense(), None, uniform_for(case)) for actor in actors]
    assert_alike(*first)
    assert_alike(*(actor.act(case.dense(), f.state, uniform_for(case)) for actor, f in zip(actors, first, strict=True)))


def chosen(logits: np.ndarray[Any, Any], uniform: np.ndarray[Any, Any], gain: float = 1.0) -> tuple[Any, Any]:
    """What the kernel chooses by rows of logits over ``gain``, padded as it has them."""
    n, A = logits.shape
    Ap = A + -A % 4
    evidence = np.full((n, Ap), 1e30, logits.dtype)  # the padding is no action
    evidence[:, :A] = logits / logits.dtype.type(gain)
    action, log_prob = np.empty(n, np.int64), np.empty(n, logits.dtype)
    choose(evidence.reshape(-1), logits.dtype.type(gain), uniform, n, A, Ap, action, log_prob)
    return action, log_prob


LOGITS = npst.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 9)), elements=st.floats(-30, 30))
EXTREME = npst.arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(2, 9)), elements=st.sampled_from([-900.0, 0.0, 0.5, 900.0])
)
UNIFORM = st.one_of(st.sampled_from([0.0, 1.0 - 2**-53]), st.floats(0, 1, exclude_max=True))


@given(logits=st.one_of(LOGITS, EXTREME), u=UNIFORM, gain=st.sampled_from([1.0, 2.0, -4.0]))
@settings(max_examples=300)
def test_the_choice_is_that_of_the_readable_one(logits: np.ndarray[Any, Any], u: float, gain: float) -> None:
    uniform, table = np.full(len(logits), u), torch.from_numpy(logits)
    cumulative = table.softmax(dim=1).cumsum(dim=1)
    assume(u in (0.0, 1.0 - 2**-53) or float((cumulative - u).abs().min()) > 1e-12)  # rounding does not decide
    action, log_prob = chosen(logits, uniform, gain)
    taken = torch.from_numpy(action)
    np.testing.assert_allclose(log_prob, categorical.log_prob(table, taken).numpy(), rtol=1e-9, atol=1e-9)
    assert bool((table.softmax(dim=1).gather(1, taken[:, None]) > 0).all())  # what is impossible is never chosen
    if u < 1.0 - 2**-53:
        np.testing.assert_array_equal(action, categorical.choose(table, torch.from_numpy(uniform)).numpy())


@pytest.mark.parametrize("A", [2, 4, 5, 9])
def test_draws_follow_the_policy(A: int) -> None:
    """By N evenly spread uniform numbers each action is taken N·π times, but for one at either end."""
    logits, N = np.random.default_rng(A).normal(size=A), 10_000
    action, _ = chosen(np.tile(logits, (N, 1)), (np.arange(N) + 0.5) / N)
    probability = np.exp(logits) / np.exp(logits).sum()
    assert np.abs(np.bincount(action, minlength=A) - N * probability).max() <= 1.0


class Blinks(Songs):
    """Worlds that are mostly dark: observations of zeros and a few ones."""

    def song(self, world: int) -> Song:
        plain = super().song(world)
        return plain._replace(observations=(plain.observations > 0.9).astype(np.float32))


def dense(seen: torch.Tensor | Events) -> torch.Tensor:
    return seen.dense() if isinstance(seen, Events) else seen


def live(engine: Any, env: Songs, **network: Any) -> list[Rollout]:
    config = NETWORK.replace(outgoing_scale=4.0, **network)
    organism = GrowingSparseSNN.for_spaces(
        env.single_observation_space, env.single_action_space, config, engine=engine, seed=2
    )
    torch.nn.init.normal_(organism.critic, generator=torch.Generator().manual_seed(1))
    life, generator, membranes, rollouts = Life(Worlds(env, B), organism, 5), torch.Generator().manual_seed(0), None, []
    for _ in range(3):
        rollout, _, membranes = life.rollout(organism, membranes, 6, generator)
        rollouts.append(rollout)
    return rollouts


@pytest.mark.parametrize("scaling", ["none", "standardise"])
@pytest.mark.parametrize("carry", [False, True])
@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("world", [Songs, Blinks])
def test_lives_are_alike(world: type[Songs], mode: AutoresetMode, carry: bool, scaling: str) -> None:
    ours, theirs = (
        live(engine, world(B, mode, features=12), carry_state=carry, input_scaling=scaling)
        for engine in (NumbaEngine(), TorchEngine())
    )
    assert isinstance(ours[0].observation, Events) == (world is Blinks and scaling == "none")
    for mine, reference in zip(ours, theirs, strict=True):
        assert torch.equal(dense(mine.observation), dense(reference.observation))
        assert torch.equal(dense(mine.last_observation()), dense(reference.last_observation()))
        for name in ("action", "reward", "terminated", "truncated", "valid", "counts"):
            assert torch.equal(getattr(mine, name), getattr(reference, name)), name
        for name in ("log_prob", "value", "next_value"):
            torch.testing.assert_close(getattr(mine, name), getattr(reference, name), rtol=1e-4, atol=1e-4)
        assert (mine.state is not None) == (reference.state is not None) == carry
        if mine.state is not None and reference.state is not None:
            for layer, wanted in zip(mine.state, reference.state, strict=True):
                torch.testing.assert_close(tuple(layer), tuple(wanted), rtol=1e-4, atol=1e-4)
    assert sum(float(rollout.counts.sum()) for rollout in ours) > 0  # it is not silence that is compared
    assert 0 < sum(int(rollout.action.sum()) for rollout in ours) < 3 * 6 * B
