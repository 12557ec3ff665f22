"""Saving and loading an organism without its run."""

from __future__ import annotations

from pathlib import Path

from snn_agent.engine.contract import Engine
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.checkpoint import Checkpoint
from snn_agent.training.snapshot import describe_organism, rebuild_organism


def save_checkpoint(organism: GrowingSparseSNN, path: Path | str) -> Path:
    """Write an organism, as a checkpoint that :func:`load_organism` reads, into the new folder ``path``.

    A run saves itself whole (:meth:`snn_agent.training.trainer.AdaptiveTrainer.save`); this is for the organism alone,
    from which no run can be resumed.

    Raises:
        CheckpointError: the folder exists.
    """
    path = Path(path)
    checkpoint = Checkpoint(organism.state_dict(), {}, {}, {"organism": describe_organism(organism)})
    return checkpoints.save(path.parent, path.name, checkpoint, keep=None)


def load_organism(
    path: Path | str, *, engine: str | Engine | None = None, device: str = "cpu", seed: int = 0
) -> GrowingSparseSNN:
    """The organism of a run directory (its newest valid checkpoint) or of one checkpoint.

    Args:
        path: the folder.
        engine: what computes the neurons; None: the engine it was trained with.
        device: where it is to live.
        seed: of its own draws, of actions in ``predict`` and of Poisson spikes.

    Raises:
        CheckpointError: there is no valid checkpoint.
        BackendUnavailable: the engine or the device is missing here.
    """
    checkpoint = checkpoints.load_newest(Path(path))[1]
    return rebuild_organism(checkpoint.state["organism"], checkpoint.model, engine=engine, device=device, seed=seed)
