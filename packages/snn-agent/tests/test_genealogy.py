"""The event log: replayed it ends with those who live, told as lives it agrees with itself, and damage is seen."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_cases import CHANGING, Songs, trainer_for

from snn_agent.errors import CheckpointError, ConfigError, SnnAgentError
from snn_agent.metrics.genealogy import EVENTS_FILE, Genealogy, genealogy, read_events, replay
from snn_agent.metrics.statistics import NeuronStatistics
from snn_agent.network.surgery import StructuralEdit
from snn_agent.network.topology import NeuronWeights
from snn_agent.plasticity.contract import NoState, StructuralContext
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.snapshot import rebuild_organism
from snn_agent.types import StructuralEvent

FOUNDERS = 12
TURNING = dataclasses.replace(CHANGING, rewiring="set", rewire_interval=4)


class Successor:
    """A rule for this test: every fifth update the oldest neuron dies, and its equal is born of it."""

    name = "successor"

    def init(self) -> NoState:
        return NoState()

    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        if context.update % 5:
            return None, state
        oldest = torch.tensor([0])
        organism = context.organism
        newborn = NeuronWeights(
            organism.incoming[:, :1].detach(),
            organism.bias[:1].detach(),
            organism.outgoing[:1].detach(),
            organism.critic[:1].detach(),
        )
        edit = StructuralEdit(rule=self.name, reason="its time", dying=oldest, newborn=newborn, parents=oldest)
        return edit, state


def statistics_of(run_dir: Path) -> NeuronStatistics:
    """Of the living, in the newest checkpoint."""
    _, saved = checkpoints.load_newest(run_dir)
    return NeuronStatistics(**{name: saved.optimizer[f"statistics.{name}"] for name in NeuronStatistics._fields})


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with births that have parents, deaths, neurons that begin anew, and synapses that turn over."""
    run_dir = tmp_path_factory.mktemp("lived") / "run"
    trainer = trainer_for(run_dir=run_dir, structure=TURNING, network={"input_density": 0.5})
    trainer.agent.rules = (*trainer.agent.rules, Successor())
    trainer.agent.rule_states.append(NoState())
    trainer.train(500)
    return run_dir


def test_replay_ends_with_the_living_of_the_checkpoint(lived: Path) -> None:
    events, statistics = read_events(lived), statistics_of(lived)
    kinds = {(bool(event.born), bool(event.died), event.synapses_begun > 0) for event in events}
    assert {(True, False, False), (False, True, False), (True, True, False), (False, False, True)} <= kinds
    assert any(event.parents for event in events)
    assert replay(events, FOUNDERS)[-1] == tuple(statistics.id.tolist())
    told = genealogy(events, FOUNDERS)
    assert [life.id for life in told.survivors] == statistics.id.tolist()
    assert [life.born_update for life in told.survivors] == statistics.birth_update.tolist()
    _, saved = checkpoints.load_newest(lived)
    now = saved.state["counters"]["update"]
    assert [now - life.born_update for life in told.survivors] == statistics.age.tolist()
    assert len(told.lives) == saved.state["next_id"]
    assert told.size_at(10**9) == saved.state["organism"]["hidden"]


def damaged(events: list[StructuralEvent]) -> dict[str, list[StructuralEvent]]:
    """Logs of which one event was lost, told twice, or changed."""
    found = {}
    for at, event in enumerate(events):

        def other(at: int = at, event: StructuralEvent = event, **changes: Any) -> list[StructuralEvent]:
            return [*events[:at], dataclasses.replace(event, **changes), *events[at + 1 :]]

        if event.born or event.died:
            found[f"{at} lost"] = [*events[:at], *events[at + 1 :]]
            found[f"{at} twice"] = [*events[: at + 1], *events[at:]]
        if event.died:
            alive = set(replay(events, FOUNDERS)[at])
            found[f"{at} other dead"] = other(died=(min(alive), *event.died[1:]))
            found[f"{at} one spared"] = other(died=event.died[1:], size_after=event.size_after + 1)
        if event.born:
            found[f"{at} one more"] = other(born=(*event.born, event.born[-1] + 1), size_after=event.size_after + 1)
            found[f"{at} stillborn"] = other(born=event.born[:-1], size_after=event.size_after - 1)
        found[f"{at} size"] = other(size_after=event.size_after + 1)
        found[f"{at} early"] = other(update=0) if at else other(size_before=1)
    return found


