"""Every engine is the readable loop: numbers, gradients, and the laws of the contract."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import assume, given, settings
from layer_cases import Case, cases, closest_approach, readable_run, tensors_of
from torch import Tensor

from snn_agent import LayerOutput, LIFParameters, LIFState, SurrogateSpec
from snn_agent.engine import torch_engine
from snn_agent.engine.contract import Engine
from snn_agent.engine.norse_reference import NorseEngine, norse_method
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.engine.torch_engine import TorchEngine

ENGINES = [NorseEngine(), TorchEngine(), NumbaEngine()]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


def assert_equal(actual: LayerOutput, expected: LayerOutput) -> None:
    """Spikes are the same, all else up to rounding."""
    assert torch.equal(actual.counts, expected.counts)
    for ours, theirs in zip(tensors_of(actual), tensors_of(expected), strict=True):
        torch.testing.assert_close(ours, theirs)


def assert_same_bits(actual: LayerOutput, expected: LayerOutput) -> None:
    for ours, theirs in zip(tensors_of(actual), tensors_of(expected), strict=True):
        assert torch.equal(ours, theirs)


@every_engine
def test_golden_trace(engine: Engine) -> None:
    # Norse's defaults: 1/τ_mem = 100 Hz, 1/τ_syn = 200 Hz, so a = 0.1, b = 0.2; input 1 in every tick. By hand:
    #   j: 1, 1 + 0.8·1 = 1.8, 1 + 0.8·1.8 = 2.44, 1 + 0.8·2.44 = 2.952, 3.3616, 3.68928
    #   v: 0.1·1 = 0.1; 0.1 + 0.1·(1.8 − 0.1) = 0.27; 0.27 + 0.1·(2.44 − 0.27) = 0.487; 0.7335; 0.99631; 1.265607 > 1
    # so the sixth tick spikes and resets.
    parameters = LIFParameters(tau_mem_s=0.01, tau_syn_s=0.005)
    state, trace, counts = LIFState.at_rest((1, 1)), [], []
    for _ in range(6):
        output = engine.run(
            torch.ones(1, 1), state, 1, parameters, surrogate=SurrogateSpec(slope=1.0), reset_gradient=True
        )
        state = output.state
        trace.append(state.v.item())
        counts.append(output.counts.item())
    assert trace == pytest.approx([0.1, 0.27, 0.487, 0.7335, 0.99631, 0.0], abs=1e-6)
    assert counts == [0, 0, 0, 0, 0, 1]


@every_engine
def test_a_voltage_exactly_at_the_threshold_does_not_spike(engine: Engine) -> None:
    output = engine.run(
        torch.zeros(1, 2),
        LIFState.at_rest((1, 2)),
        3,
        LIFParameters(),
        surrogate=SurrogateSpec(),
        reset_gradient=True,
        threshold=torch.tensor([0.0, -0.1]),
    )
    assert output.counts.tolist() == [[0, 3]]


@every_engine
@given(case=cases())
def test_numbers_are_the_readable_loops(engine: Engine, case: Case) -> None:
    assert_equal(case.run(engine), readable_run(case))


@every_engine
@given(case=cases(dtype=torch.float32))
def test_numbers_in_single_precision(engine: Engine, case: Case) -> None:
    assume(closest_approach(case) > 1e-5)  # ε: rounding does not decide about spikes
    expected = readable_run(case)
    actual = case.run(engine)
    assert torch.equal(actual.counts, expected.counts)
    for ours, theirs in zip(tensors_of(actual), tensors_of(expected), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@every_engine
@given(case=cases())
def test_gradients_are_the_readable_loops(engine: Engine, case: Case) -> None:
    for ours, theirs in zip(case.gradients(engine), case.gradients(None), strict=True):
        torch.testing.assert_close(ours, theirs)


NATIVE = st.sampled_from(
    [SurrogateSpec("superspike", 1.0), SurrogateSpec("triangle", 1.0), SurrogateSpec("sigmoid", 6.0)]
)


@given(case=cases(surrogates=NATIVE))
def test_gradients_are_norses_own(case: Case) -> None:
    # With the reset's gradient and these surrogates the reference is Norse alone, down to its backward pass.
    case = case._replace(reset_gradient=True)
    assert norse_method(case.surrogate) is not None
    for ours, norses in zip(case.gradients(TorchEngine()), case.gradients(NorseEngine()), strict=True):
        torch.testing.assert_close(ours, norses)


def test_norse_is_asked_for_what_it_has_only() -> None:
    assert norse_method(SurrogateSpec("superspike", 10.0)) is None  # Norse 1.1 ignores the slope
    assert norse_method(SurrogateSpec("triangle", 2.0)) is None
    assert norse_method(SurrogateSpec("arctan", 1.0)) is None


@every_engine
@given(case=cases())
def test_each_output_alone_carries_gradient(engine: Engine, case: Case) -> None:
    for index in range(len(tensors_of(readable_run(case)))):
        gradients = []
        for choice in (engine, None):
            fresh, leaves = case.leaves()
            output = tensors_of(fresh.run(choice))[index]
            gradients.append(torch.autograd.grad(output.sum(), leaves, allow_unused=True))
        for ours, theirs in zip(*gradients, strict=True):
            # Autograd says None where there is no path, an engine may say zero.
            assert ours is not None or theirs is None or not theirs.any()
            if ours is not None:
                torch.testing.assert_close(ours, torch.zeros_like(ours) if theirs is None else theirs)


@every_engine
@given(case=cases(), share=st.floats(0, 1))
def test_composition(engine: Engine, case: Case, share: float) -> None:
    assume(case.ticks > 1)
    first = 1 + int(share * (case.ticks - 2))
    held = case.drive.dim() == 2
    whole = case.run(engine)
    early = case._replace(ticks=first, drive=case.drive if held else case.drive[:first]).run(engine)
    late = case._replace(
        ticks=case.ticks - first, drive=case.drive if held else case.drive[first:], state=early.state
    ).run(engine)
    joined = LayerOutput(
        counts=early.counts + late.counts,
        projected=None
        if early.projected is None or late.projected is None
        else torch.cat([early.projected, late.projected]),
        state=late.state,
        spikes=torch.cat([spikes for spikes in (early.spikes, late.spikes) if spikes is not None]),
    )
    assert_equal(joined, whole)


@every_engine
@given(case=cases(), seed=st.integers(0, 99))
def test_permuting_neurons_and_worlds(engine: Engine, case: Case, seed: int) -> None:
    B, H = case.state.v.shape
    generator = torch.Generator().manual_seed(seed)
    worlds, neurons = torch.randperm(B, generator=generator), torch.randperm(H, generator=generator)

    def permuted(tensor: Tensor) -> Tensor:
        return tensor[..., worlds, :][..., neurons]

    plain = case.run(engine)
    shuffled = case._replace(
        drive=permuted(case.drive),
        state=LIFState(*map(permuted, case.state)),
        threshold=None if case.threshold is None else case.threshold[neurons],
        projection=None if case.projection is None else case.projection[neurons],
    ).run(engine)
    expected = LayerOutput(
        counts=permuted(plain.counts),
        projected=None if plain.projected is None else plain.projected[:, worlds],
        state=LIFState(*map(permuted, plain.state)),
        spikes=None if plain.spikes is None else permuted(plain.spikes),
    )
    assert_equal(shuffled, expected)


@every_engine
@given(case=cases())
def test_held_drive_is_the_drive_repeated(engine: Engine, case: Case) -> None:
    held = case._replace(drive=case.drive if case.drive.dim() == 2 else case.drive[0])
    repeated = held._replace(drive=held.drive.expand(case.ticks, *held.drive.shape))
    assert_same_bits(held.run(engine), repeated.run(engine))
    of_held, of_repeated = held.gradients(engine)[0], repeated.gradients(engine)[0]
    torch.testing.assert_close(of_held, of_repeated.sum(0))


@every_engine
@given(case=cases(dtype=torch.float32))
def test_numbers_are_the_same_bits_without_gradient_and_without_record(engine: Engine, case: Case) -> None:
    with_graph = case.leaves()[0].run(engine)
    with torch.no_grad():
        without_graph = case.leaves()[0].run(engine)
    assert with_graph.counts.requires_grad
    assert not without_graph.counts.requires_grad
    assert_same_bits(without_graph, with_graph)
    assert_same_bits(case.run(engine, record=False)._replace(spikes=with_graph.spikes), with_graph)


@every_engine
@given(case=cases())
def test_arguments_are_left_alone(engine: Engine, case: Case) -> None:
    leaves, tensors = case.leaves()
    copies = [tensor.detach().clone() for tensor in tensors]
    outputs = tensors_of(leaves.run(engine))
    torch.autograd.grad(outputs, tensors, [torch.ones_like(y) for y in outputs])
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(tensors, copies, strict=True))
    assert_same_bits(case.run(engine), case.run(engine))  # and nothing is remembered


@settings(max_examples=30)
@given(case=cases(), block=st.integers(1, 20))
def test_blocks_of_worlds_change_nothing(case: Case, block: int) -> None:
    whole, gradients = case.run(TorchEngine()), case.gradients(TorchEngine())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_engine, "CPU_BLOCK", block)
        assert_equal(case.run(TorchEngine()), whole)
        for ours, theirs in zip(case.gradients(TorchEngine()), gradients, strict=True):
            torch.testing.assert_close(ours, theirs)


@every_engine
def test_no_worlds_and_no_neurons(engine: Engine) -> None:
    for B, H in ((0, 3), (2, 0)):
        projection = torch.ones(H, 2)
        output = engine.run(
            torch.ones(B, H),
            LIFState.at_rest((B, H)),
            4,
            LIFParameters(),
            surrogate=SurrogateSpec(),
            reset_gradient=True,
            projection=projection,
        )
        assert output.counts.shape == (B, H)
        assert output.projected is not None
        assert torch.equal(output.projected, torch.zeros(4, B, 2))


@pytest.mark.parametrize(("dtype", "epsilon"), [(torch.bfloat16, 2**-8), (torch.float16, 2**-11)])
def test_half_precision_keeps_its_tolerance(dtype: torch.dtype, epsilon: float) -> None:
    generator = torch.Generator().manual_seed(0)
    drive, T, parameters = 2.0 * torch.rand(200, 64, generator=generator), 10, LIFParameters()
    state = LIFState.at_rest((200, 64))
    outputs = {
        deaf: [
            engine.run(
                drive,
                state,
                T,
                parameters._replace(v_th=1e4) if deaf else parameters,
                surrogate=SurrogateSpec(),
                reset_gradient=True,
            )
            for engine in (TorchEngine(), TorchEngine(inference_dtype=dtype))
        ]
        for deaf in (True, False)
    }
    full, half = outputs[True]
    assert half.state.v.dtype == torch.float32
    bound = 2 * T * epsilon * torch.maximum(full.state.v.abs(), full.state.i.abs())
    assert bool(((half.state.v - full.state.v).abs() <= bound).all())
    full, half = outputs[False]
    assert float((half.counts == full.counts).float().mean()) > 1 - 4 * T * epsilon
    assert float(full.counts.mean()) > 0.5  # it is not silence that was compared


def test_half_precision_is_for_inference_only() -> None:
    engine, drive = TorchEngine(inference_dtype=torch.bfloat16), torch.rand(3, 5, requires_grad=True)
    case = Case(drive, LIFState.at_rest((3, 5)), 10, LIFParameters(), SurrogateSpec(), True, None, None)
    assert_same_bits(case.run(engine), case.run(TorchEngine()))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # PyTorch's compiler uses its own old parts
def test_compiled_engine_is_the_same() -> None:
    engine = TorchEngine(compiled=True)
    generator = torch.Generator().manual_seed(0)
    for B, H in ((6, 9), (11, 5)):  # two sizes: the second one needs no new compilation, and must be right too
        case = Case(
            drive=torch.randn(B, H, generator=generator, dtype=torch.float64),
            state=LIFState.at_rest((B, H), dtype=torch.float64),
            ticks=5,
            parameters=LIFParameters(),
            surrogate=SurrogateSpec(),
            reset_gradient=True,
            threshold=0.5 + torch.rand(H, generator=generator, dtype=torch.float64),
            projection=torch.randn(H, 3, generator=generator, dtype=torch.float64),
        )
        assert_equal(case.run(engine), readable_run(case))
        for ours, theirs in zip(case.gradients(engine), case.gradients(None), strict=True):
            torch.testing.assert_close(ours, theirs)
