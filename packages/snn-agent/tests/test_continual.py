"""Lives of several tasks: their phases, their files, and that nothing asked for changes nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from life_cases import LIVELY, Contrary, decisions, life_for, resumed_life
from training_cases import CHANGING, Songs, differences, everything, lines_without_clock, trainer_for

from snn_agent import Callback
from snn_agent.config import METHODS, ContinualConfig
from snn_agent.errors import CheckpointError, ConfigError, SpaceError
from snn_agent.experiments.continual_data import read_run
from snn_agent.metrics.energy import ENERGY_MODELS
from snn_agent.network import heads
from snn_agent.training.evaluation import evaluate

SHRINKING = dataclasses.replace(CHANGING, shrink=0.9, perturb=0.3, shrink_interval=2)
PROGRESSIVE = dataclasses.replace(METHODS["progressive"], column_size=4)
SEQUENCE = (0, 1, 0)


class Notes(Callback):
    """Keeps copies of what protected neurons are made of, at every update."""

    def __init__(self) -> None:
        self.seen: list[dict[int, tuple[bytes, ...]]] = []
        self.progress: list[float] = []

    def on_update(self, run: Any, record: Any) -> None:
        del record
        organism, found = run.organism, {}
        for index, name in enumerate(run.agent.statistics.id.tolist()):
            if organism.protected[index]:
                parts = (organism.incoming[:, index], organism.bias[index], organism.threshold[index])
                found[name] = tuple(part.detach().numpy().tobytes() for part in parts)
        self.seen.append(found)
        self.progress.append(run.progress)


def without_tasks(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != "continual"}


@pytest.mark.parametrize("network", [{}, {"encoding": "poisson", "readout": "drive"}, {"carry_state": True}], ids=str)
def test_with_everything_off_one_task_is_what_the_adaptive_trainer_does(
    tmp_path: Path, network: dict[str, Any]
) -> None:
    life = life_for(
        structure=CHANGING, sequence=(0,), phase_steps=150, network=network, evaluate_every=20, run_dir=tmp_path / "a"
    )
    plain = trainer_for(Songs(3, AutoresetMode.SAME_STEP), network=LIVELY | network, run_dir=tmp_path / "b")
    found, expected = life.train(), plain.train(150)
    assert differences(without_tasks(everything(life.trainer)), everything(plain)) == []
    assert lines_without_clock(tmp_path / "a") == lines_without_clock(tmp_path / "b")
    assert found["updates"] == expected["updates"] > 7
    assert plain.agent.counters.growth_events > 1, "the case shows too little"
    assert len(life.journal.evaluations) == 2 * 9  # at the begin, at 7 of 20, 40 … 140 steps, and at the end


def test_told_or_not_a_plain_life_is_the_same() -> None:
    lives = [life_for(ContinualConfig(boundaries=kind), sequence=SEQUENCE) for kind in ("given", "ignored")]
    for life in lives:
        life.train()
    told, not_told = (without_tasks(everything(life.trainer)) for life in lives)
    assert differences(told, not_told) == []  # they end in task 0, where nobody was born
    assert [line.kind for line in lives[0].journal.phases] == ["given"] * 3
    assert [line.kind for line in lives[1].journal.phases] == ["hidden"] * 3


def test_protected_neurons_stay_bit_for_bit_through_later_tasks() -> None:
    notes = Notes()
    structure = dataclasses.replace(SHRINKING, homeostasis_rate=0.1, synaptic_limit=1.0)
    life = life_for(ContinualConfig(protect=0.6), structure, sequence=SEQUENCE, callbacks=[notes], phase_steps=8 * 18)
    before = life.organism.incoming.detach().clone()
    life.train()
    first, last = notes.seen[8], notes.seen[-1]
    assert not notes.seen[7]
    assert 2 < len(first) < len(last) < life.organism.hidden
    for earlier, later in zip(notes.seen, notes.seen[1:], strict=False):
        assert earlier.items() <= later.items()
    events = life.trainer.agent.counters
    assert events.growth_events > 3
    assert events.pruning_events > 3
    assert not torch.equal(before, life.organism.incoming[:, :12])


def test_a_progressive_organism_forgets_nothing(tmp_path: Path) -> None:
    life = life_for(
        PROGRESSIVE, SHRINKING, sequence=(0, 1), network={"min_hidden": 1}, run_dir=tmp_path / "run", evaluate_every=30
    )
    answers: list[Any] = []

    class Asks(Callback):
        def on_update(self, run: Any, record: Any) -> None:
            if record.update == 5:
                answers.append(decisions(run.organism))

    life.trainer.callbacks.insert(0, Asks())
    life.train()
    old = heads.for_task(life.organism, 0)
    assert old is not life.organism
    assert all(torch.equal(a, b) for a, b in zip(decisions(old), answers[0], strict=True))
    run = read_run(tmp_path / "run")
    later = run.score[0, run.phase_of == 1]
    assert len(later) > 3
    assert (later == run.score[0, run.phase_of == 0][-1]).all()


def test_a_phase_begins_with_fresh_worlds_at_the_first_update_after_its_step(tmp_path: Path) -> None:
    notes = Notes()
    life = life_for(sequence=(1, 0, 1), phase_steps=100, run_dir=tmp_path / "run", callbacks=[notes], names=["a", "b"])
    summary = life.train()
    steps, phases = 18, life.journal.phases  # of a rollout; SAME_STEP has no reset steps
    assert [line.env_step for line in phases] == [0, 6 * steps, 12 * steps]
    assert [line.update for line in phases] == [0, 6, 12]
    assert [(line.phase, line.task, line.name) for line in phases] == [(0, 1, "b"), (1, 0, "a"), (2, 1, "b")]
    assert summary["env_steps"] == 17 * steps
    assert summary["phases"] == 3
    assert notes.progress[7] == pytest.approx(8 * steps / 300)  # of the whole sequence, in the middle of a phase
    assert life.organism.task == 1
    assert (life.organism.birth_task == 1).all()
    assert life.trainer.worlds is life.tasks[1].worlds
    seeds = {task.worlds.vector.seed for task in life.tasks}  # type: ignore[attr-defined]
    assert len(seeds) == 2, "no two phases begin in the same worlds"
    run = read_run(tmp_path / "run")
    assert run.tasks == (1, 0, 1)
    moments = list(zip(run.env_steps.tolist(), run.phase_of.tolist(), strict=True))
    assert moments == [(0, 0), (108, 0), (108, 1), (216, 1), (216, 2), (306, 2)]
    assert np.diff(run.joules)[[0, 2, 4]].min() > 0.0
    assert run.joules[1] == run.joules[2], "being examined costs nothing"


def test_entering_other_worlds_forgets_the_episodes() -> None:
    life = life_for(network={"carry_state": True}, sequence=(0, 1))
    trainer = life.trainer
    trainer._goal_steps = 1000.0
    trainer._update()
    assert trainer.agent.membranes is not None
    assert len(trainer.recent) > 0
    trainer.enter(life.tasks[1].worlds, "other")
    assert trainer.agent.membranes is None
    assert not trainer.recent
    assert not trainer.life.episode_length.any()
    trainer._update()


def test_energy_of_all_columns_is_counted() -> None:
    life = life_for(dataclasses.replace(PROGRESSIVE, column_size=12), sequence=(0, 1))
    life.train()
    model = ENERGY_MODELS["45nm_fp32"]
    by_task = {line.task: line for line in life.journal.evaluations[-2:]}
    alone = evaluate(heads.for_task(life.organism, 0), life.tasks[0].examination, {}, episodes=2, seed=0)
    # 12 neurons more: 4 ACs and 2 MACs in each of 5 ticks, and 4 real inputs that are never 0
    column = 12 * (5 * 4 * model.ac_pj + (5 * 2 + 4) * model.mac_pj)
    expected = model.joules(alone.operations.work()) + 1e-12 * column
    assert by_task[0].joules_per_decision == pytest.approx(expected, rel=1e-9)
    assert by_task[0].neurons == by_task[1].neurons == 24
    plain = life_for(sequence=(0, 1))
    plain.train()
    assert by_task[0].joules > 1.4 * plain.journal.evaluations[-1].joules


def test_an_examination_is_what_evaluate_says(tmp_path: Path) -> None:
    life = life_for(METHODS["plain"], run_dir=tmp_path / "run", evaluation_episodes=7)
    life.train()
    for line in life.journal.evaluations[-2:]:
        world = (Songs, Contrary)[line.task](3, AutoresetMode.SAME_STEP)
        found = evaluate(life.organism, world, {}, episodes=7, seed=0)
        assert len(found.returns) == 7
        assert found.inputs.decisions == sum(found.lengths), "worlds beyond the seventh do not count"
        assert line.score == pytest.approx(sum(found.returns) / 7)
        assert line.food is None
    lines = [json.loads(line) for line in (tmp_path / "run" / "evaluations.jsonl").read_text().splitlines()]
    assert lines == [dataclasses.asdict(line) for line in life.journal.evaluations]


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"sequence": ()}, ConfigError, "sequence must name the task of at least one phase, got none"),
        ({"sequence": (0, 2)}, ConfigError, r"sequence\[1\] must be an integer in \[0, 1\], got 2. There are 2 tasks"),
        ({"sequence": (-1,)}, ConfigError, r"sequence\[0\] must be an integer in"),
        ({"phase_steps": 17}, ConfigError, "phase_steps = 17 is less than one rollout of 18 steps, so phases would be"),
        ({"tasks": "CartPole-v1"}, ConfigError, "tasks must be a list of one or more environments"),
        ({"names": ["a", "a"]}, ConfigError, "one for each of 2 tasks, no two alike"),
        ({"tasks": [("CartPole-v1",)]}, ConfigError, r"a task as a pair must be \(id, arguments\)"),
        (
            {"tasks": [Songs(3), Songs(3, features=5)]},
            SpaceError,
            r"equal spaces, but single_observation_space is Box\(0.0, 1.0, \(4,\), float32\) in 'Songs' and Box.*5",
        ),
        (
            {"tasks": [Songs(3), Songs(3, action_start=1)]},
            SpaceError,
            "equal spaces, but single_action_space is Discrete",
        ),
        ({"evaluation_episodes": 0}, ConfigError, "evaluation_episodes must be an integer at least 1"),
        ({"evaluate_every": 0}, ConfigError, "evaluate_every must be an integer at least 1"),
    ],
)
def test_what_cannot_be_lived_is_refused(options: dict[str, Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        life_for(**options)


def test_an_environment_that_cannot_be_copied_is_refused() -> None:
    class Stubborn(Songs):
        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError("no")

    with pytest.raises(ConfigError, match=r"cannot be copied \(no\). Give it by its id, or as a pair"):
        life_for(tasks=[Stubborn()])


class Still(gymnasium.Env[Any, Any]):
    """Pays nothing, ends after three steps."""

    observation_space = spaces.Box(0.0, 1.0, (4,))
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        del options
        super().reset(seed=seed)
        self.time = 0
        return self.observation_space.sample() * 0.0, {}

    def step(self, action: Any) -> tuple[Any, ...]:
        del action
        self.time += 1
        return np.full(4, 0.5, np.float32), 0.0, self.time == 3, False, {}


def test_tasks_may_be_single_environments() -> None:
    life = life_for(tasks=[Still(), Still()], phase_steps=20)
    assert life.train()["phases"] == 2
    assert [task.name for task in life.tasks] == ["Still", "Still"]
    assert len(life.journal.evaluations) == 8


@pytest.mark.parametrize("stopped", [4, 5, 6, 9, 10])
@pytest.mark.parametrize("method", ["progressive", "online_ewc"])
def test_a_life_goes_on_exactly_across_boundaries(tmp_path: Path, method: str, stopped: int) -> None:
    continual = dataclasses.replace(METHODS[method], column_size=3)
    options: dict[str, Any] = {"structure": CHANGING, "sequence": SEQUENCE, "evaluate_every": 40, "every": 1}
    whole = life_for(continual, run_dir=tmp_path / "whole", **options)
    whole.train()

    class Stops(Callback):
        def on_update(self, run: Any, record: Any) -> None:
            del run
            if record.update == stopped + 1:
                raise KeyboardInterrupt  # when all of the update is done and written, but for its checkpoint

    broken = life_for(continual, run_dir=tmp_path / "run", **options)
    broken.trainer.callbacks.append(Stops())
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    again = resumed_life(tmp_path / "run", continual, **options)
    assert again.trainer.agent.counters.update == stopped
    assert again.phase == min(stopped // 5, 2)
    again.train()
    assert differences(everything(again.trainer), everything(whole.trainer)) == []
    for name in ("phases.jsonl", "evaluations.jsonl", "events.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert lines_without_clock(tmp_path / "run") == lines_without_clock(tmp_path / "whole")


def test_another_life_is_not_gone_on_with(tmp_path: Path) -> None:
    life = life_for(sequence=(0, 1), run_dir=tmp_path / "run")
    life.train()
    with pytest.raises(CheckpointError, match=r"not of this life of tasks: its own is .* Resume it with the arg"):
        resumed_life(tmp_path / "run", sequence=(0, 1, 1))
    checkpoint = trainer_for(Songs(3, AutoresetMode.SAME_STEP)).snapshot()
    with pytest.raises(CheckpointError, match="not of this life of tasks: it is of none"):
        life_for(resume=checkpoint)
