"""Newborn tuned to a firing rate: one that cannot spike never gets a gradient, and is never heard."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from snn_agent import checks
from snn_agent.errors import ConfigError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.topology import NeuronWeights
from snn_agent.neurons.closed_forms import rheobase_drive
from snn_agent.plasticity.contract import StructuralContext
from snn_agent.types import LIFState

MARGIN: Final = 1e-5
"""Drives that differ by less than this share of the largest (or of the rheobase) are taken for equal."""
HALVINGS: Final = 40
"""More than a float32 has bits."""


@torch.no_grad()
def critical_drives(organism: GrowingSparseSNN) -> Tensor:
    """The least drives θ_k at which a neuron at rest spikes 1, 2, …, T times in the T ticks of a decision, [T].

    Ascending, for more drive never makes fewer spikes; θ_1 is :func:`~snn_agent.neurons.closed_forms.rheobase_drive`.
    Found by bisection with the organism's own engine, at the common threshold ``v_th``.
    """
    ticks, lif = organism.config.ticks, organism.lif
    rest = LIFState.at_rest((1, ticks), lif.v_leak, organism.device, organism.bias.dtype)
    wanted = torch.arange(1, ticks + 1, device=organism.device)

    def reaches(drive: Tensor) -> Tensor:
        run = organism.engine.run(drive[None], rest, ticks, lif, surrogate=organism.surrogate, reset_gradient=False)
        return run.counts[0] >= wanted

    below = torch.zeros_like(rest.v[0])
    above = torch.full_like(below, rheobase_drive(lif, ticks))
    while not bool(reaches(above).all()):
        above *= 2.0
    for _ in range(HALVINGS):
        middle = (below + above) / 2
        enough = reaches(middle)
        below, above = torch.where(enough, below, middle), torch.where(enough, middle, above)
    return above


@torch.no_grad()
def calibrate(weights: NeuronWeights, context: StructuralContext, target_rate: float) -> NeuronWeights:
    """Newborn with their biases shifted so that their mean rate on the observations is the target (E34).

    Under a constant drive from rest a neuron spikes as often as there are critical drives θ_k below its drive. So on N
    observations it has as many spikes as there are pairs (n, k) with ``shift > θ_k − drive_n``, and the shift belongs
    between the ``ceil(rate · N · T)``-th smallest of these N·T numbers and the next: the nearest rate at or above the
    target that can be had. It is midway, so that rounding does not matter; where the two are nearer to each other than
    :data:`MARGIN`, no bias tells them apart, and the rate is the next higher one.

    With Poisson input the drive is the expected one, and a membrane that carries its state may spike more often.

    Args:
        weights: of the newborn; not changed.
        context: with N observations, at least 1.
        target_rate: spikes/tick, in (0, 1].

    Raises:
        ConfigError: the rate is out of range, or there are no observations.
    """
    rate = checks.positive("target_rate", checks.number("target_rate", target_rate, 0.0, 1.0))
    organism, N = context.organism, context.observations.shape[0]
    if N == 0:
        raise ConfigError("newborn are calibrated on recent observations, but the context has none. Give it some.")
    features = organism.scale(context.observations).to(weights.incoming)
    drive = features @ weights.incoming + weights.bias  # [N, n]
    critical = critical_drives(organism).to(drive)
    shifts = (critical[:, None, None] - drive).flatten(end_dim=1)  # [T * N, n]
    needed = math.ceil(rate * len(shifts) - 1e-9)  # 0.07 * 100 is a little more than 7
    least = shifts.kthvalue(needed, dim=0).values
    following = shifts.kthvalue(min(needed + 1, len(shifts)), dim=0).values
    margin = MARGIN * drive.abs().amax(dim=0).clamp_min(float(critical[0]))
    return weights._replace(bias=weights.bias + torch.maximum((least + following) / 2, least + margin))
