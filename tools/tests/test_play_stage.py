"""The stage shows every tick once and in order, stands still when it is told to, and moves by whole decisions."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playback.player import Player
from playback.stage import GUIDE, SPEEDS, WISHES, Stage

pytest_plugins = ("play_runs",)

SINGLE_TICKS, WHOLE_STEPS, UNHURRIED = 4, 6, len(SPEEDS)
LONG = 12  # decisions


@pytest.fixture(scope="module")
def life(grown: Path) -> tuple[np.ndarray, np.ndarray]:
    """What the organism does: spikes and potentials of every tick, as the player tells them, [ticks, H]."""
    moments = list(Player(grown, seed=5).moments(LONG))
    return tuple(np.concatenate([getattr(m, name) for m in moments]) for name in ("spikes", "potentials"))


def stage_of(run: Path, speed: int = SINGLE_TICKS) -> Stage:
    return Stage(Player(run, seed=5), speed)


def assert_stands_at(stage: Stage, life: tuple[np.ndarray, np.ndarray], position: int) -> None:
    """The stage shows the tick of that number, counted over all decisions, and the raster ends with it."""
    spikes, potentials = life
    scene = stage.scene
    assert not scene.whole
    np.testing.assert_array_equal(scene.spiked, spikes[position])
    np.testing.assert_array_equal(scene.potentials, potentials[position])
    np.testing.assert_array_equal(np.concatenate([past.spikes for past in scene.past]), spikes[: position + 1])


def test_ticks_are_shown_one_after_another(grown: Path, life: tuple[np.ndarray, np.ndarray]) -> None:
    stage = stage_of(grown)
    for position in range(len(life[0])):
        assert_stands_at(stage, life, position)
        stage.beat()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=st.lists(st.sampled_from(["step", "tick"]), max_size=LONG - 1))
def test_a_step_is_ten_ticks(grown: Path, life: tuple[np.ndarray, np.ndarray], wishes: list[str]) -> None:
    stage, position = stage_of(grown), 0
    for wish in wishes:
        stage.wish(wish)
        position += {"step": 10, "tick": 1}[wish]
        assert stage.paused
    # Steps pass over ticks without showing them; the raster has them all the same.
    assert_stands_at(stage, life, position)


def test_time_does_nothing_to_a_paused_stage(grown: Path, life: tuple[np.ndarray, np.ndarray]) -> None:
    for speed in (SINGLE_TICKS, WHOLE_STEPS, UNHURRIED):
        stage = stage_of(grown, speed)
        stage.wish("pause")
        before = stage.scene
        assert not stage.advance(1000.0)
        assert not stage.hurries
        after = stage.scene
        assert (after.moment, after.tick, after.whole) == (before.moment, before.tick, before.whole)
        stage.wish("pause")
        assert stage.advance(1.0)


@pytest.mark.parametrize("parts", [[2.0], [0.5] * 4, [0.125] * 16, [1.75, 0.25]])
def test_time_passes_alike_in_large_and_small_pieces(grown: Path, parts: list[float]) -> None:
    ticks = Stage(Player(grown, seed=5), 3)  # ten ticks a second: twenty of them in two seconds, twice a decision
    changes = [ticks.advance(part) for part in parts]
    assert (ticks.decisions, ticks.scene.tick) == (3, 0)
    assert changes == [int(sum(parts[: n + 1]) * 10) > int(sum(parts[:n]) * 10) for n in range(len(parts))]
    steps = Stage(Player(grown, seed=5), 5)
    for part in parts:
        steps.advance(part)
    assert steps.decisions == 1 + 10


def test_at_high_speed_decisions_are_shown_whole(grown: Path, life: tuple[np.ndarray, np.ndarray]) -> None:
    stage = stage_of(grown, WHOLE_STEPS)
    for decision in range(LONG):
        ticks = life[0][10 * decision : 10 * decision + 10]
        scene = stage.scene
        assert scene.whole
        np.testing.assert_array_equal(scene.spiked, ticks.sum(axis=0) > 0)
        np.testing.assert_array_equal(scene.potentials, life[1][10 * decision + 9])
        np.testing.assert_array_equal(scene.past[-1].spikes, ticks)
        stage.beat()


def test_speeds_may_be_changed_at_any_time(grown: Path, life: tuple[np.ndarray, np.ndarray]) -> None:
    stage = stage_of(grown)
    for _ in range(3):
        stage.beat()
    stage.wish(str(WHOLE_STEPS))
    assert_stands_at(stage, life, 3)  # nothing moves before the next beat
    stage.beat()
    assert stage.scene.whole
    np.testing.assert_array_equal(stage.scene.past[-1].spikes, life[0][10:20])
    stage.wish(str(SINGLE_TICKS))
    stage.beat()
    assert_stands_at(stage, life, 20)
    stage.wish("9")
    assert stage.hurries
    stage.wish("faster")
    assert stage.speed == 9
    for _ in range(20):
        stage.wish("slower")
    assert stage.speed == 1


def test_chapters_show_how_it_grew(grown: Path) -> None:
    stage, player = stage_of(grown), Player(grown)
    stage.wish("next")  # after the last one comes the first
    sizes, alive = [], set[int]()
    for index, chapter in enumerate(player.chapters):
        player.open(index)
        scene = stage.scene
        assert (scene.chapter, scene.n_chapters) == (index, len(player.chapters))
        assert scene.brain.hidden == len(scene.spiked) == chapter.hidden
        ids = player.brain.ids
        born = {int(one) for one in ids} - alive if index else set()
        assert {int(one) for one in ids[scene.newborn]} == born
        alive |= {int(one) for one in ids}
        sizes.append(chapter.hidden)
        stage.wish("next")
    assert len(set(sizes)) > 1
    stage.wish("before")
    assert stage.scene.chapter == len(sizes) - 1


def test_a_damaged_chapter_is_told_and_passed_over(grown: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(grown, run)
    stage = stage_of(run)
    damaged = Player(run).chapters[-2].path / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-8])
    for _ in range(13):
        stage.tick()
    before = stage.scene
    stage.wish("before")
    assert stage.told == f"chapter {before.n_chapters - 1} is damaged"
    assert stage.scene.moment is before.moment
    assert stage.scene.chapter == before.chapter
    stage.tick()
    assert stage.told  # until the next wish
    stage.wish("tick")
    assert not stage.told
    assert stage.scene.tick == before.tick + 2


def test_every_key_of_the_guide_has_a_meaning() -> None:
    for written, words in GUIDE:
        assert words
        assert {word.lower() for word in written.replace("Esc", "escape").split()} & set(WISHES), written
    assert {"space", "s", "t", "+", "-", "n", "b", "p", "r", "h", "?", "q", "escape"} <= set(WISHES)
