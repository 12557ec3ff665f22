"""What a run did over its life, as its directory tells it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from snn_agent.experiments.curves import Curve
from snn_agent.experiments.statistics import Row


def read_curve(run_dir: Path) -> Curve:
    """The curve in a run's ``metrics.csv``: food where it is counted, else return; energy by ``45nm_fp32``."""
    with (run_dir / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))

    def column(name: str) -> Row:
        return np.array([float(row[name]) for row in rows])

    food, acting = column("food_mean"), column("inference_joules")
    return Curve(
        steps=column("env_steps"),
        joules=acting + column("learning_joules"),
        acting=acting,
        seconds=column("seconds"),
        score=column("return_mean") if np.isnan(food).all() else food,
        neurons=column("hidden_neurons"),
    )
