"""Whether a stream of numbers has changed its level: a CUSUM with a stated rate of false alarms."""

from __future__ import annotations

import dataclasses
import math
from typing import Final, NamedTuple

from snn_agent import checks
from snn_agent.errors import ConfigError

DIRECTIONS: Final = ("down", "up")
OVERSHOOT: Final = 1.166
"""Twice the mean excess over a boundary, in standard deviations: Siegmund's correction for time in steps."""
MAX_CORRELATION: Final = 0.9
"""An estimate beyond is not believed: of a stream that wanders, nothing would be left to judge by."""
LONGEST: Final = 1e12
"""Mean run length in updates beyond which a threshold means nothing: nobody could check it."""


def run_length(threshold: float, k: float) -> float:
    """``ARL₀ ≈ (exp(2kb) − 2kb − 1) / (2k²)``, ``b = h + 1.166``: mean number of values before a false alarm.

    For independent standard normal values, of which the sum ``S ← max(0, S + z − k)`` is taken until it is above h.
    Siegmund, *Sequential analysis*, 1985, equation 2.57; within 3 % of the exact value for h >= 2 and k up to 1.

    Args:
        threshold: h >= 0, in standard deviations.
        k: reference value, above 0, in standard deviations.

    Raises:
        ConfigError: an argument is out of range.
    """
    b = checks.number("threshold", threshold, 0.0) + OVERSHOOT
    k = checks.positive("k", k)
    try:
        return (math.expm1(2.0 * k * b) - 2.0 * k * b) / (2.0 * k * k)
    except OverflowError:
        return math.inf


def threshold_for(arl: float, k: float) -> float:
    """The threshold h of a wanted mean run length, by bisection of :func:`run_length`.

    Args:
        arl: ARL₀ in updates, above the run length of h = 0 (2.09 for k = 0.5), at most 10¹².
        k: reference value, above 0, in standard deviations.

    Raises:
        ConfigError: an argument is out of range.
    """
    shortest = run_length(0.0, k)
    hint = f"With k = {k:g}, even a threshold of 0 gives {shortest:.3g} updates. Ask for more, or give another k."
    arl = checks.number("arl", arl, shortest, LONGEST, hint)
    low, high = 0.0, 1.0
    while run_length(high, k) < arl:
        low, high = high, 2.0 * high
    while (middle := 0.5 * (low + high)) not in (low, high):
        low, high = (middle, high) if run_length(middle, k) < arl else (low, middle)
    return high


def normal_score(t: float, dof: float) -> float:
    """The standard normal value with as much probability beyond it as Student's t has beyond a value of his.

    ``z ≈ sign(t) · (8ν + 1)/(8ν + 3) · √(ν·ln(1 + t²/ν))``: Wallace, *Bounds on normal approximations to Student's and
    the chi-square distributions*, Annals of Mathematical Statistics 30, 1959; within 0.03 for ν >= 5 and ``|t| <= 5``.
    """
    return math.copysign((8.0 * dof + 1.0) / (8.0 * dof + 3.0) * math.sqrt(dof * math.log1p(t * t / dof)), t)


