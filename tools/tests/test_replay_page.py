"""What the replay's page shows, in a real browser: the right counts, and every pixel where it belongs."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from playback.moment import Moment
from playback.player import Player
from replay_pages import CENTRES, DRAWN, PIXELS, SIZE_OF, SPIKE, STEPS, Opener, assert_shows, at, state, text, until

pytest_plugins = ("replay_page_fixtures",)

SIZE = 7
FOOD, AGENT, INK = [232, 146, 44, 255], [44, 112, 184, 255], [35, 39, 46, 255]


def test_every_chapter_shows_its_own_counts(show: Opener, lives: list[list[Moment]], replay_run: Path) -> None:
    page = show()
    assert_shows(page, lives[-1][0], STEPS)
    chapters = Player(replay_run, pictures=False).chapters
    assert len({len(moments[0].spikes[0]) for moments in lives}) > 1  # it grew
    assert page.locator("#chapters button").count() == len(lives)
    for index in [0, 2, 1]:
        page.locator(f"#chapter-{index}").click()
        for step in (0, 17, 59):
            at(page, step)
            assert_shows(page, lives[index][step], len(lives[index]))
        assert text(page, "training") == f"{chapters[index].env_step:,}"
        assert page.locator("#chapters [aria-current]").get_attribute("id") == f"chapter-{index}"


def test_the_scrubber_goes_to_any_step(show: Opener, lives: list[list[Moment]]) -> None:
    page = show()
    for step in (STEPS - 1, 23, 64):
        page.locator("#scrub").fill(str(step))
        page.evaluate(DRAWN)
        assert_shows(page, lives[-1][step], STEPS)
        assert page.locator("#scrub").get_attribute("aria-valuetext") == f"step {step + 1} of {STEPS}"
    box = page.locator("#episode").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 1, box["y"] + box["height"] / 2)
    assert state(page)["step"] == 0


def test_spikes_and_potentials_are_those_of_every_tick(
    show: Opener, lives: list[list[Moment]], replay_run: Path
) -> None:
    page = show()
    player = Player(replay_run, pictures=False)
    for index, moments in enumerate(lives):
        player.open(index)
        read = """(chapter) => {
          const { steps, ticks, hidden } = replay.chapters[chapter];
          const all = (read) => Array.from({ length: steps }, (_, step) => Array.from({ length: ticks }, (_, tick) =>
            Array.from({ length: hidden }, (_, neuron) => read(chapter, step, tick, neuron))));
          return [all(replay.spike), all(replay.potential)];
        }"""
        spikes, potentials = page.evaluate(read, index)
        np.testing.assert_array_equal(np.array(spikes), [moment.spikes for moment in moments])
        true = np.array([np.clip(moment.potentials / player.brain.threshold, -1, 1) for moment in moments])
        assert np.abs(np.array(potentials) - true).max() <= 0.5 / 7 + 1e-6


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scale", [1, 2])
def test_the_cells_that_spike_are_painted(show: Opener, lives: list[list[Moment]], scheme: str, scale: int) -> None:
    page = show(color_scheme=scheme, device_scale_factor=scale)
    moment = max(lives[-1], key=lambda moment: moment.spikes.sum())
    centres = page.evaluate(CENTRES)
    assert len({tuple(centre) for centre in centres}) == moment.spikes.shape[1]
    for tick in [None, *range(len(moment.spikes))]:
        at(page, moment.step, tick)
        painted = [tone == SPIKE[scheme] for tone in page.evaluate(PIXELS, ["brain", centres])]
        np.testing.assert_array_equal(painted, moment.spikes.any(axis=0) if tick is None else moment.spikes[tick])


def test_the_world_is_painted(show: Opener, lives: list[list[Moment]]) -> None:
    page = show(color_scheme="light")
    px = (page.evaluate(SIZE_OF, "world")[0] - 2 * 5) / SIZE  # within the rim
    places = [[5 + (column + 0.5) * px, 5 + (row + 0.5) * px] for row in range(SIZE) for column in range(SIZE)]
    changes = [after for before, after in itertools.pairwise(lives[-1]) if before.food != after.food]
    following = [lives[-1][moment.step + 1] for moment in changes if moment.step + 1 < STEPS]
    assert following  # food was eaten and came back elsewhere
    for moment in [*lives[-1][::11], *following]:
        assert moment.world is not None
        at(page, moment.step, 3)
        tones = page.evaluate(PIXELS, ["world", places])
        assert {cell for cell, tone in enumerate(tones) if tone == FOOD} == set(moment.world.items[0].tolist())
        assert [cell for cell, tone in enumerate(tones) if tone == AGENT] == moment.world.agent.tolist()


def test_the_raster_holds_the_last_steps(show: Opener, lives: list[list[Moment]]) -> None:
    page = show(color_scheme="light")
    now, shown = 40, 24
    at(page, now)
    width, height = page.evaluate(SIZE_OF, "raster")
    ticks, hidden = lives[-1][0].spikes.shape
    column, row = width / (shown * ticks), (height - 20 - 7) / hidden  # 4 outputs of 5 px, and the gap
    spikes = np.concatenate([moment.spikes for moment in lives[-1][now - shown + 1 : now + 1]])
    where = [(neuron, tick) for neuron in range(hidden) for tick in range(shown * ticks)]
    places = [[(tick + 0.4) * column, (neuron + 0.42) * row] for neuron, tick in where]
    dark = [tone == INK for tone in page.evaluate(PIXELS, ["raster", places])]
    np.testing.assert_array_equal(np.array(dark).reshape(hidden, -1), spikes.T)


def test_a_change_of_scheme_is_followed(show: Opener, lives: list[list[Moment]]) -> None:
    page = show(color_scheme="light")
    moment = max(lives[-1], key=lambda moment: moment.spikes.sum())
    tick, neuron = np.argwhere(moment.spikes)[0].tolist()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        until(page, f"matchMedia('(prefers-color-scheme: {scheme})').matches")
        page.evaluate(DRAWN)  # listeners hear of it when the next frame is made
        at(page, moment.step, tick)
        place = page.evaluate("(neuron) => replay.cell(neuron).slice(0, 2)", neuron)
        assert page.evaluate(PIXELS, ["brain", [place]]) == [SPIKE[scheme]]
