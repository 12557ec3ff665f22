"""Boundaries that the organism notices by itself: who it takes itself for, what trying costs, what is examined."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from life_cases import life_for, resumed_life
from training_cases import LEARNING, differences, everything

from snn_agent import Callback, ContinualTrainer
from snn_agent.config import ContinualConfig
from snn_agent.network.events import find_events
from snn_agent.training.continual.beliefs import Beliefs
from snn_agent.training.continual.detection import (
    LAG_UPDATES,
    LEVEL_UPDATES,
    SETTLING_UPDATES,
    Level,
    Watch,
    recognise,
    reward_per_step,
    states_of,
)
from snn_agent.types import Rollout

NOTICING = ContinualConfig(boundaries="detected", heads="task", false_alarm_updates=1e6)


def rollout_of(reward: float = 0.0, seen: float = 0.0, n: int = 4) -> Rollout:
    """Some steps of one world that is seen as the same number throughout; the last is a reset step."""
    one = torch.ones(n, 1)
    valid = one.bool()
    valid[-1] = False
    nothing = torch.zeros(n, 1)
    return Rollout(
        observation=torch.full((n, 1, 2), seen),
        action=nothing.long(), log_prob=nothing, value=nothing, next_value=nothing, reward=one * reward * valid,
        terminated=~valid, truncated=~one.bool(), valid=valid, counts=torch.zeros(3), state=None,
    )  # fmt: skip


def test_reward_and_states_leave_reset_steps_out() -> None:
    rollout = rollout_of(2.0)
    assert reward_per_step(rollout) == 2.0
    assert math.isnan(reward_per_step(rollout._replace(valid=torch.zeros(4, 1, dtype=torch.bool))))
    seen = torch.arange(8.0).reshape(4, 1, 2)
    chosen = states_of(rollout._replace(observation=seen), 2, torch.Generator().manual_seed(0))
    assert chosen.shape == (2, 2)
    events = rollout._replace(observation=find_events(seen.reshape(4, 2).numpy()))
    assert torch.equal(states_of(events, 2, torch.Generator().manual_seed(0)), chosen)
    everyone = states_of(rollout._replace(observation=seen), 9, torch.Generator().manual_seed(1))
    assert sorted(everyone[:, 0].tolist()) == [0.0, 2.0, 4.0]


def test_three_standard_errors_by_hand() -> None:
    level = Level(mean=1.0, spread=0.1, n=4)  # 3 · 0.1 · sqrt(1.25) = 0.3354
    assert level.admits(0.6647)
    assert not level.admits(0.6645)
    assert Level(0.5, 0.0, 9).admits(0.5)
    assert Level(0.0, math.inf, 1).admits(-1e9)


@given(st.dictionaries(st.integers(0, 5), st.tuples(*[st.floats(-1, 1)] * 2, st.floats(0, 0.5)), min_size=1))
def test_the_best_head_that_fits_wins(heads: dict[int, tuple[float, float, float]]) -> None:
    rewards = {task: reward for task, (reward, _, _) in heads.items()}
    levels = {task: Level(mean, spread, 10) for task, (_, mean, spread) in heads.items()}
    chosen = recognise(rewards, levels)
    fitting = [task for task in heads if levels[task].admits(rewards[task])]
    assert (chosen is None) == (not fitting)
    if chosen is not None:
        assert chosen in fitting
        assert rewards[chosen] == max(rewards[task] for task in fitting)


def test_a_rich_task_s_head_does_not_hide_a_poor_one_s() -> None:
    levels = {0: Level(10.0, 0.5, 20), 1: Level(1.0, 0.1, 20)}
    assert recognise({0: 1.2, 1: 1.0}, levels) == 1
    assert recognise({0: 9.5, 1: 1.0}, levels) == 0
    assert recognise({0: 1.2, 1: 0.1}, levels) is None


def test_a_watch_is_deaf_at_first_and_then_hears() -> None:
    watch = Watch(dataclasses.replace(NOTICING, consolidation="ewc", fisher_samples=2, false_alarm_updates=1000.0))
    rng, alarms = np.random.default_rng(0), []
    for step in range(1, 200):
        fall = 10.0 if 5 < step <= SETTLING_UPDATES or step > 150 else 0.0
        rollout = rollout_of(float(rng.normal(10.0 - fall, 0.5)), float(step))
        alarm = watch.see(rollout, math.nan, torch.Generator().manual_seed(step))
        assert watch.change.seen == max(0, step - SETTLING_UPDATES) or alarm
        alarms += [step] if alarm else []
        if alarm:
            break
    assert len(alarms) == 1
    assert 151 <= alarms[0] <= 151 + LAG_UPDATES
    level, old = watch.level(), watch.old_states()
    assert level.n == LEVEL_UPDATES
    assert level.mean == pytest.approx(10.0, abs=0.5), "what came after the fall is left out"
    assert 0.3 < level.spread < 0.8
    assert old.shape == (2, 2)
    assert alarms[0] - 2 * LAG_UPDATES <= float(old[0, 0]) <= alarms[0] - LAG_UPDATES
    assert float(old[0, 0]) <= 150, "the states are of the task that ended"
    watch.begin()
    assert watch.since == 0
    assert watch.states == {}


def test_a_watch_of_the_critic_hears_surprise_only() -> None:
    watch = Watch(dataclasses.replace(NOTICING, detector="novelty", false_alarm_updates=1000.0))
    rng, generator = np.random.default_rng(1), torch.Generator()
    heard = []
    for step in range(1, 200):
        error = float(rng.normal(0.3, 0.02)) * (3.0 if step > 150 else 1.0)
        if watch.see(rollout_of(-10.0 * (step > 100)), error, generator):
            heard.append(step)
            break
    assert 151 <= heard[0] <= 156


def test_a_watch_goes_on_exactly() -> None:
    config = dataclasses.replace(NOTICING, consolidation="ewc", fisher_samples=2, false_alarm_updates=100.0)
    rng, first, second = np.random.default_rng(0), Watch(config), Watch(config)
    for step in range(1, 120):
        rollout, generator = rollout_of(float(rng.normal()), float(step)), torch.Generator().manual_seed(step)
        first.see(rollout, math.nan, generator)
        if step == 73:
            second.restore(first.to_json(), first.states)
        elif step > 73:
            second.see(rollout, math.nan, torch.Generator().manual_seed(step))
    assert second.to_json() == first.to_json()
    assert second.states.keys() == first.states.keys() == {"newer", "older"}
    assert all(torch.equal(first.states[name], second.states[name]) for name in first.states)


def test_the_head_examined_is_the_one_most_lived_with() -> None:
    beliefs = Beliefs(NOTICING, 0)
    assert beliefs.head_for(0) is None
    beliefs.lived.update({(0, 0): 5, (0, 1): 9, (0, 2): 9, (1, 2): 1})
    assert [beliefs.head_for(true) for true in (0, 1, 2)] == [1, 2, None]
    assert Beliefs(ContinualConfig(heads="task"), 0).head_for(4) == 4
    assert Beliefs(ContinualConfig(boundaries="detected"), 0).head_for(0) is None


class Alarms:
    """A detector that is alarmed when it is told to."""

    def __init__(self, watch: Watch, *updates: int) -> None:
        self.watch, self.updates, self.told = watch, updates, 0
        self.really = watch.see

    def see(self, rollout: Rollout, critic_error: float, generator: torch.Generator) -> bool:
        self.told += 1
        self.really(rollout, critic_error, generator)
        return self.told in self.updates


def alarmed(life: ContinualTrainer, *updates: int) -> ContinualTrainer:
    assert life.beliefs.watch is not None
    life.beliefs.watch.see = Alarms(life.beliefs.watch, *updates).see  # type: ignore[method-assign]
    return life


class Counts(Callback):
    """Steps and joules after each update."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.joules: list[float] = []

    def on_update(self, run: Any, record: Any) -> None:
        del run
        self.steps.append(record.env_steps)
        self.joules.append(record.inference_joules)


