"""Random networks and contexts for structural rules, and ways to look at what a rule did."""

from __future__ import annotations

import dataclasses
from typing import Any

import hypothesis.strategies as st
import torch
from torch import Tensor

from snn_agent.config import BIRTH_NAMES, NetworkConfig, StructureConfig
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.surgery import StructuralEdit
from snn_agent.network.topology import NEURON_AXIS, NeuronWeights
from snn_agent.plasticity.births import TWINS
from snn_agent.plasticity.contract import Experience, NoState, StructuralContext, StructuralRule
from snn_agent.plasticity.registry import GROWTH, PRUNING, RECYCLING
from snn_agent.plasticity.rewiring import BEGINNINGS

EAGER = {"grow_interval": 1, "prune_interval": 1, "interval_unit": "updates", "plateau_window": 2}
"""Every rule is asked at every update."""


def organism_of(hidden: int = 6, inputs: int = 5, actions: int = 3, seed: int = 0, **config: Any) -> GrowingSparseSNN:
    """A small network on the torch engine, with critic weights that are not zero."""
    sizes = {"max_hidden": 16, "min_hidden": 2, "input_power": 2.0, **config}
    network = NetworkConfig(init_hidden=hidden, **sizes)
    organism = GrowingSparseSNN(inputs, hidden, sizes["max_hidden"], actions, config=network, engine="torch", seed=seed)
    with torch.no_grad():
        organism.critic.copy_(torch.randn(hidden, generator=torch.Generator().manual_seed(seed)))
    return organism


def context_of(organism: GrowingSparseSNN, seed: int = 0, **changes: Any) -> StructuralContext:
    """A context whose statistics are what the observations really make the neurons do, all of age 1000."""
    generator = torch.Generator().manual_seed(seed)
    observations = changes.pop("observations", torch.rand(16, organism.config.input_features, generator=generator))
    with torch.no_grad():
        output, _ = organism(observations)
    n = len(observations)
    experience = changes.pop(
        "experience",
        Experience(
            observations,
            torch.randint(0, organism.config.output_features, (n,), generator=generator),
            torch.randn(n, generator=generator),
            output.value,
        ),
    )
    rate = changes.pop("rate", output.counts.mean(dim=0) / organism.config.ticks)
    outgoing, critic = organism.outgoing.detach(), organism.critic.detach()
    return StructuralContext(
        organism=organism,
        rate=rate,
        utility=rate * outgoing.abs().sum(dim=1),
        age=torch.full((organism.hidden,), 1000),
        output_contribution=rate[:, None] * outgoing,
        critic_contribution=rate * critic,
        update=1000,
        env_step=100_000,
        episode=200,
        progress=0.5,
        recent_returns=(1.0,) * 200,
        experience=lambda: experience,
        generator=generator,
    )._replace(**changes)


@st.composite
def contexts(draw: st.DrawFn) -> StructuralContext:
    """Networks of any size, at the floor, at the maximum or between; neurons of any age, rate and utility, and in half
    of them some are protected.
    """
    floor = draw(st.integers(1, 6))
    hidden = draw(st.integers(max(1, floor - 2), 12))
    organism = organism_of(
        hidden,
        inputs=draw(st.integers(1, 6)),
        actions=draw(st.integers(2, 4)),
        seed=draw(st.integers(0, 2**16)),
        min_hidden=floor,
        max_hidden=hidden + draw(st.integers(0, 6)),
        ticks=draw(st.integers(1, 12)),
        input_density=draw(st.sampled_from([1.0, 0.5])),
    )

    if draw(st.booleans()):
        organism.protected.copy_(torch.tensor(draw(st.lists(st.booleans(), min_size=hidden, max_size=hidden))))

    def each(values: st.SearchStrategy[float]) -> Tensor:
        return torch.tensor(draw(st.lists(values, min_size=hidden, max_size=hidden)))

    quiet_or_not = st.sampled_from([0.0, 0.001, 0.005, 0.049, 0.2, float("nan")])
    return context_of(
        organism,
        seed=draw(st.integers(0, 2**16)),
        rate=each(st.sampled_from([0.0, 0.001, 0.005]) if draw(st.booleans()) else quiet_or_not),
        utility=each(quiet_or_not),
        age=each(st.integers(0, 60)).long(),
        update=draw(st.integers(1, 500)),
        recent_returns=tuple(draw(st.lists(st.floats(-10, 10), max_size=6))),
    )


def schedules() -> st.SearchStrategy[tuple[tuple[int, int, int], ...]]:
    """Births and deaths before, at and after the step of a context."""
    event = st.tuples(st.sampled_from([0, 99_999, 100_000, 100_001]), st.integers(0, 5), st.integers(0, 5))
    return st.lists(event, max_size=4).map(lambda events: tuple(sorted(events)))


