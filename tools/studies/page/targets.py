"""The experiment's three targets, stated of the arms that are judged: reached, not reached, or why nobody can say."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from snn_agent.errors import ConfigError
from snn_agent.experiments.frontier import standing
from snn_agent.experiments.targets import GOALS, Fed, Target, auto_size, frontier, thrift, unknown
from snn_agent.experiments.verdict import RULE
from studies.arms import capacity
from studies.page.data import Run, StudyData
from studies.page.verdicts import verdict_arms

SIZES: Final = {name: arm.network.init_hidden for name, arm in capacity().items()}
"""Neurons of the fixed sizes that the targets speak of."""

TARGETS_RULE: Final = (
    f"Targets: {'; '.join(f'{name}: {goal}' for name, goal in GOALS.items())}. Fixed sizes are those of "
    f"{', '.join(map(str, SIZES.values()))} neurons, run with the same seeds; without all of them, or with fewer than "
    f"{RULE.seeds} seeds, nothing is decided. Intervals: bootstrap over paired seeds, percentile method, {RULE.draws} "
    f"draws, generator seed {RULE.generator_seed}. A failed seed counts with an area of −1, with the random forager's "
    "food, and with the most joules an episode of its arm took."
)

Fixed = Mapping[str, Mapping[int, Run]]
"""Runs that are done or failed, by fixed size and seed; of the sizes that have any that is done."""


def targets(data: StudyData) -> dict[str, list[Target]]:
    """The targets of each arm that is judged by the experiment's rule, over the seeds that it and all sizes have."""
    return {arm: _of_arm(data, arm) for arm in verdict_arms(data.study) if arm in data.arms}


def _of_arm(data: StudyData, arm: str) -> list[Target]:
    ours = _by_seed(data.of(arm))
    fixed = {size: _by_seed(runs) for size, runs in data.sizes.items() if any(run.status == "done" for run in runs)}
    seeds = [seed for seed in data.seeds if all(seed in runs for runs in (ours, *fixed.values()))]
    missing = [size for size in data.sizes if size not in fixed]
    ways: Mapping[str, Callable[[StudyData, Sequence[Run], Fixed], Target]] = {
        "frontier": _frontier,
        "auto-size": _auto_size,
        "thrift": _thrift,
    }
    found = []
    for name, way in ways.items():
        if not fixed or not seeds:
            found.append(unknown(name, f"{arm} and the fixed sizes have no seed in common"))
            continue
        try:
            told = way(data, [ours[seed] for seed in seeds], {size: _only(runs, seeds) for size, runs in fixed.items()})
        except ConfigError as problem:
            told = unknown(name, str(problem).rstrip("."))
        found.append(_with_reasons(told, len(seeds), missing))
    return found


def _with_reasons(told: Target, seeds: int, missing: Sequence[str]) -> Target:
    """The target, undecided where what it rests on is not whole."""
    reasons = [told.undecided] * bool(told.undecided)
    if missing:
        reasons.append(f"the folder has no run of {', '.join(missing)} (make them with tools/study.py capacity)")
    if seeds < RULE.seeds:
        reasons.append(f"there are {seeds} of the {RULE.seeds} seeds that it takes")
    return dataclasses.replace(told, undecided=" and ".join(reasons))


def _frontier(data: StudyData, ours: Sequence[Run], fixed: Fixed) -> Target:
    """A failed run of a fixed size is no part of the envelope, so that seed is left out of it."""
    del data
    whole = [run for run in ours if all(runs[run.seed].curve is not None for runs in fixed.values())]
    lived = {run.seed: run.curve for run in whole if run.curve is not None}
    area = np.full(len(whole), -1.0)
    if lived:
        others = [{seed: curve for seed in lived if (curve := runs[seed].curve) is not None} for runs in fixed.values()]
        area[: len(lived)] = standing(others, lived).area
    told = frontier(area, np.random.default_rng(RULE.generator_seed), draws=RULE.draws)
    if len(whole) < RULE.seeds <= len(ours):
        return dataclasses.replace(told, undecided=f"fixed sizes failed in {len(ours) - len(whole)} seeds")
    return told


def _auto_size(data: StudyData, ours: Sequence[Run], fixed: Fixed) -> Target:
    scores = {SIZES[size]: _food(data, list(runs.values())) for size, runs in fixed.items()}
    told = auto_size(_food(data, ours), scores, np.random.default_rng(RULE.generator_seed), draws=RULE.draws)
    runs = [*ours, *(run for by_seed in fixed.values() for run in by_seed.values())]
    lived = {int(run.numbers["env_steps"]) for run in runs if run.status == "done"}
    if len(lived) > 1:
        return dataclasses.replace(told, undecided=f"lives are of {min(lived):,} to {max(lived):,} steps, not of equal")
    return told


def _thrift(data: StudyData, ours: Sequence[Run], fixed: Fixed) -> Target:
    fed = {SIZES[size]: _fed(data, list(runs.values())) for size, runs in fixed.items()}
    return thrift(_fed(data, ours), fed, np.random.default_rng(RULE.generator_seed), draws=RULE.draws)


def _food(data: StudyData, runs: Sequence[Run]) -> list[float]:
    return [run.numbers.get("food", data.worst) for run in runs]


def _fed(data: StudyData, runs: Sequence[Run]) -> Fed:
    """Food and joules of inference per episode of the final evaluation."""
    spent = [run.numbers.get("food", math.nan) * run.numbers.get("joules_per_food", math.nan) for run in runs]
    most = max((joules for joules in spent if math.isfinite(joules)), default=math.nan)
    joules = [most if run.status == "failed" else value for run, value in zip(runs, spent, strict=True)]
    return Fed(_food(data, runs), joules)


def _by_seed(runs: Sequence[Run]) -> dict[int, Run]:
    return {run.seed: run for run in runs if run.status != "missing"}


def _only(runs: Mapping[int, Run], seeds: Sequence[int]) -> dict[int, Run]:
    return {seed: runs[seed] for seed in seeds}
