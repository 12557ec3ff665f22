"""In a life in which nothing changes, growth and pruning must come to rest."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from plasticity_cases import organism_of

from snn_agent.config import LearningConfig, StructureConfig
from snn_agent.plasticity.contract import Experience
from snn_agent.training.agent import Agent, StructuralEvent

TRIGGERS = ("plateau", "novelty", "saturation", "gradient")
COOL_DOWN = 12
MATURITY = 15  # longer than the rest and the time to the next question, so newborn are there to be seen
UPDATES = 120


def frozen_life(updates: int = UPDATES, **structure: Any) -> tuple[Agent, list[StructuralEvent]]:
    """Updates with the same observations, actions, targets and returns, in which nothing is learnt."""
    organism = organism_of(20, inputs=12, max_hidden=60, hidden_bias=0.4, incoming_scale=2.0)
    options = {
        "growth_size": 4,
        "newborn_rate": 0.3,
        "grow_interval": 3,
        "grow_cool_down": COOL_DOWN,
        "prune_interval": 2,
        "prune_share": 0.1,
        "maturity_updates": MATURITY,
        "plateau_window": 4,
        "saturation_threshold": 0.3,
        "gradient_threshold": 0.0,
        "interval_unit": "updates",
    }
    agent = Agent(organism, LearningConfig(), StructureConfig(**{**options, **structure}), seed=0)
    generator = torch.Generator().manual_seed(0)
    observations = torch.rand(120, 12, generator=generator)
    action = torch.randint(0, 3, (120,), generator=generator)
    target = 3.0 * (observations[:, 0] - 0.5) * torch.where(action == 0, 1.0, -1.0)
    events = []
    for _ in range(updates):
        with torch.no_grad():
            output, _ = organism(observations)
        agent.counters.update += 1
        agent.counters.episode += 5
        agent.record_activity(output.counts.mean(dim=0) / organism.config.ticks)
        experience = Experience(observations, action, target, output.value)
        events += agent.restructure((1.0,) * 100, lambda seen=experience: seen, 0.5)
    return agent, events


def births(events: list[StructuralEvent]) -> list[int]:
    return [event.update for event in events if event.born]


@pytest.mark.parametrize("pruning", ["none", "low_rate", "low_utility"])
def test_novelty_never_and_a_plateau_once(pruning: str) -> None:
    _, events = frozen_life(growth="novelty", pruning=pruning)
    assert births(events) == []
    _, events = frozen_life(growth="plateau", pruning=pruning)
    assert len(births(events)) == 1
    assert len(births(frozen_life(growth="periodic", pruning="none")[1])) > 5, "the case shows too little"


@pytest.mark.parametrize("growth", ["plateau", "saturation", "gradient"])
def test_low_rate_pruning_does_not_undo_a_birth(growth: str) -> None:
    """Newborn are tuned to spike, so only the quiet of the beginning die, and growth goes one way."""
    _, events = frozen_life(growth=growth, pruning="low_rate", prune_quiet_share=0.0)
    died = {name for event in events for name in event.died}
    assert births(events)
    assert died, "the case shows too little"
    assert max(died) < 20, "founders have the first names"


def test_what_newborn_see_is_unseen_no_more() -> None:
    """So growth by the gradient ends by itself."""
    born = births(frozen_life(growth="gradient", pruning="none")[1])
    assert born
    assert born[-1] < UPDATES / 2


@pytest.mark.parametrize("growth", ["saturation", "gradient"])
def test_a_growth_that_is_undone_again_and_again_comes_to_rest(growth: str) -> None:
    """Its reason is still there after each birth, and the least useful always die: each rest is twice the last."""
    born = births(frozen_life(growth=growth, pruning="low_utility", updates=400)[1])
    gaps = [later - earlier for earlier, later in itertools.pairwise(born)]
    assert len(gaps) >= 5
    assert gaps[:2] == [COOL_DOWN, COOL_DOWN], "at first there are founders to die"
    assert all(later >= 2 * earlier for earlier, later in itertools.pairwise(gaps[1:]))
    assert len(births(frozen_life(growth=growth, pruning="low_utility", max_growth_events=2)[1])) == 2


@pytest.mark.parametrize("growth", TRIGGERS)
@pytest.mark.parametrize("pruning", ["low_rate", "low_utility"])
def test_births_are_a_cool_down_apart(growth: str, pruning: str) -> None:
    """And under a pruning rule that always finds somebody the size stays between the limits."""
    agent, events = frozen_life(growth=growth, pruning=pruning)
    born = births(events)
    assert all(later - earlier >= COOL_DOWN for earlier, later in itertools.pairwise(born))
    assert 2 <= agent.organism.hidden <= 60
    for event in events:
        newborn = {
            name for other in events if event.update - MATURITY < other.update <= event.update for name in other.born
        }
        assert not newborn & set(event.died), "the newborn are immune"
