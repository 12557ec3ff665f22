"""Tasks of a life can be read back from the picture: where each neuron comes from, who is protected, every switch."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
from play import main as play
from play_pixels import DISH, blank, cells_of
from play_tasks import NAMES, SEQUENCE, STARTS, head_reads, live, phase_line, task_at, write_phases
from playback.chapters import chapters_of, read_history, tasks_in_life
from playback.panels import frame as layout
from playback.panels import tones
from playback.panels.canvas import Area
from playback.panels.cells import specimen
from playback.panels.frame import Painter
from playback.panels.growth import BAND_PX, MARKS_ROW_PX, GrowthStrip
from playback.panels.numbers import numbers_of
from playback.player import Player
from playback.stage import Stage
from playback.terminal import plain, scene_view

from snn_agent.errors import ConfigError

pytest_plugins = ("play_runs",)

PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
TRITANOPIA = [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
"""Matrices of Machado, Oliveira and Fernandes (2009), severity 1, on linear red, green and blue."""
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lightness_and_hue(linear: np.ndarray) -> np.ndarray:
    """CIELAB of linear sRGB under D65."""
    xyz = linear.clip(0, 1) @ TO_XYZ.T / [0.95047, 1, 1.08883]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def assert_can_be_told_apart(palette: list[tuple[int, int, int]], ground: tuple[int, int, int]) -> None:
    """Also by those who see two colours only; and each stands out from the ground by 3 : 1 (WCAG 2, 1.4.11)."""
    parts = np.array([*palette, ground]) / 255
    *linear, below = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    for seen in (np.eye(3), PROTANOPIA, DEUTERANOPIA, TRITANOPIA):
        places = [lightness_and_hue(np.array(seen) @ tone) for tone in linear]
        assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(places, 2)) > 20
    light = np.array([TO_XYZ[1] @ tone for tone in [*linear, below]]) + 0.05
    assert (np.maximum(light[:-1] / light[-1], light[-1] / light[:-1]) >= 3).all()


def test_the_colours_of_tasks_can_be_told_apart() -> None:
    assert_can_be_told_apart(list(tones.TASKS), tones.DISH)
    style = (Path(layout.__file__).parents[1] / "replay" / "replay.css").read_text()
    colours = dict.fromkeys(["paper", *(f"task-{number}" for number in range(len(tones.TASKS)))])
    for theme in style.split("prefers-color-scheme: dark")[:2]:
        for name in colours:
            start = theme.index(f"--{name}: #") + len(f"--{name}: #")
            colours[name] = tuple(bytes.fromhex(theme[start : start + 6]))
        paper, *tasks = colours.values()
        assert_can_be_told_apart(tasks, paper)


@pytest.fixture(scope="module")
def born_in(many_tasks: Path) -> dict[int, int]:
    """Task of birth by neuron, from the log of births alone."""
    return {neuron: task_at(step) for neuron, step in read_history(many_tasks).born_at.items()}


@pytest.mark.parametrize("index", [2, 5, 8])
def test_cells_tell_birth_task_and_protection(many_tasks: Path, born_in: dict[int, int], index: int) -> None:
    player = Player(many_tasks)
    player.open(index)
    scene = Stage(player).scene
    brain, capacity = scene.brain, max(chapter.hidden for chapter in player.chapters)
    cells = cells_of(DISH.of(Painter.of(player).draw(scene)), brain.hidden, capacity)
    middle = cells.shape[1] // 2
    now = task_at(brain.env_step)
    begun = max(start for start in STARTS if start <= brain.env_step)
    tasks = [born_in.get(neuron, 0) for neuron in brain.ids.tolist()]
    np.testing.assert_array_equal(cells[:, -1, middle], [tones.TASKS[task] for task in tasks])
    framed = (cells[:, 2, 1] == [tones.TASKS[task] for task in tasks]).all(axis=-1)
    steps = [player.history.born_at.get(neuron, 0) for neuron in brain.ids.tolist()]
    np.testing.assert_array_equal(framed, np.array(steps) < begun)
    assert scene.life == f"phase {STARTS.index(begun)}, task {now}: {NAMES[now]}"
    if index == 8:
        assert len(set(tasks)) == 3
        assert 0 < framed.sum() < brain.hidden or begun == STARTS[3]


@pytest.mark.parametrize("side", range(5, 33))
def test_protection_has_a_shape_of_its_own(side: int) -> None:
    bar, frame = (specimen(side, 0.0, task=1, protected=protected) for protected in (False, True))
    tone = np.array(tones.TASKS[1])
    assert (bar[-1, 1:-1] == tone).all()
    assert not (bar[0] == tone).all(axis=-1).any()
    for edge in (frame[0, 1:-1], frame[:, 1], frame[:, -2], frame[-1, 1:-1]):
        assert (edge == tone).all()
    assert (frame[side // 2, side // 2] == bar[side // 2, side // 2]).all()


def test_the_strip_marks_every_switch_and_the_task_in_force(many_tasks: Path) -> None:
    history, chapters = read_history(many_tasks), chapters_of(many_tasks)
    width, height = layout.GROWTH.width, layout.GROWTH.height
    frame = blank(height, width, tones.PAGE)
    GrowthStrip(history, chapters, width, height).draw(frame, Area(0, 0, width, height), len(chapters) - 1)
    plot = width - 44  # the last numbers stand at the right
    band = frame[height - MARKS_ROW_PX - 2 - 1 - BAND_PX // 2, :plot]
    steps = np.arange(plot) / (plot - 1) * chapters[-1].env_step
    edges = np.array(STARTS[1:]) / chapters[-1].env_step * (plot - 1)
    for x in range(plot - 1):  # the last column is that of the marker
        if np.abs(edges - x).min() > 1:
            assert tuple(band[x]) == tones.TASKS[task_at(int(steps[x]))]
    above = frame[MARKS_ROW_PX + 2 : height - MARKS_ROW_PX - 2 - BAND_PX - 2]
    dashed = np.flatnonzero((above == tones.RIM).all(axis=-1).sum(axis=0) > len(above) // 3)
    np.testing.assert_allclose(dashed, edges, atol=1)


def test_an_organism_that_is_not_told_has_numbers_of_its_own(many_tasks: Path, tmp_path: Path) -> None:
    shutil.copytree(many_tasks, tmp_path / "run")
    noticed = STARTS[1] + 400_000
    lines = [phase_line(0, "hidden"), phase_line(1, "hidden"), phase_line(1, "detected", 2, noticed)]
    write_phases(tmp_path / "run", lines)
    tasks = tasks_in_life(read_history(tmp_path / "run"), chapters_of(tmp_path / "run"))
    assert tasks.switches == (STARTS[1],)  # the world's
    assert tasks.spans == ((0, 0), (noticed, 2))  # what the organism made of it
    assert tasks.words(noticed - 1, 0) == f"phase 1: {NAMES[1]}, taken for task 0"
    assert tasks.words(noticed, 2) == f"phase 1: {NAMES[1]}, taken for task 2"
    assert (tasks.world(noticed, 2), tasks.world(STARTS[1] - 1, 0)) == (1, 0)


def test_an_organism_kept_before_a_boundary_is_told_by_its_own_task(many_tasks: Path) -> None:
    tasks = tasks_in_life(read_history(many_tasks), chapters_of(many_tasks))
    before, after = tasks.words(STARTS[2], SEQUENCE[1]), tasks.words(STARTS[2], SEQUENCE[2])
    assert (before, after) == (f"phase 1, task 1: {NAMES[1]}", f"phase 2, task 2: {NAMES[2]}")


def test_without_its_files_checkpoints_tell(many_tasks: Path, tmp_path: Path) -> None:
    """Between two organisms that were kept nobody knows when the switch was, so it is marked at the later one."""
    shutil.copytree(many_tasks, tmp_path / "run")
    (tmp_path / "run" / "phases.jsonl").unlink()
    chapters = chapters_of(tmp_path / "run")
    found = tasks_in_life(read_history(tmp_path / "run"), chapters)
    steps = [chapter.env_step for chapter in chapters]
    first = [next(step for step in steps if step >= start) for start in STARTS]
    assert found.spans == tuple(zip(first, SEQUENCE, strict=True))
    assert found.switches == tuple(first[1:])
    assert found.words(steps[-1], 0) == "task 0"


@pytest.mark.parametrize("phases", [[], [phase_line(0)], [phase_line(0), phase_line(3)]])
def test_a_life_of_one_task_has_nothing_to_show(phases: list[dict[str, object]], tmp_path: Path) -> None:
    write_phases(tmp_path, phases)
    chapter = chapters_of(Path(__file__).parents[1] / "organisms" / "forager")
    found = tasks_in_life(read_history(tmp_path), chapter)
    assert not found.any
    assert (found.numbers, found.spans, found.switches, found.words(10**9, 0)) == ((), (), (), "")


def test_the_phase_of_the_world_is_told(many_tasks: Path) -> None:
    """It has another task every eleven steps, four in all, which come back."""
    player = Player(many_tasks)
    stage = Stage(player, 6)
    for step in range(60):
        assert (stage.scene.moment.phase, stage.scene.moment.phase_task) == (step // 11, step // 11 % 4)
        stage.step()
    stage.wish("step")
    assert ("world's phase", "5, task 1") in numbers_of(stage.scene)[0]
    shown = plain(scene_view(stage.scene, player.view, player.name, width=160, coloured=False), 160)
    assert f"phase 3, task 0: {NAMES[0]}" in shown
    assert "world's phase 5, task 1" in shown


def test_another_head_plays_with_the_neurons_that_it_reads(many_tasks: Path, born_in: dict[int, int]) -> None:
    own, other = Player(many_tasks), Player(many_tasks, task=1)
    born_at = own.history.born_at
    read = [neuron for neuron in own.brain.ids.tolist() if head_reads(1, neuron, born_at.get(neuron, 0))]
    assert other.brain.ids.tolist() == read
    assert 0 < len(read) < own.brain.hidden
    assert [born_in.get(neuron, 0) for neuron in read] == other.brain.birth_task.tolist()
    assert other.life.endswith("; plays with the head of task 1")
    # Hidden neurons do not listen to each other, so those that both have spike alike; what is made of it is another's.
    ours, theirs = own.step(), other.step()
    np.testing.assert_array_equal(theirs.spikes, ours.spikes[:, np.isin(own.brain.ids, read)])
    assert not np.array_equal(ours.probabilities, theirs.probabilities)
    assert Player(many_tasks, task=0).brain.head is None  # the active one
    other.open(0)
    assert other.brain.head is None  # it was not put away yet
    with pytest.raises(ConfigError, match="of the tasks 1, 2; the active one is that of task 0"):
        Player(many_tasks, task=7)


def test_the_command_takes_up_a_head(many_tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert play([str(many_tasks), "--task", "1", "--render", "ansi", "--steps", "1"]) == 0
    assert "plays with the head of task 1" in capsys.readouterr().out
    assert play(["--task", "1", "--render", "ansi", "--steps", "1"]) == 2
    assert "no head was put away in this run" in capsys.readouterr().err


def test_every_chapter_is_played_in_the_world_of_its_task(tmp_path: Path) -> None:
    changes = ("n_food=10", "n_food=4", "n_food=7")
    run = live(tmp_path / "run", tasks=tuple(f"{name}: {change}" for name, change in zip(NAMES, changes, strict=True)))
    player = Player(run, pictures=False)
    for index, chapter in enumerate(player.chapters):
        player.open(index)
        world = player.step().world
        assert world is not None
        assert world.items.shape[1] == (10, 4, 7)[task_at(chapter.env_step)]
    assert Player(run, pictures=False, task=2).step().world.items.shape[1] == 7  # type: ignore[union-attr]
