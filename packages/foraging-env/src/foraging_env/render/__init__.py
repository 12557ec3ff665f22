"""Pictures of a world. ``scene`` and ``text`` need NumPy only; ``window`` is the one module that imports pygame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foraging_env.render.scene import draw_scene, draw_view
from foraging_env.render.text import scene_text

if TYPE_CHECKING:
    from foraging_env.observation import View
    from foraging_env.render.window import Window

NO_RENDER_MODE = (
    "render() was called without a render mode. Pass one when making the environment, for example "
    'gymnasium.make("ForagingGrid-v0", render_mode="rgb_array").'
)
"""What the environments warn of when there is nothing to render for."""


def open_window(view: View, fps: int) -> Window:
    """A window for ``human`` rendering; pygame is imported here and not before."""
    from foraging_env.render.window import Window

    return Window(view, fps)


__all__ = ["NO_RENDER_MODE", "draw_scene", "draw_view", "open_window", "scene_text"]
