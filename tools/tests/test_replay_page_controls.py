"""How the replay's page is played, in a real browser: by its buttons, by keys and by touch."""

from __future__ import annotations

from typing import Any

from playback.moment import Moment
from playwright.sync_api import Page
from replay_pages import DRAWN, PHONE, STEPS, Opener, assert_shows, at, state, text, until

pytest_plugins = ("replay_page_fixtures",)


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
