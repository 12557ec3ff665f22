"""A network of ReLU neurons is what a textbook says, lives like the spiking ones, and refuses what takes spikes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from plasticity_cases import context_of
from torch import Tensor, nn
from training_cases import CHANGING, FIXED, LEARNING, Songs, differences, everything, organism_for, trainer_for, update

from snn_agent import (
    GrowingSparseSNN,
    LearningConfig,
    LIFParameters,
    LIFState,
    NetworkConfig,
    NeuronConfig,
    StructureConfig,
    SurrogateSpec,
    make_engine,
)
from snn_agent.engine.relu import ReLUEngine
from snn_agent.engine.select import engine_for
from snn_agent.errors import ConfigError
from snn_agent.metrics.operations import Work, count_decision
from snn_agent.network.surgery import operate
from snn_agent.network.trace import trace
from snn_agent.plasticity.births import BirthPlan
from snn_agent.training.checkpoint import load_newest
from snn_agent.training.evaluation import evaluate
from snn_agent.training.report import write_report
from snn_agent.training.report.activity import read_activity
from snn_agent.training.snapshot import describe_organism, rebuild_organism
from snn_agent.types import LayerOutput

RELU: dict[str, Any] = {
    "neuron": NeuronConfig(model="relu"), "ticks": 1, "readout": "drive", "hidden_bias": 0.1, "output_bias": 0.2,
    "input_power": 1.0, "incoming_scale": 1.0, "readout_gain": 1.5,
}  # fmt: skip


def relu_organism(
    hidden: int = 7, inputs: int = 5, actions: int = 3, seed: int = 0, **network: Any
) -> GrowingSparseSNN:
    config = NetworkConfig(**(RELU | {"min_hidden": 1} | network))
    organism = GrowingSparseSNN(inputs, hidden, 64, actions, config=config, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        organism.critic.copy_(torch.randn(hidden, generator=generator))
    return organism


def layer(drive: Tensor, **arguments: Any) -> LayerOutput:
    given: dict[str, Any] = {
        "state": LIFState.at_rest((drive.shape[-2], drive.shape[-1]), dtype=drive.dtype), "ticks": 1,
        "parameters": LIFParameters(), "surrogate": SurrogateSpec(), "reset_gradient": True,
    }  # fmt: skip
    return ReLUEngine().run(drive, **(given | arguments))


# --- what it computes -------------------------------------------------------------------------------------------------


@given(st.integers(1, 6), st.integers(1, 9), st.integers(2, 4), st.integers(0, 99))
def test_it_is_linear_relu_linear(inputs: int, hidden: int, actions: int, seed: int) -> None:
    organism = relu_organism(hidden, inputs, actions, seed).double()
    first, policy, value = nn.Linear(inputs, hidden).double(), nn.Linear(hidden, actions).double(), nn.Linear(hidden, 1)
    value.double()
    gain = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        first.weight.copy_(organism.incoming.T)
        first.bias.copy_(organism.bias)
        policy.weight.copy_(organism.outgoing.T)
        policy.bias.copy_(organism.output_bias)
        value.weight.copy_(organism.critic[None])
        value.bias.copy_(organism.critic_bias)
    generator = torch.Generator().manual_seed(seed)
    seen = torch.randn(8, inputs, generator=generator, dtype=torch.float64)
    weigh = torch.randn(8, actions + 1, generator=generator, dtype=torch.float64)
    output, _ = organism(seen)
    active = nn.functional.relu(first(seen))
    torch.testing.assert_close(output.counts, active)
    torch.testing.assert_close(output.logits, gain * policy(active))
    torch.testing.assert_close(output.value, value(active)[:, 0])
    loss = (output.logits * weigh[:, :-1]).sum() + (output.value * weigh[:, -1]).square().sum()
    other = (gain * policy(active) * weigh[:, :-1]).sum() + (value(active)[:, 0] * weigh[:, -1]).square().sum()
    found = torch.autograd.grad(loss, list(organism.learnt().values()))
    theirs = torch.autograd.grad(
        other, [first.weight, first.bias, policy.weight, value.weight, policy.bias, value.bias, gain]
    )
    for (name, parameter), ours, wanted in zip(organism.learnt().items(), found, theirs, strict=True):
        turned = wanted.T if name in ("incoming", "outgoing") else wanted
        torch.testing.assert_close(ours, turned.reshape(parameter.shape), msg=name)


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 99))
def test_the_laws_of_the_contract(worlds: int, hidden: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    drive, projection = torch.randn(worlds, hidden, generator=generator), torch.randn(hidden, 2, generator=generator)
    state = LIFState(torch.randn(worlds, hidden, generator=generator), torch.randn(worlds, hidden, generator=generator))
    copies = [tensor.clone() for tensor in (drive, projection, *state)]
    plain = layer(drive, projection=projection, state=state)
    held = layer(drive[None], projection=projection, state=state)
    assert plain.projected is not None
    assert held.projected is not None
    assert torch.equal(plain.counts, held.counts)
    assert torch.equal(plain.projected, held.projected)
    rows, columns = torch.randperm(worlds, generator=generator), torch.randperm(hidden, generator=generator)
    mixed = layer(drive[rows][:, columns], projection=projection[columns], state=state)
    assert mixed.projected is not None
    assert torch.equal(mixed.counts, plain.counts[rows][:, columns])
    torch.testing.assert_close(mixed.projected, plain.projected[:, rows])
    with_graph = layer(drive.requires_grad_(), projection=projection, state=state)
    assert with_graph.counts.requires_grad
    assert torch.equal(with_graph.counts, plain.counts)
    assert all(torch.equal(a, b) for a, b in zip((drive, projection, *state), copies, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(plain.state, state, strict=True))


@pytest.mark.parametrize("birth", ["zero_out", "paired", "split"])
def test_births_change_nothing(birth: str) -> None:
    organism = relu_organism()
    seen = torch.randn(20, 5, generator=torch.Generator().manual_seed(1))
    before = organism(seen)[0]
    edit = BirthPlan(size=4, birth=birth).propose("test", "", context_of(organism, seed=1))
    assert edit is not None
    operate(edit, organism)
    assert organism.hidden == 11
    after = organism(seen)[0]
    assert (after.counts[:, 7:] > 0).any(), "silent newborn would prove nothing"
    torch.testing.assert_close(after.logits, before.logits)
    torch.testing.assert_close(after.value, before.value)


# --- life -------------------------------------------------------------------------------------------------------------


def relu_trainer(structure: StructureConfig = FIXED, **options: Any) -> Any:
    worlds = options.pop("worlds", 3)
    songs = Songs(worlds)
    organism = organism_for(songs, engine="auto", **(RELU | options.pop("network", {})))
    return trainer_for(songs, structure, organism=organism, **options)


def test_it_learns() -> None:
    learning = LearningConfig(learning_rate=1e-2, gamma=0.0, minibatches=4)
    trainer = relu_trainer(worlds=16, network={"init_hidden": 24}, learning=learning)
    seen = torch.rand(500, 4, generator=torch.Generator().manual_seed(0))

    def share_right() -> float:
        with torch.no_grad():
            right = trainer.organism(seen)[0].logits.argmax(dim=1) == (seen[:, 0] > 0.5)
        return float(right.float().mean())

    assert share_right() < 0.7
    update(trainer, 100)
    assert share_right() > 0.9


def test_it_is_saved_and_goes_on_exactly(tmp_path: Path) -> None:
    straight = update(relu_trainer(CHANGING), 12)
    assert straight.organism.hidden != straight.agent.hidden_at_start
    assert straight.agent.counters.pruning_events > 0
    half = update(relu_trainer(CHANGING, run_dir=tmp_path / "run"), 6)
    half.save()
    _, checkpoint = load_newest(tmp_path / "run")
    organism = rebuild_organism(checkpoint.state["organism"], checkpoint.model)
    resumed = trainer_for(Songs(), CHANGING, organism=organism, run_dir=tmp_path / "run", resume=checkpoint)
    assert resumed.organism.engine.name == "relu"
    assert differences(everything(update(resumed, 6)), everything(straight)) == []


def test_a_description_knows_the_neurons() -> None:
    organism = relu_organism()
    again = rebuild_organism(describe_organism(organism), organism.state_dict(), engine="auto", seed=9)
    seen = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    assert again.engine.name == "relu"
    assert torch.equal(again(seen)[0].logits, organism(seen)[0].logits)
    older = describe_organism(organism_for(Songs()))
    del older["config"]["neuron"]["model"]  # as versions before wrote it
    assert rebuild_organism(older, organism_for(Songs()).state_dict()).config.neuron.model == "lif"


def test_its_report_calls_activations_by_their_name(tmp_path: Path) -> None:
    for model in ("lif", "relu"):
        run_dir = tmp_path / model
        trainer = relu_trainer(run_dir=run_dir) if model == "relu" else trainer_for(run_dir=run_dir)
        with torch.no_grad():
            trainer.organism.bias.add_(50.0)  # more than spikes per tick can be
        trainer.train(200)
        network = {"network": dataclasses.asdict(trainer.organism.config)}
        (run_dir / "config.json").write_text(json.dumps(network))
        page = write_report(run_dir).read_text()
        assert ("each rate is a mean activation" in page) == (model == "relu")
    activity = read_activity(tmp_path / "relu")
    assert activity is not None
    assert int(activity.last.min()) > 40_000


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_a_decision_by_hand() -> None:
    # Four real inputs meet six neurons: 24 MACs. Neurons 0 and 1 are always on, the others never: 2 · 2 output MACs.
    # The gain takes 2 more, and six comparisons are 6 ACs.
    organism = relu_organism(6, 4, 2)
    with torch.no_grad():
        organism.bias.copy_(torch.tensor([900.0, 900.0, -900.0, -900.0, -900.0, -900.0]))
    operations = evaluate(organism, "CartPole-v1", {"vectorization_mode": "sync"}, episodes=3, seed=2).operations
    assert operations.work() == Work(acs=6.0, macs=30.0, words=3 * 30 + 2 * 6)
    assert operations.work() == operations.work(resent=True)
    assert operations.synaptic_operations() == 28
    assert (operations.spikes, operations.neuron_updates, operations.output_acs) == (2.0, 0.0, 0.0)


def test_spiking_neurons_are_not_rectified() -> None:
    asked: dict[str, Any] = {
        "events": 3.0, "ternary": True, "spike_counts": torch.ones(1, 2), "outgoing_degree": torch.ones(2), "inputs": 1,
        "actions": 1, "ticks": 1, "output_neurons": 0, "readout_macs": 1.0,
    }  # fmt: skip
    spiking, rectified = count_decision(**asked), count_decision(**asked, rectified=True)
    assert (spiking.output_acs, spiking.output_macs, spiking.neuron_updates, spiking.rectifications) == (2, 0, 2, 0)
    assert (rectified.output_acs, rectified.output_macs, rectified.neuron_updates, rectified.rectifications) == (
        0, 2, 0, 2,
    )  # fmt: skip


# --- what it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", [{"ticks": 10}, {"readout": "rate"}, {"encoding": "poisson"}, {"carry_state": True}], ids=str
)
def test_a_config_of_time_is_refused(wrong: dict[str, Any]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(
        ConfigError, match=f"neither spike nor remember, so {name}={value!r} says nothing .* Use ticks=1"
    ):
        NetworkConfig(**(RELU | wrong))


def test_models_have_names() -> None:
    with pytest.raises(ConfigError, match="model must be one of 'lif', 'relu', got 'tanh'"):
        NeuronConfig(model="tanh")


def test_neurons_and_engines_belong_together() -> None:
    assert engine_for("relu").name == "relu"
    assert engine_for("lif").name == make_engine().name != "relu"
    assert engine_for("lif", "torch").name == "torch"
    for model, engine in (("relu", "torch"), ("lif", "relu"), ("relu", make_engine("torch")), ("lif", ReLUEngine())):
        with pytest.raises(ConfigError, match=f'does not run neurons of the model "{model}". Use engine="auto"'):
            engine_for(model, engine)


def test_what_takes_spikes_is_refused() -> None:
    with pytest.raises(ConfigError, match="make no spikes, so there is no record"):
        trace(relu_organism(), torch.zeros(2, 5))
    with pytest.raises(ConfigError, match='"three_factor" need the spiking neurons'):
        update(relu_trainer(learning=dataclasses.replace(LEARNING, rule="three_factor")), 1)
    with pytest.raises(ConfigError, match=r"no thresholds that could be regulated.* Use homeostasis_rate=None"):
        update(relu_trainer(dataclasses.replace(FIXED, homeostasis_rate=0.05)), 4)
    with pytest.raises(ConfigError, match="decide in one tick, but ticks is 2"):
        layer(torch.zeros(2, 3), ticks=2)
