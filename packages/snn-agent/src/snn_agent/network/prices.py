"""What elementary operations are, and what they cost in joules, by model.

All figures are estimates from published prices of single operations, not measurements of a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from snn_agent.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Work:
    """Elementary operations, the unit in which hardware is priced.

    A lone multiplication, division or root counts as a MAC, a lone addition, subtraction or comparison as an AC.

    Attributes:
        acs: accumulates.
        macs: multiply-accumulates.
        words: 32-bit words read from or written to memory.
    """

    acs: float = 0.0
    macs: float = 0.0
    words: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(self.acs + other.acs, self.macs + other.macs, self.words + other.words)

    def __mul__(self, times: float) -> Work:
        return Work(self.acs * times, self.macs * times, self.words * times)


AC = Work(acs=1, words=3)
"""One synaptic accumulate: the weight is read, the target's sum read and written."""

MAC = Work(macs=1, words=3)
"""One synaptic multiply-accumulate; the input's value comes with the event."""

NEURON_UPDATE = Work(acs=4, macs=2, words=5)
"""One tick of one LIF neuron, silent or not: E1 an addition (also where each synapse could add into i directly), E2 two
and a MAC, E3 a MAC, E4 a comparison; v, i, x are read, v, i written. Two multiplications and six additions are the 8
operations that NeuroBench charges for a current-based ("Synaptic") neuron that is reset to zero."""

RECTIFICATION = Work(acs=1, words=2)
"""One ReLU neuron in one decision (E48): a comparison with 0; the drive is read, the activation written."""


def is_ternary(inputs: Tensor) -> bool:
    """Whether all inputs are −1, 0 or 1, so that a synapse only adds, subtracts or rests."""
    return bool(((inputs == 0) | (inputs.abs() == 1)).all())


@dataclass(frozen=True, kw_only=True)
class EnergyModel:
    """Prices of elementary operations.

    Attributes:
        name: its id.
        ac_pj: picojoules an accumulate.
        mac_pj: picojoules a multiply-accumulate.
        word_pj: picojoules a 32-bit word read or written; 0 where memory is not priced.
    """

    name: str
    ac_pj: float
    mac_pj: float
    word_pj: float = 0.0

    def __post_init__(self) -> None:
        if min(self.ac_pj, self.mac_pj, self.word_pj) < 0.0:
            raise ConfigError(f"prices must not be negative, got {self}.")

    def joules(self, work: Work) -> float:
        """Price of some work."""
        return 1e-12 * (work.acs * self.ac_pj + work.macs * self.mac_pj + work.words * self.word_pj)


ENERGY_MODELS: Mapping[str, EnergyModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            EnergyModel(name="45nm_fp32", ac_pj=0.9, mac_pj=4.6),
            EnergyModel(name="int8", ac_pj=0.03, mac_pj=0.23),
            EnergyModel(name="45nm_fp32_sram", ac_pj=0.9, mac_pj=4.6, word_pj=5.0),
        )
    }
)
"""Energy models by name, for 45 nm at 0.9 V (Horowitz, *Computing's energy problem*, ISSCC 2014).

``45nm_fp32``: arithmetic only; addition 0.9 pJ, multiplication 3.7 pJ. ``int8``: the same with 8-bit integers;
0.03 and 0.2 pJ. ``45nm_fp32_sram``: arithmetic, and 5 pJ for each 32-bit word that moves between memory and the
arithmetic unit, half of a 64-bit access to 8 kB of SRAM (as in PMC8934428, table 3). Which words move is said at
:data:`AC` and its neighbours: weights and all state (v, i, drive, sums, moments) lie in memory, nothing is kept in
registers between operations. The price does not rise with the size of the memory, as it would in silicon; if it did,
small networks would look better still.
"""
