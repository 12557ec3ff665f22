"""What a replay's page holds is what the player told, read back by a decoder of its own."""

from __future__ import annotations

import base64
import html.parser
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playback.moment import Moment
from playback.player import Player
from playback.replay import page, write_replay
from playback.replay.pack import FINEST, pack_bits, pack_potentials
from playback.replay.pictures import SIDE, small_picture
from train import main as train

from snn_agent.errors import ConfigError

SIGHT, SIZE, FOOD = 3, 11, 5
WALLS = [[5, column] for column in range(SIZE) if column != 4]
PATCHES = [[0, 0, 5, 11], [6, 2, 5, 6]]
WORLD = [
    f"size={SIZE}", f"n_food={FOOD}", "n_poison=4", f"view_radius={SIGHT}", "random_start=true", "respawn=true",
    f"walls={json.dumps(WALLS)}", f"patches={json.dumps(PATCHES)}",
]  # fmt: skip
BRIEF = [
    "--threads", "1", "--eval-episodes", "1", "--training.n-worlds", "8",
    "--training.rollout-steps", "8",
]  # fmt: skip
GROWTH = [
    "--structure.growth", "periodic", "--structure.grow-interval", "300", "--structure.growth-size", "7",
    "--structure.interval-unit", "env_steps", "--structure.pruning", "low_utility", "--structure.prune-interval", "500",
    "--structure.prune-share", "0.1", "--structure.maturity-updates", "1", "--network.init-hidden", "33",
    "--network.ticks", "7",
]  # fmt: skip
STEPS = 80


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run among walls and poison, in which neurons were born and died."""
    folder = tmp_path_factory.mktemp("replay") / "run"
    arguments = ["--preset", "quick", "--run-dir", str(folder), "--total-steps", "2000", "--milestones", "3"]
    assert train([*arguments, *BRIEF, *GROWTH, "--env-kwargs", *WORLD]) == 0
    return folder


@pytest.fixture(scope="module")
def whole(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its page, with all that a page can hold."""
    return write_replay(Player(run, pictures=False), tmp_path_factory.mktemp("replay") / "whole.html", steps=STEPS)


@pytest.fixture(scope="module")
def cartpole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay") / "cartpole"
    arguments = ["--env-id", "CartPole-v1", "--run-dir", str(folder), "--total-steps", "600", "--milestones", "1"]
    assert train([*arguments, *BRIEF]) == 0
    return folder


