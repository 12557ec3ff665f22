"""Each life in numbers, and what the rule says of the arms that grow."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from snn_agent.errors import ConfigError
from snn_agent.experiments.continual import (
    average_performance,
    forgetting,
    forward_transfer,
    plasticity_retention,
    recovery,
)
from snn_agent.experiments.continual_verdict import RULE, ContinualVerdict, Lifetimes, References, judge
from snn_agent.experiments.curves import Curve
from snn_agent.experiments.statistics import Row
from studies.continual_page.data import LifeRun, SequenceData

Key = tuple[str, int | None]
"""Name of a metric, and the task that it is of; None: of the whole life."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """What a column of the table shows.

    Attributes:
        title: of the column.
        note: the definition.
        group: the table that it stands in; "": it is in the tidy table alone.
        failed: what a failed seed counts as; NaN: it is left out.
        digits: after the point.
        factor: the value is shown times this.
    """

    title: str
    note: str
    group: str
    failed: float = math.nan
    digits: int = 3
    factor: float = 1.0


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        "performance": Metric(
            group="kept", title="average performance", note="mean normalised score on all tasks at the end", failed=0.0
        ),
        "forgetting": Metric(
            group="kept",
            title="forgetting",
            note="share of what was known of a task that was lost while it was away",
            failed=1.0,
        ),
        "forgetting_absolute": Metric(group="", title="lost score", note="the same in normalised score"),
        "forward_transfer": Metric(
            group="plasticity",
            title="forward transfer",
            note="of a task when it is first met, beside scratch: 0 none, 1 perfect from the begin, below 0 harm",
        ),
        "recovery_steps": Metric(
            group="recovery",
            title="steps to recover",
            note=f"k steps on the return to A until the score stays at {RULE.level:.0%} of what it was when A was "
            f"left; of a life that did not come back, the length of the phase, which is a lower bound",
            digits=1,
            factor=1e-3,
        ),
        "scratch_steps": Metric(
            group="recovery",
            title="from scratch",
            note="k steps that the same life took to that score in its first phase",
            digits=1,
            factor=1e-3,
        ),
        "recovery_share": Metric(
            group="recovery", title="of scratch's steps", note="the first of these two over the second"
        ),
        "recovered": Metric(
            group="recovery", title="recovered", note="share of the seeds that came back", failed=0.0, digits=2
        ),
        "recovery_joules": Metric(
            group="recovery", title="mJ to recover", note="the energy of these steps", digits=2, factor=1e3
        ),
        "relearning": Metric(
            group="plasticity", title="relearning", note="area under the curve of the return to A over that of scratch"
        ),
        "retention": Metric(
            group="plasticity",
            title="plasticity retention",
            note="area under the curve of the task that was met last, when it is met, over that of scratch",
        ),
        "joules": Metric(
            group="energy", title="training mJ", note="acting and learning, all phases", digits=1, factor=1e3
        ),
        "joules_per_decision": Metric(
            group="energy", title="nJ a decision", note="at the end, mean of the tasks", digits=1, factor=1e9
        ),
        "neurons": Metric(group="neurons", title="neurons", note="living at the end", digits=0),
        "neurons_used": Metric(
            group="neurons",
            title="neurons used",
            note="fewest that carry 95 % of the utility in a task, at the end",
            digits=0,
        ),
        "protected": Metric(group="energy", title="protected", note="neurons in the last phase", digits=0),
        "sharing": Metric(
            group="energy",
            title="sharing",
            note="share of the utility in the last phase but one that went through neurons of earlier ones",
        ),
        "dormant_fraction": Metric(
            group="neurons", title="dormant", note="share of neurons at the end, mean of the tasks"
        ),
        "effective_rank": Metric(
            group="neurons", title="effective rank", note="of the activity at the end, mean of the tasks", digits=1
        ),
        "detections": Metric(
            group="energy", title="alarms", note="boundaries that the organism believed it noticed", digits=1
        ),
    }
)
"""By name, in the order of the tables."""


def metrics_of(data: SequenceData, run: LifeRun) -> dict[Key, float]:
    """The numbers of a life that is done; what has no reference yet is left out."""
    life = run.lived
    matrix = life.matrix()
    lost = forgetting(matrix, data.order)
    found: dict[Key, float] = {("performance", None): average_performance(matrix)}
    for task in range(len(data.names)):
        found["forgetting", task] = float(lost.relative[task])
        found["forgetting_absolute", task] = float(lost.absolute[task])
        met = data.order.index(task)
        alone = _scratch(data, task, run.seed)
        if met and alone is not None:
            found["forward_transfer", task] = _or_nan(forward_transfer, life.curve(met), alone)
        told = run.summary["eval"].get("tasks", ())
        if task < len(told):
            found["neurons_used", task] = float(told[task]["neurons_used"])
    last_met = max(data.order.index(task) for task in range(len(data.names)))
    for name, phase in (("relearning", data.back), ("retention", last_met)):
        alone = _scratch(data, data.order[phase], run.seed)
        if alone is not None:
            found[name, None] = _or_nan(plasticity_retention, life.curve(phase), alone)
    level = RULE.level * float(matrix[0, data.order[0]])  # it was left when the first phase ended
    returned, spent = (recovery(life.curve(data.back), level, by) for by in ("steps", "joules"))
    scratch = max(1.0, recovery(life.curve(0), level).value)  # it has that level at birth where nothing was learnt
    at_end = {
        "recovery_steps": returned.value,
        "scratch_steps": scratch,
        "recovery_share": returned.value / scratch,
        "recovered": float(returned.recovered),
        "recovery_joules": spent.value,
        "joules": run.joules,
        "joules_per_decision": float(life.joules_per_decision[:, -1].mean()),
        "neurons": float(life.neurons[0, -1]),
        "protected": float(life.phases[-1].protected),
        "sharing": life.phases[-1].sharing,
        "dormant_fraction": float(life.dormant_fraction[:, -1].mean()),
        "effective_rank": float(life.effective_rank[:, -1].mean()),
        "detections": float(len(life.detections)),
    }
    found |= {(name, None): value for name, value in at_end.items()}
    return {key: value for key, value in found.items() if not math.isnan(value)}


def arm_values(data: SequenceData, arm: str) -> dict[Key, Row]:
    """The numbers of an arm's runs [seeds], failed ones counted where :data:`METRICS` says what they count as."""
    lives = [metrics_of(data, run) for run in data.of(arm, "done")]
    n_failed = len(data.of(arm, "failed"))
    keys = [key for name in METRICS for key in sorted({k for life in lives for k in life if k[0] == name}, key=_order)]
    found = {}
    for key in keys:
        worst = METRICS[key[0]].failed
        values = [life[key] for life in lives if key in life] + [worst] * (n_failed * (not math.isnan(worst)))
        if key[0] == "joules":
            values += [run.joules for run in data.of(arm, "failed") if not math.isnan(run.joules)]
        found[key] = np.array(values, dtype=np.float64)
    return found


