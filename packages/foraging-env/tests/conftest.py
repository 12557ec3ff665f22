"""Settings of all tests."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import settings

sys.modules["snn_agent"] = None  # type: ignore[assignment]  # importing it fails: these tests must not need it
os.environ["SDL_VIDEODRIVER"] = "dummy"  # windows are drawn, but on no screen

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)  # every run sees the same examples
settings.load_profile("ci" if "CI" in os.environ else "dev")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of the tests that need other people's libraries."""
    config.addinivalue_line("markers", "clients: runs SB3, TorchRL or moviepy on the environments")
