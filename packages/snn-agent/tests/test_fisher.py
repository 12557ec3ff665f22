"""The Fisher information is what a loop over decisions finds, one gradient each, and what is known in closed form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from snn_agent import GrowingSparseSNN, NetworkConfig, NeuronConfig
from snn_agent.config import READOUT_NAMES
from snn_agent.errors import ConfigError, NonFiniteError
from snn_agent.learning import categorical
from snn_agent.learning import fisher as fishers
from snn_agent.learning.fisher import POLICY, fisher, mean_square_scores
from snn_agent.network.events import find_events
from snn_agent.types import Events

D, H, N = 5, 9, 24


def organism_of(actions: int = 3, engine: str = "torch", **config: Any) -> GrowingSparseSNN:
    """A lively network in float64, with thresholds that differ."""
    network = {"neuron": NeuronConfig(surrogate_slope=2.0), "min_hidden": 2} | config
    organism = GrowingSparseSNN(
        D, H, 40, actions, engine=engine, seed=3,
        config=NetworkConfig(input_power=1.0, outgoing_scale=4.0, hidden_bias=0.8, **network),
    ).double()  # fmt: skip
    generator = torch.Generator().manual_seed(1)
    if config.get("neuron", NeuronConfig()).model == "lif":
        organism.threshold.mul_(0.8 + 0.4 * torch.rand(H, generator=generator, dtype=torch.float64))
    organism.see(3.0 * torch.randn(50, D, generator=generator, dtype=torch.float64) + 1.0)
    return organism


def seen_of(kind: str, n: int = N) -> Tensor | Events:
    numbers = torch.randn(n, D, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return numbers if kind == "dense" else find_events((numbers * (numbers > 0)).float().numpy())


def actions_of(organism: GrowingSparseSNN, n: int = N) -> Tensor:
    return torch.randint(0, organism.config.output_features, (n,), generator=torch.Generator().manual_seed(4))


def one_by_one(organism: GrowingSparseSNN, seen: Tensor | Events, action: Tensor) -> dict[str, Tensor]:
    """The mean of the squares of each decision's own gradient of log π, by autograd on the whole network."""
    features = seen.dense().double() if isinstance(seen, Events) else seen
    leaves = [getattr(organism, name) for name in POLICY]
    sums = [torch.zeros_like(leaf) for leaf in leaves]
    for x, a in zip(features, action, strict=True):
        log_policy = organism(x[None])[0].logits.log_softmax(dim=1)
        for total, gradient in zip(sums, torch.autograd.grad(log_policy[0, a], leaves), strict=True):
            total += gradient.square()
    found = {name: total.detach() / len(action) for name, total in zip(POLICY, sums, strict=True)}
    found["incoming"] *= organism.synapses != 0
    return found


