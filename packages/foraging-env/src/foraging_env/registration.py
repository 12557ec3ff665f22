"""Registers ``ForagingGrid-v0``; importing :mod:`foraging_env` calls it."""

from __future__ import annotations

from typing import Final

import gymnasium

ENV_ID: Final = "ForagingGrid-v0"
MAX_EPISODE_STEPS: Final = 500


def register() -> None:
    """Make the id known to ``gymnasium.make`` and ``gymnasium.make_vec``; once is enough, more does no harm."""
    if ENV_ID not in gymnasium.registry:
        gymnasium.register(
            id=ENV_ID,
            entry_point="foraging_env.env:ForagingGrid",
            vector_entry_point="foraging_env.vector_env:ForagingGridVector",
            max_episode_steps=MAX_EPISODE_STEPS,
        )