def test_with_shared_heads_an_alarm_is_a_new_task() -> None:
    config = dataclasses.replace(NOTICING, heads="shared", protect=0.5, column_size=2)
    counts = Counts()
    life = alarmed(life_for(config, sequence=(0,), phase_steps=10 * 18, callbacks=[counts]), 3, 7)
    life.train()
    assert int(life.organism.task) == 2
    assert life.beliefs.met == {0, 1, 2}
    assert sorted(set(life.organism.birth_task.tolist())) == [0, 1, 2]
    detected = [line for line in life.journal.phases if line.kind == "detected"]
    assert [(line.update, line.task, line.phase, line.recruited) for line in detected] == [(3, 1, 0, 2), (7, 2, 0, 2)]
    assert 0 < detected[0].protected < detected[1].protected
    assert detected[0].sharing == 0.0
    assert 0.0 < detected[1].sharing < 1.0
    assert counts.steps == [18 * k for k in range(1, 11)], "nothing is tried"


def test_trying_costs_steps_and_energy_but_teaches_nothing() -> None:
    counts = Counts()
    life = life_for(NOTICING, sequence=(0,), phase_steps=12 * 18, callbacks=[counts])
    alarmed(life, 3, 6)
    trainer = life.trainer
    trainer._goal_steps = 1e6
    for _ in range(2):
        trainer._update()
    tried: list[tuple[float, ...]] = []
    act, weights = trainer.act, []

    def spy(organism: Any = None) -> Any:
        if organism is not None:
            before = trainer.life.worlds.vector.steps  # type: ignore[attr-defined]
            weights.append(trainer.organism.outgoing.detach().clone())
            found = act(organism)
            tried.append((trainer.life.worlds.vector.steps - before,))  # type: ignore[attr-defined]
            return found
        return act(organism)

    trainer.act = spy  # type: ignore[method-assign]
    life.beliefs.watch.level = lambda: Level(1e9, 0.0, 20)  # type: ignore[union-attr, method-assign]
    trainer._update()
    assert tried == [(6,)], "the present head alone"
    assert int(life.organism.task) == 1, "none fits"
    assert trainer.agent.counters.env_step == 4 * 18
    for _ in range(3):
        trainer._update()
    assert len(tried) == 3, "and then two"
    assert torch.equal(weights[1], weights[2])
    assert int(life.organism.task) == 2
    trainer._update()
    assert counts.steps[-1] == (7 + 3) * 18
    assert [line.update for line in life.journal.phases] == [3, 6]
    assert trainer.agent.ledger.decisions == 10 * 18
    assert trainer.agent.counters.update == 7


