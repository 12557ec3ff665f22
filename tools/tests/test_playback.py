"""What a player tells of an organism's life is what happened."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from playback.chapters import chapters_of, read_history
from playback.moment import Moment
from playback.player import ENERGY_MODEL, Player
from train import main as train

from foraging_env import ForagingGridVector
from snn_agent.errors import CheckpointError, ConfigError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training.checkpoint import load
from snn_agent.training.costs import InputActivity, decision_cost
from snn_agent.training.loading import load_organism

WORLD = ["size=7", "n_food=4"]
GROWTH = [
    "--structure.growth", "periodic", "--structure.grow-interval", "500", "--structure.growth-size", "8",
    "--structure.interval-unit", "env_steps", "--structure.pruning", "low_utility", "--structure.prune-interval", "700",
    "--structure.prune-share", "0.1", "--structure.maturity-updates", "1", "--network.init-hidden", "34",
]  # fmt: skip


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run on a small world, in which neurons were born and died."""
    folder = tmp_path_factory.mktemp("playback") / "run"
    code = train(
        ["--preset", "quick", "--run-dir", str(folder), "--total-steps", "4000", "--threads", "1", "--milestones", "4",
         "--training.n-worlds", "8", "--training.rollout-steps", "8", "--eval-episodes", "1", *GROWTH]
    )  # fmt: skip
    assert code == 0
    return folder


def lived(player: Player, steps: int) -> list[Moment]:
    return list(player.moments(steps))


