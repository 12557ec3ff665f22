"""Which neurons are born and die, and when."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from snn_agent import checks
from snn_agent.errors import ConfigError

GROWTH_NAMES: Final = (
    "none", "low_rate", "periodic", "adaptive", "plateau", "novelty", "saturation", "gradient", "replay",
)  # fmt: skip
PRUNING_NAMES: Final = ("none", "low_rate", "low_utility", "utility_per_joule", "magnitude", "replay")
RECYCLING_NAMES: Final = ("none", "dormant", "low_utility")
REWIRING_NAMES: Final = ("none", "set", "rigl", "deep_r")
BIRTH_NAMES: Final = ("zero_out", "paired", "split", "gradient", "kaiming_noise")
INTERVAL_UNITS: Final = ("episodes", "updates", "env_steps")


INTERVALS: Final = ("grow", "prune", "recycle", "rewire", "shrink")
SHARES: Final = (
    "growth_rate_threshold", "saturation_threshold", "gradient_threshold", "grow_until", "prune_rate_threshold",
    "prune_quiet_share", "prune_share", "recycle_share", "dormant_threshold", "rewire_share",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class StructureConfig:
    """Which neurons are born and die, and when; the sizes they stay within are in :class:`NetworkConfig`.

    Attributes:
        growth: when neurons are born: ``"none"``; ``"low_rate"`` (the original's: the network is quiet);
            ``"periodic"``; ``"adaptive"`` (the original's heuristic, which also prunes); ``"plateau"`` (returns stand
            still); ``"novelty"`` (the critic is surprised); ``"saturation"`` (the activity fills the layer);
            ``"gradient"`` (new neurons promise more than the present ones); ``"replay"`` (as ``schedule`` says, without
            regard to sizes, intervals, votes, cool-down and budget).
        birth: how: ``"zero_out"``, ``"paired"``, ``"split"`` or ``"gradient"``, after which the policy is what it was,
            or ``"kaiming_noise"`` (the original's).
        growth_size: neurons born at a time.
        growth_rate_threshold: growth below this mean rate, spikes/tick (``low_rate``, ``adaptive``).
        novelty_threshold: growth where the critic's squared error is so many times what it has been on average.
        saturation_threshold: growth at this effective rank of the activity, as a share of the neurons, or above.
        gradient_threshold: growth where newborn would take this share of the expected gain, or more.
        plateau_window: returns are compared by their means over so many episodes (``plateau``, ``adaptive``).
        plateau_tolerance: learning stands still below this relative improvement (``plateau``, ``adaptive``).
        grow_interval: growth is considered this often.
        grow_votes: and happens when it was wanted this often in a row.
        grow_cool_down: growth rests this long after a birth.
        grow_until: growth ends when this share of the training is done, all phases of a sequence together.
        max_growth_events: growth ends after so many edits; None: never.
        newborn_rate: mean firing rate that newborn are tuned to on recent observations, spikes/tick; None: as drawn.
            Not with ``"paired"`` and ``"split"``, which would no longer leave the policy as it is.
        pruning: which neurons die: ``"none"``, ``"low_rate"`` (the original's), ``"low_utility"``,
            ``"utility_per_joule"``, ``"magnitude"``, or ``"replay"`` (anybody, as ``schedule`` says).
        prune_interval: pruning is considered this often.
        prune_rate_threshold: a neuron below this rate is quiet, spikes/tick (``low_rate``, ``adaptive``).
        prune_quiet_share: the quiet die once they are more than this share of the unprotected (``low_rate``).
        prune_share: at most this share of the unprotected die at once (the other three).
        maturity_updates: neurons younger than this do not die; the original has 0.
        compensate: whether the biases make up for the mean effect of the dying.
        recycling: which neurons begin a new life: ``"none"``, ``"dormant"`` or ``"low_utility"``.
        recycle_interval: recycling is considered this often.
        recycle_share: at most this share of the unprotected is recycled at once.
        dormant_threshold: a neuron is dormant at or below this share of the layer's mean rate.
        rewiring: how synapses end and begin, where ``input_density`` is below 1: ``"none"``, ``"set"``, ``"rigl"`` or
            ``"deep_r"``.
        rewire_interval: synapses are considered this often.
        rewire_share: share of the synapses that changes at once, at first; it falls to 0 along a cosine.
        shrink_interval: weights shrink and are perturbed this often.
        shrink: what all weights are multiplied with then, λ in (0, 1]; 1: nothing.
        perturb: how much of fresh weights is added to them then, σ; 0: nothing. ``sqrt(1 − λ²)`` keeps their scale.
        homeostasis_rate: rate that each neuron's threshold is regulated towards, spikes/tick; None: it is not.
        homeostasis_gain: volts that a threshold moves an update for a rate that is 1 spike/tick too high.
        synaptic_limit: incoming weights of a neuron are scaled down to at most so many times the norm of fresh ones;
            None: they are not.
        interval_unit: of intervals and cool-down: ``"episodes"``, ``"updates"`` or ``"env_steps"``.
        schedule: (environment step, neurons born, neurons that died) of each event that is replayed, steps ascending.
    """

    growth: str = "low_rate"
    birth: str = "zero_out"
    growth_size: int = 32
    growth_rate_threshold: float = 0.05
    novelty_threshold: float = 1.5
    saturation_threshold: float = 0.6
    gradient_threshold: float = 0.2
    plateau_window: int = 50
    plateau_tolerance: float = 0.02
    grow_interval: int = 100
    grow_votes: int = 1
    grow_cool_down: int = 0
    grow_until: float = 1.0
    max_growth_events: int | None = None
    newborn_rate: float | None = None
    pruning: str = "low_rate"
    prune_interval: int = 50
    prune_rate_threshold: float = 0.005
    prune_quiet_share: float = 0.3
    prune_share: float = 0.05
    maturity_updates: int = 50
    compensate: bool = True
    recycling: str = "none"
    recycle_interval: int = 50
    recycle_share: float = 0.02
    dormant_threshold: float = 0.025
    rewiring: str = "none"
    rewire_interval: int = 50
    rewire_share: float = 0.3
    shrink_interval: int = 50
    shrink: float = 1.0
    perturb: float = 0.0
    homeostasis_rate: float | None = None
    homeostasis_gain: float = 0.01
    synaptic_limit: float | None = None
    interval_unit: str = "episodes"
    schedule: tuple[tuple[int, int, int], ...] = ()

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "compensate": checks.flag("compensate", self.compensate),
            "plateau_tolerance": checks.number("plateau_tolerance", self.plateau_tolerance),
            "novelty_threshold": checks.number("novelty_threshold", self.novelty_threshold, 0.0),
            "homeostasis_gain": checks.number("homeostasis_gain", self.homeostasis_gain, 0.0),
            "shrink": checks.positive("shrink", checks.number("shrink", self.shrink, 0.0, 1.0)),
            "perturb": checks.number("perturb", self.perturb, 0.0),
            "schedule": _schedule(self.schedule),
        }
        choices = {
            "growth": GROWTH_NAMES,
            "birth": BIRTH_NAMES,
            "pruning": PRUNING_NAMES,
            "recycling": RECYCLING_NAMES,
            "rewiring": REWIRING_NAMES,
            "interval_unit": INTERVAL_UNITS,
        }
        for name, names in choices.items():
            checked[name] = checks.choice(name, getattr(self, name), names)
        for name in ("growth_size", "grow_votes", "plateau_window", *(f"{what}_interval" for what in INTERVALS)):
            checked[name] = checks.integer(name, getattr(self, name), 1)
        for name in ("grow_cool_down", "maturity_updates"):
            checked[name] = checks.integer(name, getattr(self, name), 0)
        for name in SHARES:
            checked[name] = checks.number(name, getattr(self, name), 0.0, 1.0)
        if self.max_growth_events is not None:
            checked["max_growth_events"] = checks.integer("max_growth_events", self.max_growth_events, 0)
        for name in ("newborn_rate", "homeostasis_rate"):
            if (rate := getattr(self, name)) is not None:
                checked[name] = checks.positive(name, checks.number(name, rate, 0.0, 1.0))
        if self.synaptic_limit is not None:
            checked["synaptic_limit"] = checks.positive("synaptic_limit", self.synaptic_limit)
        for name, value in checked.items():
            object.__setattr__(self, name, value)


def _schedule(value: Any) -> tuple[tuple[int, int, int], ...]:
    """Return ``value``, which JSON has made lists of, as tuples, or raise ConfigError."""
    try:
        events = [(env_step, born, died) for env_step, born, died in value]
    except (TypeError, ValueError):
        raise ConfigError(
            f"schedule must list events as (environment step, born, died), got {value!r}. Take them from another run's "
            f"events.jsonl, or leave it empty."
        ) from None
    checked: list[tuple[int, int, int]] = []
    for event in events:
        env_step, born, died = (checks.integer("each number of the schedule", number, 0) for number in event)
        if checked and env_step < checked[-1][0]:
            raise ConfigError(f"schedule goes back from step {checked[-1][0]} to {env_step}. Sort it by the steps.")
        checked.append((env_step, born, died))
    return tuple(checked)
