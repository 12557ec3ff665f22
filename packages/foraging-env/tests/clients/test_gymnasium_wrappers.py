"""Gymnasium's own wrappers around both forms: videos and statistics."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import RecordEpisodeStatistics, RecordVideo
from gymnasium.wrappers.vector import RecordEpisodeStatistics as VectorStatistics
from gymnasium.wrappers.vector import RecordVideo as VectorVideo
from imageio_ffmpeg import get_ffmpeg_exe  # type: ignore[import-untyped, unused-ignore]  # moviepy's own
from strategies import random_actions

pytestmark = pytest.mark.clients
ENV_ID = "foraging_env:ForagingGrid-v0"


def play(path: Path, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """All frames of a file, [T, height, width, 3], as another program reads them."""
    command = [get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    output = subprocess.run(command, capture_output=True, check=True)
    assert output.stderr == b""
    return np.frombuffer(output.stdout, dtype=np.uint8).reshape(-1, *shape)


def difference(ours: Any, theirs: Any) -> float:
    """Mean difference of two pictures; compression of our drawings costs about two of 255 levels."""
    return float(np.abs(np.asarray(ours, dtype=np.int64) - theirs).mean())


def test_a_video_of_one_world(tmp_path: Path) -> None:
    env: Any = RecordVideo(
        gymnasium.make(ENV_ID, render_mode="rgb_array", max_episode_steps=25), str(tmp_path / "videos")
    )
    env.reset(seed=0)
    pictures: list[Any] = [env.unwrapped.render()]
    for action in random_actions(0, 25, 1)[:, 0].tolist():
        env.step(action)
        pictures.append(env.unwrapped.render())
    env.close()
    (path,) = (tmp_path / "videos").glob("*.mp4")
    height, width, _ = pictures[0].shape
    assert height % 2 == width % 2 == 0, "players demand even sizes"
    frames = play(path, pictures[0].shape)
    assert len(frames) == 26
    for index in (0, -1):  # between them moviepy may show a picture twice and skip the next
        nearest = min(difference(frames[index], picture) for picture in pictures)
        assert difference(frames[index], pictures[index]) == nearest < 3


# Gymnasium tells everyone who records in this mode that its videos lack the last frame of an episode.
@pytest.mark.filterwarnings("ignore:.*autoreset mode is same-step:UserWarning")
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_video_of_many_worlds(mode: AutoresetMode, tmp_path: Path) -> None:
    worlds = gymnasium.make_vec(ENV_ID, 3, render_mode="rgb_array", autoreset_mode=mode)
    env = VectorVideo(worlds, str(tmp_path / "videos"), video_length=20)
    env.reset(seed=0)
    pictures: Any = worlds.render()
    for actions in random_actions(0, 25, 3):
        env.step(actions)
    env.close()
    (path,) = (tmp_path / "videos").glob("*.mp4")
    height, width, _ = pictures[0].shape
    frames = play(path, (height, 3 * width, 3))  # the worlds side by side
    assert len(frames) == 21, "the reset and twenty steps"
    assert difference(frames[0], np.hstack(pictures)) < 3


def test_statistics_of_single_episodes() -> None:
    env = RecordEpisodeStatistics(gymnasium.make(ENV_ID, size=3, n_food=4, respawn=False, max_episode_steps=40))
    env.reset(seed=0)
    total, length, ends = 0.0, 0, 0
    for action in random_actions(0, 400, 1)[:, 0].tolist():
        _, reward, terminated, truncated, info = env.step(action)
        total, length = total + float(reward), length + 1
        assert ("episode" in info) == (terminated or truncated)
        if terminated or truncated:
            assert info["episode"]["r"] == pytest.approx(total)
            assert info["episode"]["l"] == length
            total, length, ends = 0.0, 0, ends + 1
            env.reset()
    assert ends >= 10


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_statistics_of_vector_episodes(mode: AutoresetMode) -> None:
    kwargs: dict[str, Any] = {"size": 3, "n_food": 4, "respawn": False, "max_episode_steps": 40}
    env = VectorStatistics(gymnasium.make_vec(ENV_ID, 4, autoreset_mode=mode, **kwargs))
    env.reset(seed=0)
    total, length, ends = np.zeros(4), np.zeros(4), 0
    done = np.zeros(4, dtype=np.bool_)
    for actions in random_actions(0, 400, 4):
        resets = done if mode is AutoresetMode.NEXT_STEP else np.zeros(4, dtype=np.bool_)
        _, rewards, terminated, truncated, infos = env.step(actions)
        assert (rewards[resets] == 0).all()
        total, length = np.where(resets, 0, total + rewards), np.where(resets, 0, length + 1)
        done = terminated | truncated
        assert ("episode" in infos) == done.any()
        if done.any():
            assert (infos["_episode"] == done).all()
            assert infos["episode"]["r"][done] == pytest.approx(total[done])
            assert (infos["episode"]["l"][done] == length[done]).all()
            total[done], length[done], ends = 0, 0, ends + int(done.sum())
            if mode is AutoresetMode.DISABLED:
                env.reset(options={"reset_mask": done.copy()})
    assert ends >= 40
    env.close()
