"""Settings of all tests."""

from __future__ import annotations

import sys

import torch
from hypothesis import settings

sys.modules["foraging_env"] = None  # type: ignore[assignment]  # importing it fails: these tests must not need it
torch.set_num_threads(1)  # the tests run side by side, and one thread makes sums come out the same every time

settings.register_profile("snn-agent", deadline=None, derandomize=True)  # every run sees the same examples
settings.load_profile("snn-agent")
