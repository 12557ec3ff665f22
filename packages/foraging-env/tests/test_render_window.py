"""The window of ``human`` rendering, on SDL's dummy display."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium import error

from foraging_env.config import ForagingConfig
from foraging_env.env import ForagingGrid
from foraging_env.layout import empty_state, new_episode
from foraging_env.observation import View
from foraging_env.render import open_window
from foraging_env.render.scene import draw_scene, draw_view, frame_side
from foraging_env.tasks import Timetable
from foraging_env.types import GridState

pygame = pytest.importorskip("pygame")

FPS = 10_000  # no waiting in tests
STRIP_PX = 52


@pytest.fixture(autouse=True)
def dummy_display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    yield
    pygame.display.quit()


def world(**fields: object) -> tuple[View, GridState]:
    timetable = Timetable(ForagingConfig(**fields))  # type: ignore[arg-type]
    state = empty_state(timetable.book, np.array([1, 2], dtype=np.uint64))
    return View(timetable), new_episode(timetable.book, timetable.rule_of(state.phase), state)


def screen() -> npt.NDArray[np.uint8]:
    """What the window shows, [height, width, 3]."""
    pixels: npt.NDArray[np.uint8] = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    return pixels


def press(key: int, unicode: str = "") -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, unicode=unicode))


def test_the_board_is_the_picture_and_the_strip_lies_below() -> None:
    view, state = world(n_poison=3)
    window = open_window(view, FPS)
    for index in range(2):
        window.show(state, index)
        shown = screen()
        assert shown.shape == (512 + STRIP_PX, 512, 3)
        np.testing.assert_array_equal(shown[:512], draw_scene(view, state, index))


def test_the_strip_follows_the_numbers_and_gives_way_to_a_note() -> None:
    view, state = world(n_poison=3)
    window = open_window(view, FPS)
    strips = []
    changes: list[dict[str, object]] = [
        {},
        {"episode_step": np.array([1, 0])},
        {"food_collected": np.array([1, 0])},
        {"poison_collected": np.array([1, 0])},
        {"episode_return": np.array([1.0, 0.0])},
    ]
    for change in changes:
        window.show(state._replace(**change))  # type: ignore[arg-type]
        strips.append(screen()[512:].tobytes())
    window.show(state, note=["two", "lines"])
    strips.append(screen()[512:].tobytes())
    assert len(set(strips)) == len(strips)
    window.show(state)
    assert screen()[512:].tobytes() == strips[0]


@pytest.mark.parametrize("size", [2, 15, 100])
def test_long_numbers_and_notes_fit_into_the_strip(size: int) -> None:
    from foraging_env.play import WINDOW_KEYS

    view, state = world(size=size, n_food=1, n_poison=1)
    window = open_window(view, FPS)
    many = np.array([999, 999])
    state = state._replace(episode_step=many, food_collected=many, poison_collected=many, episode_return=-many / 1.0)
    for note in ((), WINDOW_KEYS):
        window.show(state, note=note)
        strip = screen()[frame_side(size) :]
        for edge in (strip[:2], strip[-2:], strip[:, -4:], strip[:, :4]):
            assert (edge == strip[-1, -1]).all(), "something is cut off at the edge"


def test_changing_between_world_and_agents_view_keeps_the_window() -> None:
    view, state = world(observation="egocentric", view_radius=3)
    assert frame_side(view.side) != frame_side(15)
    window = open_window(view, FPS)
    window.show(state)
    before = screen().shape
    window.agent_view = True
    window.show(state)
    shown = screen()
    assert shown.shape == before
    inset = (512 - frame_side(7)) // 2
    np.testing.assert_array_equal(shown[inset : 512 - inset, inset : 512 - inset], draw_view(view, state))


def test_rendering_leaves_the_audio_device_alone() -> None:
    code = (
        "import gymnasium, foraging_env\n"
        "env = gymnasium.make('ForagingGrid-v0', render_mode='human')\n"
        "env.reset(seed=0); env.step(0)\n"
        "import pygame\n"
        "assert pygame.display.get_init() and pygame.mixer.get_init() is None\n"
        "env.close(); env.close()\n"
        "assert not pygame.display.get_init()\n"
    )
    # With a dummy audio device pygame.init() would find one to open, also on machines without sound.
    environment = os.environ | {"SDL_AUDIODRIVER": "dummy"}
    environment.pop("PYGAME_HIDE_SUPPORT_PROMPT", None)
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""  # pygame's greeting stays away


def test_closing_twice_and_drawing_after_it_are_harmless() -> None:
    view, state = world()
    window = open_window(view, FPS)
    window.show(state)
    window.close()
    window.close()
    window.show(state)
    assert window.closed
    assert pygame.display.get_surface() is None
    assert window.wait_key() is None


@pytest.mark.parametrize("way", ["button", "escape"])
def test_the_user_may_close_it_and_the_world_goes_on(way: str) -> None:
    env = gymnasium.make("ForagingGrid-v0", render_mode="human")
    env.unwrapped.metadata = env.unwrapped.metadata | {"render_fps": FPS}
    env.reset(seed=0)
    if way == "button":
        pygame.event.post(pygame.event.Event(pygame.QUIT))
    else:
        press(pygame.K_ESCAPE)
    env.step(0)
    assert pygame.display.get_surface() is None
    for _ in range(3):
        env.step(1)
    assert pygame.display.get_surface() is None
    env.close()


def test_a_second_window_neither_breaks_nor_is_broken_by_the_first() -> None:
    view, state = world()
    first, second = open_window(view, FPS), open_window(view, FPS)
    first.show(state)
    second.show(state, 1)
    first.close()
    second.show(state)
    second.close()
    assert first.closed
    assert second.closed


def test_keys_have_names_and_are_not_lost_while_drawing() -> None:
    view, state = world()
    window = open_window(view, FPS)
    press(pygame.K_UP)
    press(pygame.K_w, "w")
    window.show(state)
    assert [window.wait_key(), window.wait_key()] == ["up", "w"]
    press(pygame.K_TAB, "\t")
    assert window.wait_key() == "tab"
    press(pygame.K_MINUS, "?")  # where a German keyboard has it
    assert window.wait_key() == "?"
    press(pygame.K_ESCAPE)
    assert window.wait_key() is None


def test_env_draws_by_itself_and_pickles_after_rendering() -> None:
    env = ForagingGrid(render_mode="human")
    env.metadata = env.metadata | {"render_fps": FPS}  # type: ignore[misc]
    env.reset(seed=3)
    first = screen()
    np.testing.assert_array_equal(first[:512], draw_scene(View(env.timetable), env.state))
    env.step(1)
    np.testing.assert_array_equal(screen()[:512], draw_scene(View(env.timetable), env.state))
    assert not np.array_equal(screen(), first)
    assert env.render() is None
    twin = pickle.loads(pickle.dumps(env))
    assert twin._window is None
    for action in (0, 2, 2, 1, 3):
        ours, theirs = env.step(action), twin.step(action)
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert ours[1:] == theirs[1:]
    env.close()
    twin.close()


def test_without_pygame_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    monkeypatch.delitem(sys.modules, "foraging_env.render.window", raising=False)
    env = ForagingGrid(render_mode="human")
    with pytest.raises(error.DependencyNotInstalled, match=r'pip install "foraging-env\[render\]"'):
        env.reset(seed=0)


def test_without_a_display_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "no such driver")
    with pytest.raises(error.Error, match=r'render_mode="rgb_array" or "ansi"'):
        open_window(world()[0], FPS)


def test_drawing_off_screen_counts_as_visible_only_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    window = open_window(world()[0], FPS)
    monkeypatch.setattr(pygame.display, "get_driver", lambda: "offscreen")
    assert window.visible
    monkeypatch.delenv("SDL_VIDEODRIVER")
    assert not window.visible