@st.composite
def configs(draw: st.DrawFn) -> StructureConfig:
    """One rule of any kind, with any of its options, asked at every update."""
    registries = {"growth": GROWTH, "pruning": PRUNING, "recycling": RECYCLING, "rewiring": BEGINNINGS}
    rules: list[dict[str, Any]] = [{kind: name} for kind, names in registries.items() for name in sorted(names)]
    rules += [{"homeostasis_rate": 0.05}, {"synaptic_limit": 0.5}]
    rules += [{"shrink": 0.9, "perturb": 0.1}, {"shrink": 0.5}, {"perturb": 0.3}]
    birth = draw(st.sampled_from(BIRTH_NAMES))
    return StructureConfig(
        **dict.fromkeys(registries, "none") | draw(st.sampled_from(rules)),
        rewire_interval=1,
        shrink_interval=1,
        rewire_share=draw(st.sampled_from([0.1, 1.0])),
        homeostasis_gain=draw(st.sampled_from([0.01, 100.0])),
        birth=birth,
        growth_size=draw(st.integers(1, 8)),
        newborn_rate=None if birth in TWINS else draw(st.sampled_from([None, 0.2, 1.0])),
        recycle_interval=1,
        recycle_share=draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])),
        dormant_threshold=draw(st.sampled_from([0.0, 0.5, 1.0])),
        prune_share=draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])),
        prune_quiet_share=draw(st.sampled_from([0.0, 0.3, 1.0])),
        maturity_updates=draw(st.integers(0, 50)),
        compensate=draw(st.booleans()),
        max_growth_events=draw(st.sampled_from([None, 0, 3])),
        grow_cool_down=draw(st.integers(0, 5)),
        novelty_threshold=draw(st.sampled_from([0.0, 1.5])),
        saturation_threshold=draw(st.sampled_from([0.0, 0.6, 1.0])),
        gradient_threshold=draw(st.sampled_from([0.0, 0.2, 1.0])),
        schedule=draw(schedules()),
        **EAGER,
    )


def reasons_to_grow() -> list[StructuralContext]:
    """Two successive contexts after which every growth rule has its reason.

    The neurons are silent by their statistics, returns stand still, the critic was right and now is not, and actions
    would be better if they followed input 0.
    """
    generator = torch.Generator().manual_seed(1)
    observations = torch.rand(200, 5, generator=generator)
    action = torch.randint(0, 3, (200,), generator=generator)
    missed = 5.0 * (observations[:, 0] - 0.5) * torch.where(action == 0, 1.0, -1.0)
    life = []
    for look, error in enumerate((0.1 * torch.randn(200, generator=generator), missed)):
        organism = organism_of()
        with torch.no_grad():
            value = organism(observations)[0].value
        seen = Experience(observations, action, value + error, value)
        rate, now = torch.zeros(6), {"update": 1000 + look, "episode": 200 + 100 * look}
        life.append(context_of(organism, rate=rate, observations=observations, experience=seen, **now))
    return life


class Always:
    """A rule that always lets neuron 0 die, or gives the answers listed; it counts how often it was asked."""

    name = "always"

    def __init__(self, answers: list[StructuralEdit | None] | None = None) -> None:
        self.answers = answers
        self.asked = 0

    def init(self) -> NoState:
        return NoState()

    def propose(self, state: NoState, context: StructuralContext) -> tuple[StructuralEdit | None, NoState]:
        del context
        edit = DEATH if self.answers is None else self.answers[self.asked]
        self.asked += 1
        return edit, state


DEATH = StructuralEdit(rule="test", reason="", dying=torch.tensor([0]))


def fires(rule: StructuralRule, contexts: list[StructuralContext]) -> list[bool]:
    """Whether the rule proposes an edit in each context, one after the other."""
    state, answers = rule.init(), []
    for context in contexts:
        edit, state = rule.propose(state, context)
        answers.append(edit is not None)
    return answers


def tensors_of(edit: StructuralEdit | None) -> list[Tensor]:
    """Every tensor of an edit."""
    if edit is None:
        return []
    given = [getattr(edit, field.name) for field in dataclasses.fields(edit)]
    flat = [part for value in given for part in (value if isinstance(value, NeuronWeights) else (value,))]
    return [tensor for tensor in flat if isinstance(tensor, Tensor)]


def snapshot(organism: GrowingSparseSNN) -> dict[str, Tensor]:
    """A copy of every tensor of the organism, by name."""
    return {name: tensor.clone() for name, tensor in organism.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Whether two snapshots are equal, bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def on_a_grid(organism: GrowingSparseSNN) -> GrowingSparseSNN:
    """The organism with its weights rounded to multiples of 1/64.

    Sums of such numbers are exact in float32 in whatever order a matrix product takes them, so equality of bits is a
    fair question to ask of networks of different sizes.
    """
    with torch.no_grad():
        for tensor in (getattr(organism, name) for name in NEURON_AXIS):
            if tensor.is_floating_point():
                tensor.mul_(64.0).round_().div_(64.0)
    return organism
