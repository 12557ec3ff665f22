"""Studies by name: arms that are compared, each a run's config, or how one follows from another arm's run.

An arm's name is its id, in every study the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from presets import PRESETS
from runs import RunConfig

from snn_agent.config import NeuronConfig, StructureConfig
from studies.continual import CONTINUAL
from studies.derived import Derived, followers

STEPS: Final = 10_000_000
Arms = Mapping[str, RunConfig | Derived]

SCHEDULE: Final = StructureConfig(
    growth="periodic",
    birth="zero_out",
    growth_size=32,
    grow_interval=1_000_000,
    pruning="none",
    interval_unit="env_steps",
    maturity_updates=100,
)
"""32 newborn each million steps: the schedule on which births and deaths are compared."""

TRIGGER: Final = dataclasses.replace(SCHEDULE, grow_interval=250_000, grow_votes=2, grow_cool_down=750_000)
"""Considered four times as often, heard after two votes in a row, then at rest for most of a million steps."""

STEADY: Final = dataclasses.replace(SCHEDULE, growth="none", recycle_interval=250_000, rewire_interval=250_000)
"""Neither growth nor pruning."""


def original(
    structure: StructureConfig = STEADY,
    *,
    hidden: int = 32,
    density: float = 1.0,
    steps: int = STEPS,
    least: int = 32,
) -> RunConfig:
    """The original task with these structural rules, so many neurons at birth, this share of the input synapses, and a
    number of neurons below which pruning does not go.
    """
    base = PRESETS["default"]()
    return dataclasses.replace(
        base,
        total_steps=steps,
        threads=1,
        network=base.network.replace(init_hidden=hidden, input_density=density, min_hidden=least),
        structure=structure,
    )


def without_spikes(run: RunConfig) -> RunConfig:
    """The same run with ReLU neurons, which decide in one tick: as many of them, the same learner and the same world.

    Biases are 0, and the readout is small, so that the policy begins near uniform, as that of the spiking networks does
    (and as Andrychowicz et al., ICLR 2021, advise). First weights keep the spiking networks' scale: with 512 neurons at
    rate 3e-3 a quarter of what He et al. (2015) say led to 11.7 food after 0.6 M steps, all of it to 7.5, and random
    foragers eat 8.4.
    """
    network = run.network.replace(
        neuron=NeuronConfig(model="relu"),
        ticks=1,
        readout="drive",
        hidden_bias=0.0,
        outgoing_scale=0.1,
        output_bias=0.0,
        readout_gain=1.0,
    )
    return dataclasses.replace(run, network=network)


def capacity() -> dict[str, RunConfig]:
    """Sizes that stay as they are: the envelope that growing has to beat."""
    return {f"fixed-{hidden}": original(hidden=hidden) for hidden in (32, 64, 128, 256, 512)}


def equal_lives() -> dict[str, RunConfig]:
    """Sizes that stay, each for as many steps as it takes to spend what 128 neurons spend in 10 M."""
    lives = {32: 37_400_000, 64: 19_500_000, 256: 5_070_000, 512: 2_550_000}
    others = {f"life-{hidden}": original(hidden=hidden, steps=steps) for hidden, steps in lives.items()}
    return {"fixed-128": capacity()["fixed-128"]} | others


def frontier() -> dict[str, RunConfig]:
    """Lives of equal energy (4.3 J): growth in small stages beside sizes that stay.

    The rate of learning falls over each life to its end, so that lives of unequal energy are compared unfairly: what is
    read off in the midst of a dear life is beside the ends of cheap ones.
    """
    presets = {name: PRESETS[name]().structure for name in ("grow", "grow-prune")}
    plateau = dataclasses.replace(
        presets["grow-prune"], growth="plateau", grow_interval=250_000, grow_votes=1, grow_cool_down=1_000_000
    )
    return equal_lives() | {
        "life-grow": original(presets["grow"], steps=12_000_000),
        "life-grow-prune": original(presets["grow-prune"], steps=13_000_000),
        "life-plateau": original(plateau, steps=12_000_000),
    }


def envelopes_of(study: str) -> dict[str, tuple[str, ...]]:
    """Sizes whose best, at each budget of energy, is what a study's other arms are held against; by a name for them."""
    if study != "frontier":
        return {"32 to 512": tuple(capacity())}
    arms = tuple(equal_lives())
    return {"32 to 512": arms, "64 to 512": tuple(arm for arm in arms if not arm.endswith("-32"))}


