"""Growth on novelty in a life of several phases: a switch of the task lets neurons be born, and nothing else does."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import pytest
import torch
from plasticity_cases import organism_of

from snn_agent.config import LearningConfig, StructureConfig
from snn_agent.plasticity.contract import Experience
from snn_agent.training.agent import Agent

PHASE = 60
PHASES = 4
ERROR = 0.2
"""Share of the returns' variance that the critic leaves unexplained where it knows the task."""
NOISE = 1.15
"""Its error stays within this factor of that, so two errors differ by 1.33 at most, as was measured in a world."""
LEARNS = 0.5
"""Of what a switch adds to the error, this share is left an update later."""
GROWS = StructureConfig(
    growth="novelty", pruning="none", growth_size=2, grow_interval=1, grow_cool_down=20, interval_unit="updates"
)


def births(jump: float, **structure: Any) -> list[tuple[int, int]]:
    """(phase, updates since it began) of each birth, where a switch multiplies the critic's error by ``jump``."""
    agent = Agent(organism_of(max_hidden=16), LearningConfig(), dataclasses.replace(GROWS, **structure), seed=0)
    generator = torch.Generator().manual_seed(0)
    observations, action = torch.rand(16, 5, generator=generator), torch.zeros(16, dtype=torch.int64)
    target = torch.tensor([1.0, -1.0] * 8, dtype=torch.float64)
    found = []
    for phase, since in itertools.product(range(PHASES), range(PHASE)):
        surprise = 1.0 + (jump - 1.0) * LEARNS**since if phase else 1.0
        noise = NOISE ** float(2.0 * torch.rand((), generator=generator) - 1.0)
        seen = Experience(observations, action, target, target * (1.0 - math.sqrt(ERROR * surprise * noise)))
        agent.counters.update += 1
        progress = (phase * PHASE + since) / (PHASES * PHASE)
        events = agent.restructure((), lambda seen=seen: seen, progress)
        assert all(len(event.born) == agent.configs["structure"].growth_size for event in events)
        found += [(phase, since) for _ in events]
    return found


@pytest.mark.parametrize("jump", [2.8, 4.5, 12.8])
def test_every_switch_lets_neurons_be_born_at_once(jump: float) -> None:
    """2.8 and 12.8 were measured where the rewards changed their sign."""
    assert births(jump) == [(1, 0), (2, 0), (3, 0)]


def test_nobody_is_born_where_nothing_changes_or_too_little() -> None:
    assert births(1.0) == []
    assert births(1.1) == []


def test_votes_delay_a_birth_and_too_many_prevent_it() -> None:
    """Surprise passes as the critic learns, here within a few updates, and votes must come in a row."""
    assert births(4.5, grow_votes=2) == [(1, 1), (2, 1), (3, 1)]
    assert births(12.8, grow_votes=3) == [(1, 2), (2, 2), (3, 2)]
    assert births(4.5, grow_votes=6) == []


def test_a_rule_that_is_asked_too_seldom_sleeps_through_the_switches() -> None:
    """Every 20 updates, the first time 20 updates after each switch."""
    assert births(4.5, grow_interval=20) == []


def test_growth_that_ends_halfway_answers_no_later_switch() -> None:
    """The share is one of the whole training: the third of four phases begins at one half, which is not beyond it."""
    assert births(4.5, grow_until=0.5) == [(1, 0), (2, 0)]
    assert births(4.5, grow_until=0.49) == [(1, 0)]
    assert births(4.5, max_growth_events=2) == [(1, 0), (2, 0)]


def test_a_rest_longer_than_a_phase_misses_a_switch() -> None:
    assert births(4.5, grow_cool_down=PHASE) == [(1, 0), (2, 0), (3, 0)]
    assert births(4.5, grow_cool_down=PHASE + 10) == [(1, 0), (3, 0)]


def test_without_a_rest_one_switch_lets_them_be_born_again_and_again() -> None:
    """And the network is full before the last one."""
    found = births(12.8, grow_cool_down=0)
    assert found[:3] == [(1, 0), (1, 1), (1, 2)]
    assert len(found) == 5, "10 places, 2 at a time"
    assert max(found) < (2, 10)
