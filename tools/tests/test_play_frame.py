"""The whole picture tells the truth: what it shows can be read back from its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from play_pixels import DISH, RASTER, spikes_in
from playback.panels import tones
from playback.panels.frame import HEIGHT, WIDTH, Painter
from playback.panels.numbers import numbers_of
from playback.player import Player
from playback.stage import Scene, Stage

pytest_plugins = ("play_runs",)


def read_back(painter: Painter, scene: Scene, capacity: int) -> None:
    picture = painter.draw(scene)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(spikes_in(DISH.of(picture), scene.brain.hidden, capacity), scene.spiked)
    lit = (RASTER.of(picture) == tones.SPIKE).all(axis=-1)
    now = [lit[index * RASTER.height // scene.brain.hidden + 1, -1] for index in range(scene.brain.hidden)]
    np.testing.assert_array_equal(now, scene.moment.spikes[scene.tick])
    np.testing.assert_array_equal(picture, painter.draw(scene))  # nothing of one picture stays in the next


def test_numbers_are_those_of_the_moment(grown: Path) -> None:
    scene = Stage(Player(grown)).scene
    moment = scene.moment._replace(
        step=7, food=4, total_reward=3.5, value=-0.25, joules=2.5e-9, total_joules=2e-6, spikes=np.eye(10, 50) > 0
    )  # fmt: skip
    # A spike in each of ten ticks of fifty neurons is a rate of 1/50; 2 µJ for four items are 500 nJ each.
    told = dict(numbers_of(scene._replace(moment=moment))[0] + numbers_of(scene._replace(moment=moment))[1])
    assert told == {
        "step": "7", "food eaten": "4", "reward so far": "+3.50", "reward expected": "-0.25",
        "neurons": str(scene.brain.hidden), "firing": "2.0%", "nJ this decision": "2.5", "nJ a food item": "500",
    }  # fmt: skip
    assert ("nJ a food item", "none yet") in numbers_of(scene._replace(moment=moment._replace(food=0)))[1]
    elsewhere = numbers_of(scene._replace(moment=moment._replace(food=None)))
    assert not {"food eaten", "nJ a food item"} & {label for row in elsewhere for label, _ in row}


def test_whole_pictures_tell_the_truth_in_every_chapter(grown: Path) -> None:
    player = Player(grown, seed=2)
    painter, capacity = Painter.of(player), max(chapter.hidden for chapter in player.chapters)
    for speed in (4, 6):
        stage = Stage(player, speed)
        for index in range(len(player.chapters)):
            for _ in range(23):
                stage.beat()
            read_back(painter, stage.scene, capacity)
            world = painter.draw(stage.scene)[16:528, 16:528]
            picture = stage.scene.moment.picture
            assert picture is not None
            edge = (512 - len(picture)) // 2
            np.testing.assert_array_equal(world[edge : edge + len(picture), edge : edge + len(picture)], picture)
            stage.wish("next" if index % 2 == 0 else "before")
            stage.wish("next")


def test_worlds_of_others_are_shown_as_well(balancing: Path) -> None:
    player = Player(balancing)
    painter, stage = Painter.of(player), Stage(player)
    for _ in range(15):
        stage.beat()
    read_back(painter, stage.scene, 64)


@pytest.mark.parametrize("pace", ["10 steps a second", "saved forager-12.gif, 12345 frames", "not saved " * 20])
def test_the_title_keeps_clear_of_what_stands_beside_it(pace: str, grown: Path) -> None:
    player = Player(grown)
    scene = Stage(player).scene
    old = scene._replace(brain=scene.brain._replace(env_step=123_456_789), pace="")
    painter = Painter.of(player)
    title = (painter.draw(old)[20:42, 540:] != tones.PAGE).any(axis=(0, 2))
    both = (painter.draw(old._replace(pace=pace))[20:42, 540:] != tones.PAGE).any(axis=(0, 2))
    end = int(np.flatnonzero(title)[-1])
    np.testing.assert_array_equal(both[: end + 1], title[: end + 1])
    assert not both[end + 1 : end + 10].any()
    assert both[end + 10 :].any()


def test_help_lies_over_the_picture(grown: Path) -> None:
    player = Player(grown)
    painter, stage = Painter.of(player), Stage(player)
    plain = painter.draw(stage.scene)
    stage.wish("help")
    helped = painter.draw(stage.scene)
    assert (helped[HEIGHT // 2, WIDTH // 2 - 100 : WIDTH // 2 + 100] == tones.PAGE).all(axis=-1).any()
    assert helped[:5].mean() < plain[:5].mean() / 1.5  # what is behind has faded
    stage.wish("help")
    np.testing.assert_array_equal(painter.draw(stage.scene), plain)
