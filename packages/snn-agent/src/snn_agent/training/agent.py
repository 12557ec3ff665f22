"""The agent as a whole: organism, learner, statistics and structural rules, and everything of theirs that is saved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from snn_agent.config import LearningConfig, StructureConfig
from snn_agent.learning.contract import LearnerState, LearningRule
from snn_agent.learning.registry import make_rule
from snn_agent.metrics import statistics
from snn_agent.metrics.energy import EnergyLedger
from snn_agent.metrics.statistics import NeuronStatistics
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.surgery import Resizing, StructuralEdit, operate
from snn_agent.plasticity.compose import Every
from snn_agent.plasticity.contract import Experience, StructuralContext, StructuralRule
from snn_agent.plasticity.registry import make_rules
from snn_agent.training.seeds import stream
from snn_agent.types import LIFState, OrganismState
from snn_agent.types import StructuralEvent as StructuralEvent  # its place before

STATISTICS_DECAY = 0.9
"""Decay an update of the neurons' running rates and utilities: they look back about ten updates."""


@dataclasses.dataclass
class Counters:
    """What has been lived so far."""

    update: int = 0
    env_step: int = 0
    episode: int = 0
    growth_events: int = 0
    pruning_events: int = 0
    food_collected: float = 0.0  # in the episodes that ended, where the environment counts it


class Agent:
    """Everything that has a neuron axis, and the one place where all of it is resized."""

    def __init__(
        self, organism: GrowingSparseSNN, learning: LearningConfig, structure: StructureConfig, seed: int
    ) -> None:
        self.organism = organism
        self.configs: dict[str, LearningConfig | StructureConfig] = {"learning": learning, "structure": structure}
        self.rule: LearningRule = make_rule(learning)
        self.learner: LearnerState = self.rule.init(organism)
        self.statistics: NeuronStatistics = statistics.init(organism.hidden, device=organism.device)
        self.next_id = self.hidden_at_start = organism.hidden
        self.rules: tuple[StructuralRule, ...] = make_rules(structure)
        self.rule_states: list[Any] = [rule.init() for rule in self.rules]
        self.membranes: OrganismState | None = None  # in the worlds it lives in, between rollouts
        self.counters = Counters()
        self.ledger = EnergyLedger()
        self.generators = {name: stream(seed, name) for name in ("policy", "learning", "structure")}

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the agent, by name: all that a checkpoint holds and surgery must resize."""
        found = {f"organism.{name}": tensor for name, tensor in self.organism.state_dict().items()}
        found |= {f"learner.{name}": tensor for name, tensor in self.learner.tensors().items()}
        found |= {f"statistics.{name}": tensor for name, tensor in self.statistics._asdict().items()}
        if self.membranes is not None:
            for name, layer in self.membranes._asdict().items():
                found |= {f"membranes.{name}.{part}": tensor for part, tensor in layer._asdict().items()}
        return found

    def change_intervals(self, structure: StructureConfig) -> None:
        """Go on with rules that differ from the present ones in their intervals only."""
        self.rules, self.configs["structure"] = make_rules(structure), structure
        now = {
            "episodes": self.counters.episode,
            "updates": self.counters.update,
            "env_steps": self.counters.env_step,
        }[structure.interval_unit]
        # A multiple of the old interval says nothing about the new one.
        self.rule_states = [
            state._replace(passed=now // rule.interval) if isinstance(rule, Every) else state
            for rule, state in zip(self.rules, self.rule_states, strict=True)
        ]

    def record_activity(self, mean_rate: Tensor) -> None:
        """Take the hidden rates of one rollout, [H] in spikes per tick, into the neurons' statistics."""
        outgoing = self.organism.outgoing.detach().abs().sum(dim=1)
        self.statistics = statistics.update(self.statistics, mean_rate, outgoing, STATISTICS_DECAY)

    def restructure(
        self, recent_returns: tuple[float, ...], experience: Callable[[], Experience], progress: float
    ) -> list[StructuralEvent]:
        """Ask each structural rule in turn and carry out what it proposes; later rules see what earlier ones did.

        Regulation (of thresholds and weights) is carried out too, but it is no event.
        """
        events = []
        for index, rule in enumerate(self.rules):
            context = self._context(recent_returns, experience, progress)
            edit, self.rule_states[index] = rule.propose(self.rule_states[index], context)
            if edit is None:
                continue
            if edit.is_structural:
                events.append(self.operate(edit))
            else:
                operate(edit, self.organism)
        return events

    def operate(self, edit: StructuralEdit) -> StructuralEvent:
        """Apply one edit to everything that has a neuron axis."""
        before = self.statistics
        size_before = self.organism.hidden
        ended = begun = 0
        if edit.synapses is not None:
            present, wanted = self.organism.synapses != 0, edit.synapses.to(self.organism.device) != 0
            ended, begun = int((present & ~wanted).sum()), int((wanted & ~present).sum())
            self.learner = self.learner.forget(present ^ wanted)
        parents = () if edit.parents is None else tuple(before.id[edit.parents].tolist())
        resizing = operate(edit, self.organism)
        keep, n_born = resizing.keep, resizing.n_born
        self.learner = self.learner.resize(keep, n_born, edit)
        self.statistics = statistics.resize(before, keep, n_born, self.next_id, self.counters.update)
        if self.membranes is not None:
            self.membranes = self._resized(self.membranes, resizing, edit.parents)
        self.next_id += n_born
        self.counters.growth_events += n_born > 0
        self.counters.pruning_events += edit.n_dying > 0
        survivors = set(before.id[keep].tolist())
        return StructuralEvent(
            update=self.counters.update,
            env_step=self.counters.env_step,
            episode=self.counters.episode,
            rule=edit.rule,
            reason=edit.reason,
            size_before=size_before,
            size_after=self.organism.hidden,
            born=tuple(range(self.next_id - n_born, self.next_id)),
            died=tuple(number for number in before.id.tolist() if number not in survivors),
            parents=parents,
            synapses_ended=ended,
            synapses_begun=begun,
        )

    def _resized(self, membranes: OrganismState, resizing: Resizing, parents: Tensor | None) -> OrganismState:
        """Newborn begin at rest, or where their parents are."""
        if parents is None:
            shape = (membranes.hidden.v.shape[0], resizing.n_born)
            newborn = LIFState.at_rest(shape, self.organism.lif.v_leak, device=self.organism.device)
        else:
            newborn = LIFState(*(part[:, parents.to(part.device)] for part in membranes.hidden))
        parts = zip(membranes.hidden, newborn, strict=True)
        return membranes._replace(
            hidden=LIFState(*(torch.cat([old[:, resizing.keep], new], dim=1) for old, new in parts))
        )

    def _context(
        self, recent_returns: tuple[float, ...], experience: Callable[[], Experience], progress: float
    ) -> StructuralContext:
        organism, stats = self.organism, self.statistics
        return StructuralContext(
            organism=organism,
            rate=stats.rate,
            utility=stats.utility,
            age=stats.age,
            output_contribution=statistics.mean_contribution(stats, organism.outgoing.detach()),
            critic_contribution=statistics.mean_contribution(stats, organism.critic.detach()),
            update=self.counters.update,
            env_step=self.counters.env_step,
            episode=self.counters.episode,
            progress=progress,
            recent_returns=recent_returns,
            experience=experience,
            generator=self.generators["structure"],
        )