def growth() -> dict[str, RunConfig]:
    """When to grow: every trigger, births and sizes the same."""
    names = ("low_rate", "adaptive", "plateau", "novelty", "saturation", "gradient")
    return {f"grow-{name}": original(dataclasses.replace(TRIGGER, growth=name)) for name in names}


def schedules() -> dict[str, RunConfig]:
    """How fast to grow, from how few, for how long, and whether newborn learn faster than the others."""
    arms = {}
    for hidden, steps, share in ((32, 2e6, 1.0), (64, 1e6, 1.0), (32, 5e5, 0.2), (32, 5e5, 0.4), (32, 2.5e5, 0.4)):
        stages = dataclasses.replace(SCHEDULE, grow_interval=int(steps), grow_until=share)
        name = f"stages-{hidden}-{steps / 1e6:g}M" + (f"-until-{share:g}" if share < 1.0 else "")
        arms[name] = original(stages, hidden=hidden)
    paced = original(SCHEDULE)
    learning = dataclasses.replace(paced.learning, newborn_pace=2.0)
    return arms | {"stages-32-1M-pace2": dataclasses.replace(paced, learning=learning)}


def births() -> dict[str, RunConfig]:
    """How to be born: every birth on the same schedule."""
    names = ("zero_out", "paired", "split", "gradient", "kaiming_noise")
    arms = {f"birth-{name}": original(dataclasses.replace(SCHEDULE, birth=name)) for name in names}
    return arms | {"birth-zero_out-rate": original(dataclasses.replace(SCHEDULE, newborn_rate=0.05))}


def deaths() -> dict[str, RunConfig]:
    """Who dies: every order, of the same number at the same times, while growth goes on."""
    pruned = dataclasses.replace(SCHEDULE, prune_interval=500_000, prune_share=0.05)
    names = ("low_utility", "utility_per_joule", "magnitude")
    return {f"death-{name}": original(dataclasses.replace(pruned, pruning=name)) for name in names}


def upkeep() -> dict[str, RunConfig]:
    """What else may pay in a network whose size stays: recycling, regulation, few synapses and their turnover."""
    changes: dict[str, StructureConfig] = {
        "recycle-dormant": dataclasses.replace(STEADY, recycling="dormant"),
        "recycle-low_utility": dataclasses.replace(STEADY, recycling="low_utility"),
        "homeostasis": dataclasses.replace(STEADY, homeostasis_rate=0.05),
        "scaling": dataclasses.replace(STEADY, synaptic_limit=4.0),
    }
    arms = {name: original(structure, hidden=128) for name, structure in changes.items()}
    for name in ("none", "set", "rigl", "deep_r"):
        arms[f"sparse-{name}"] = original(dataclasses.replace(STEADY, rewiring=name), hidden=128, density=0.25)
    return arms