def test_a_real_log_that_was_tampered_with_is_found_out(lived: Path) -> None:
    events, living = read_events(lived), tuple(statistics_of(lived).id.tolist())
    cases = damaged(events)
    assert len(cases) > 40
    for name, log in cases.items():
        try:
            end = replay(log, FOUNDERS)[-1]
        except CheckpointError:
            continue
        assert end != living, name  # what happened last, the log alone cannot know: it is seen beside the checkpoint


def test_a_run_that_goes_on_from_an_older_checkpoint_tells_one_story(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    trainer_for(run_dir=run_dir).train(200)
    older = sorted((run_dir / "checkpoints").iterdir())[0]
    saved = checkpoints.load(older)
    organism = rebuild_organism(saved.state["organism"], saved.model)
    trainer_for(Songs(), organism=organism, run_dir=run_dir, resume=saved).train(300)
    assert replay(read_events(run_dir), FOUNDERS)[-1] == tuple(statistics_of(run_dir).id.tolist())


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[StructuralEvent], list[list[int]]]:
    """Founders, a log of random births and deaths, and who lived after each event: a list, cut and appended to."""
    founders = draw(st.integers(1, 6))
    living, next_id = list(range(founders)), founders
    events, after, update, env_step = [], [], 0, 0
    for _ in range(draw(st.integers(0, 8))):
        died = draw(st.sets(st.sampled_from(living), max_size=len(living) - 1)) if len(living) > 1 else set()
        born = list(range(next_id, next_id + draw(st.integers(0, 3))))
        parents = draw(st.lists(st.sampled_from(living), min_size=len(born), max_size=len(born)))
        if draw(st.booleans()):
            parents = []
        update += draw(st.integers(0, 4))
        env_step += draw(st.integers(0, 40))
        now = [name for name in living if name not in died] + born
        events.append(
            StructuralEvent(
                update=update, env_step=env_step, episode=0, rule=draw(st.sampled_from(["grow", "prune"])), reason="so",
                size_before=len(living), size_after=len(now), born=tuple(born), died=tuple(sorted(died)),
                parents=tuple(parents),
            )
        )  # fmt: skip
        living, next_id = now, next_id + len(born)
        after.append(living)
    return founders, events, after


@given(histories())
def test_replay_follows_a_list_of_the_living(history: tuple[int, list[StructuralEvent], list[list[int]]]) -> None:
    founders, events, after = history
    assert [list(ids) for ids in replay(events, founders)] == after


@given(histories(), st.integers(0, 400))
def test_lives_and_history_tell_the_same(history: tuple[int, list[StructuralEvent], list[list[int]]], at: int) -> None:
    """Who lives at a moment is who was born until then and has not died; each life has one beginning and one end."""
    founders, events, after = history
    told = genealogy(events, founders)
    assert [life.id for life in told.lives] == list(range(founders + sum(len(event.born) for event in events)))

    def alive(life: Any) -> bool:
        return life.born_env_step <= at and (life.died_env_step is None or life.died_env_step > at)

    assert told.size_at(at) == sum(map(alive, told.lives))
    for life in told.lives:
        births = [event for event in events if life.id in event.born]
        deaths = [event for event in events if life.id in event.died]
        assert len(births) == (life.id >= founders)
        assert [(e.update, e.env_step, e.rule) for e in births] == (
            [(life.born_update, life.born_env_step, life.born_by)] if births else []
        )
        assert [(e.update, e.env_step, e.rule) for e in deaths] == (
            [(life.died_update, life.died_env_step, life.died_by)] if deaths else []
        )
        parents = births[0].parents if births else ()
        assert life.parent == (parents[births[0].born.index(life.id)] if parents else None)
        assert life.age_at_death == (deaths[0].update - life.born_update if deaths else None)
    assert told.lifespans().keys() == {life.id for life in told.lives} - {life.id for life in told.survivors}
    assert [life.id for life in told.survivors] == (after[-1] if after else list(range(founders)))


def by_hand() -> tuple[StructuralEvent, StructuralEvent, StructuralEvent]:
    """Three founders: 1 dies, 0 divides, then 0 and 2 die."""
    first = StructuralEvent(
        update=2,
        env_step=20,
        episode=1,
        rule="prune",
        reason="useless",
        size_before=3,
        size_after=2,
        born=(),
        died=(1,),
    )
    second = StructuralEvent(
        update=2, env_step=20, episode=1, rule="split", reason="busy", size_before=2, size_after=4, born=(3, 4),
        died=(), parents=(0, 0),
    )  # fmt: skip
    third = dataclasses.replace(first, update=7, env_step=70, episode=4, size_before=4, died=(0, 2))
    return first, second, third