def assert_same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys() == set(POLICY)
    for name, tensor in theirs.items():
        assert not ours[name].requires_grad
        torch.testing.assert_close(ours[name], tensor, rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.parametrize("kind", ["dense", "events"])
@pytest.mark.parametrize("readout", READOUT_NAMES)
def test_every_readout_against_one_decision_at_a_time(readout: str, kind: str) -> None:
    organism = organism_of(readout=readout)
    seen, action = seen_of(kind), actions_of(organism)
    expected = one_by_one(organism, seen, action)
    assert all(float(tensor.abs().max()) > 1e-6 for tensor in expected.values()), "the case shows too little"
    assert_same(mean_square_scores(organism, seen, action), expected)


@pytest.mark.parametrize(
    "config",
    [
        {"input_density": 0.4},
        {"input_scaling": "standardise"},
        {"neuron": NeuronConfig(reset_gradient=False, surrogate="triangle")},
        {"neuron": NeuronConfig(v_leak=0.2, v_reset=-0.3)},
        {"engine": "numba", "readout": "first_spike"},
        {"engine": "relu", "ticks": 1, "readout": "drive", "neuron": NeuronConfig(model="relu")},
    ],
    ids=str,
)
def test_other_networks_against_one_decision_at_a_time(config: dict[str, Any]) -> None:
    organism = organism_of(**config)
    is_numba = config.get("engine") == "numba"  # the truth is the torch engine's
    reference = organism_of(**(config | {"engine": "torch"})) if is_numba else organism
    seen, action = seen_of("dense"), actions_of(organism)
    found = mean_square_scores(organism, seen, action)
    assert_same(found, one_by_one(reference, seen, action))
    absent = organism.synapses == 0
    assert bool(absent.any()) == ("input_density" in config)
    assert not found["incoming"][absent].any()


def test_decisions_in_parts_are_decisions_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    organism = organism_of()
    at_once = mean_square_scores(organism, seen_of("dense"), actions_of(organism))
    monkeypatch.setattr(fishers, "AT_A_TIME", 7)
    for kind in ("dense", "events"):
        parts = mean_square_scores(organism, seen_of(kind), actions_of(organism))
        if kind == "dense":
            assert_same(parts, at_once)
        else:
            assert_same(parts, one_by_one(organism, seen_of(kind), actions_of(organism)))


def expectation(organism: GrowingSparseSNN, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """The exact mean over the actions in one state [1, D], and their probabilities [A]."""
    with torch.no_grad():
        p = organism(x)[0].logits.softmax(dim=1)[0]
    each = [mean_square_scores(organism, x, torch.tensor([a])) for a in range(len(p))]
    return {name: sum(p[a] * each[a][name] for a in range(len(p))) for name in POLICY}, p  # type: ignore[misc]


@pytest.mark.parametrize("row", range(4))
def test_two_actions_in_closed_form(row: int) -> None:
    """With a linear readout, logit_a = g·(Σ_h r_h·w_ha + b_a), the mean over the actions is ``g²·p(1−p)·r_h²``."""
    organism = organism_of(actions=2, readout="drive", readout_gain=1.0)
    x = seen_of("dense")[row : row + 1]  # type: ignore[index]
    found, probability = expectation(organism, x)
    with torch.no_grad():
        output, _ = organism(x)
    p, g, rate = float(probability[0]), float(organism.gain.detach()), output.counts[0] / organism.config.ticks
    assert 0.02 < p < 0.98
    assert rate.any()
    of_bias = g * g * p * (1.0 - p)
    torch.testing.assert_close(found["output_bias"], torch.full((2,), of_bias, dtype=torch.float64))
    torch.testing.assert_close(found["outgoing"], of_bias * rate.square()[:, None].expand(H, 2))
    logits = output.logits[0] / g
    torch.testing.assert_close(found["gain"], p * (1.0 - p) * (logits[0] - logits[1]).square())


def test_drawn_actions_have_the_right_mean() -> None:
    """One state seen n times: the squares of ∂ log π/∂b_0 are g²(1−p)² with probability p, else g²p²."""
    n = 4000
    organism, x = organism_of(actions=2, readout="drive"), seen_of("dense")[:1]  # type: ignore[index]
    _, probability = expectation(organism, x)
    p, g = float(probability[0]), float(organism.gain.detach())
    values = torch.tensor([g * g * (1.0 - p) ** 2, g * g * p * p])
    mean = g * g * p * (1.0 - p)
    sigma = float((p * (values[0] - mean) ** 2 + (1.0 - p) * (values[1] - mean) ** 2).sqrt())
    found = fisher(organism, x.repeat(n, 1), torch.Generator().manual_seed(0))
    assert sigma > 0.05 * mean, "any actions would do"
    assert abs(float(found["output_bias"][0]) - mean) < 4.0 * sigma / n**0.5


@pytest.mark.parametrize("kind", ["dense", "events"])
def test_actions_are_drawn_from_the_policy_by_the_generator_alone(kind: str) -> None:
    organism, seen = organism_of(), seen_of(kind)
    generator, twin = (torch.Generator().manual_seed(9) for _ in range(2))
    found = fisher(organism, seen, generator)
    features = seen.dense().double() if isinstance(seen, Events) else seen
    with torch.no_grad():
        drawn = categorical.sample(organism(features)[0].logits, twin)
    assert len(drawn.unique()) == 3
    assert_same(found, mean_square_scores(organism, seen, drawn))
    assert torch.equal(generator.get_state(), twin.get_state())


@pytest.mark.parametrize(
    ("config", "seen", "text"),
    [
        ({"encoding": "poisson"}, torch.zeros(2, D), "encoding is 'poisson'. Use encoding=\"constant\""),
        ({"carry_state": True}, torch.zeros(2, D), "carry_state carries membranes .* Use carry_state=False"),
        ({}, torch.zeros(2, D + 1), r"with 5 features, \[N, D\], got \[2, 6\]"),
        ({}, torch.zeros(0, D), r"got \[0, 5\]"),
        ({}, torch.zeros(3, 2, D), r"got \[3, 2, 5\]"),
        ({}, find_events(torch.zeros(2, D + 1).numpy()), r"got \[2, 6\]"),
    ],
)
def test_what_does_not_fit_is_refused(config: dict[str, Any], seen: Tensor | Events, text: str) -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    with pytest.raises(ConfigError, match=text):
        fisher(organism_of(**config), seen, generator)
    assert torch.equal(generator.get_state(), before)


def test_gradients_that_are_not_finite_are_refused() -> None:
    seen = seen_of("dense")
    assert isinstance(seen, Tensor)
    seen[3, 1] = torch.nan
    organism = organism_of()
    with pytest.raises(NonFiniteError, match="numbers in the observations that are not finite"):
        mean_square_scores(organism, seen, actions_of(organism))
