"""Every panel tells the truth: what it shows can be read back from its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from play_pixels import DISH, RASTER, blank, cells_of, spikes_in
from playback.chapters import Chapter, read_history
from playback.panels import frame as layout
from playback.panels import tones
from playback.panels.canvas import Area
from playback.panels.cells import draw_cells, grid_of, specimen
from playback.panels.growth import LABELS_PX, MARKS_ROW_PX, GrowthStrip
from playback.panels.outputs import draw_outputs, rows_shown
from playback.panels.raster import TICK_PX, Past, draw_raster, ticks_shown
from playback.panels.world import draw_world, fit
from playback.player import Player

pytest_plugins = ("play_runs",)


def drawn(potentials: np.ndarray, spiked: np.ndarray, newborn: np.ndarray | None = None) -> np.ndarray:
    dish = blank(DISH.height, DISH.width)
    draw_cells(
        dish,
        Area(0, 0, DISH.width, DISH.height),
        len(spiked),
        potentials=potentials,
        threshold=np.full(len(spiked), 2.0, dtype=np.float32),
        spiked=spiked,
        newborn=np.zeros(len(spiked), dtype=bool) if newborn is None else newborn,
    )
    return dish


@settings(deadline=None)
@given(neurons=st.integers(1, 1024), seed=st.integers(0, 99))
def test_pictures_differ_exactly_in_the_cells_of_neurons_that_spike(neurons: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    potentials = rng.normal(0, 2, neurons).astype(np.float32)
    spiked = rng.random(neurons) < 0.3
    dish, quiet = drawn(potentials, spiked), drawn(potentials, np.zeros_like(spiked))
    changed = cells_of(dish, neurons, neurons) != cells_of(quiet, neurons, neurons)
    np.testing.assert_array_equal(changed.any(axis=(1, 2, 3)), spiked)
    np.testing.assert_array_equal(spikes_in(dish, neurons, neurons), spiked)
    outside = dish.copy()
    side, columns, _ = grid_of(neurons, DISH.width, DISH.height)
    for index in range(neurons):
        row, column = divmod(index, columns)
        outside[row * side : (row + 1) * side, column * side : (column + 1) * side] = tones.DISH
    assert (outside == tones.DISH).all()


def test_the_brighter_the_closer_to_the_threshold() -> None:
    potentials = np.linspace(-2, 2, 65).astype(np.float32)  # of a threshold of 2
    cells = cells_of(drawn(potentials, np.zeros(65, dtype=bool)), 65, 65)
    middle = cells[:, cells.shape[1] // 2, cells.shape[1] // 2].astype(float)
    assert (np.diff(middle.sum(axis=-1)) > 0).all()
    np.testing.assert_array_equal(middle[0], tones.LOW)
    np.testing.assert_allclose(middle[32], tones.REST, atol=2)
    np.testing.assert_array_equal(middle[-1], tones.HIGH)
    beyond = cells_of(drawn(np.float32([-9, 9]), np.zeros(2, dtype=bool)), 2, 2)
    ends = cells_of(drawn(np.float32([-2, 2]), np.zeros(2, dtype=bool)), 2, 2)
    np.testing.assert_array_equal(beyond, ends)


@pytest.mark.parametrize("side", range(6, 33))
def test_a_spike_has_a_shape_of_its_own(side: int) -> None:
    """It can be told by its outline alone, without any colour."""
    outlines = [(specimen(side, 1.0, spiked=spiked) != tones.DISH).any(axis=-1) for spiked in (False, True)]
    assert (outlines[0] != outlines[1]).mean() > 0.1
    assert outlines[1][0].any()  # it reaches the edges of its cell,
    assert not outlines[0][0].any()  # which a quiet neuron never does


def test_newborn_neurons_are_outlined() -> None:
    quiet, newborn = specimen(20, 0.5), specimen(20, 0.5, newborn=True)
    different = (quiet != newborn).any(axis=-1)
    assert different[0, 10]
    assert different[10, 0]
    assert not different[4:16, 4:16].any()


@pytest.mark.parametrize("neurons", [1, 32, 64, 186, 512, 1024])
def test_cells_are_as_large_as_the_dish_allows(neurons: int) -> None:
    side, columns, rows = grid_of(neurons, DISH.width, DISH.height)
    assert columns * side <= DISH.width
    assert rows * side <= DISH.height
    assert columns * rows >= neurons
    larger = side + 1
    assert side == 32 or (DISH.width // larger) * (DISH.height // larger) < neurons


def raster_of(past: list[Past], ids: np.ndarray) -> np.ndarray:
    frame = blank(RASTER.height, RASTER.width)
    draw_raster(frame, Area(0, 0, RASTER.width, RASTER.height), past, ids, np.zeros(len(ids), dtype=bool))
    return frame


@pytest.mark.parametrize("neurons", [1, 7, 34, RASTER.height, RASTER.height + 1, 512, 1024])
@pytest.mark.parametrize("decisions", [1, 3, 40])
def test_raster_columns_are_the_spikes_of_the_last_ticks(neurons: int, decisions: int) -> None:
    rng = np.random.default_rng(neurons)
    ids = np.arange(neurons)
    past = [Past(n, ids, rng.random((10, neurons)) < 0.1) for n in range(decisions)]
    past[-1] = past[-1]._replace(spikes=past[-1].spikes[:4])  # a decision that is under way
    spikes = np.concatenate([decision.spikes for decision in past])[-ticks_shown(RASTER) :]
    frame = raster_of(past, ids)
    lit = (frame == tones.SPIKE).all(axis=-1)
    left = RASTER.width - TICK_PX * len(spikes)
    assert not lit[:, :left].any()
    for tick, row in enumerate(spikes):
        columns = lit[:, left + TICK_PX * tick : left + TICK_PX * (tick + 1)]
        # The neurons lie over the height as evenly as pixels allow: pixel y begins with neuron y * H // height.
        for y in range(RASTER.height):
            first, after = y * neurons // RASTER.height, (y + 1) * neurons // RASTER.height
            assert (columns[y] == row[first : max(after, first + 1)].any()).all()


def test_where_a_neuron_did_not_live_the_raster_is_grey() -> None:
    old, now = np.array([0, 1, 4, 5]), np.array([0, 4, 7])  # 1 and 5 died, 7 was born
    before, after = np.ones((10, 4), dtype=bool), np.zeros((10, 3), dtype=bool)
    before[:, 2] = False  # neuron 4 was silent
    frame = raster_of([Past(1, old, before), Past(2, now, after)], now)
    rows = frame[[10, RASTER.height // 2, RASTER.height - 10]]
    left = RASTER.width - 20 * TICK_PX
    for row, tone in zip(rows, (tones.SPIKE, tones.DISH_DEEP, tones.UNBORN), strict=True):
        assert (row[left : left + 10 * TICK_PX] == tone).all()
        assert (row[left + 10 * TICK_PX :] == tones.DISH).all()


@pytest.mark.parametrize("actions", [1, 2, 4, 9, 18])
def test_bars_are_as_long_as_the_probabilities(actions: int) -> None:
    rng = np.random.default_rng(actions)
    probabilities = rng.dirichlet(np.ones(actions)).astype(np.float32)
    chosen = actions // 2
    area = Area(0, 0, layout.OUTPUTS.width, layout.OUTPUTS.height)
    frame = blank(area.height, area.width, tones.PAGE)
    names = tuple(str(index) for index in range(actions))
    draw_outputs(frame, area, names, probabilities, chosen, None, 10)
    shown = rows_shown(probabilities, chosen, area.height)
    assert chosen in shown
    row_px = min(area.height // len(shown), 58)
    full = 0
    for place, index in enumerate(shown):
        row = frame[place * row_px : (place + 1) * row_px]
        tone = tones.CHOSEN if index == chosen else tones.RIM
        filled = (row[:, 70:] == tone).all(axis=-1).any(axis=0)
        track = (row[:, 70:] == tones.TRACK).all(axis=-1).any(axis=0)
        full = max(full, int((filled | track).sum()))
        assert abs(filled.sum() - probabilities[index] * full) <= 2
    others = sorted(probabilities[[index for index in range(actions) if index not in shown]], reverse=True)
    assert not others or others[0] <= min(probabilities[index] for index in shown if index != chosen)


def test_the_growth_strip_marks_births_deaths_and_the_chapter(grown: Path) -> None:
    history, player = read_history(grown), Player(grown)
    width, height = layout.GROWTH.width, layout.GROWTH.height
    strip = GrowthStrip(history, player.chapters, width, height)
    marker = []
    for index in range(len(player.chapters)):
        frame = blank(height, width, tones.PAGE)
        strip.draw(frame, Area(0, 0, width, height), index)
        is_ink = (frame == tones.INK).all(axis=-1)
        marker.append(int(is_ink.sum(axis=0).argmax()))
    # The marker's place is linear in the training that the chapter has behind it.
    steps = np.array([chapter.env_step for chapter in player.chapters])
    np.testing.assert_allclose(marker, steps / steps[-1] * marker[-1], atol=1)
    for rows, tone, amounts in (
        (slice(0, MARKS_ROW_PX), tones.BIRTH, history.births),
        (slice(height - MARKS_ROW_PX, height), tones.DEATH, history.deaths),
    ):
        marked = np.flatnonzero((frame[rows] == tone).all(axis=-1).any(axis=0))
        places = history.event_steps[amounts > 0] / steps[-1] * marker[-1]
        assert len(places) > 0
        assert all(np.abs(marked - place).min() <= 1 for place in places)
        assert all(np.abs(places - column).min() <= 5 for column in marked)


def test_a_run_without_files_has_a_strip_all_the_same(tmp_path: Path) -> None:
    strip = GrowthStrip(read_history(tmp_path), [Chapter(tmp_path, 0, 0, 32)], 300, 60)
    frame = blank(60, 300)
    strip.draw(frame, Area(0, 0, 300, 60), 0)
    assert (frame == tones.INK).all(axis=-1).any()


def test_no_score_is_drawn_where_none_is_known(grown: Path) -> None:
    width, height, steps = 300, 60, np.arange(1, 101)
    score = np.where((steps > 40) & (steps <= 60), np.nan, 1.0)  # a gap, as after a switch of tasks
    history = read_history(grown)._replace(steps=steps, neurons=np.full(100, 32), score=score)
    chapters, frames = [Chapter(grown, 0, 0, 32), Chapter(grown, 100, 0, 32)], []
    for shown in (history, history._replace(score=np.full(100, np.nan))):
        frames.append(blank(height, width, tones.PAGE))
        GrowthStrip(shown, chapters, width, height).draw(frames[-1], Area(0, 0, width, height), 1)
    differs = (frames[0] != frames[1]).any(axis=-1).any(axis=0)
    drawn = np.flatnonzero(differs) / (width - LABELS_PX) * steps[-1]
    assert ((drawn < 41) | (drawn > 60)).all()
    assert (drawn < 40).any()
    assert (drawn > 60).any()


def test_worlds_are_fitted_and_not_bent() -> None:
    rng = np.random.default_rng(0)
    for height, width in ((512, 512), (508, 508), (400, 600), (210, 160), (96, 96), (2000, 100)):
        picture = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        fitted = fit(picture, 512, 512)
        assert max(fitted.shape[:2]) <= 512
        assert max(fitted.shape[:2]) > 380
        assert fitted.shape[0] / fitted.shape[1] == pytest.approx(height / width, rel=0.03)
    board = blank(508, 508, (1, 2, 3))
    np.testing.assert_array_equal(fit(board, 512, 512), board)
    frame, empty = blank(540, 540, tones.PAGE), blank(540, 540, tones.PAGE)
    draw_world(frame, Area(10, 10, 512, 512), None, "Box-v0")
    assert (frame != empty).any()