def test_three_events_by_hand() -> None:
    assert replay(by_hand(), 3) == [(0, 2), (0, 2, 3, 4), (3, 4)]
    told: Genealogy = genealogy(by_hand(), 3)
    assert told.lifespans() == {0: 7, 1: 2, 2: 7}
    assert [told.size_at(step) for step in (0, 19, 20, 69, 70, 1000)] == [3, 3, 4, 4, 2, 2]
    assert [(life.id, life.parent, life.born_because) for life in told.survivors] == [(3, 0, "busy"), (4, 0, "busy")]
    founder = told.lives[2]
    assert (founder.born_by, founder.died_by, founder.died_because, founder.died_env_step) == (
        None, "prune", "useless", 70,
    )  # fmt: skip
    with pytest.raises(ConfigError, match="env_step must be an integer at least 0"):
        told.size_at(-1)


@pytest.mark.parametrize(
    ("at", "changes", "words"),
    [
        (0, {"died": (5,)}, r"event 1 \(prune, update 2\).*\[5\] die, who do not live"),
        (0, {"died": (1, 1), "size_after": 1}, "dies twice"),
        (0, {"size_before": 4}, "4 neurons are said to live before it, but 3 do"),
        (0, {"size_after": 3}, "3 neurons are said to live after it, but 2 do"),
        (1, {"born": (2, 3)}, r"\[2\] are born a second time"),
        (1, {"born": (1, 3)}, r"\[1\] are born a second time"),  # a name of the dead is never given again
        (1, {"born": (3, 3)}, r"\[3\] are born a second time"),
        (1, {"born": (4, 5)}, r"the next names to be given are \[3, 4\]"),
        (1, {"parents": (0,)}, "1 parents are told of 2 newborn"),
        (1, {"parents": (0, 1)}, r"\[1\] are said to be parents"),
        (2, {"died": (0, 1)}, r"\[1\] die"),
        (2, {"env_step": 19}, "before those of the event before it"),
    ],
)
def test_what_contradicts_itself_is_named(at: int, changes: dict[str, Any], words: str) -> None:
    events = list(by_hand())
    events[at] = dataclasses.replace(events[at], **changes)
    with pytest.raises(CheckpointError, match=words):
        genealogy(events, 3)


def test_another_number_of_founders_does_not_fit() -> None:
    with pytest.raises(CheckpointError, match="another number of founders"):
        replay(by_hand(), 4)
    with pytest.raises(ConfigError, match="initial must be an integer at least 1"):
        replay([], 0)
    assert replay([], 1) == []
    assert genealogy([], 2).size_at(5) == 2


def test_a_log_is_read_as_it_was_written(lived: Path, tmp_path: Path) -> None:
    events, text = read_events(lived), (lived / EVENTS_FILE).read_text()
    assert read_events(lived / EVENTS_FILE) == events
    assert "".join(json.dumps(dataclasses.asdict(event)) + "\n" for event in events) == text
    cut = tmp_path / EVENTS_FILE
    cut.write_text(text[:-9])  # killed while the last line was written
    assert read_events(tmp_path) == events[:-1]
    cut.write_text("")
    assert read_events(tmp_path) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2 is no structural event: it is not JSON"),
        ("[1]", "not an object"),
        ('{"update": 3}', "missing or unknown: born, died, env_step"),
        ({"colour": 1}, "missing or unknown: colour"),
        ({"born": [1.5]}, r"its field born is \[1.5\]"),
        ({"born": 4}, "its field born is 4"),
        ({"update": -1}, "its field update is -1"),
        ({"episode": True}, "its field episode is True"),
        ({"rule": 7}, "its field rule is 7"),
    ],
)
def test_a_damaged_line_is_named(line: str | dict[str, Any], words: str, tmp_path: Path) -> None:
    whole = dataclasses.asdict(by_hand()[0])
    text = line if isinstance(line, str) else json.dumps(whole | line)
    (tmp_path / EVENTS_FILE).write_text(f"{json.dumps(whole)}\n{text}\n")
    with pytest.raises(CheckpointError, match=words):
        read_events(tmp_path)


def test_an_older_log_without_parents_and_synapses_is_read(tmp_path: Path) -> None:
    known = dataclasses.asdict(by_hand()[0])
    for name in ("parents", "synapses_ended", "synapses_begun"):
        del known[name]
    (tmp_path / EVENTS_FILE).write_text(json.dumps(known) + "\n")
    assert read_events(tmp_path) == [by_hand()[0]]
    with pytest.raises(SnnAgentError, match=r"does not exist\. Give the directory of a run"):
        read_events(tmp_path / "elsewhere")
