"""Gradients confined to a band around the threshold: those of a surrogate that is zero outside."""

from __future__ import annotations

import math
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from fused_cases import Decision, decisions
from hypothesis import assume, given, settings
from layer_cases import Case, cases, readable_run, tensors_of
from torch import Tensor

from snn_agent import LayerOutput, LIFState, SurrogateSpec
from snn_agent.engine.numba_engine import NumbaEngine
from snn_agent.errors import ConfigError
from snn_agent.neurons import lif
from snn_agent.neurons.surrogate import derivative_of

BANDS = st.sampled_from([0.05, 0.3, 1.0])
VARIANT = [("triangle", True, False)]  # the band is compiled into a kernel; another surrogate would be another one
LAYERS = cases(surrogates=st.builds(SurrogateSpec, st.just("triangle"), st.sampled_from([0.3, 1.0, 3.0])))


class BandedSpike(torch.autograd.Function):
    """E4 forward; E6 backward within the band, and nothing beyond."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor, surrogate: SurrogateSpec, band: float) -> Tensor:
        ctx.save_for_backward(distance)
        ctx.surrogate, ctx.band = surrogate, band
        return (distance > 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, of_spikes: Tensor) -> tuple[Tensor, None, None]:
        (distance,) = ctx.saved_tensors
        slopes = derivative_of(ctx.surrogate)(distance * ctx.surrogate.slope)
        return of_spikes * torch.where(distance.abs() <= ctx.band, slopes, 0.0), None, None


class Readable:
    """The readable loop as an engine, its spikes banded."""

    name, device = "readable", torch.device("cpu")

    def __init__(self, band: float) -> None:
        self.band = band

    def run(
        self, drive: Tensor, state: LIFState, ticks: int, parameters: lif.LIFParameters, *, surrogate: SurrogateSpec,
        reset_gradient: bool, threshold: Tensor | None = None, projection: Tensor | None = None, record: bool = False,
    ) -> LayerOutput:  # fmt: skip
        del record
        case = Case(drive, state, ticks, parameters, surrogate, reset_gradient, threshold, projection)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lif, "spike", lambda distance, spec: BandedSpike.apply(distance, spec, self.band))
            return readable_run(case)


@given(case=LAYERS, band=BANDS)
def test_gradients_of_a_layer(case: Case, band: float) -> None:
    for ours, theirs in zip(
        case.gradients(NumbaEngine(gradient_band=band)), case.gradients(Readable(band)), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@given(case=decisions(variants=VARIANT, hidden=(1, 7, 33)), band=BANDS)
@settings(max_examples=60)
def test_gradients_of_a_decision(case: Decision, band: float) -> None:
    assume(case.closest_approach() > 1e-10)
    ours, theirs = case.gradients(None, NumbaEngine(gradient_band=band)), case.gradients(Readable(band))
    for mine, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-9, atol=1e-9 * max(1.0, float(reference.abs().max())))


def test_a_band_makes_a_difference() -> None:
    reached = []
    for band in (0.02, None):
        drive = torch.linspace(0.0, 2.0, 200, dtype=torch.float64, requires_grad=True)
        case = Case(drive[None], LIFState.at_rest((1, 200), dtype=torch.float64), 10, lif.LIFParameters(),
                    SurrogateSpec("triangle", 1.0), True, None, None)  # fmt: skip
        (gradient,) = torch.autograd.grad(case.run(NumbaEngine(gradient_band=band)).counts.sum(), drive)
        reached.append(int(gradient.count_nonzero()))
    assert 0 < reached[0] < reached[1]


@given(case=LAYERS, decision=decisions(variants=VARIANT, hidden=(1, 33)))
@settings(max_examples=30)
def test_a_band_as_wide_as_all_voltages_is_none(case: Case, decision: Decision) -> None:
    assert NumbaEngine().gradient_band is None
    pairs = [case.gradients(NumbaEngine(gradient_band=band)) for band in (1e9, None)]
    pairs[0] += decision.gradients(None, NumbaEngine(gradient_band=1e9))
    pairs[1] += decision.gradients(None)
    for ours, theirs in zip(*pairs, strict=True):
        torch.testing.assert_close(ours, theirs)


@given(case=LAYERS, decision=decisions(variants=VARIANT, hidden=(1, 33)))
@settings(max_examples=30)
def test_the_band_changes_no_spike(case: Case, decision: Decision) -> None:
    engine = NumbaEngine(gradient_band=0.1)
    found, expected = tensors_of(case.run(engine)), tensors_of(case.run(NumbaEngine()))
    narrow, wide = decision.fused(decision.organism(engine)), decision.fused()
    found += [narrow.evidence, narrow.tally, narrow.counts, *narrow.state.hidden, *narrow.state.output]
    expected += [wide.evidence, wide.tally, wide.counts, *wide.state.hidden, *wide.state.output]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


@pytest.mark.parametrize("band", [0.0, -0.5, math.nan, math.inf, "wide"])
def test_a_band_that_is_none_is_refused(band: Any) -> None:
    with pytest.raises(ConfigError, match="gradient_band must be a finite number above 0, got"):
        NumbaEngine(gradient_band=band)