def verdicts(data: SequenceData) -> dict[str, ContinualVerdict | str]:
    """What the rule says of each arm that grows, or why it says nothing; over the seeds that all of them have."""
    found: dict[str, ContinualVerdict | str] = {}
    roles = (data.comparison.plain, data.comparison.progressive, data.comparison.ewc)
    for arm in data.comparison.judged:
        if arm not in data.arms:
            continue
        if absent := [role for role in roles if role not in data.arms]:
            found[arm] = f"{arm} is judged beside {', '.join(absent)}, which was left out."
            continue
        counted = {name: {run.seed: run for run in data.of(name, "done", "failed")} for name in (arm, *roles)}
        seeds = sorted(set.intersection(*(set(runs) for runs in counted.values())))
        if not seeds:
            found[arm] = f"{arm} and {', '.join(roles)} have no seed in common yet."
            continue
        plain, progressive, ewc = ([counted[role][seed] for seed in seeds] for role in roles)
        try:
            found[arm] = judge(
                _lifetimes(data, [counted[arm][seed] for seed in seeds]),
                References(_joules(data, plain), _joules(data, progressive), _performance(data, ewc)),
                arm=arm,
            )
        except ConfigError as problem:
            found[arm] = f"{arm} cannot be judged: {problem}"
    return found


def _lifetimes(data: SequenceData, runs: Sequence[LifeRun]) -> Lifetimes:
    whole = float(data.phase_steps)
    away = [task for task in range(len(data.names)) if _is_away(data.order, task)]
    lost: list[list[float]] = [[] for _ in away]
    steps, scratch = [], []
    for run in runs:
        found = metrics_of(data, run) if run.status == "done" else {}
        for row, task in zip(lost, away, strict=True):
            row.append(found.get(("forgetting", task), 1.0))  # nothing was known of it: that, too, is all lost
        back = found.get(("recovered", None), 0.0) == 1.0
        steps.append(found["recovery_steps", None] if back else math.inf)
        scratch.append(found.get(("scratch_steps", None), whole))
    return Lifetimes(lost, steps, scratch, _joules(data, runs), _performance(data, runs))


def _is_away(order: Sequence[int], task: int) -> bool:
    """Whether other tasks are lived after this one was."""
    return any(later != task for later in order[order.index(task) + 1 :])


def _joules(data: SequenceData, runs: Sequence[LifeRun]) -> list[float]:
    """What was spent; where that of a failed run is not known, the most that a run of its arm spent."""
    known = [run.joules for run in data.of(runs[0].arm) if not math.isnan(run.joules)]
    most = max(known, default=math.nan)
    return [most if math.isnan(run.joules) else run.joules for run in runs]


def _performance(data: SequenceData, runs: Sequence[LifeRun]) -> list[float]:
    return [metrics_of(data, run)["performance", None] if run.status == "done" else 0.0 for run in runs]


def _scratch(data: SequenceData, task: int, seed: int) -> Curve | None:
    """The curve of a newborn that learns the task alone, if there is such a run of this seed."""
    run = data.lives(data.comparison.scratch[task]).get(seed)
    return None if run is None else run.lived.curve(0)


def _or_nan(metric: Callable[[Curve, Curve], float], curve: Curve, scratch: Curve) -> float:
    """NaN where the scratch learner's area allows no such number."""
    try:
        return metric(curve, scratch)
    except ConfigError:
        return math.nan


def _order(key: Key) -> int:
    return -1 if key[1] is None else key[1]
