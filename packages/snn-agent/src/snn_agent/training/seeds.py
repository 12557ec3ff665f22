"""One root seed, named streams: each use of randomness has its own, so that none disturbs another."""

from __future__ import annotations

import numpy as np
import torch

from snn_agent import checks


def stream_seed(root: int, name: str) -> int:
    """The seed of a named stream, in [0, 2**31); equal for equal arguments, unrelated for others."""
    checks.integer("seed", root, 0)
    return int(np.random.SeedSequence([root, *name.encode()]).generate_state(1)[0] >> 1)


def stream(root: int, name: str) -> torch.Generator:
    """A generator of torch on the CPU for a named stream."""
    return torch.Generator().manual_seed(stream_seed(root, name))
