"""What an organism believes about the tasks of its life, and which of them it lived when."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from snn_agent.config import ContinualConfig
from snn_agent.training.continual.detection import Level, Watch


class Beliefs:
    """Tasks by the numbers that the organism knows them by: the true ones where it is told, else its own.

    Args:
        config: how it knows.
        task: that its life begins with.
    """

    def __init__(self, config: ContinualConfig, task: int) -> None:
        self.config = config
        self.met = {task}
        self.levels: dict[int, Level] = {}  # what the heads of tasks that it left got then
        self.lived = collections.Counter[tuple[int, int]]()  # steps of learning in each (true, believed) task
        self.watch = Watch(config) if config.boundaries == "detected" else None

    def head_for(self, true: int) -> int | None:
        """Number of the task whose head is examined on a true task; None: the active one.

        Where the organism is told its tasks, it is that task's own. Where it finds out by itself, it is the one under
        which it has lived most of that task's steps (of equal ones the lowest): what it took that task for while it was
        there, whether or not another head would do better. The true number serves for this look-up alone, and no score
        plays a part in it. A task that it never lived in is done with the active head.
        """
        if self.config.heads == "shared":
            return None
        if self.config.boundaries == "given":
            return true
        steps = {believed: n for (task, believed), n in sorted(self.lived.items()) if task == true}
        return max(steps, key=lambda believed: steps[believed], default=None)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "met": sorted(self.met),
            "levels": [[task, *level] for task, level in self.levels.items()],
            "lived": [[*pair, n] for pair, n in sorted(self.lived.items())],
            "watch": None if self.watch is None else self.watch.to_json(),
        }

    def tensors(self) -> dict[str, Tensor]:
        """What :meth:`to_json` leaves out."""
        return {} if self.watch is None else dict(self.watch.states)

    def restore(self, saved: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on from :meth:`to_json` and :meth:`tensors`."""
        self.met = set(saved["met"])
        self.levels = {task: Level(*level) for task, *level in saved["levels"]}
        self.lived.update({(true, believed): n for true, believed, n in saved["lived"]})
        if self.watch is not None:
            self.watch.restore(saved["watch"], tensors)
