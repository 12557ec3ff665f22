"""The firing rates of every neuron over a run's life, read from ``activity.jsonl`` and thinned."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from snn_agent.training.activity_log import ACTIVITY_FILE
from snn_agent.training.report.thinning import FloatArray, thin

SAMPLES: Final = 400
"""Most moments that are read, evenly spread."""

ROWS: Final = 512
"""Most neurons that are shown one by one, evenly spread over the order of their birth."""

ABSENT: Final = -1
"""In place of a rate where there is no neuron, or one so young that it has none."""

QUANTILES: Final = (0.1, 0.5, 0.9)


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Rates of N neurons at S moments.

    Attributes:
        env_steps: [S] of the moments, rising.
        ids: int64 [N], the neurons by name, which is the order of their birth.
        permille: int32 [N, S], spikes per 1,000 ticks, :data:`ABSENT` where a neuron does not live.
        lines: that the file had, before thinning.
    """

    env_steps: FloatArray
    ids: npt.NDArray[np.int64]
    permille: npt.NDArray[np.int32]
    lines: int

    @property
    def last(self) -> npt.NDArray[np.int32]:
        """Rates of those that live at the last moment, in spikes per 1,000 ticks."""
        return self._living(-1)

    def _living(self, moment: int) -> npt.NDArray[np.int32]:
        rates = self.permille[:, moment]
        living: npt.NDArray[np.int32] = rates[rates != ABSENT]
        return living

    def quantiles(self) -> FloatArray:
        """[3, S] in spikes per tick: below which a tenth, half and nine tenths of the living neurons fire."""
        moments = [self._living(moment) for moment in range(len(self.env_steps))]
        found = [np.quantile(rates, QUANTILES) if len(rates) else [math.nan] * 3 for rates in moments]
        return np.array(found, dtype=np.float64).reshape(-1, 3).T / 1000.0

    def shown(self) -> Activity:
        """The same with no more neurons than :data:`ROWS`."""
        rows = thin(len(self.ids), ROWS)
        return Activity(env_steps=self.env_steps, ids=self.ids[rows], permille=self.permille[rows], lines=self.lines)

    def to_json(self) -> dict[str, Any]:
        """What the page's script reads off: of each neuron its rates from its first moment to its last."""
        neurons = []
        for name, rates in zip(self.ids.tolist(), self.permille, strict=True):
            alive = np.flatnonzero(rates != ABSENT)
            first, last = int(alive[0]), int(alive[-1])
            neurons.append({"id": name, "first": first, "permille": rates[first : last + 1].tolist()})
        return {"env_steps": self.env_steps.tolist(), "neurons": neurons}


def read_activity(run_dir: Path) -> Activity | None:
    """Read ``activity.jsonl``; None where a run has none. Lines that are none, as a killed run leaves, are left out."""
    file = run_dir / ACTIVITY_FILE
    if not file.exists():
        return None
    with file.open() as lines:
        count = sum(1 for _ in lines)
    chosen = set(thin(count, SAMPLES).tolist())
    with file.open() as lines:
        read = [_parse(line) for index, line in enumerate(lines) if index in chosen]
    moments = [moment for moment in read if moment is not None]
    names = sorted({name for _, rates in moments for name in rates})
    row = {name: index for index, name in enumerate(names)}
    permille = np.full((len(names), len(moments)), ABSENT, dtype=np.int32)
    for column, (_, rates) in enumerate(moments):
        permille[[row[name] for name in rates], column] = list(rates.values())
    return Activity(
        env_steps=np.array([step for step, _ in moments], dtype=np.float64),
        ids=np.array(names, dtype=np.int64),
        permille=permille,
        lines=count,
    )


def _parse(line: str) -> tuple[int, dict[int, int]] | None:
    """Steps lived, and the rates of those that have one; None if the line is damaged."""
    try:
        found = json.loads(line)
        rates = zip(found["id"], found["rate_permille"], strict=True)
        return int(found["env_step"]), {int(name): int(rate) for name, rate in rates if rate is not None}
    except (ValueError, KeyError, TypeError):
        return None
