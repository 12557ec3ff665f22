"""Heads: what reads the hidden layer for a task. One is active; others are put away until their task comes back.

A head is outgoing weights, critic, their biases and the readout's gain. One that is put away reads the neurons that
lived then, and none that were born since; those of them that die are lost to it, but for what they did on average.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from snn_agent.errors import ConfigError
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.topology import NEURON_AXIS

PARTS: Final = ("outgoing", "critic", "output_bias", "critic_bias", "gain")
"""Parameters that a head is made of; of those put away they have the same names with ``head_`` before."""


def known(organism: GrowingSparseSNN) -> tuple[int, ...]:
    """Tasks whose heads are put away, in the order in which they were."""
    return tuple(organism.head_task.tolist())


@torch.no_grad()
def put_away(organism: GrowingSparseSNN, task: int) -> None:
    """Keep the active head for a task; it stays active, too, until another one takes its place.

    Raises:
        ConfigError: the task has a head already.
    """
    if task in known(organism):
        raise ConfigError(f"task {task} has a head that is put away. Take it up before another one is put away.")
    for name in PARTS:
        present = getattr(organism, name).detach()
        setattr(organism, f"head_{name}", torch.cat([getattr(organism, f"head_{name}"), present[None]]))
    everyone = torch.ones_like(organism.protected)
    organism.head_reads = torch.cat([organism.head_reads, everyone[None]])
    number = torch.tensor([task], device=organism.device)
    organism.head_task = torch.cat([organism.head_task, number])


@torch.no_grad()
def take_up(organism: GrowingSparseSNN, task: int) -> None:
    """Make the head that was put away for a task the active one, in place of the present one, which is lost unless it
    was put away. Neurons that it did not know begin with outgoing and critic weights of 0.

    Raises:
        ConfigError: no head was put away for that task.
    """
    index = _index(organism, task)
    for name in PARTS:
        getattr(organism, name).copy_(getattr(organism, f"head_{name}")[index])
    others = torch.arange(len(organism.head_task), device=organism.device) != index
    for name in ("task", "reads", *PARTS):
        setattr(organism, f"head_{name}", getattr(organism, f"head_{name}")[others])


@torch.no_grad()
def fresh(organism: GrowingSparseSNN, generator: torch.Generator) -> None:
    """Make the active head one that knows nothing; it reads every neuron.

    As at birth, but the weights' spread is ``outgoing_scale / sqrt(H)`` with the present H: a head that reads more
    neurons than there were at first would be louder than the first one was.

    Args:
        organism: changed in place.
        generator: on the CPU.
    """
    config = organism.config
    drawn = torch.randn(organism.outgoing.shape, generator=generator) * config.outgoing_scale
    organism.outgoing.copy_(drawn / math.sqrt(organism.hidden))
    organism.critic.zero_()
    organism.output_bias.fill_(config.output_bias)
    organism.critic_bias.zero_()
    organism.gain.fill_(config.readout_gain)


@torch.no_grad()
def make_up_for(organism: GrowingSparseSNN, dying: Tensor, rate: Tensor) -> None:
    """Let the biases of each head that is put away make up for the mean effect which the dying have on it (E17).

    It is their mean rate of late, in the present task, for nobody knows what they did in that head's own task.

    Args:
        organism: changed in place, before they die.
        dying: indices, int64 [n].
        rate: of each, spikes/tick [n].
    """
    dying, rate = dying.to(organism.device), rate.to(organism.head_outgoing)
    organism.head_output_bias += torch.einsum("h,kha->ka", rate, organism.head_outgoing[:, dying])
    organism.head_critic_bias += organism.head_critic[:, dying] @ rate


def with_head(organism: GrowingSparseSNN, task: int) -> GrowingSparseSNN:
    """A copy of the whole organism with the head of a task active; the organism itself if none is put away for it."""
    if task not in known(organism):
        return organism
    copy = _part(organism, torch.arange(organism.hidden, device=organism.device))
    take_up(copy, task)
    return copy


def for_task(organism: GrowingSparseSNN, task: int) -> GrowingSparseSNN:
    """A copy with the head of a task active and only the neurons that it reads; the organism itself if none is put away
    for that task, as where all share one.

    As long as the neurons that it reads are protected, its outputs are those of the day on which it was put away, bit
    for bit. Where all of them have died, one neuron of outgoing weight 0 is left, for a network must have one.

    The copy draws as the organism would, and the organism does not notice.
    """
    if task not in known(organism):
        return organism
    copy = _part(organism, read_by(organism, task))
    take_up(copy, task)
    return copy


def read_by(organism: GrowingSparseSNN, task: int) -> Tensor:
    """Indices of the neurons that :func:`for_task` keeps, int64 [K], ascending; never none.

    Raises:
        ConfigError: no head was put away for that task.
    """
    read = torch.nonzero(organism.head_reads[_index(organism, task)]).squeeze(1)
    return read if read.numel() else torch.zeros(1, dtype=torch.int64, device=organism.device)


def _index(organism: GrowingSparseSNN, task: int) -> int:
    if task not in known(organism):
        raise ConfigError(f"no head was put away for task {task}, only for the tasks {known(organism)}.")
    return known(organism).index(task)


@torch.no_grad()
def _part(organism: GrowingSparseSNN, keep: Tensor) -> GrowingSparseSNN:
    """A copy with some of the neurons, int64 [K], ascending."""
    config = organism.config
    copy = GrowingSparseSNN(
        config.input_features,
        len(keep),
        max(config.max_hidden, len(keep)),
        config.output_features,
        config=config,
        adapter=organism.adapter,
        engine=organism.engine,
        device=organism.device,
    )
    copy.config = config  # with the size at birth, which scales newborn neurons
    for name, tensor in organism.state_dict().items():
        axis = NEURON_AXIS.get(name)
        own = tensor.clone() if axis is None else tensor.index_select(axis, keep)
        setattr(copy, name, nn.Parameter(own) if isinstance(getattr(copy, name), nn.Parameter) else own)
    copy.draws.set_state(organism.draws.get_state())
    return copy
