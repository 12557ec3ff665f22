"""Draw the pictures of the documentation: ``python tools/pictures.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pygame

import foraging_env

PACKAGE_IMAGES = Path(__file__).parents[1] / "packages" / "foraging-env" / "docs" / "images"
GAP = 12
TASK_STEPS = 60

Image = npt.NDArray[np.uint8]


def main() -> None:
    """Draw everything anew."""
    PACKAGE_IMAGES.mkdir(parents=True, exist_ok=True)
    worlds = [
        {},
        {"n_poison": 8},
        foraging_env.PRESETS["rooms"].to_kwargs(),
        foraging_env.PRESETS["partial"].to_kwargs(),
    ]
    save(side_by_side([forage(kwargs, steps=40)[-1] for kwargs in worlds], columns=2), PACKAGE_IMAGES / "worlds.png")
    for name in foraging_env.TASK_PRESETS:
        kwargs = {"tasks": name, "task_steps": TASK_STEPS}
        frames = forage(kwargs, steps=4 * TASK_STEPS)
        middles = [frames[round((phase + 0.5) * TASK_STEPS)] for phase in range(4)]
        save(side_by_side(middles, columns=4), PACKAGE_IMAGES / f"tasks-{name}.png")


def forage(kwargs: dict[str, Any], steps: int) -> list[Image]:
    """Frames of a greedy forager's walk."""
    env = foraging_env.ForagingGrid(**kwargs, render_mode="rgb_array")
    env.reset(seed=4)
    frames = [env.render()]
    for _ in range(steps):
        env.step(int(foraging_env.greedy_actions(env.state, env.timetable)[0]))
        frames.append(env.render())
    return frames


def side_by_side(frames: list[Image], columns: int) -> Image:
    """Pictures in rows, at half size, on white."""
    small = [
        frame.reshape(frame.shape[0] // 2, 2, -1, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8) for frame in frames
    ]
    height, width = small[0].shape[:2]
    rows = -(-len(small) // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, dtype=np.uint8)
    for index, frame in enumerate(small):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = frame
    return sheet


def save(image: Image, path: Path) -> None:
    """Write a PNG."""
    pygame.image.save(pygame.surfarray.make_surface(image.swapaxes(0, 1)), path)
    print(path, path.stat().st_size // 1024, "KiB")


if __name__ == "__main__":
    main()