class Replay:
    """A page taken apart: HTML parser, base64, zlib and NumPy, and the description of the arrays in the page."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")
        scripts: dict[str, str] = {}

        class Scripts(html.parser.HTMLParser):
            name = ""

            def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
                self.name = dict(attributes).get("id") or "" if tag == "script" else ""

            def handle_data(self, data: str) -> None:
                if self.name:
                    scripts[self.name] = scripts.get(self.name, "") + data

            def handle_endtag(self, _tag: str) -> None:
                self.name = ""

        Scripts().feed(self.text)
        self.table: dict[str, Any] = json.loads(scripts["replay-table"])
        block = zlib.decompress(base64.b64decode(scripts["replay-block"]))
        self.arrays = {
            name: np.frombuffer(block, "<" + where["type"], int(np.prod(where["shape"])), where["start"]).reshape(
                where["shape"]
            )
            for name, where in self.table["arrays"].items()
        }

    def of(self, chapter: int, name: str) -> npt.NDArray[Any]:
        return self.arrays[f"{chapter}/{name}"]

    def bits(self, chapter: int, name: str, width: int) -> npt.NDArray[np.bool_]:
        """[N, T, width], bit by bit."""
        about, packed = self.table["chapters"][chapter], self.of(chapter, name)
        shape = (about["steps"], width, about["ticks"])
        bits = [(int(packed[place // 8]) >> (7 - place % 8)) & 1 for place in range(int(np.prod(shape)))]
        return np.array(bits, dtype=np.bool_).reshape(shape).transpose(0, 2, 1)

    def potentials(self, chapter: int) -> npt.NDArray[np.float64]:
        """[N, T, H] in units of the threshold."""
        about, levels = self.table["chapters"][chapter], self.table["levels"]
        shape = (about["steps"], about["hidden"], about["ticks"])
        halves = [half for byte in self.of(chapter, "potentials").tolist() for half in divmod(byte, 16)]
        codes = np.array(halves[: int(np.prod(shape))], dtype=np.float64).reshape(shape)
        return ((codes - levels) / levels).transpose(0, 2, 1)


def lived(run: Path, chapter: int, steps: int) -> tuple[Player, list[Moment]]:
    player = Player(run, pictures=False)
    player.open(chapter)
    return player, list(player.moments(steps))


def test_the_page_tells_what_the_player_told(run: Path, whole: Path) -> None:
    replay = Replay(whole)
    chapters = replay.table["chapters"]
    assert [about["steps"] for about in chapters] == [60, 60, 60, STEPS]
    assert len({about["hidden"] for about in chapters}) > 1
    assert replay.table["notes"] == []
    for chapter, about in enumerate(chapters):
        player, moments = lived(run, chapter, about["steps"])
        assert (about["envStep"], about["hidden"], about["ticks"]) == (player.brain.env_step, player.brain.hidden, 7)
        assert replay.of(chapter, "ids").tolist() == player.brain.ids.tolist()
        assert replay.of(chapter, "born").tolist() == player.brain.born.tolist()
        spikes, outputs = replay.bits(chapter, "spikes", about["hidden"]), replay.bits(chapter, "output_spikes", 4)
        potentials = replay.potentials(chapter)
        for step, moment in enumerate(moments):
            np.testing.assert_array_equal(spikes[step], moment.spikes)
            np.testing.assert_array_equal(outputs[step], moment.output_spikes)
            true = np.clip(moment.potentials / player.brain.threshold, -1, 1)
            assert np.abs(potentials[step] - true).max() <= 0.5 / FINEST + 1e-6
            np.testing.assert_array_equal(replay.of(chapter, "probabilities")[step], moment.probabilities)
            assert replay.of(chapter, "food")[step] == moment.food
            assert replay.of(chapter, "action")[step] == moment.action
            assert replay.of(chapter, "joules")[step] == np.float32(moment.joules)
            assert replay.of(chapter, "total_reward")[step] == np.float32(moment.total_reward)
    history = Player(run, pictures=False).history
    for name in ("steps", "neurons", "score", "event_steps", "births", "deaths"):
        np.testing.assert_array_equal(replay.arrays[f"history/{name}"], getattr(history, name))
    assert replay.arrays["history/births"].sum() > 0
    assert replay.arrays["history/deaths"].sum() > 0


def test_the_page_holds_the_world(run: Path, whole: Path) -> None:
    replay = Replay(whole)
    world, newest = replay.table["world"], len(replay.table["chapters"]) - 1
    assert world["side"] == SIZE
    (only_map,) = world["maps"]
    assert only_map == {"walls": [row * SIZE + column for row, column in WALLS], "patches": PATCHES}
    _, moments = lived(run, newest, STEPS)
    for step, moment in enumerate(moments):
        state = moment.world
        assert state is not None
        agent = int(state.agent[0])
        assert replay.of(newest, "agent")[step] == agent
        assert replay.of(newest, "heading")[step] == state.heading[0]
        assert set(replay.of(newest, "items")[step].tolist()) == set(state.items[0, :FOOD].tolist())
        assert set(replay.of(newest, "poison")[step].tolist()) == set(state.items[0, FOOD:].tolist())
        seen = [max(agent // SIZE - SIGHT, 0), min(agent // SIZE + SIGHT + 1, SIZE)]
        seen += [max(agent % SIZE - SIGHT, 0), min(agent % SIZE + SIGHT + 1, SIZE)]
        assert replay.of(newest, "seen")[step].tolist() == seen


def test_equal_runs_give_equal_pages_that_ask_for_nothing(run: Path, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "again.html"
    assert write_replay(Player(run, pictures=False), path, steps=STEPS) == path
    assert path.read_bytes() == whole.read_bytes()
    outside = re.sub(r'<script type="(application/json|text/plain)".*?</script>', "", path.read_text(), flags=re.S)
    assert not re.search(r"https?:|//[a-z]|<link|<img|\bsrc=|\bhref=|\bimport\b|@import|url\(|fetch\(", outside)
    assert "default-src 'none'" in outside
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_there_is_left_alone(run: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    with pytest.raises(ConfigError, match=r"mine\.html exists, and nothing is overwritten"):
        write_replay(Player(run, pictures=False), mine, steps=5)
    assert mine.read_text() == "mine"
    with pytest.raises(ConfigError, match="there is no folder"):
        write_replay(Player(run, pictures=False), tmp_path / "nowhere" / "out.html", steps=5)
    with pytest.raises(ConfigError, match="steps"):
        write_replay(Player(run, pictures=False), tmp_path / "out.html", steps=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.html"]


def test_a_page_that_would_be_too_large_keeps_less(
    run: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "BUDGET_BYTES", whole.stat().st_size - 1)
    less = write_replay(Player(run, pictures=False), tmp_path / "less.html", steps=STEPS)
    assert less.stat().st_size < whole.stat().st_size
    replay = Replay(less)
    assert [about["steps"] for about in replay.table["chapters"]] == [30, 30, 30, STEPS]
    assert "earlier chapters have at most 30 steps" in replay.table["notes"][0]
    monkeypatch.setattr(page, "BUDGET_BYTES", 0)
    least = Replay(write_replay(Player(run, pictures=False), tmp_path / "least.html", steps=STEPS))
    assert not any(name.endswith("potentials") for name in least.arrays)
    assert "potentials are left out" in least.table["notes"][0]
    _, moments = lived(run, 3, STEPS)
    spikes = least.bits(3, "spikes", least.table["chapters"][3]["hidden"])
    np.testing.assert_array_equal(spikes, [moment.spikes for moment in moments])


def test_worlds_of_others_are_shown_in_pictures(cartpole: Path, tmp_path: Path) -> None:
    replay = Replay(write_replay(Player(cartpole, pictures=True), tmp_path / "with.html", steps=200))
    assert replay.table["world"] is None
    assert replay.table["notes"] == ["This world is shown in small pictures of CartPole-v1."]
    newest = len(replay.table["chapters"]) - 1
    player = Player(cartpole, pictures=True)
    moments = list(player.moments(len(replay.of(newest, "food"))))
    assert len(moments) < 200
    assert [moment.over for moment in moments] == [False] * (len(moments) - 1) + [True]  # one episode, to its end
    for step, moment in enumerate(moments):
        assert moment.picture is not None
        assert replay.of(newest, "food")[step] == -1
        square = moment.picture.shape[1] // replay.of(newest, "pictures").shape[2]
        near = moment.picture[::square, ::square].mean()
        assert _colours(replay.of(newest, "pictures")[step]).mean() == pytest.approx(near, abs=6)
    without = Replay(write_replay(Player(cartpole, pictures=False), tmp_path / "without.html", steps=10))
    assert without.table["notes"] == ["This world has no picture."]
    assert not any(name.endswith("pictures") for name in without.arrays)


def _colours(tones: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    parts = [(tones >> 5) / 7, (tones >> 2 & 7) / 7, (tones & 3) / 3]
    return 255 * np.stack(parts, axis=-1)


def test_a_small_picture_is_that_of_its_squares() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (2 * SIDE, 2 * SIDE - 5, 3), dtype=np.uint8)
    small = small_picture(picture)
    assert small.shape == (SIDE, SIDE - 3)
    colours = _colours(small)
    for row, column in [(0, 0), (SIDE - 1, SIDE - 4), (17, 93)]:
        mean = picture[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].reshape(4, 3).mean(axis=0)
        assert (np.abs(colours[row, column] - mean) <= [255 / 14 + 1e-9, 255 / 14 + 1e-9, 255 / 6 + 1e-9]).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 7]))
def test_bits_and_half_bytes_are_in_their_places(seed: int, steps: int, ticks: int, hidden: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    spikes = rng.random((steps, ticks, hidden)) < 0.3
    threshold = rng.uniform(0.2, 3.0, hidden).astype(np.float32)
    potentials = rng.uniform(-3, 3, (steps, ticks, hidden)).astype(np.float32)
    potentials[rng.random(potentials.shape) < 0.2] = 0
    bits, halves = pack_bits(spikes), pack_potentials(potentials, threshold, levels)
    assert len(bits) == -(-spikes.size // 8)
    assert len(halves) == -(-spikes.size // 2)
    for step, tick, neuron in np.ndindex(spikes.shape):
        place = (step * hidden + neuron) * ticks + tick
        assert (bits[place // 8] >> (7 - place % 8)) & 1 == spikes[step, tick, neuron]
        code = int(halves[place // 2]) // 16 if place % 2 == 0 else int(halves[place // 2]) % 16
        true = np.clip(potentials[step, tick, neuron] / threshold[neuron], -1, 1)
        assert abs((code - levels) / levels - true) <= 0.5 / levels + 1e-6
        if potentials[step, tick, neuron] == 0:
            assert code == levels  # rest is told exactly
