"""The arms of the experiment, and those that follow another arm's run."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import signal
from pathlib import Path
from typing import Any, get_args, get_type_hints

import hypothesis.strategies as st
import pytest
import study
from hypothesis import given
from presets import PRESETS
from rich.console import Console
from runs import RunConfig, from_json, to_json
from studies.arms import STUDIES, Arms
from studies.derived import Derived, followers, in_rounds, seed_of

from snn_agent.config import StructureConfig, TrainingConfig
from snn_agent.experiments.executors import SerialExecutor
from snn_agent.experiments.jobs import Ending
from snn_agent.experiments.progress import PlannedRun

DESIGN = {
    "fixed-512", "fixed-64", "grow", "grow-prune", "prune-only", "fixed-final", "fixed-mean", "yoked", "recycle",
    "sparse", "seed-rules", "ann",
}  # fmt: skip
FOLLOWERS = ("fixed-final", "fixed-mean", "yoked")


# --- which arms -------------------------------------------------------------------------------------------------------


def test_every_study_can_be_asked_for() -> None:
    (names, *_) = get_args(get_type_hints(study.Options, include_extras=True)["study"])
    assert set(get_args(names)) == set(STUDIES)


def test_the_experiment_has_the_arms_of_its_design_in_both_worlds() -> None:
    smaller = {"fixed-512": "fixed-64", "fixed-64": "fixed-16"}
    assert set(STUDIES["hypothesis"]()) == DESIGN
    assert set(STUDIES["quick"]()) == {f"quick-{smaller.get(name, name)}" for name in DESIGN}


@pytest.mark.parametrize("name", ["hypothesis", "quick"])
def test_arms_differ_in_size_synapses_and_structural_rules_only(name: str) -> None:
    arms = {label: arm for label, arm in STUDIES[name]().items() if not label.endswith("ann")}
    first, *others = (arm if isinstance(arm, RunConfig) else arm.like for arm in arms.values())
    free = ("init_hidden", "min_hidden", "input_density")
    for arm in others:
        network = arm.network.replace(**{field: getattr(first.network, field) for field in free})
        assert dataclasses.replace(arm, network=network, structure=first.structure) == first
    assert first.threads == 1
    assert first.total_steps == {"hypothesis": 10_000_000, "quick": 300_000}[name]
    assert first.network.max_hidden == {"hypothesis": 512, "quick": 64}[name]


@pytest.mark.parametrize(("name", "prefix", "size"), [("hypothesis", "", 512), ("quick", "quick-", 64)])
def test_the_arm_without_spikes_differs_from_the_largest_in_its_neurons_only(name: str, prefix: str, size: int) -> None:
    arms = STUDIES[name]()
    spiking, ann = arms[f"{prefix}fixed-{size}"], arms[f"{prefix}ann"]
    assert isinstance(spiking, RunConfig)
    assert isinstance(ann, RunConfig)
    assert (ann.network.neuron.model, ann.network.ticks, ann.network.init_hidden) == ("relu", 1, size)
    assert dataclasses.replace(ann, network=spiking.network) == spiking
    same = ("input_features", "output_features", "max_hidden", "min_hidden", "input_power", "input_density")
    assert [getattr(ann.network, field) for field in same] == [getattr(spiking.network, field) for field in same]


@pytest.mark.parametrize(("name", "arm"), [("hypothesis", "prune-only"), ("quick", "quick-prune-only")])
def test_prune_only_is_at_its_floor_at_three_fifths_of_its_life(name: str, arm: str) -> None:
    """Followed by hand: whole neurons, from the first time at which the founders are mature, a quarter left."""
    config = STUDIES[name]()[arm]
    assert isinstance(config, RunConfig)
    rules, size = config.structure, config.network.init_hidden
    mature = rules.maturity_updates * config.training.n_worlds * config.training.rollout_steps
    step = 0
    while size > config.network.min_hidden:
        step += rules.prune_interval
        if step >= mature:
            size -= int(rules.prune_share * size)
    assert config.network.min_hidden * 4 == config.network.init_hidden
    assert step / config.total_steps == pytest.approx(0.6, abs=0.03)


# --- arms that follow -------------------------------------------------------------------------------------------------


def tiny() -> Arms:
    """Two thousand steps of eight worlds, with births and deaths; those that follow come first in the list."""
    base = PRESETS["quick"]()
    grown = dataclasses.replace(
        base,
        total_steps=4000,
        eval_episodes=4,
        threads=1,
        network=base.network.replace(init_hidden=6, min_hidden=3, max_hidden=40),
        structure=StructureConfig(
            growth="periodic",
            growth_size=4,
            grow_interval=800,
            pruning="low_utility",
            prune_interval=400,
            prune_share=0.2,
            maturity_updates=2,
            interval_unit="env_steps",
        ),
        training=TrainingConfig(n_worlds=8, rollout_steps=16),
    )
    return {**followers("grown", grown), "grown": grown}


def ask(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> tuple[int, str]:
    """The exit code of the tool and what it says, with the arms above for those of ``quick``."""
    text = io.StringIO()
    monkeypatch.setattr(study, "STUDIES", {"quick": tiny})
    monkeypatch.setattr(study, "console", Console(file=text, width=200))
    arguments = ["quick", "--folder", str(folder), "--seeds", "2", "--executor", "serial", *options]
    return study.main(arguments), text.getvalue()


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was begun with some of its arms, and gone on with."""
    folder = tmp_path_factory.mktemp("followed")
    with pytest.MonkeyPatch.context() as monkeypatch:
        code, text = ask(monkeypatch, folder, "--only", "yoked")
        assert code == 1
        assert "yoked seed 0: left out, for it follows grown, whose run of this seed is not done" in text
        assert "stopped with 2 runs to do" in text
        assert not list(folder.rglob("*config.json"))
        assert ask(monkeypatch, folder, "--only", "grown", "--seeds", "1")[0] == 0
        code, text = ask(monkeypatch, folder)
        assert code == 0, text
        assert "8 runs, 1 of them done" in text
    return folder


