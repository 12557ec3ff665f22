"""How a run's organism looked on the way: small copies of it alone, from which its growth can be watched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from snn_agent import checks
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.callbacks import Callback, Run, UpdateRecord
from snn_agent.training.checkpoint import STATE, Checkpoint
from snn_agent.training.snapshot import describe_organism

MILESTONES: Final = "milestones"
"""Name of their folder in a run directory."""


class Milestones(Callback):
    """Keeps the organism at its birth and at ``count`` moments of its run, the last of them the end.

    Moment k comes when the share ``(k / count)²`` of the run is done: close together in the beginning, when most
    changes. Each is a checkpoint of the organism alone (:func:`snn_agent.training.loading.load_organism` reads it; no
    run can be resumed from it), with its neurons' ids. One that is there already is left as it is.
    """

    def __init__(self, count: int = 12) -> None:
        self.count = checks.integer("milestones", count, 1)
        self.done = 0

    def on_start(self, run: Run) -> None:
        """Keep the organism at its birth; in a run that goes on, see what is there."""
        if run.run_dir is None:
            return
        if run.agent.counters.update == 0:
            self._keep(run, run.run_dir, 0)
        states = [json.loads((path / STATE).read_text()) for path in milestones_of(run.run_dir)]
        self.done = max((state["milestone"] for state in states), default=0)

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        """Keep it where the next moment has come."""
        del record
        due = int(self.count * run.progress**0.5 + 1e-9)
        if run.run_dir is not None and due > self.done:
            self._keep(run, run.run_dir, due)
            self.done = due

    def _keep(self, run: Run, run_dir: Path, number: int) -> None:
        counters, statistics = run.agent.counters, run.agent.statistics
        name = f"step-{counters.env_step:012d}"
        if (run_dir / MILESTONES / name).exists():
            return
        state = {
            "organism": describe_organism(run.organism),
            "milestone": number,
            "counters": {"update": counters.update, "env_step": counters.env_step, "episode": counters.episode},
        }
        known = {"statistics.id": statistics.id, "statistics.rate": statistics.rate}
        content = Checkpoint(run.organism.state_dict(), known, {}, state)
        checkpoints.save(run_dir / MILESTONES, name, content, keep=None)


def milestones_of(run_dir: Path) -> list[Path]:
    """A run's milestones, the earliest first."""
    return sorted(path.parent for path in (run_dir / MILESTONES).glob(f"step-*/{STATE}"))
