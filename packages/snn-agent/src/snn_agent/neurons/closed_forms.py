"""What a neuron does under a constant drive, without simulating it: exact solutions of E1–E5.

They follow the ticks, not the differential equation that the ticks approximate, so they are equal to a simulation up
to rounding. With a = dt/τ_mem, b = dt/τ_syn, A = 1 − a and K = 1 − b, the current that the membrane sees in tick t
(between E1 and E3) is j_t = x/b + K^(t−1)·(i_0 + x − x/b), and below threshold the voltage goes as
v_t − v_leak = A·(v_(t−1) − v_leak) + a·j_t.
"""

from __future__ import annotations

import math
from typing import TypeVar

from torch import Tensor

from snn_agent import checks
from snn_agent.neurons.lif import LIFParameters

Number = TypeVar("Number", float, Tensor)


def steady_state_current(drive: Number, parameters: LIFParameters) -> Number:
    """Return x·τ_syn/dt, the current that the membrane sees (between E1 and E3) long after the onset of ``drive`` x."""
    return drive / parameters.current_decay


def subthreshold_voltage(
    drive: Number, ticks: int, parameters: LIFParameters, v0: Number | None = None, i0: Number | None = None
) -> Number:
    """Return the voltage after ``ticks`` ticks of constant ``drive``, if no spike comes in between.

    Args:
        drive: x of E1, a number or a tensor of any shape.
        ticks: how many, 0 or more.
        parameters: constants of the neuron.
        v0: voltage at the start; ``None``: ``v_leak``.
        i0: current at the start; ``None``: 0.

    Raises:
        ConfigError: ``ticks`` is not an integer of at least 0.
    """
    n = checks.integer("ticks", ticks, 0)
    a, keep_v, keep_i = parameters.membrane_step, 1 - parameters.membrane_step, 1 - parameters.current_decay
    if math.isclose(keep_v, keep_i, rel_tol=1e-12):
        transient = n * keep_v ** (n - 1) if n else 0.0
    else:
        transient = (keep_v**n - keep_i**n) / (keep_v - keep_i)  # Σ_t A^(n−t)·K^(t−1)
    final = steady_state_current(drive, parameters)
    onset = drive - final if i0 is None else i0 + drive - final
    v = parameters.v_leak + (1 - keep_v**n) * final + (a * transient) * onset
    return v if v0 is None else v + keep_v**n * (v0 - parameters.v_leak)


def rheobase_drive(parameters: LIFParameters, ticks: int | None = None) -> float:
    """Return the drive above which a neuron at rest spikes: ever, or within ``ticks`` ticks.

    Exactly at this drive it does not (E4 is strict). From rest the voltage only rises, and in proportion to the
    drive, so the last tick decides.

    Raises:
        ConfigError: ``ticks`` is not an integer of at least 1.
    """
    room = parameters.v_th - parameters.v_leak
    if ticks is None:
        return room * parameters.current_decay
    gain = subthreshold_voltage(1.0, checks.integer("ticks", ticks, 1), parameters) - parameters.v_leak
    return room / gain


def ticks_between_spikes(drive: float, parameters: LIFParameters) -> int | None:
    """Return the ticks from one spike to the next under a constant ``drive``, or ``None`` if no spike follows.

    The reset touches the voltage only (E5); the current keeps its value over it, and once it has settled at j the
    voltage n ticks after a reset is v_∞ − (v_∞ − v_reset)·A^n with v_∞ = v_leak + j. The first n with a voltage above
    the threshold is the interval: a first passage.
    """
    target = parameters.v_leak + steady_state_current(drive, parameters)
    if target <= parameters.v_th:
        return None
    keep = 1 - parameters.membrane_step
    share_left = (target - parameters.v_th) / (target - parameters.v_reset)
    return max(1, math.floor(math.log(share_left) / math.log(keep)) + 1)


def firing_rate(drive: float, parameters: LIFParameters) -> float:
    """Return the steady firing rate under a constant ``drive``, in Hz (the f–I curve): 1 / (interval · dt)."""
    ticks = ticks_between_spikes(drive, parameters)
    return 0.0 if ticks is None else 1.0 / (ticks * parameters.dt_s)