def read(folder: Path, arm: str, seed: int) -> tuple[dict[str, Any], list[dict[str, Any]], list[tuple[int, int]]]:
    """A run's summary, events, and (steps, neurons) by update."""
    run_dir = folder / arm / f"seed-{seed}"
    events = [json.loads(line) for line in (run_dir / "events.jsonl").read_text().splitlines()]
    with (run_dir / "metrics.csv").open() as file:
        sizes = [(int(row["env_steps"]), int(row["hidden_neurons"])) for row in csv.DictReader(file)]
    return json.loads((run_dir / "summary.json").read_text()), events, sizes


def test_a_yoked_run_has_as_many_births_and_deaths_when_the_other_had_them(followed: Path) -> None:
    victims = []
    for seed in (0, 1):
        _, events, sizes = read(followed, "yoked", seed)
        _, others, other_sizes = read(followed, "grown", seed)
        happened, wanted = (
            [(event["env_step"], len(event["born"]), len(event["died"])) for event in run] for run in (events, others)
        )
        assert happened == wanted
        assert sizes == other_sizes
        assert {(born > 0, died > 0) for _, born, died in wanted} == {(True, False), (False, True)}
        victims += [(event["died"], other["died"]) for event, other in zip(events, others, strict=True)]
    assert any(own != other for own, other in victims)


def test_fixed_runs_have_the_sizes_of_the_other_of_their_seed(followed: Path) -> None:
    for seed in (0, 1):
        summary, _, sizes = read(followed, "grown", seed)
        starts = [0, *(steps for steps, _ in sizes)]
        lived = sum((steps - start) * size for start, (steps, size) in zip(starts, sizes, strict=False))
        mean = round(lived / sizes[-1][0])
        assert summary["neurons_initial"] != mean != summary["neurons_final"]
        for arm, size in (("fixed-final", summary["neurons_final"]), ("fixed-mean", mean)):
            fixed, events, _ = read(followed, arm, seed)
            assert (fixed["neurons_initial"], fixed["neurons_final"], events) == (size, size, [])
            assert fixed["seed"] == seed
            assert fixed["env_steps"] >= 4000


