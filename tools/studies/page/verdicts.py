"""The verdict of a study that has the experiment's reference arm: by the rule that was fixed before the runs."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from runs import RunConfig

from snn_agent.experiments.verdict import RULE, Verdict, judge
from studies.arms import STUDIES
from studies.page.data import StudyData

REFERENCE: Final = "fixed-512"
"""The fixed network of the greatest capacity, against which the hypothesis is stated."""


def verdict_arms(study: str) -> tuple[str, ...]:
    """The arms that are judged beside :data:`REFERENCE`: those that grow of themselves, not by another's schedule; none
    where the study has not got that arm.
    """
    arms = STUDIES[study]()
    grown = tuple(name for name, arm in arms.items() if isinstance(arm, RunConfig) and arm.structure.growth != "none")
    return grown if REFERENCE in arms else ()


def verdicts(data: StudyData) -> dict[str, Verdict | str]:
    """What the rule says of each such arm, or why it says nothing.

    Seeds that either arm has not finished are left out of both; failed ones count with the random forager's food, and
    with what they had spent; where that is not known, with the most that a run of their arm spent.
    """
    found: dict[str, Verdict | str] = {}
    for arm in verdict_arms(data.study):
        if arm not in data.arms or REFERENCE not in data.arms:
            continue
        ours, theirs = _counted(data, arm), _counted(data, REFERENCE)
        seeds = [seed for seed in data.seeds if seed in ours and seed in theirs]
        if not seeds:
            found[arm] = f"{arm} and {REFERENCE} have no seed in common yet."
            continue
        pairs = np.array([[ours[seed], theirs[seed]] for seed in seeds])  # [seeds, 2 arms, score and joules]
        if not np.isfinite(pairs).all():
            found[arm] = f"What the failed runs of {arm} or {REFERENCE} spent is not known."
            continue
        found[arm] = judge(
            score=pairs[:, 0, 0],
            reference_score=pairs[:, 1, 0],
            joules=pairs[:, 0, 1],
            reference_joules=pairs[:, 1, 1],
            arm=arm,
            reference=REFERENCE,
            rule=RULE,
        )
    return found


def _counted(data: StudyData, arm: str) -> dict[int, tuple[float, float]]:
    """Score and joules of an arm's runs, done and failed, by seed."""
    spent = data.known(arm, "joules")
    most = float(spent.max()) if len(spent) else math.nan
    return {
        run.seed: (run.numbers.get("food", data.worst), run.numbers.get("joules", most))
        for run in data.of(arm, "done", "failed")
    }