def test_a_false_alarm_is_recognised_and_changes_nothing() -> None:
    life = alarmed(life_for(NOTICING, sequence=(0,), phase_steps=12 * 18), 5)
    life.trainer._goal_steps = 1e6
    for _ in range(4):
        life.trainer._update()
    assert life.beliefs.watch is not None
    life.beliefs.watch.level = lambda: Level(-1.0, 0.0, 20)  # type: ignore[method-assign]
    life.trainer._update()
    assert int(life.organism.task) == 0
    assert life.beliefs.met == {0}
    assert [(line.kind, line.task) for line in life.journal.phases] == [("detected", 0)]
    assert life.beliefs.watch.since == 0


BUSY: dict[str, Any] = {
    "envs": 12,
    "steps": 8,
    "sequence": (0, 1, 0),
    "phase_steps": 70 * 12 * 8,
    "learning": dataclasses.replace(LEARNING, schedule="constant", learning_rate=0.03),
    "every": 35,
    "evaluation_episodes": 24,
}


@pytest.fixture(scope="module")
def noticed(tmp_path_factory: pytest.TempPathFactory) -> ContinualTrainer:
    life = life_for(NOTICING, run_dir=tmp_path_factory.mktemp("noticed") / "run", **BUSY)
    life.train()
    return life


def test_it_finds_a_new_task_and_knows_the_old_one_again(noticed: ContinualTrainer) -> None:
    phases = noticed.journal.phases
    hidden = [line.env_step for line in phases if line.kind == "hidden"]
    detected = [(line.env_step, line.phase, line.task) for line in phases if line.kind == "detected"]
    assert [(phase, task) for _, phase, task in detected] == [(1, 1), (2, 0)]
    for (step, phase, _), late in zip(detected, (11, 12), strict=True):
        assert hidden[phase] < step <= hidden[phase] + late * 96, "within ten updates, the trying counted"
    assert noticed.beliefs.head_for(0) == 0
    assert noticed.beliefs.head_for(1) == 1
    last = {line.task: line.score for line in noticed.journal.evaluations[-2:]}
    begun = {line.task: line.score for line in noticed.journal.evaluations[:2]}
    assert all(last[task] > begun[task] for task in (0, 1)), "it can do both in the end"


def test_a_noticing_life_goes_on_exactly(noticed: ContinualTrainer, tmp_path: Path) -> None:
    class Stops(Callback):
        def on_update(self, run: Any, record: Any) -> None:
            del run
            if record.update == 80:  # after the first alarm; the last checkpoint is of before it
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        life_for(NOTICING, run_dir=tmp_path / "run", callbacks=[Stops()], **BUSY).train()
    again = resumed_life(tmp_path / "run", NOTICING, **BUSY)
    assert again.trainer.agent.counters.update == 70
    again.train()
    assert differences(everything(again.trainer), everything(noticed.trainer)) == []
    run_dir = noticed.trainer.run_dir
    assert run_dir is not None
    for name in ("phases.jsonl", "evaluations.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (run_dir / name).read_bytes()
