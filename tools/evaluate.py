"""Evaluate a trained organism on worlds it has never seen: ``python tools/evaluate.py RUN``; prints JSON."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import torch
import tyro
from runs import birth_world, read_config
from scores import score

from snn_agent.errors import SnnAgentError
from snn_agent.training.checkpoint import load_newest
from snn_agent.training.evaluation import evaluate
from snn_agent.training.snapshot import rebuild_organism


@dataclasses.dataclass(frozen=True)
class Options:
    """What to evaluate, and how long."""

    run: Annotated[Path, tyro.conf.Positional]
    """Run directory; of a run of several tasks, the world it began in is the one."""
    episodes: int = 100
    """Episodes, each in a world of its own."""
    seed: int = 0
    """Of the worlds and the policy's draws."""
    deterministic: bool = False
    """Take the most probable action instead of drawing one."""


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    options = tyro.cli(Options, args=arguments, description=__doc__)
    try:
        config = read_config(options.run)
        torch.set_num_threads(config.threads)
        path, saved = load_newest(options.run)
        organism = rebuild_organism(saved.state["organism"], saved.model, engine=config.engine, device=config.device)
        kwargs = birth_world(config)
        result = evaluate(
            organism,
            config.env_id,
            kwargs,
            episodes=options.episodes,
            seed=options.seed,
            deterministic=options.deterministic,
        )
    except SnnAgentError as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        return 2
    scores = {"checkpoint": str(path), "seed": options.seed, "neurons": organism.hidden}
    print(json.dumps(scores | score(config.env_id, kwargs, result), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