def _experiment(
    make: Callable[..., RunConfig],
    rules: Mapping[str, StructureConfig],
    *,
    most: int,
    few: int,
    least: int,
    density: float,
    prefix: str = "",
) -> Arms:
    """The arms of the experiment, the long runs first.

    Args:
        make: a run of such rules, neurons at birth, share of synapses, and fewest neurons.
        rules: of the arms that have some, by name.
        most: neurons of the arms that begin large.
        few: neurons of those that begin small and do not grow in stages.
        least: neurons that ``prune-only`` ends with.
        density: share of its input synapses that ``sparse`` has.
        prefix: of all names.
    """
    grow_prune = make(rules["grow-prune"])
    arms: Arms = {
        f"fixed-{most}": make(hidden=most),
        "prune-only": make(rules["prune-only"], hidden=most, least=least),
        "recycle": make(rules["recycle"], hidden=most),
        "sparse": make(rules["sparse"], hidden=most, density=density),
        f"fixed-{few}": make(hidden=few),
        "seed-rules": make(rules["seed-rules"], hidden=few),
        "grow": make(rules["grow"]),
        "grow-prune": grow_prune,
        "ann": without_spikes(make(hidden=most)),
        **followers(f"{prefix}grow-prune", grow_prune),
    }
    return {f"{prefix}{name}": arm for name, arm in arms.items()}


def hypothesis() -> Arms:
    """Growing and pruning beside everything else that could explain what comes of it.

    ``prune-only`` is down at 128 neurons after 60 % of its life. ``sparse`` has so few synapses, 29 of 450 a neuron,
    that it acts with about as many synaptic operations as ``grow-prune`` does on average, near 1,230 a decision: with
    densities of 0.05 and 0.08 it took 850 and 1,210 in the first million steps, and rates rise by a third later on. The
    ticks of its 512 neurons are not matched; no density could do that. ``ann`` does not spike. Random and greedy
    foragers are in every run's evaluation.
    """
    rules = {name: PRESETS[name]().structure for name in ("grow", "grow-prune", "seed-rules")} | {
        "prune-only": dataclasses.replace(STEADY, pruning="low_utility", prune_interval=150_000, prune_share=0.04),
        "recycle": dataclasses.replace(STEADY, recycling="low_utility"),
        "sparse": dataclasses.replace(STEADY, rewiring="rigl"),
    }
    return _experiment(original, rules, most=512, few=64, least=128, density=0.065)


SMALL: Final = StructureConfig(
    growth="none",
    pruning="none",
    growth_size=8,
    grow_interval=60_000,
    grow_until=0.7,
    prune_interval=30_000,
    prune_share=0.05,
    recycle_interval=15_000,
    rewire_interval=15_000,
    interval_unit="env_steps",
    maturity_updates=3,
)
"""Neither growth nor pruning, at the pace of the small world."""


def _small(structure: StructureConfig = SMALL, *, hidden: int = 8, density: float = 1.0, least: int = 4) -> RunConfig:
    """The preset ``quick`` for half as long, at most 64 neurons."""
    base = PRESETS["quick"]()
    sizes = {"init_hidden": hidden, "min_hidden": least, "max_hidden": 64}
    network = base.network.replace(**sizes, input_density=density)
    return dataclasses.replace(base, total_steps=300_000, threads=1, network=network, structure=structure)


def quick() -> Arms:
    """The arms of ``hypothesis`` in a small world, for a look at how it all works: minutes, not hours."""
    grow = dataclasses.replace(SMALL, growth="periodic")
    rules = {
        "grow": grow,
        "grow-prune": dataclasses.replace(grow, pruning="low_utility"),
        "seed-rules": dataclasses.replace(PRESETS["seed-rules"]().structure, growth_size=8),
        "prune-only": dataclasses.replace(SMALL, pruning="low_utility", prune_interval=25_000, prune_share=0.2),
        "recycle": dataclasses.replace(SMALL, recycling="low_utility"),
        "sparse": dataclasses.replace(SMALL, rewiring="rigl"),
    }
    return _experiment(_small, rules, most=64, few=16, least=16, density=0.1, prefix="quick-")


STUDIES: Final[Mapping[str, Callable[[], Arms]]] = MappingProxyType(
    {
        "capacity": capacity,
        "frontier": frontier,
        "growth": growth,
        "schedules": schedules,
        "births": births,
        "deaths": deaths,
        "upkeep": upkeep,
        "hypothesis": hypothesis,
        "quick": quick,
        **CONTINUAL,
    }
)
"""Studies by name."""
