"""``TensorBoardWriter``: the lines of ``metrics.csv`` as TensorBoard's curves."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

from snn_agent.errors import BackendUnavailable, ConfigError
from snn_agent.training.agent import StructuralEvent
from snn_agent.training.callbacks import Callback, Run, UpdateRecord

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

GROUPS: Final = {
    "episode": ("return_mean", "length_mean", "food_mean"),
    "network": ("hidden_neurons", "firing_rate", "silent_share", "effective_rank", "growth_events", "pruning_events"),
    "learning": (
        "loss", "policy_loss", "value_loss", "entropy", "approx_kl", "clip_fraction", "gradient_norm", "critic_error",
    ),
    "energy": ("synaptic_operations", "inference_joules", "learning_joules"),
    "time": ("update", "episodes", "seconds", "env_steps_per_second"),
}  # fmt: skip
"""Fields of an update's record by the group that they are shown in; ``env_steps`` is the horizontal axis of all."""
HISTOGRAM_EVERY: Final = 10
"""Updates between two histograms of the neurons' firing rates, which look back about as far."""


class TensorBoardWriter(Callback):
    """Writes events into ``tensorboard/`` in the run directory; look at them with ``tensorboard --logdir runs``.

    Numbers that are not finite are left out. A resumed run takes back what it will live again.

    Raises:
        BackendUnavailable: the package ``tensorboard`` is not installed.
    """

    def __init__(self) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter  # not installed unless asked for, and slow to import
        except ImportError as problem:
            raise BackendUnavailable(
                f"TensorBoard was asked for, but its package cannot be imported ({problem}). Install it with "
                f"pip install 'snn-agent[tensorboard]', or leave the option out: metrics.csv holds the same numbers."
            ) from problem
        self._make = SummaryWriter
        self._writer: SummaryWriter | None = None

    def on_start(self, run: Run) -> None:
        """Open the file.

        Raises:
            ConfigError: the run has no directory.
        """
        if run.run_dir is None:
            raise ConfigError("TensorBoard's files go into the run directory, but this run has none. Give run_dir=….")
        lived = run.agent.counters.env_step
        self._writer = self._make(str(run.run_dir / "tensorboard"), purge_step=lived + 1 if lived else None)

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        """Write all fields of the record, and now and then the distribution of firing rates."""
        assert self._writer is not None
        fields = dataclasses.asdict(record)
        for group, names in GROUPS.items():
            for name in names:
                if math.isfinite(fields[name]):
                    self._writer.add_scalar(f"{group}/{name}", fields[name], record.env_steps)
        if record.update % HISTOGRAM_EVERY == 0:
            self._writer.add_histogram("network/rate_of_neurons", run.agent.statistics.rate.cpu(), record.env_steps)

    def on_event(self, run: Run, event: StructuralEvent) -> None:
        """Write how many were born and died."""
        del run
        assert self._writer is not None
        self._writer.add_scalar("events/born", len(event.born), event.env_step)
        self._writer.add_scalar("events/died", len(event.died), event.env_step)

    def on_end(self, run: Run, summary: dict[str, Any]) -> None:
        """Close the file."""
        del run, summary
        if self._writer is not None:
            self._writer.close()
