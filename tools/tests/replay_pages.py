"""What the tests of the replay's page ask of it, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playback.moment import Moment
from playwright.sync_api import Page

Opener = Callable[..., Page]
"""Opens the page, paused, with options of the browser's."""

BRIEF = [
    "--threads", "1", "--eval-episodes", "1", "--training.n-worlds", "8", "--training.rollout-steps", "8",
]  # fmt: skip
GROWTH = [
    "--structure.growth", "periodic", "--structure.grow-interval", "400", "--structure.growth-size", "8",
    "--structure.interval-unit", "env_steps", "--network.init-hidden", "34",
]  # fmt: skip
STEPS = 90
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}

SPIKE = {"light": [232, 146, 44, 255], "dark": [255, 180, 84, 255]}

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
