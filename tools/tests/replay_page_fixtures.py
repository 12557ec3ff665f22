"""A short life with births, its replay, and a browser that shows it: fixtures for the tests of the replay's page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playback.moment import Moment
from playback.player import Player
from playback.replay import write_replay
from playwright.sync_api import Browser, Page, sync_playwright
from replay_pages import BRIEF, DESK, DRAWN, GROWTH, STEPS, Opener, until
from train import main as train


@pytest.fixture(scope="session")
def replay_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "run"
    arguments = ["--preset", "quick", "--run-dir", str(folder), "--total-steps", "1200", "--milestones", "2"]
    assert train([*arguments, *BRIEF, *GROWTH]) == 0
    return folder


@pytest.fixture(scope="session")
def replay_file(replay_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_replay(
        Player(replay_run, pictures=False), tmp_path_factory.mktemp("page") / "replay.html", steps=STEPS
    )


@pytest.fixture(scope="session")
def lives(replay_run: Path) -> list[list[Moment]]:
    """The moments of each chapter, as a player tells them."""
    player = Player(replay_run, pictures=False)
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


@pytest.fixture
def show(browser: Browser, replay_file: Path) -> Iterator[Opener]:
    """Opens the page, paused; afterwards nothing may have been asked for and nothing complained."""
    contexts, asked, complaints = [], [], []

    def opened(path: Path = replay_file, **options: Any) -> Page:
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
