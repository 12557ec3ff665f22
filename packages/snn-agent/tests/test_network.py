"""The organism as a function: shapes, engines, gradients, state in and out, input scaling."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch

from snn_agent import GrowingSparseSNN, NetworkConfig, NeuronConfig
from snn_agent.config import ENCODINGS, READOUT_NAMES
from snn_agent.errors import ConfigError
from snn_agent.network.topology import LEARNT, NEURON_AXIS, incoming_std

B, D, H, A, T = 5, 6, 12, 3, 8
OBSERVATION = torch.rand(B, D, generator=torch.Generator().manual_seed(1))
LOUD = {"input_power": 2.0, "min_hidden": 2, "output_bias": 1.0, "outgoing_scale": 4.0}  # the outputs spike too


def organism_of(engine: str = "torch", slope: float = 10.0, seed: int = 0, **config: object) -> GrowingSparseSNN:
    network = NetworkConfig(**LOUD, ticks=T, neuron=NeuronConfig(surrogate_slope=slope), **config)
    return GrowingSparseSNN(D, H, 40, A, config=network, engine=engine, seed=seed)


@pytest.mark.parametrize(
    ("readout", "encoding", "carry"), list(itertools.product(READOUT_NAMES, ENCODINGS, [False, True]))
)
def test_shapes(readout: str, encoding: str, carry: bool) -> None:
    organism = organism_of(readout=readout, encoding=encoding, carry_state=carry)
    output, state = organism(OBSERVATION)
    assert output.logits.shape == (B, A)
    assert output.value.shape == (B,)
    assert output.counts.shape == (B, H)
    assert (output.output_counts is None) == (readout in ("drive", "membrane"))
    if output.output_counts is not None:
        assert output.output_counts.shape == (B, A)
    assert {tensor.shape for tensor in state.hidden} == {(B, H)}
    assert {tensor.shape for tensor in state.output} == {(B, A)}
    assert output.counts.sum() > 0
    assert (output.counts <= T).all()


def test_the_sizes_are_those_asked_for() -> None:
    organism = organism_of()
    assert (organism.hidden, organism.config.input_features, organism.config.output_features) == (H, D, A)
    assert organism.config.max_hidden == 40
    for name, (tensor, axis) in organism.neuron_tensors().items():
        assert tensor.shape[axis] == H, name
    assert set(organism.learnt()) == set(LEARNT)
    assert dict(organism.named_parameters()).keys() == set(LEARNT)
    assert NEURON_AXIS.keys() <= organism.state_dict().keys()


def test_fresh_weights_have_the_spread_of_the_config() -> None:
    organism = GrowingSparseSNN(200, 300, 512, 4, engine="torch")
    n = organism.incoming.numel()
    spread = float(organism.incoming.detach().std())
    assert spread == pytest.approx(incoming_std(organism.config), rel=4 / (2 * n) ** 0.5)  # four standard errors
    assert float(organism.outgoing.detach().std()) == pytest.approx(300**-0.5, rel=4 / 2400**0.5)


@pytest.mark.parametrize("readout", READOUT_NAMES)
@pytest.mark.parametrize("carry", [False, True])
def test_both_engines_agree(readout: str, carry: bool) -> None:
    found = []
    for engine in ("norse", "torch"):
        organism = organism_of(engine, slope=1.0, readout=readout, carry_state=carry)
        torch.nn.init.normal_(organism.critic, generator=torch.Generator().manual_seed(3))
        first, state = organism(OBSERVATION)
        second, _ = organism(OBSERVATION.flip(0), state)
        loss = (first.logits.log_softmax(1)[:, 0] + second.logits.log_softmax(1)[:, 1] + second.value).sum()
        gradients = torch.autograd.grad(loss, list(organism.learnt().values()))
        found.append([first.logits, first.value, second.logits, second.value, *gradients])
    for norse, fast in zip(*found, strict=True):
        torch.testing.assert_close(fast, norse, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("readout", READOUT_NAMES)
def test_the_gradient_reaches_every_learnt_tensor(readout: str) -> None:
    organism = organism_of(readout=readout)
    torch.nn.init.normal_(organism.critic, generator=torch.Generator().manual_seed(3))
    output, _ = organism(OBSERVATION)
    loss = output.logits.log_softmax(1)[:, 0].sum() + output.value.sum()
    learnt = organism.learnt()
    for name, gradient in zip(learnt, torch.autograd.grad(loss, list(learnt.values())), strict=True):
        assert gradient.shape == learnt[name].shape
        assert gradient.abs().sum() > 0, name


def test_carried_state_composes() -> None:
    """Two decisions of T ticks on one observation are one of 2T ticks."""
    short = organism_of(carry_state=True)
    long = copy.deepcopy(short)
    long.config = long.config.replace(ticks=2 * T)
    with torch.no_grad():
        first, state = short(OBSERVATION)
        second, state = short(OBSERVATION, state)
        whole, end = long(OBSERVATION)
    assert torch.equal(first.counts + second.counts, whole.counts)
    assert torch.equal(first.output_counts + second.output_counts, whole.output_counts)
    torch.testing.assert_close((first.value + second.value) / 2, whole.value)
    for a, b in zip([*state.hidden, *state.output], [*end.hidden, *end.output], strict=True):
        torch.testing.assert_close(a, b)


def test_without_carried_state_each_decision_begins_at_rest() -> None:
    organism = organism_of(carry_state=False)
    with torch.no_grad():
        first, state = organism(OBSERVATION)
        second, _ = organism(OBSERVATION, state)
    assert torch.equal(first.logits, second.logits)


def test_worlds_do_not_know_each_other() -> None:
    organism = organism_of(carry_state=True)
    with torch.no_grad():
        together, _ = organism(OBSERVATION)
        for row in range(B):
            alone, _ = organism(OBSERVATION[row : row + 1])
            torch.testing.assert_close(alone.logits[0], together.logits[row])
            torch.testing.assert_close(alone.value[0], together.value[row])


def test_input_scaling_is_that_of_numpy() -> None:
    organism = organism_of(input_scaling="standardise")
    rng = np.random.default_rng(0)
    seen = rng.normal(3.0, [0.1, 1.0, 10.0, 100.0, 1.0, 1.0], (50, D)).astype(np.float32)
    seen[:, 5] = 7.0  # has no spread
    new = torch.from_numpy(rng.normal(3.0, 5.0, (20, D)).astype(np.float32))
    assert torch.equal(organism.scale(new), new)  # nothing seen so far
    for part in np.split(seen, [10, 15]):
        organism.see(torch.from_numpy(part))
    spread = np.sqrt(np.maximum(seen.astype(np.float64).var(axis=0), 1e-8))
    expected = np.clip((new.numpy() - seen.astype(np.float64).mean(axis=0)) / spread, -5, 5)
    scaled = organism.scale(new)
    assert scaled.dtype == torch.float32
    np.testing.assert_allclose(scaled.numpy(), expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(organism.drive(new), scaled @ organism.incoming + organism.bias)


def test_input_scaling_is_off_by_default() -> None:
    organism = organism_of()
    organism.see(100.0 * OBSERVATION)
    assert torch.equal(organism.scale(OBSERVATION), OBSERVATION)


def test_poisson_input_is_right_on_average() -> None:
    organism = organism_of(encoding="poisson")
    many = OBSERVATION[:1].repeat(4000, 1)
    with torch.no_grad():
        drive = organism.drive(many)  # [T, N, H]
        expected = OBSERVATION[0] @ organism.incoming + organism.bias
        p = OBSERVATION[0]
        error = ((p * (1 - p)) @ organism.incoming.square() / (T * 4000)).sqrt()
    assert drive.shape == (T, 4000, H)
    assert ((drive.mean(dim=(0, 1)) - expected).abs() < 5 * error).all()


def test_same_seed_same_organism() -> None:
    a, b, other = organism_of(seed=3), organism_of(seed=3), organism_of(seed=4)
    assert all(torch.equal(a.state_dict()[name], b.state_dict()[name]) for name in a.state_dict())
    assert not torch.equal(a.incoming, other.incoming)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"init_hidden": 50}, "init_hidden = 50 is more than max_hidden = 40"),
        ({"output_features": 1}, "output_features must be an integer at least 2"),
        ({"engine": "brian"}, "engine must be one of"),
        ({"seed": -1}, "seed must be an integer at least 0"),
    ],
)
def test_bad_sizes_are_refused(change: dict[str, object], text: str) -> None:
    sizes = {"input_features": D, "init_hidden": H, "max_hidden": 40, "output_features": A, "engine": "torch"}
    with pytest.raises(ConfigError, match=text):
        GrowingSparseSNN(**(sizes | change))
