"""Replayed schedules: as many births and deaths as another run had, at its times, whoever they befall."""

from __future__ import annotations

import collections
import itertools
import math
from pathlib import Path

import pytest
import torch
from plasticity_cases import context_of, organism_of
from training_cases import CHANGING, differences, everything, trainer_for, update

from snn_agent.config import StructureConfig
from snn_agent.errors import CheckpointError, ConfigError
from snn_agent.metrics.genealogy import read_events
from snn_agent.plasticity.replay import ReplayGrowth, ReplayPruning, ReplayState
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.snapshot import rebuild_organism
from snn_agent.types import StructuralEvent

SCHEDULE = ((10, 2, 0), (20, 0, 1), (20, 3, 0), (35, 1, 2))


def replayed(schedule: tuple[tuple[int, int, int], ...]) -> StructureConfig:
    """The rules of a run that follows another one; what is not read has values that would forbid everything."""
    return StructureConfig(
        growth="replay",
        pruning="replay",
        schedule=schedule,
        maturity_updates=2,
        growth_size=1,
        grow_interval=10**9,
        prune_interval=10**9,
        grow_until=0.0,
        max_growth_events=0,
        prune_share=0.0,
    )


def test_each_event_happens_once_at_the_first_look_at_or_after_its_step() -> None:
    growth, pruning = ReplayGrowth(schedule=SCHEDULE), ReplayPruning(schedule=SCHEDULE)
    states, seen = [growth.init(), pruning.init()], []
    for env_step in (5, 10, 11, 34, 34, 80, 900):
        numbers = []
        for index, rule in enumerate((growth, pruning)):
            context = context_of(organism_of(10, max_hidden=100), env_step=env_step)
            edit, states[index] = rule.propose(states[index], context)
            numbers.append((0, 0) if edit is None else (edit.n_born, edit.n_dying))
        seen.append((*numbers,))
    nothing = (0, 0)
    assert seen == [
        (nothing, nothing),
        ((2, 0), nothing),
        (nothing, nothing),
        ((3, 0), (0, 1)),  # both of step 20
        (nothing, nothing),
        ((1, 0), (0, 2)),
        (nothing, nothing),
    ]
    assert states == [ReplayState(4), ReplayState(4)]


def test_floor_maturity_and_maximum_are_respected() -> None:
    organism = organism_of(8, min_hidden=5, max_hidden=10)
    growth, pruning = ReplayGrowth(schedule=((1, 6, 0),)), ReplayPruning(schedule=((1, 0, 6),), maturity_updates=4)
    edit, _ = growth.propose(growth.init(), context_of(organism))
    assert edit is not None
    assert edit.n_born == 2
    edit, _ = pruning.propose(pruning.init(), context_of(organism))
    assert edit is not None
    assert edit.n_dying == 3
    age = torch.tensor([9, 3, 0, 4, 1, 2, 3, 3])
    edit, _ = pruning.propose(pruning.init(), context_of(organism, age=age))
    assert edit is not None
    assert edit.dying is not None
    assert edit.dying.tolist() == [0, 3]
    for none_mature in (context_of(organism, age=torch.zeros(8)), context_of(organism_of(5, min_hidden=5))):
        before = none_mature.generator.get_state()
        assert pruning.propose(pruning.init(), none_mature) == (None, ReplayState(1))
        assert torch.equal(none_mature.generator.get_state(), before)


def test_victims_are_drawn_by_lot() -> None:
    """Each of the five mature dies equally often, useful or not; 2 of 5 die in each of 1000 draws: 400 ± 4·15.5."""
    organism = organism_of(6)
    utility, age = torch.tensor([0.0, 1.0, 5.0, 0.1, 9.0, math.nan]), torch.tensor([9, 9, 9, 0, 9, 9])
    context = context_of(organism, utility=utility, age=age)
    rule, times = ReplayPruning(schedule=((1, 0, 2),), maturity_updates=1), collections.Counter[int]()
    for _ in range(1000):
        edit, _ = rule.propose(rule.init(), context)
        assert edit is not None
        assert edit.dying is not None
        times.update(edit.dying.tolist())
    assert set(times) == {0, 1, 2, 4, 5}
    assert all(abs(n - 400) < 4 * math.sqrt(1000 * 0.4 * 0.6) for n in times.values())


def shape_of(events: list[StructuralEvent]) -> list[tuple[int, ...]]:
    """What happened when, but not to whom."""
    return [(event.update, event.env_step, len(event.born), len(event.died), event.size_after) for event in events]


def test_a_run_that_follows_another_has_its_size_at_all_times_but_other_victims(tmp_path: Path) -> None:
    trainer_for(run_dir=tmp_path / "first").train(400)
    first = read_events(tmp_path / "first")
    schedule = tuple((event.env_step, len(event.born), len(event.died)) for event in first)
    assert any(a[0] == b[0] for a, b in itertools.pairwise(schedule))  # births after deaths, in one update
    trainer_for(structure=replayed(schedule), run_dir=tmp_path / "second").train(400)
    second = read_events(tmp_path / "second")
    assert shape_of(second) == shape_of(first)
    assert [event.died for event in second] != [event.died for event in first]
    assert CHANGING.maturity_updates == 2


def test_a_run_on_a_schedule_goes_on_exactly(tmp_path: Path) -> None:
    structure = replayed(((30, 4, 0), (60, 0, 3), (100, 2, 2), (150, 0, 1)))
    unbroken = update(trainer_for(structure=structure, run_dir=tmp_path / "unbroken"), 14)
    update(trainer_for(structure=structure, run_dir=tmp_path / "run"), 6).save()
    _, checkpoint = checkpoints.load_newest(tmp_path / "run")
    assert [state["passed"] for state in checkpoint.state["rule_states"]] == [2, 2]

    def resumed(config: StructureConfig) -> dict[str, object]:
        organism = rebuild_organism(checkpoint.state["organism"], checkpoint.model)
        trainer = trainer_for(structure=config, organism=organism, run_dir=tmp_path / "run", resume=checkpoint)
        return everything(update(trainer, 8))

    with pytest.raises(CheckpointError, match=r"structure\.schedule was"):
        resumed(replayed(structure.schedule[:3]))
    assert differences(resumed(structure), everything(unbroken)) == []
    assert len(read_events(tmp_path / "run")) == 5


def test_a_schedule_is_checked() -> None:
    assert StructureConfig(schedule=[[5, 0, 1], [5, 2, 0]]).schedule == ((5, 0, 1), (5, 2, 0))  # type: ignore[arg-type]
    for bad, why in (
        (((5, 1),), "must list events as"),
        (((5, 1, 1.5),), "must be an integer"),
        (((5, -1, 0),), "at least 0"),
        (((5, 1, 0), (4, 1, 0)), "goes back from step 5 to 4"),
    ):
        with pytest.raises(ConfigError, match=f"schedule.*{why}"):
            StructureConfig(schedule=bad)  # type: ignore[arg-type]
