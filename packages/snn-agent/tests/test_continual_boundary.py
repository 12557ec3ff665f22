"""What happens where one task ends and another begins: who is protected, who is born, what is refused."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from life_cases import LIVELY, decisions, life_for
from training_cases import FIXED, organism_for, trainer_for, update
from training_cases import Songs as World

from snn_agent import LearningConfig
from snn_agent.config import METHODS, ContinualConfig
from snn_agent.config.continual import FALSE_ALARM_UPDATES
from snn_agent.errors import ConfigError
from snn_agent.metrics.change import Cusum
from snn_agent.network import heads
from snn_agent.network.surgery import StructuralEdit
from snn_agent.network.topology import LEARNT
from snn_agent.training.agent import Agent
from snn_agent.training.continual.boundary import Crossing, bearers, consolidating, cross, sharing_of
from snn_agent.training.snapshot import rebuild_organism


@given(
    st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=7), st.sampled_from([0.0, 0.3, 0.5, 0.9])
)
def test_the_fewest_bearers_are_found(neurons: list[tuple[int, bool]], share: float) -> None:
    utility = torch.tensor([float(worth) for worth, _ in neurons])
    protected = torch.tensor([is_protected for _, is_protected in neurons])
    found = torch.nonzero(bearers(utility, protected, share)).squeeze(1).tolist()
    free = [index for index, (_, is_protected) in enumerate(neurons) if not is_protected]
    total = sum(neurons[index][0] for index in free)
    assert set(found) <= set(free)
    assert sum(neurons[index][0] for index in found) >= share * total
    for smaller in itertools.combinations(free, max(0, len(found) - 1)):
        assert not found or sum(neurons[index][0] for index in smaller) < share * total
    assert share > 0.0 or not found


def test_all_bearers_are_all_the_unprotected() -> None:
    protected = torch.tensor([False, True, False, False])
    assert bearers(torch.tensor([0.0, 5.0, 1.0, 0.0]), protected, 1.0).tolist() == [True, False, True, True]
    assert bearers(torch.tensor([0.0, 5.0, 1.0, 0.0]), protected, 0.99).tolist() == [False, False, True, False]


def lived_agent(**network: Any) -> Agent:
    return update(trainer_for(structure=FIXED, network=LIVELY | network), 2).agent


def crossed(agent: Agent, task: int, config: ContinualConfig, is_new: bool = True) -> tuple[Crossing, list[str]]:
    """The boundary, and the reasons of the births at it."""
    told: list[StructuralEdit] = []

    def operate(edit: StructuralEdit) -> None:
        told.append(edit)
        agent.operate(edit)

    seen = torch.rand(30, 4, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(task)
    done = cross(agent, task, config, is_new=is_new, observations=lambda: seen, generator=generator, operate=operate)
    assert {edit.rule for edit in told} <= {"column"}
    return done, [edit.reason for edit in told]


def test_sharing_is_counted_by_hand() -> None:
    agent = lived_agent()
    utility = torch.arange(12.0)
    agent.statistics = agent.statistics._replace(utility=utility)
    agent.organism.protected[[3, 9]] = True
    assert sharing_of(agent) == pytest.approx(12.0 / 66.0)
    done, _ = crossed(agent, 1, ContinualConfig(protect=0.5))
    # 54 are unprotected; 11 + 10 + 8 = 29 are the fewest that make 27 of them
    assert torch.nonzero(agent.organism.protected).squeeze(1).tolist() == [3, 8, 9, 10, 11]
    assert done == Crossing(protected=5, recruited=0, sharing=pytest.approx(12.0 / 66.0))  # before this boundary
    agent.statistics = agent.statistics._replace(utility=torch.zeros(12))
    assert sharing_of(agent) == 0.0


def test_nothing_asked_changes_nothing_but_the_task_s_number() -> None:
    agent = lived_agent()
    before = {name: tensor.clone() for name, tensor in agent.tensors().items()}
    assert crossed(agent, 1, ContinualConfig()) == (Crossing(0, 0, 0.0), [])
    changed = [name for name, tensor in agent.tensors().items() if not torch.equal(before[name], tensor)]
    assert changed == ["organism.task"]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_task_again_is_no_boundary(method: str) -> None:
    agent = lived_agent()
    before = {name: tensor.clone() for name, tensor in agent.tensors().items()}
    crossed(agent, 0, METHODS[method])
    after = agent.tensors()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in after.items())


def test_a_column_is_born_for_a_task_that_was_never_met() -> None:
    agent = lived_agent()
    progressive = dataclasses.replace(METHODS["progressive"], column_size=20)
    old, rates = decisions(agent.organism), agent.statistics.rate.clone()
    done, reasons = crossed(agent, 5, progressive)
    organism = agent.organism
    assert done == Crossing(12, 20, 0.0)
    assert reasons == ["task 5 begins, which was never met"]
    assert organism.hidden == 32
    assert organism.birth_task.tolist() == [0] * 12 + [5] * 20
    assert organism.protected.tolist() == [True] * 12 + [False] * 20
    assert torch.equal(agent.statistics.rate[:12], rates)
    assert (organism.outgoing != 0.0).all(), "the new head reads the old columns and the new one"
    assert not organism.critic.any()
    assert all(torch.equal(a, b) for a, b in zip(decisions(heads.for_task(organism, 0)), old, strict=True))
    moments = agent.learner.tensors()
    for name in LEARNT:
        is_head = name in heads.PARTS
        assert bool(moments[f"mean.{name}"].any()) != is_head, name
    # back, on to another, for which there is less room, and back again
    assert crossed(agent, 0, progressive, is_new=False) == (Crossing(32, 0, 1.0), [])
    assert organism.hidden == 32
    assert crossed(agent, 6, progressive)[1] == [
        "task 6 begins, which was never met, as many of 20 as there is room for"
    ]
    assert organism.hidden == organism.config.max_hidden == 40
    assert crossed(agent, 7, progressive) == (Crossing(40, 0, 1.0), [])
    assert crossed(agent, 0, progressive, is_new=False)[1] == []
    assert heads.known(organism) == (5, 6, 7)
    torch.testing.assert_close(decisions(organism), old)


def test_a_shared_head_does_not_change_by_a_birth() -> None:
    agent = lived_agent()
    before = decisions(agent.organism)
    assert crossed(agent, 1, ContinualConfig(column_size=8))[0].recruited == 8
    torch.testing.assert_close(decisions(agent.organism), before)
    assert not agent.organism.outgoing[12:].any()


@pytest.mark.parametrize("mode", ["ewc", "online_ewc"])
@pytest.mark.parametrize("head", ["shared", "task"])
def test_the_old_task_is_consolidated_as_it_was(mode: str, head: str) -> None:
    agent = lived_agent()
    incoming, outgoing = agent.organism.incoming.detach().clone(), agent.organism.outgoing.detach().clone()
    crossed(agent, 1, ContinualConfig(consolidation=mode, heads=head, column_size=3))
    kept = {name: t for name, t in agent.learner.tensors().items() if name.startswith("consolidation.")}
    anchors = {name.rsplit(".", 1)[1]: t for name, t in kept.items() if ".anchor." in name}
    assert torch.equal(anchors["incoming"][:, :12], incoming)
    assert ("outgoing" in anchors) == (head == "shared")
    if head == "shared":
        assert torch.equal(anchors["outgoing"][:12], outgoing)


def test_a_learner_that_cannot_consolidate_is_refused() -> None:
    learner = trainer_for(learning=LearningConfig(rule="three_factor")).agent.learner
    with pytest.raises(ConfigError, match=r"can neither hold on to a task nor go on with another head\. Use a"):
        consolidating(learner)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"boundaries": "guessed"}, "boundaries must be one of 'given', 'detected', 'ignored'"),
        ({"heads": "own"}, "heads must be one of"),
        ({"consolidation": "l2"}, "consolidation must be one of"),
        ({"detector": "loss"}, "detector must be one of"),
        ({"protect": 1.5}, r"protect must be a finite number in \[0, 1\]"),
        ({"ewc_strength": -1.0}, "ewc_strength must be"),
        ({"ewc_decay": 2.0}, "ewc_decay must be"),
        ({"fisher_samples": 0}, "fisher_samples must be an integer at least 1"),
        ({"column_size": -1}, "column_size must be an integer at least 0"),
        (
            {"false_alarm_updates": 2.0},
            r"updates must be a finite number in \[2.08626, 1e\+12\], got 2.0. The",
        ),
        ({"false_alarm_updates": 2e12}, "false_alarm_updates must be"),
        (
            {"boundaries": "ignored", "heads": "task", "protect": 0.5},
            "\"ignored\"|leaves no moment for heads='task', protect=0.5. Use",
        ),
        ({"boundaries": "ignored", "consolidation": "ewc"}, "leaves no moment for consolidation='ewc'"),
        ({"boundaries": "ignored", "column_size": 3}, "leaves no moment for column_size=3"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        ContinualConfig(**settings)


@pytest.mark.parametrize(
    ("continual", "options", "text"),
    [
        (
            {"protect": 0.5},
            {"learning": LearningConfig(rule="three_factor")},
            "rule='three_factor' can neither .* prot",
        ),
        ({"heads": "task"}, {"learning": LearningConfig(rule="three_factor")}, "but heads='task' asks for it. Use rul"),
        ({"consolidation": "ewc"}, {"network": {"encoding": "poisson"}}, "depend on what is seen alone, .*'poisson'"),
        ({"consolidation": "ewc"}, {"network": {"carry_state": True}}, "carry_state=True. Use encoding="),
        (
            {"boundaries": "detected", "detector": "novelty"},
            {"learning": LearningConfig(baseline="ema")},
            "watches the critic, but with baseline='ema' none learns",
        ),
    ],
)
def test_settings_that_do_not_fit_the_run_are_refused(
    continual: dict[str, Any], options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        life_for(ContinualConfig(**continual), **options)


@given(st.floats(1e-3, 1e13))
def test_what_the_config_admits_the_detector_can_do(updates: float) -> None:
    """And nothing else: both refuse the same."""

    def admits(make: Callable[[], Any]) -> bool:
        try:
            make()
        except ConfigError:
            return False
        return True

    for wanted in (updates, *FALSE_ALARM_UPDATES):
        for value in (wanted, math.nextafter(wanted, 0.0), math.nextafter(wanted, math.inf)):
            config = admits(lambda value=value: ContinualConfig(false_alarm_updates=value))
            assert config == admits(lambda value=value: Cusum.for_run_length(value)), value


def test_methods_are_what_they_are_called() -> None:
    assert METHODS["plain"] == ContinualConfig()
    assert METHODS["plain"].acts == ()
    progressive, isolate = METHODS["progressive"], METHODS["isolate"]
    assert (progressive.heads, progressive.protect, progressive.column_size > 0) == ("task", 1.0, True)
    assert isolate.heads == "shared"
    assert 0.0 < isolate.protect < 1.0
    assert [METHODS[name].consolidation for name in ("ewc", "online_ewc")] == ["ewc", "online_ewc"]


def test_an_organism_with_a_past_of_tasks_is_refused() -> None:
    organism = organism_for(World())
    heads.put_away(organism, 0)
    with pytest.raises(ConfigError, match="has lived through a sequence of tasks already"):
        life_for(organism=organism)


def test_old_checkpoints_without_tasks_load() -> None:
    checkpoint = trainer_for().snapshot()
    young = ("head_", "task", "birth_task", "protected")
    older = {name: tensor for name, tensor in checkpoint.model.items() if not name.startswith(young)}
    assert len(older) < len(checkpoint.model)
    assert heads.known(rebuild_organism(checkpoint.state["organism"], older)) == ()
