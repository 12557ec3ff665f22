"""Arms that take something from another arm's run of the same seed, which must be over before theirs begins."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from runs import RunConfig, read_config

from snn_agent.config import StructureConfig
from snn_agent.experiments.curves import mean_size
from snn_agent.experiments.progress import PlannedRun
from snn_agent.metrics.genealogy import read_events
from studies.curves import read_curve


@dataclasses.dataclass(frozen=True, kw_only=True)
class Derived:
    """An arm whose settings are those of another arm's run, but for its structure."""

    of: str
    """The other arm."""
    takes: str
    """What of its run, in words."""
    like: RunConfig
    """The other arm's settings, but with its own structural rules."""
    take: Callable[[RunConfig, Path], RunConfig]
    """(settings, the other run's directory) -> settings with what is taken from that run."""

    def make(self, run_dir: Path) -> RunConfig:
        """The settings that follow from a run of the other arm which is done."""
        return self.take(dataclasses.replace(read_config(run_dir), structure=self.structure), run_dir)

    @property
    def structure(self) -> StructureConfig:
        """Its structural rules; a schedule that is taken from the run is not in them yet."""
        return self.like.structure

    @property
    def total_steps(self) -> int:
        """Environment steps of each of its runs."""
        return self.like.total_steps

    def __str__(self) -> str:
        return f"{self.takes} as {self.of}'s"


def final_size(config: RunConfig, run_dir: Path) -> RunConfig:
    """As many neurons as the run had at its end."""
    return _of_size(config, json.loads((run_dir / "summary.json").read_text())["neurons_final"])


def time_average(config: RunConfig, run_dir: Path) -> RunConfig:
    """As many neurons as the run had on average over its steps, so that both spend about the same energy."""
    return _of_size(config, round(mean_size(read_curve(run_dir))))


def schedule(config: RunConfig, run_dir: Path) -> RunConfig:
    """As many births and deaths as the run had, when it had them."""
    events = [(event.env_step, len(event.born), len(event.died)) for event in read_events(run_dir)]
    happened = tuple(event for event in events if any(event[1:]))  # synapses that changed are no births or deaths
    return dataclasses.replace(config, structure=dataclasses.replace(config.structure, schedule=happened))


def _of_size(config: RunConfig, hidden: int) -> RunConfig:
    return dataclasses.replace(config, network=config.network.replace(init_hidden=hidden))


def followers(of: str, grown: RunConfig) -> dict[str, Derived]:
    """The arms that follow one that grows and prunes: its sizes without growth, and its schedule by lot."""
    still, lots = (
        dataclasses.replace(grown, structure=dataclasses.replace(grown.structure, growth=rule, pruning=rule))
        for rule in ("none", "replay")
    )
    return {
        "fixed-final": Derived(of=of, takes="size", like=still, take=final_size),
        "fixed-mean": Derived(of=of, takes="mean size", like=still, take=time_average),
        "yoked": Derived(of=of, takes="births and deaths", like=lots, take=schedule),
    }


def seed_of(run: PlannedRun) -> int:
    """The seed that a run's folder names."""
    return int(run.run_dir.name.removeprefix("seed-"))


def in_rounds(
    runs: Sequence[PlannedRun], arms: Mapping[str, RunConfig | Derived], slots: int
) -> list[list[PlannedRun]]:
    """The runs in parts to be carried out one after the other, so that those which others follow are over in time.

    A part has the plain arms of as many seeds as fill the slots, and before them the derived arms of the seeds of the
    part before it: a study that is interrupted has compared all arms as far as it got. Without derived arms all is one.
    """
    derived = {name for name, arm in arms.items() if isinstance(arm, Derived)}
    if not derived:
        return [list(runs)]
    seeds_at_once = max(1, slots // max(1, len(arms) - len(derived)))
    parts: dict[int, list[PlannedRun]] = collections.defaultdict(list)
    for run in sorted(runs, key=seed_of):
        parts[seed_of(run) // seeds_at_once + (run.arm in derived)].append(run)
    return [parts[number] for number in sorted(parts)]
