"""The replay's page in browsers that can less, beside other scripts, and of the largest organism."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playback.player import Player
from playback.replay import write_replay
from playwright.sync_api import Browser
from replay_pages import BRIEF, CENTRES, PIXELS, SPIKE, Opener, at, until
from train import main as train

from snn_agent.training.checkpoint import load, save

pytest_plugins = ("replay_page_fixtures",)


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


def test_a_browser_that_cannot_unpack_it_says_so(browser: Browser, replay_file: Path) -> None:
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(replay_file.as_uri())
    until(page, "document.getElementById('loading').textContent.includes('cannot unpack')")
    assert page.locator("#loading").is_visible()
    assert not page.locator("main").is_visible()
    page.close()
