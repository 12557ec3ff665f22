"""The replay's page in a real browser: it plays, scrubs, shows the right counts and asks for nothing."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playback.moment import Moment
from playback.player import Player
from playback.replay import write_replay
from playwright.sync_api import Browser, Page, sync_playwright
from train import main as train

from snn_agent.training.checkpoint import load, save

BRIEF = [
    "--threads", "1", "--eval-episodes", "1", "--training.n-worlds", "8", "--training.rollout-steps", "8",
]  # fmt: skip
GROWTH = [
    "--structure.growth", "periodic", "--structure.grow-interval", "400", "--structure.growth-size", "8",
    "--structure.interval-unit", "env_steps", "--network.init-hidden", "34",
]  # fmt: skip
STEPS = 90
SIZE = 7
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
SPIKE = {"light": [232, 146, 44, 255], "dark": [255, 180, 84, 255]}
FOOD, AGENT, INK = [232, 146, 44, 255], [44, 112, 184, 255], [35, 39, 46, 255]

DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
PIXELS = """([id, places]) => {
  const canvas = document.getElementById(id);
  const scale = canvas.width / canvas.clientWidth;
  const pen = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  return places.map(([x, y]) => {
    const place = 4 * (Math.floor(y * scale) * canvas.width + Math.floor(x * scale));
    return [...data.slice(place, place + 4)];
  });
}"""


CENTRES = "Array.from({ length: replay.chapters.at(-1).hidden }, (_, neuron) => replay.cell(neuron).slice(0, 2))"
SIZE_OF = "(id) => [document.getElementById(id).clientWidth, document.getElementById(id).clientHeight]"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "run"
    arguments = ["--preset", "quick", "--run-dir", str(folder), "--total-steps", "1200", "--milestones", "2"]
    assert train([*arguments, *BRIEF, *GROWTH]) == 0
    return folder


@pytest.fixture(scope="module")
def file(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_replay(Player(run, pictures=False), tmp_path_factory.mktemp("page") / "replay.html", steps=STEPS)


@pytest.fixture(scope="module")
def lives(run: Path) -> list[list[Moment]]:
    """The moments of each chapter, as a player tells them."""
    player = Player(run, pictures=False)
    found = []
    for index in range(len(player.chapters)):
        player.open(index)
        found.append(list(player.moments(STEPS if index == len(player.chapters) - 1 else 60)))
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("chromium is not installed; .ci/run does it, with apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


Opener = Callable[..., Page]


@pytest.fixture
def show(browser: Browser, file: Path) -> Iterator[Opener]:
    """Opens the page, paused; afterwards nothing may have been asked for and nothing complained."""
    contexts, asked, complaints = [], [], []

    def opened(path: Path = file, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": DESK, "reduced_motion": "reduce"} | options)
        contexts.append(context)
        context.on("request", lambda request: asked.append(request.url))
        context.on("weberror", lambda problem: complaints.append(str(problem.error)))
        context.on("console", lambda message: complaints.append(message.text))
        context.route("**/*", lambda route: route.continue_() if route.request.url == path.as_uri() else route.abort())
        page = context.new_page()
        page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            until(page, "window.replay !== undefined")
            page.evaluate(DRAWN)
        return page

    yield opened
    assert len(asked) == len(contexts)  # the page itself, each time
    assert complaints == []
    for context in contexts:
        context.close()


def until(page: Page, expression: str) -> None:
    """Wait until it is true. (Playwright's own waiting needs eval, which the page forbids.)"""
    deadline = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"{expression} did not become true in a minute"
        page.wait_for_timeout(20)


def at(page: Page, step: int, tick: int | None = None) -> None:
    page.evaluate("([step, tick]) => replay.go(step, tick)", [step, tick])
    page.evaluate(DRAWN)


def state(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("replay.state()")
    return found


def text(page: Page, name: str) -> str:
    return page.locator(f"#now-{name}").inner_text()


def assert_shows(page: Page, moment: Moment, steps: int) -> None:
    assert text(page, "step") == f"{moment.step + 1} of {steps}"
    assert text(page, "food") == str(moment.food)
    assert text(page, "neurons") == str(moment.spikes.shape[1])
    assert text(page, "spikes") == str(moment.spikes.sum())
    assert text(page, "rate") == f"{moment.rate:.3f} / tick"
    assert float(text(page, "joules").removesuffix(" nJ")) == pytest.approx(1e9 * moment.joules, abs=0.051)
    assert text(page, "action").endswith(["up", "down", "left", "right"][moment.action])


def test_every_chapter_shows_its_own_counts(show: Opener, lives: list[list[Moment]], run: Path) -> None:
    page = show()
    assert_shows(page, lives[-1][0], STEPS)
    chapters = Player(run, pictures=False).chapters
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


def test_spikes_and_potentials_are_those_of_every_tick(show: Opener, lives: list[list[Moment]], run: Path) -> None:
    page = show()
    player = Player(run, pictures=False)
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


def test_it_plays_and_stops_at_the_end(show: Opener, lives: list[list[Moment]]) -> None:
    page = show()
    live = page.locator("#readout")
    assert state(page) == {"chapter": 2, "step": 0, "tick": None, "playing": False, "speed": 2}
    assert live.get_attribute("aria-live") == "polite"
    page.locator("#play").click()
    until(page, "replay.state().tick !== null")  # slowly, tick by tick
    assert live.get_attribute("aria-live") == "off"
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    for _ in range(4):
        page.locator("#faster").click()
    until(page, "replay.state().step > 5")
    page.locator("#play").click()
    stopped = state(page)
    assert not stopped["playing"]
    page.wait_for_timeout(200)
    assert state(page) == stopped
    at(page, STEPS - 4)
    page.locator("#play").click()
    until(page, "!replay.state().playing")
    page.evaluate(DRAWN)
    assert_shows(page, lives[-1][-1], STEPS)
    page.evaluate("replay.open(0)")
    at(page, 57)
    page.locator("#play").click()  # from an early chapter it goes on to the next
    until(page, "replay.state().chapter === 1")


def test_it_plays_by_itself_unless_motion_is_unwelcome(show: Opener) -> None:
    page = show(reduced_motion="no-preference")
    assert state(page)["playing"]
    until(page, "replay.state().step > 0")
    assert not state(show())["playing"]


def test_the_keys(show: Opener, lives: list[list[Moment]]) -> None:
    page = show()
    ticks = len(lives[-1][0].spikes)

    def after(*keys: str) -> dict[str, Any]:
        for key in keys:
            page.keyboard.press(key)
        page.evaluate(DRAWN)
        return state(page)

    assert after("ArrowRight", "ArrowRight")["step"] == 2
    assert after("ArrowLeft")["step"] == 1
    assert after("Shift+ArrowRight") | {"speed": 0} == {
        "chapter": 2, "step": 2, "tick": 0, "playing": False, "speed": 0,
    }  # fmt: skip
    assert text(page, "tick") == f"1 of {ticks}"
    assert text(page, "action") == "…"  # not decided yet
    assert after("Shift+ArrowLeft")["tick"] is None
    assert after(*["Shift+ArrowLeft"] * 2)["tick"] == ticks - 2
    assert after("End")["step"] == STEPS - 1
    assert after("ArrowRight")["step"] == STEPS - 1
    assert after("Home")["step"] == 0
    assert after("PageUp")["chapter"] == 1
    assert after("PageUp", "PageUp")["chapter"] == 0
    assert after("PageDown")["chapter"] == 1
    assert after("+")["speed"] == 5
    assert after("-", "-")["speed"] == 1
    assert after("Space")["playing"]
    assert not after("Space")["playing"]
    assert page.locator("#help").is_hidden()
    after("h")
    assert page.locator("#help").is_visible()
    assert after("ArrowRight")["step"] == 0  # the help has the keys
    after("h")
    assert page.locator("#help").is_hidden()
    after("n", "n")
    assert page.locator("#neuron").inner_text().startswith("neuron 1 · a founder · ")
    page.locator("#next").focus()
    assert after("Enter")["step"] == 1
    page.locator("#scrub").focus()
    assert after("ArrowRight")["step"] == 2  # once, not by the scrubber as well


def test_touch_on_a_phone(show: Opener) -> None:
    page = show(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    wide = """() => [document.documentElement.scrollWidth,
      Math.max(...[...document.querySelectorAll("body *")].map((one) => one.getBoundingClientRect().right))]"""
    for chapter in range(3):
        page.locator(f"#chapter-{chapter}").tap()
        page.evaluate(DRAWN)
        assert state(page)["chapter"] == chapter
        assert max(page.evaluate(wide)) <= PHONE["width"]
    sides = "(all) => all.map((one) => Math.min(one.offsetWidth, one.offsetHeight))"
    assert min(page.locator("footer button, #chapters button").evaluate_all(sides)) >= 44
    page.locator("#world").tap()
    assert state(page)["playing"]
    page.locator("#world").tap()
    assert not state(page)["playing"]
    at(page, 10)
    for canvas in ("world", "brain", "raster"):
        _swipe(page, canvas, -120)
        assert state(page)["step"] == 11
        _swipe(page, canvas, 120)
        assert state(page)["step"] == 10
    x, y, _ = page.evaluate("replay.cell(5)")
    page.locator("#brain").tap(position={"x": x, "y": y})
    page.evaluate(DRAWN)
    assert page.locator("#neuron").inner_text().startswith("neuron 5 ")


def _swipe(page: Page, canvas: str, by: int) -> None:
    place = page.locator(f"#{canvas}")
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2 - by / 2, box["y"] + min(60, box["height"] / 2)
    session = page.context.new_cdp_session(page)
    for kind, share in [("touchStart", 0), ("touchMove", 0.4), ("touchMove", 1), ("touchEnd", None)]:
        touches = [] if share is None else [{"x": x + by * share, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    page.evaluate(DRAWN)


def test_a_change_of_scheme_is_followed(show: Opener, lives: list[list[Moment]]) -> None:
    page = show(color_scheme="light")
    moment = max(lives[-1], key=lambda moment: moment.spikes.sum())
    tick, neuron = np.argwhere(moment.spikes)[0].tolist()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        until(page, f"matchMedia('(prefers-color-scheme: {scheme})').matches")
        at(page, moment.step, tick)
        place = page.evaluate("(neuron) => replay.cell(neuron).slice(0, 2)", neuron)
        assert page.evaluate(PIXELS, ["brain", [place]]) == [SPIKE[scheme]]


def test_scripts_see_one_name(show: Opener) -> None:
    page = show()
    added = """() => {
      const frame = document.body.appendChild(document.createElement("iframe"));
      const plain = new Set(Object.getOwnPropertyNames(frame.contentWindow));
      frame.remove();
      return Object.getOwnPropertyNames(window).filter((name) => !plain.has(name) && !/^\\d+$/.test(name));
    }"""
    names = [name for name in page.evaluate(added) if not name.startswith("__playwright")]
    assert names == ["replay"]
    assert page.evaluate("Object.isFrozen(replay)")


def test_without_scripts_it_says_so(show: Opener) -> None:
    page = show(java_script_enabled=False)
    assert "which needs JavaScript" in page.locator("noscript p").inner_text()
    assert page.locator("noscript p").is_visible()
    assert not page.locator("main").is_visible()  # nothing that would not work
    assert show().locator("main").is_visible()


@pytest.mark.slow
def test_a_large_organism_fits(show: Opener, tmp_path: Path) -> None:
    """512 neurons, 13 chapters and a whole episode: less than 2 MB, and it still paints."""
    folder = tmp_path / "run"
    arguments = ["--preset", "default", "--run-dir", str(folder), "--total-steps", "64", "--milestones", "1"]
    assert train([*arguments, *BRIEF, "--network.init-hidden", "512"]) == 0
    birth = load(next((folder / "milestones").iterdir()))
    for env_step in range(1, 12):
        counters = birth.state["counters"] | {"env_step": env_step}
        copy = birth._replace(state=birth.state | {"counters": counters})
        save(folder / "milestones", f"step-{env_step:012d}", copy, keep=None)
    path = write_replay(Player(folder, pictures=False), tmp_path / "large.html")
    assert path.stat().st_size < 2_000_000
    page = show(path)
    chapters = page.evaluate("replay.chapters")
    assert [(chapter["hidden"], chapter["steps"]) for chapter in chapters] == [(512, 60)] * 12 + [(512, 500)]
    assert page.locator("#notes").is_hidden()  # nothing had to be left out
    at(page, 499, 9)
    centres = page.evaluate(CENTRES)
    spikes = page.evaluate("Array.from({ length: 512 }, (_, neuron) => replay.spike(12, 499, 9, neuron))")
    painted = [tone == SPIKE["light"] for tone in page.evaluate(PIXELS, ["brain", centres])]
    np.testing.assert_array_equal(painted, np.array(spikes, dtype=bool))
    assert 0 < sum(spikes) < 512


def test_a_browser_that_cannot_unpack_it_says_so(browser: Browser, file: Path) -> None:
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(file.as_uri())
    until(page, "document.getElementById('loading').textContent.includes('cannot unpack')")
    assert page.locator("#loading").is_visible()
    assert not page.locator("main").is_visible()
    page.close()