def assert_same(ours: list[Moment], theirs: list[Moment]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert (one.action, one.food, one.joules) == (other.action, other.food, other.joules)
        np.testing.assert_array_equal(one.spikes, other.spikes)
        np.testing.assert_array_equal(one.potentials, other.potentials)


def test_chapters_tell_how_it_grew(run: Path) -> None:
    found, history = chapters_of(run), read_history(run)
    assert [chapter.env_step for chapter in found] == sorted({chapter.env_step for chapter in found})
    assert len(found) == 5  # the birth and four milestones, the last of them the end
    assert found[0].hidden == 34
    assert found[-1].hidden > 34
    assert history.births.sum() - history.deaths.sum() == found[-1].hidden - 34
    assert history.deaths.sum() > 0
    assert history.neurons[-1] == found[-1].hidden


def test_the_brain_names_the_living(run: Path) -> None:
    player = Player(run)
    alive = set(range(34))
    for born, died in _events(run):
        alive = (alive | born) - died
    assert player.brain.ids.tolist() == sorted(alive)
    assert all((player.brain.born > 0) == (player.brain.ids >= 34))
    player.open(0)
    assert player.brain.ids.tolist() == list(range(34))


def _events(run: Path) -> list[tuple[set[int], set[int]]]:
    lines = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [(set(line["born"]), set(line["died"])) for line in lines]


def test_equal_seeds_live_equal_lives(run: Path) -> None:
    moments = lived(Player(run, seed=3), 40)
    assert_same(moments, lived(Player(run, seed=3, pictures=False), 40))
    others = lived(Player(run, seed=4), 40)
    assert [moment.action for moment in moments] != [moment.action for moment in others]


def test_every_chapter_begins_in_the_same_world_and_anew(run: Path) -> None:
    player = Player(run)
    first = lived(player, 30)
    player.open(0)
    early = player.step()
    assert early.world is not None
    assert first[0].world is not None
    np.testing.assert_array_equal(early.world.items, first[0].world.items)
    player.open(len(player.chapters) - 1)
    assert_same(first, lived(player, 30))


def test_the_worlds_follow_the_laws(run: Path) -> None:
    moments = lived(Player(run), 60)
    vector = ForagingGridVector(1, size=7, n_food=4)
    for now, after in itertools.pairwise(moments):
        assert now.world is not None
        assert after.world is not None
        vector.reset(seed=0)
        vector.set_state(_saved(now, vector))
        vector.step(np.array([now.action]))
        for name, ours in vector.state._asdict().items():
            np.testing.assert_array_equal(ours, getattr(after.world, name), err_msg=name)
        assert now.food == after.world.food_collected[0]
        assert now.total_reward == pytest.approx(after.world.episode_return[0])


def _saved(moment: Moment, vector: ForagingGridVector) -> dict[str, np.ndarray]:
    assert moment.world is not None
    return dict(vector.get_state()) | moment.world._asdict()


def test_spikes_and_energy_are_those_of_the_organism(run: Path) -> None:
    player = Player(run, deterministic=True)
    organism: GrowingSparseSNN = load_organism(player.chapter.path)
    order = np.argsort(_ids(player))
    for moment in lived(player, 20):
        assert moment.world is not None
        seen = torch.from_numpy(_observation(moment)).float()[None]
        with torch.no_grad():
            output, _ = organism(seen)
        np.testing.assert_array_equal(moment.spikes.sum(axis=0), output.counts[0].numpy()[order])
        assert moment.action == int(output.logits[0].argmax())
        assert moment.output_spikes is not None
        assert output.output_counts is not None
        np.testing.assert_array_equal(moment.output_spikes.sum(axis=0), output.output_counts[0].numpy())
        cost = decision_cost(
            organism, InputActivity.of(organism, seen), output.counts[0].double(), reads_critic=False
        )  # fmt: skip
        assert moment.joules == pytest.approx(ENERGY_MODEL.joules(cost.work()), rel=1e-12)


def _ids(player: Player) -> np.ndarray:
    return load(player.chapter.path).optimizer["statistics.id"].numpy()


def _observation(moment: Moment) -> np.ndarray:
    """Agent and food planes of a 7×7 world, written out by hand."""
    assert moment.world is not None
    planes = np.zeros((2, 49))
    planes[0, moment.world.agent[0]] = 1
    planes[1, moment.world.items[0][moment.world.items[0] >= 0]] = 1
    return planes.ravel()


def test_episodes_follow_each_other(run: Path) -> None:
    player = Player(run, pictures=False)
    moments = lived(player, 502)
    assert [moment.step for moment in moments] == [*range(500), 0, 1]
    assert [moment.over for moment in moments] == [False] * 499 + [True, False, False]
    assert moments[499].total_joules == pytest.approx(sum(moment.joules for moment in moments[:500]))
    assert moments[500].total_joules == moments[500].joules


def test_a_run_that_goes_on_is_followed(run: Path, tmp_path: Path) -> None:
    growing = tmp_path / "run"
    (growing / "milestones").mkdir(parents=True)
    shutil.copyfile(run / "config.json", growing / "config.json")
    first, *_, last = chapters_of(run)
    shutil.copytree(first.path, growing / "milestones" / first.path.name)
    player = Player(growing)
    before = lived(player, 3)
    assert not player.follow()
    for name in ("metrics.csv", "events.jsonl"):
        shutil.copyfile(run / name, growing / name)
    shutil.copytree(last.path, growing / "checkpoints" / "update-00000099")
    assert player.follow()
    assert player.brain.hidden == last.hidden
    assert player.history.births.sum() > 0
    after = player.step()
    assert after.step == before[-1].step + 1  # the same episode
    assert after.spikes.shape[1] == last.hidden


def test_other_worlds_are_played_too(tmp_path: Path) -> None:
    code = train(
        ["--env-id", "CartPole-v1", "--run-dir", str(tmp_path / "run"), "--total-steps", "600", "--threads", "1",
         "--training.n-worlds", "4", "--training.rollout-steps", "16", "--eval-episodes", "1", "--milestones", "0"]
    )  # fmt: skip
    assert code == 0
    player = Player(tmp_path / "run")
    moment = player.step()
    assert len(player.chapters) == 1
    assert moment.world is None
    assert moment.food is None
    assert moment.probabilities.sum() == pytest.approx(1.0)
    assert player.brain.actions == ("0", "1")


def test_what_cannot_be_played_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json does not exist"):
        Player(tmp_path)
    with pytest.raises(CheckpointError, match="no valid checkpoint"):
        chapters_of(tmp_path)