def test_what_is_done_is_not_repeated_and_the_list_says_what_follows_what(
    followed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.stat().st_mtime_ns for path in followed.rglob("*.json")}
    code, text = ask(monkeypatch, followed)
    assert code == 0
    assert {path: path.stat().st_mtime_ns for path in followed.rglob("*.json")} == before
    _, text = ask(monkeypatch, followed, "--dry-run")
    assert "8 runs, 8 of them done" in text
    assert "fixed-final: 0.004 M steps, size as grown's; 2 of 2 runs done" in text
    assert "fixed-mean: 0.004 M steps, mean size as grown's" in text
    assert "yoked: 0.004 M steps, births and deaths as grown's" in text


def test_a_config_that_is_older_than_a_setting_is_still_that_arm(tmp_path: Path) -> None:
    config = PRESETS["quick"]()
    fields = json.loads(to_json(config))
    del fields["structure"]["schedule"]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(fields))
    study._keep_config(path, config)
    assert json.loads(path.read_text()) == fields
    with pytest.raises(SystemExit, match="other settings"):
        study._keep_config(path, dataclasses.replace(config, total_steps=1))


def test_a_config_with_a_schedule_survives_json() -> None:
    config = dataclasses.replace(PRESETS["quick"](), structure=StructureConfig(schedule=((5, 0, 1), (9, 2, 0))))
    assert from_json(to_json(config)) == config


# --- in which order ---------------------------------------------------------------------------------------------------


def planned(arms: Arms, seeds: int, folder: Path = Path()) -> list[PlannedRun]:
    return [
        PlannedRun(id=f"{arm} {seed}", arm=arm, run_dir=folder / arm / f"seed-{seed}", total_steps=1)
        for seed in range(seeds)
        for arm in arms
    ]


@given(
    plain=st.integers(1, 5),
    n_derived=st.integers(0, 3),
    seeds=st.integers(1, 12),
    slots=st.integers(1, 40),
    done=st.sets(st.integers(0, 95)),
)
def test_whoever_follows_a_run_is_in_a_later_part(
    plain: int, n_derived: int, seeds: int, slots: int, done: set[int]
) -> None:
    config = PRESETS["quick"]()
    derived = dict(list(followers("plain-0", config).items())[:n_derived])
    arms: Arms = derived | {f"plain-{n}": config for n in range(plain)}
    runs = [run for number, run in enumerate(planned(arms, seeds)) if number not in done]
    parts = in_rounds(runs, arms, slots)
    place = {run.id: number for number, part in enumerate(parts) for run in part}
    assert sorted(run.id for part in parts for run in part) == sorted(run.id for run in runs)
    for run in runs:
        arm = arms[run.arm]
        if isinstance(arm, Derived) and f"{arm.of} {seed_of(run)}" in place:
            assert place[f"{arm.of} {seed_of(run)}"] < place[run.id]
    if not derived:
        assert parts == [runs]
    if not done and derived:  # all seeds of a part are begun before those of the next, and fill the slots
        firsts = [min(seed_of(run) for run in part if run.arm not in derived) for part in parts[:-1]]
        assert firsts == sorted(firsts)
        assert sum(run.arm not in derived for run in parts[0]) >= min(plain * seeds, slots - plain + 1)


def test_no_part_begins_after_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the last run of the part before it came to its end all the same, as one that is being evaluated."""
    called = []

    def finish(run_dir: Path, arguments: list[str]) -> dict[str, Any]:
        del arguments
        called.append(run_dir.parent.name)
        return {"eval": {"return_mean": 0.0}}

    class Interrupting(SerialExecutor):
        """Ctrl-C comes while the first job is under way."""

        heard = False

        def wait(self, seconds: float) -> list[Ending]:
            if not self.heard:
                self.heard = True
                os.kill(os.getpid(), signal.SIGINT)
                return []
            return super().wait(seconds)

    monkeypatch.setattr(study, "run_one", finish)
    monkeypatch.setattr(study, "SerialExecutor", Interrupting)
    monkeypatch.setattr(study, "console", Console(file=io.StringIO()))
    arms, options = tiny(), study.Options(study="quick", folder=tmp_path, executor="serial")
    (outcome,) = study._carry_out(options, arms, planned(arms, 1, tmp_path), set())
    assert called == ["grown"]
    assert outcome.kind == "done"
    assert "left out" not in study.console.file.getvalue()  # type: ignore[attr-defined]