class CusumState(NamedTuple):
    """What is known of the stream, as numbers that JSON can hold. All averages are exponential (E15)."""

    seen: int = 0  # values since the beginning, or since the last alarm
    mean: float = 0.0  # level, in the unit of the values
    deviation: float = 0.0  # of the last value from the mean before it
    square: float = 0.0  # mean of the squared deviation
    product: float = 0.0  # mean of the deviation times the one before
    variance: float = 0.0  # mean square of what the last value did not foretell
    total: float = 0.0  # the CUSUM, in standard deviations


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cusum:
    """One-sided CUSUM on a stream that is standardised by its own recent past.

    ``S ← max(0, S ± z − k)``, and an alarm where ``S > h`` (Page, *Continuous inspection schemes*, Biometrika 41,
    1954). Where level and spread are known, nothing finds a shift of 2k standard deviations faster at the same rate of
    false alarms (Moustakides, Annals of Statistics 14, 1986). After an alarm it begins anew, with a warm-up: the level
    to compare with is no more.

    z says how surprising a value is (a self-starting CUSUM: Hawkins, The Statistician 36, 1987, with forgetting):

    1. the deviation ``d`` from the mean of the values before it, an exponential one, for learning moves the level;
    2. less what the last deviation foretold, ``e = d − φ·d₋₁``, ``φ = E[d·d₋₁] / E[d²]`` held in [0, 0.9]. Updates
       follow from one another: in three runs of studies, the critic's error had φ of 0.15 to 0.5. With 0.3 to 0.5, a
       CUSUM of the deviations themselves gives three to nine times the wanted false alarms (Alwan & Roberts, Journal of
       Business & Economic Statistics 6, 1988, for charts of what is left);
    3. in units of the root of its own mean square, made normal by :func:`normal_score` with as many degrees of freedom
       as that mean has values, ``(1 + β)/(1 − β)`` at last: the spread is an estimate too.

    What the stated rate assumes: that the values, but for a slow drift, are Gaussian, of constant spread, and
    correlated as a first-order process is. On such streams the mean run to a false alarm was 1.4, 0.95 and 0.76 times a
    wanted 200 with φ = 0, 0.4 and 0.8, and 2.6, 1.3 and 0.64 times a wanted 1,000: between half and three times what is
    asked for. On the critic's squared error in 206 runs of studies it was 1.9 times the wanted 1,000.

    The mean trails a drift by its slope times the memory. Drift away from the alarm's side, as a reward has while it is
    learnt, makes alarms rarer and real falls harder to see; drift towards it by more than about k standard deviations
    in ``memory`` updates is called a change, which it is. What repeats counts as spread: where all worlds begin their
    episodes at once, the reward per step rises and falls with each episode. In one such run of foraging a loss of half
    the reward was not found in 50 updates, a loss of all of it in 2.

    Attributes:
        threshold: h, in standard deviations; :meth:`for_run_length` finds it.
        direction: ``"down"`` is alarmed by a fall (of the reward), ``"up"`` by a rise (of the critic's error).
        k: reference value, above 0: half of the shift, in standard deviations, that is to be found fastest.
        memory: updates that the averages reach back, ``1/(1 − β)``, above 1. Short against the time in which learning
            moves the level by its spread, long enough that the spread is known.
        warm_up: values that are looked at before the first can be surprising, at least 3.
    """

    threshold: float
    direction: str = "down"
    k: float = 0.5
    memory: float = 50.0
    warm_up: int = 30

    def __post_init__(self) -> None:
        checks.number("threshold", self.threshold, 0.0)
        checks.choice("direction", self.direction, DIRECTIONS)
        checks.positive("k", self.k)
        checks.integer("warm_up", self.warm_up, 3, hint="Before that there is no spread to judge by.")
        if not checks.positive("memory", self.memory) > 1.0:
            raise ConfigError(f"memory must be above 1 update, got {self.memory!r}: a mean of one value has no spread.")

    @classmethod
    def for_run_length(cls, arl: float, *, direction: str = "down", k: float = 0.5) -> Cusum:
        """With the threshold that gives a wanted mean number of updates between two false alarms.

        Args:
            arl: ARL₀ in updates, not counting the warm-up.
            direction: ``"down"`` or ``"up"``.
            k: see the class.

        Raises:
            ConfigError: an argument is out of range.
        """
        return cls(threshold=threshold_for(arl, k), direction=direction, k=k)

    def init(self) -> CusumState:
        """Nothing has been seen."""
        return CusumState()

    def update(self, state: CusumState, value: float) -> tuple[CusumState, bool]:
        """One more value.

        Args:
            state: not changed.
            value: in any unit; one that is not finite is no value and leaves the state as it is.

        Returns:
            The next state, which after an alarm is the first one; whether there is an alarm.
        """
        if not math.isfinite(value):
            return state, False
        if state.seen == 0:
            return CusumState(seen=1, mean=float(value)), False
        deviation = value - state.mean
        foretold = 0.0
        if state.square > 0.0:
            foretold = min(max(state.product / state.square, 0.0), MAX_CORRELATION) * state.deviation
        left, total = deviation - foretold, state.total
        if state.seen >= self.warm_up:
            total = self._total(state, left)
            if total > self.threshold:
                return self.init(), True
        pace = self._pace(state.seen)  # of averages that have one value less than the mean has
        return CusumState(
            seen=state.seen + 1,
            mean=state.mean + self._pace(state.seen + 1) * deviation,
            deviation=deviation,
            square=state.square + pace * (deviation * deviation - state.square),
            product=state.product + pace * (deviation * state.deviation - state.product),
            variance=state.variance + pace * (left * left - state.variance),
            total=total,
        ), False

    def _total(self, state: CusumState, left: float) -> float:
        """The CUSUM with one more value. Where nothing has varied yet, nothing can be said of a first difference."""
        z = 0.0
        if state.variance > 0.0:
            fresh = self._beta ** (state.seen - 1)
            dof = (1.0 + self._beta) / (1.0 - self._beta) * (1.0 - fresh) / (1.0 + fresh)
            z = normal_score(left / math.sqrt(state.variance), dof)
        return max(0.0, state.total + (z if self.direction == "up" else -z) - self.k)

    def _pace(self, n: int) -> float:
        """The share that the n-th value has in an average (E15)."""
        return (1.0 - self._beta) / (1.0 - self._beta**n)

    @property
    def _beta(self) -> float:
        return 1.0 - 1.0 / self.memory
