"""Random layers to run, and the readable loop that every engine is held against."""

from __future__ import annotations

from typing import NamedTuple

import hypothesis.strategies as st
import torch
from torch import Tensor

from snn_agent import LayerOutput, LIFParameters, LIFState, SurrogateSpec, lif_step
from snn_agent.engine.contract import Engine
from snn_agent.neurons.surrogate import SURROGATE_DERIVATIVES

PARAMETERS = st.builds(
    LIFParameters,
    dt_s=st.just(0.001),
    tau_mem_s=st.sampled_from([0.005, 0.02, 0.1]),
    tau_syn_s=st.sampled_from([0.002, 0.01, 0.02]),
    v_th=st.sampled_from([1.0, 0.4]),
    v_leak=st.sampled_from([0.0, 0.2, -0.5]),
    v_reset=st.sampled_from([0.0, -0.3, 0.25]),
)
SURROGATES = st.builds(SurrogateSpec, st.sampled_from(sorted(SURROGATE_DERIVATIVES)), st.sampled_from([1.0, 3.0, 10.0]))


class Case(NamedTuple):
    """A run of a layer. Letters as in :mod:`snn_agent.types`."""

    drive: Tensor  # [B, H] or [T, B, H]
    state: LIFState  # [B, H]
    ticks: int
    parameters: LIFParameters
    surrogate: SurrogateSpec
    reset_gradient: bool
    threshold: Tensor | None  # [H]
    projection: Tensor | None  # [H, P]

    def run(self, engine: Engine | None, record: bool = True) -> LayerOutput:
        """Run it on an engine, or on the readable loop."""
        if engine is None:
            return readable_run(self)
        return engine.run(
            self.drive,
            self.state,
            self.ticks,
            self.parameters,
            surrogate=self.surrogate,
            reset_gradient=self.reset_gradient,
            threshold=self.threshold,
            projection=self.projection,
            record=record,
        )

    def leaves(self) -> tuple[Case, list[Tensor]]:
        """Return the same case on fresh tensors that want a gradient, and these tensors."""

        def leaf(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.detach().clone().requires_grad_()

        case = self._replace(
            drive=leaf(self.drive),
            state=LIFState(leaf(self.state.v), leaf(self.state.i)),
            threshold=leaf(self.threshold),
            projection=leaf(self.projection),
        )
        leaves = [case.drive, case.state.v, case.state.i, case.threshold, case.projection]
        return case, [tensor for tensor in leaves if tensor is not None]

    def gradients(self, engine: Engine | None) -> list[Tensor]:
        """Gradients of a random linear function of everything that is returned."""
        case, leaves = self.leaves()
        outputs = tensors_of(case.run(engine))
        generator = torch.Generator().manual_seed(len(leaves))
        weights = [torch.randn(y.shape, generator=generator, dtype=y.dtype) for y in outputs]
        return list(torch.autograd.grad(outputs, leaves, weights))


@st.composite
def cases(
    draw: st.DrawFn, surrogates: st.SearchStrategy[SurrogateSpec] = SURROGATES, dtype: torch.dtype = torch.float64
) -> Case:
    """Random sizes, drives, states, thresholds and constants; about every tenth tick spikes."""
    B, H, T, P = draw(st.integers(1, 5)), draw(st.integers(1, 7)), draw(st.integers(1, 12)), draw(st.integers(1, 3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    parameters = draw(PARAMETERS)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=dtype)

    return Case(
        drive=normal(*((T, B, H) if draw(st.booleans()) else (B, H))) + 0.3,
        state=LIFState(0.5 * normal(B, H), normal(B, H)),
        ticks=T,
        parameters=parameters,
        surrogate=draw(surrogates),
        reset_gradient=draw(st.booleans()),
        threshold=parameters.v_th + 0.2 * normal(H).abs() if draw(st.booleans()) else None,
        projection=normal(H, P) if draw(st.booleans()) else None,
    )


def readable_run(case: Case) -> LayerOutput:
    """Run the case with nothing but :func:`lif_step` and autograd."""
    spikes, state = [], case.state
    for t in range(case.ticks):
        x = case.drive if case.drive.dim() == 2 else case.drive[t]
        z, state = lif_step(
            x, state, case.parameters, case.surrogate, reset_gradient=case.reset_gradient, threshold=case.threshold
        )
        spikes.append(z)
    z = torch.stack(spikes)
    return LayerOutput(z.sum(0), None if case.projection is None else z @ case.projection, state, z)


def closest_approach(case: Case) -> float:
    """Return the least |v' − v_th| of the run: rounding may decide about spikes where it is tiny."""
    never = torch.full(case.drive.shape[-1:], torch.inf, dtype=case.drive.dtype)
    level = case.parameters.v_th if case.threshold is None else case.threshold
    state, closest = case.state, torch.inf
    for t in range(case.ticks):
        x = case.drive if case.drive.dim() == 2 else case.drive[t]
        _, before_reset = lif_step(x, state, case.parameters, threshold=never)
        closest = min(closest, float((before_reset.v - level).abs().min()))
        _, state = lif_step(x, state, case.parameters, threshold=case.threshold)
    return closest


def tensors_of(output: LayerOutput) -> list[Tensor]:
    """Return all tensors of an output."""
    tensors = [output.counts, output.projected, output.state.v, output.state.i, output.spikes]
    return [tensor for tensor in tensors if tensor is not None]
