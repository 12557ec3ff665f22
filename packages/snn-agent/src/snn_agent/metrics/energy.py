"""What operations cost in joules, by model, and the ledger that adds them up over a run.

All figures are estimates from published prices of single operations, not measurements of a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Literal

from snn_agent.errors import ConfigError
from snn_agent.metrics.operations import OperationCounts, Work

Phase = Literal["inference", "inference_resent", "learning"]


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
:data:`~snn_agent.metrics.operations.AC` and its neighbours: weights and all state (v, i, drive, sums, moments) lie in
memory, nothing is kept in registers between operations. The price does not rise with the size of the memory, as it
would in silicon; if it did, small networks would look better still.
"""


@dataclass(frozen=True, kw_only=True)
class EnergyLedger:
    """Work done so far, a value. Prices are applied when it is read, so no model is built in.

    Attributes:
        decisions: decisions made while acting.
        synaptic_operations: effective synaptic operations of acting, the input's drive cached.
        original_estimate: Σ spikes × neurons of acting, the original system's measure; it has no unit.
        inference: work of acting, the input's drive cached.
        inference_resent: the same if the input were sent again each tick.
        learning: work of forward replay, backward pass and optimizer.
    """

    decisions: float = 0.0
    synaptic_operations: float = 0.0
    original_estimate: float = 0.0
    inference: Work = field(default_factory=Work)
    inference_resent: Work = field(default_factory=Work)
    learning: Work = field(default_factory=Work)

    def after_decisions(self, counts: OperationCounts, decisions: float) -> EnergyLedger:
        """The ledger after so many more decisions, each of which took ``counts``."""
        return replace(
            self,
            decisions=self.decisions + decisions,
            synaptic_operations=self.synaptic_operations + counts.synaptic_operations() * decisions,
            original_estimate=self.original_estimate + counts.original_estimate * decisions,
            inference=self.inference + counts.work() * decisions,
            inference_resent=self.inference_resent + counts.work(resent=True) * decisions,
        )

    def after_learning(self, work: Work) -> EnergyLedger:
        """The ledger after more learning, see :func:`~snn_agent.metrics.operations.learning_work`."""
        return replace(self, learning=self.learning + work)

    def joules(self, phase: Phase, model: EnergyModel) -> float:
        """Energy of a phase so far."""
        work: Work = getattr(self, phase)
        return model.joules(work)

    def report(self) -> dict[str, float]:
        """Joules of all phases by all models, named ``<phase>_joules_<model>``."""
        phases: tuple[Phase, ...] = ("inference", "inference_resent", "learning")
        return {
            f"{phase}_joules_{name}": self.joules(phase, model)
            for phase in phases
            for name, model in ENERGY_MODELS.items()
        }

    def to_dict(self) -> dict[str, float]:
        """All that :meth:`from_dict` needs, as numbers: ``decisions``, …, ``learning_words``."""
        flat: dict[str, float] = {}
        for name, value in asdict(self).items():
            flat |= (
                {f"{name}_{unit}": count for unit, count in value.items()} if isinstance(value, dict) else {name: value}
            )
        return flat

    @classmethod
    def from_dict(cls, numbers: Mapping[str, float]) -> EnergyLedger:
        """The ledger that :meth:`to_dict` described.

        Raises:
            ConfigError: a number is missing or unknown.
        """
        empty = cls()
        if numbers.keys() != empty.to_dict().keys():
            odd = sorted(numbers.keys() ^ empty.to_dict().keys())
            raise ConfigError(f"these numbers of an energy ledger are missing or unknown: {odd}.")
        values: dict[str, float | Work] = {}
        for entry in fields(cls):
            is_work = isinstance(getattr(empty, entry.name), Work)
            units = {unit.name: numbers[f"{entry.name}_{unit.name}"] for unit in fields(Work)} if is_work else {}
            values[entry.name] = Work(**units) if is_work else numbers[entry.name]
        return cls(**values)  # type: ignore[arg-type]
