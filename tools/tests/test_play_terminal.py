"""The text tells the same as the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playback.player import Player
from playback.stage import Stage
from playback.terminal import SHADES, SPIKE, neurons_text, outputs_text, picture_text, plain, scene_view

from foraging_env.render import scene_text

pytest_plugins = ("play_runs",)


def stages(run: Path) -> list[Stage]:
    """At single ticks and at whole decisions, some way into the life."""
    found = []
    for speed in (4, 6):
        stage = Stage(Player(run, seed=1), speed)
        for _ in range(17):
            stage.beat()
        found.append(stage)
    return found


def test_every_neuron_is_a_character(grown: Path) -> None:
    for stage in stages(grown):
        scene = stage.scene
        for rows, room in ((1, 200), (4, 40), (9, 16), (3, 7)):
            text = neurons_text(scene, rows, room).plain
            assert max(map(len, text.splitlines())) <= room
            characters = text.replace("\n", "")
            assert len(characters) == scene.brain.hidden
            np.testing.assert_array_equal([character == SPIKE for character in characters], scene.spiked)
            potentials = np.clip(scene.potentials / scene.brain.threshold, 0, 1)
            for character, potential in zip(characters, potentials, strict=True):
                if character != SPIKE:
                    assert SHADES.index(character) == pytest.approx(4 * potential, abs=0.51)


def test_the_outputs_tell_the_choice(grown: Path) -> None:
    for stage in stages(grown):
        scene = stage.scene
        moment = scene.moment
        lines = outputs_text(scene).plain.splitlines()
        assert len(lines) == 4
        assert moment.output_spikes is not None
        for index, line in enumerate(lines):
            assert line.startswith(">") == (index == moment.action)
            assert ("up", "down", "left", "right")[index] in line
            assert f"{moment.probabilities[index]:.0%}" in line
            assert line.count("━") == round(float(moment.probabilities[index]) * 16)
            assert line.count(SPIKE) == moment.output_spikes[: scene.tick + 1, index].sum()


@pytest.mark.parametrize("width", [79, 84, 120, 200])
def test_the_whole_scene_fits_the_terminal(grown: Path, width: int) -> None:
    player = Player(grown, seed=1)
    stage = Stage(player, 6)
    scene = stage.scene
    text = plain(scene_view(scene, player.view, player.name, width=width, coloured=False), width)
    assert max(map(len, text.splitlines())) <= width
    assert scene.moment.output_spikes is not None
    assert text.count(SPIKE) == scene.spiked.sum() + scene.moment.output_spikes.sum()
    assert f"neurons {scene.brain.hidden}" in text
    assert f"step {scene.moment.step}" in text
    assert f"Brain after {scene.brain.env_step:,} steps" in text
    assert player.view is not None
    assert scene.moment.world is not None
    for line in scene_text(player.view, scene.moment.world).splitlines()[:-1]:
        assert line in text


def test_pictures_of_other_worlds_are_drawn_where_there_are_colours(balancing: Path) -> None:
    player = Player(balancing)
    scene = Stage(player).scene
    assert "▀" in plain(scene_view(scene, None, player.name, width=120, coloured=True), 120)
    bare = plain(scene_view(scene, None, player.name, width=120, coloured=False), 120)
    assert "▀" not in bare
    assert "CartPole-v1" in bare


def test_half_blocks_have_the_colours_of_the_picture() -> None:
    picture = np.zeros((4, 6, 3), dtype=np.uint8)
    picture[1, 2], picture[2, 5] = (255, 0, 0), (0, 0, 255)
    text = picture_text(picture.repeat(7, axis=0).repeat(7, axis=1))  # 28 × 42 pixels: fits as it is
    rows = text.plain.splitlines()
    assert [len(row) for row in rows] == [42] * 14
    styles = {span.start: span.style for span in text.spans}
    # Row 4 of the text shows rows 8 and 9 of the picture, both in the second of its four rows of blocks.
    assert styles[4 * 43 + 2 * 7 + 3] == "rgb(255,0,0) on rgb(255,0,0)"
    # Row 3 shows 6, the last of the first, and 7, the first of the second.
    assert styles[3 * 43 + 2 * 7 + 3] == "rgb(0,0,0) on rgb(255,0,0)"
    assert styles[7 * 43 + 41] == "rgb(0,0,255) on rgb(0,0,255)"
