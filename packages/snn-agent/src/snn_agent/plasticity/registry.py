"""Structural rules by name, and the rules that a configuration asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from snn_agent.config import StructureConfig
from snn_agent.plasticity.births import BirthPlan
from snn_agent.plasticity.compose import cool_down, every, limit, until, votes
from snn_agent.plasticity.contract import StructuralRule
from snn_agent.plasticity.expected_gain import GradientGrowth
from snn_agent.plasticity.growth import LowRateGrowth, PeriodicGrowth
from snn_agent.plasticity.heuristic import AdaptiveHeuristic
from snn_agent.plasticity.novelty import NoveltyGrowth
from snn_agent.plasticity.plateau import PlateauGrowth
from snn_agent.plasticity.pruning import LowRatePruning, LowUtilityPruning
from snn_agent.plasticity.recycling import Recycling
from snn_agent.plasticity.regulation import SynapticScaling, ThresholdHomeostasis
from snn_agent.plasticity.replay import ReplayGrowth, ReplayPruning
from snn_agent.plasticity.rewiring import Rewiring
from snn_agent.plasticity.saturation import SaturationGrowth
from snn_agent.plasticity.shrink_perturb import ShrinkPerturb

RuleMaker = Callable[[StructureConfig], StructuralRule]


def _plan(config: StructureConfig) -> BirthPlan:
    return BirthPlan(size=config.growth_size, birth=config.birth, target_rate=config.newborn_rate)


def _low_rate_pruning(config: StructureConfig, quiet_share: float) -> LowRatePruning:
    return LowRatePruning(
        threshold=config.prune_rate_threshold,
        quiet_share=quiet_share,
        maturity_updates=config.maturity_updates,
        compensate=config.compensate,
    )


def _least(config: StructureConfig, score: str) -> LowUtilityPruning:
    return LowUtilityPruning(
        score=score,
        share=config.prune_share,
        maturity_updates=config.maturity_updates,
        compensate=config.compensate,
    )


def _recycling(config: StructureConfig, method: str) -> Recycling:
    return Recycling(
        method=method,
        share=config.recycle_share,
        threshold=config.dormant_threshold,
        maturity_updates=config.maturity_updates,
        compensate=config.compensate,
        plan=_plan(config),
    )


def _adaptive(config: StructureConfig) -> AdaptiveHeuristic:
    return AdaptiveHeuristic(
        threshold=config.growth_rate_threshold,
        window=config.plateau_window,
        tolerance=config.plateau_tolerance,
        growth=PeriodicGrowth(plan=_plan(config)),
        pruning=_low_rate_pruning(config, quiet_share=0.0),
    )


GROWTH: Final[Mapping[str, RuleMaker]] = MappingProxyType(
    {
        "low_rate": lambda config: LowRateGrowth(threshold=config.growth_rate_threshold, plan=_plan(config)),
        "periodic": lambda config: PeriodicGrowth(plan=_plan(config)),
        "adaptive": _adaptive,
        "plateau": lambda config: PlateauGrowth(
            window=config.plateau_window, tolerance=config.plateau_tolerance, plan=_plan(config)
        ),
        "novelty": lambda config: NoveltyGrowth(threshold=config.novelty_threshold, plan=_plan(config)),
        "saturation": lambda config: SaturationGrowth(threshold=config.saturation_threshold, plan=_plan(config)),
        "gradient": lambda config: GradientGrowth(threshold=config.gradient_threshold, plan=_plan(config)),
        "replay": lambda config: ReplayGrowth(schedule=config.schedule, plan=_plan(config)),
    }
)
"""Growth rules by name."""

PRUNING: Final[Mapping[str, RuleMaker]] = MappingProxyType(
    {
        "low_rate": lambda config: _low_rate_pruning(config, config.prune_quiet_share),
        "low_utility": lambda config: _least(config, "low_utility"),
        "utility_per_joule": lambda config: _least(config, "utility_per_joule"),
        "magnitude": lambda config: _least(config, "magnitude"),
        "replay": lambda config: ReplayPruning(
            schedule=config.schedule, maturity_updates=config.maturity_updates, compensate=config.compensate
        ),
    }
)
"""Pruning rules by name."""

RECYCLING: Final[Mapping[str, RuleMaker]] = MappingProxyType(
    {
        "dormant": lambda config: _recycling(config, "dormant"),
        "low_utility": lambda config: _recycling(config, "low_utility"),
    }
)
"""Recycling rules by name."""


def make_rules(config: StructureConfig) -> tuple[StructuralRule, ...]:
    """The rules of a configuration, in the order in which the trainer asks them and applies their edits.

    Pruning comes first: it makes the room that growth would otherwise be refused, and it judges by statistics that
    neurons born a moment ago do not have. Recycling comes before growth, as it may make it needless; rewiring,
    shrinking and regulation come last, and see everybody. No two have the same name.
    """
    unit = config.interval_unit
    rules: list[StructuralRule] = []
    if config.pruning == "replay":  # which has its own times
        rules.append(PRUNING["replay"](config))
    elif config.pruning != "none":
        rules.append(every(PRUNING[config.pruning](config), config.prune_interval, unit))
    if config.recycling != "none":
        rules.append(every(RECYCLING[config.recycling](config), config.recycle_interval, unit))
    if config.growth == "replay":
        rules.append(GROWTH["replay"](config))
    elif config.growth != "none":
        rule = cool_down(votes(GROWTH[config.growth](config), config.grow_votes), config.grow_cool_down, unit)
        if config.max_growth_events is not None:
            rule = limit(rule, config.max_growth_events)
        rule = until(rule, config.grow_until)
        rules.append(every(rule, config.grow_interval, unit))
    if config.rewiring != "none":
        rewiring = Rewiring(method=config.rewiring, share=config.rewire_share)
        rules.append(every(rewiring, config.rewire_interval, unit))
    if config.shrink < 1.0 or config.perturb > 0.0:
        shrinking = ShrinkPerturb(shrink=config.shrink, perturb=config.perturb)
        rules.append(every(shrinking, config.shrink_interval, unit))
    if config.homeostasis_rate is not None:
        rules.append(ThresholdHomeostasis(rate=config.homeostasis_rate, gain=config.homeostasis_gain))
    if config.synaptic_limit is not None:
        rules.append(SynapticScaling(limit=config.synaptic_limit))
    return tuple(rules)
