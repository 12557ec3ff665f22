"""The replay of a life of several tasks: where neurons come from and when tasks changed, in a real browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from play import ORGANISM
from play_tasks import NAMES, STARTS, task_at
from playback.chapters import read_history
from playback.player import Player
from playback.replay import write_replay
from replay_pages import DESK, DRAWN, PHONE, PIXELS, SIZE_OF, Opener, at, text

pytest_plugins = ("play_runs", "replay_page_fixtures")

TONES = """Array.from({ length: 3 }, (_, task) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--task-${task}`))"""
STEPS = 30


@pytest.fixture(scope="module")
def replay_file(many_tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_replay(Player(many_tasks, pictures=False), tmp_path_factory.mktemp("tasks") / "life.html", steps=STEPS)


def colours_of(page_tones: list[str]) -> list[list[int]]:
    return [[*bytes.fromhex(tone.strip().lstrip("#")), 255] for tone in page_tones]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_neurons_tell_where_they_come_from(show: Opener, many_tasks: Path, scheme: str, size: dict[str, int]) -> None:
    page = show(color_scheme=scheme, viewport=size, device_scale_factor=2)
    tones = colours_of(page.evaluate(TONES))
    player, born_at = Player(many_tasks, pictures=False), read_history(many_tasks).born_at
    for index in (5, 8):
        player.open(index)
        page.evaluate("(index) => replay.open(index)", index)
        page.evaluate(DRAWN)
        cells = page.evaluate(f"Array.from({{ length: {player.brain.hidden} }}, (_, neuron) => replay.cell(neuron))")
        births = [born_at.get(neuron, 0) for neuron in player.brain.ids.tolist()]
        feet = page.evaluate(PIXELS, ["brain", [[x - 0.3 * px, y + px / 2 - 1.5] for x, y, px in cells]])
        # A colour laid on a transparent canvas may be rounded.
        np.testing.assert_allclose(feet, [tones[task_at(step)] for step in births], atol=2)
        begun = max(start for start in STARTS if start <= player.brain.env_step)
        # The line at the left, where spikes do not reach it; half of a pixel may be mixed with the ground.
        sides = page.evaluate(PIXELS, ["brain", [[x - px / 2 + 2, y - 0.3 * px] for x, y, px in cells]])
        framed = [side[3] > 0 for side in sides]
        assert framed == [step < begun for step in births]
        task = task_at(player.brain.env_step)
        assert text(page, "task") == str(task)
        assert page.locator("#life").inner_text() == f"phase {STARTS.index(begun)}, task {task}: {NAMES[task]}"
    assert page.locator("#tasks .task").count() == 3
    page.keyboard.press("n")
    page.evaluate(DRAWN)
    assert "born in task 0 · protected" in page.locator("#neuron").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_band_and_the_lines_tell_when_tasks_changed(show: Opener, many_tasks: Path, scheme: str) -> None:
    page = show(color_scheme=scheme, device_scale_factor=2)
    tones = colours_of(page.evaluate(TONES))
    last = Player(many_tasks, pictures=False).chapters[-1].env_step
    width, height = page.evaluate(SIZE_OF, "growth")
    left, plot = 40, width - 40 - 46  # where the numbers at its sides leave room
    shares = np.linspace(0.003, 0.99, 300)
    steps = shares * last
    away = np.min([np.abs(steps - start) for start in STARTS[1:]], axis=0) / last * plot
    shown = away > 2
    places = [[left + share * plot, height - 24 + 4] for share in shares[shown]]
    band = page.evaluate(PIXELS, ["growth", places])
    marks = np.array([chapter["envStep"] for chapter in page.evaluate("replay.chapters")])
    for tone, step in zip(band, steps[shown], strict=True):
        if np.abs(marks - step).min() / last * plot > 2:  # where no chapter is marked
            assert tone == tones[task_at(int(step))]
    for start in STARTS[1:]:
        column = [[left + start / last * plot, y] for y in np.arange(24, height - 24, 0.5)]
        beside = [[x - 4, y] for x, y in column]
        inked, plain = (sum(tone[3] > 0 for tone in page.evaluate(PIXELS, ["growth", one])) for one in (column, beside))
        assert inked > len(column) * 0.35 > plain
    assert page.locator("#growth-tasks").is_visible()


def test_the_phase_of_the_world_is_told(show: Opener) -> None:
    page = show()
    for step in (0, 10, 11, 21, 22):
        at(page, step)
        assert text(page, "phase") == f"{step // 11}, task {step // 11}"
    at(page, 0)  # so that the mark of the present step is far away
    width, height = page.evaluate(SIZE_OF, "episode")
    plot = width - 104
    for after in (11, 22):
        column = [[plot * after / STEPS, y] for y in np.arange(0, height, 0.5)]
        beside = [[x + 3, y] for x, y in column]
        inked, plain = (
            sum(tone[3] > 0 for tone in page.evaluate(PIXELS, ["episode", one])) for one in (column, beside)
        )
        assert inked > len(column) * 0.35 > plain


def test_a_life_of_one_task_says_nothing_of_it(show: Opener, tmp_path: Path) -> None:
    page = show(write_replay(Player(ORGANISM, pictures=False), tmp_path / "one.html", steps=10))
    for hidden in ("#tasks", "#life", "#growth-tasks", "#now-task", "#now-phase"):
        assert page.locator(hidden).is_hidden()
    assert page.evaluate("document.getElementById('now-task').parentElement.hidden")
