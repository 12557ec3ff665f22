"""The ledger that adds up what operations cost over a run, in joules by model.

All figures are estimates from published prices of single operations, not measurements of a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Literal

from snn_agent.errors import ConfigError
from snn_agent.metrics.operations import OperationCounts, Work
from snn_agent.network.prices import ENERGY_MODELS as ENERGY_MODELS
from snn_agent.network.prices import EnergyModel as EnergyModel

Phase = Literal["inference", "inference_resent", "learning"]


@dataclass(frozen=True, kw_only=True)
class EnergyLedger:
    """Work done so far, a value. Prices are applied when it is read, so no model is built in.

    Attributes:
        decisions: decisions made while acting.
        synaptic_operations: effective synaptic operations of acting, the input's drive cached.
        original_estimate: Σ spikes × neurons of acting, the original system's measure; it has no unit.
        inference: work of acting, the input's drive cached.
        inference_resent: the same if the input were sent again each tick.
        learning: work of forward replay, backward pass and optimizer, and of holding on to earlier tasks
            (:mod:`snn_agent.metrics.consolidation_work`).
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
