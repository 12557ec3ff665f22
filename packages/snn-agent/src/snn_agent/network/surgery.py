"""The only code that changes which neurons exist.

Rules propose a :class:`StructuralEdit`, a value. :func:`operate` applies it to the network and says what became of the
neuron axis, so that everything else that has one — optimizer moments, step counts, statistics, membrane states — is
resized alike. Structure changes only between updates, never inside a rollout.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import torch
from torch import Tensor, nn

from snn_agent.errors import CapacityError, ConfigError
from snn_agent.network import heads
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.topology import NEURON_AXIS, NeuronWeights, synapses_of


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class StructuralEdit:
    """A change of structure, as a value.

    Attributes:
        rule: name of the rule that proposes it.
        reason: one sentence for the event log.
        dying: indices of the neurons that die, int64, ascending.
        newborn: weights of the neurons that are born; they come last.
        outgoing_factor: what the outgoing and critic weights of the present neurons are multiplied with, [H], or None;
            dividing twins share their parent's effect this way.
        output_shift: added to the output bias, [A], or None; makes up for the mean effect of the dying.
        critic_shift: added to the critic's bias, [], or None; likewise.
        dying_rate: what the dying do on average, spikes/tick [n_dying], in their order, or None. The heads that are put
            away, and the weights that consolidation remembers, make up for their mean effect by it.
        parents: indices of the present neurons that the newborn descend from, int64 [n_born], or None. The newborn
            inherit their thresholds and synapses, which otherwise are those of fresh neurons.
        shares: what part of its parent's outgoing weights each newborn has taken, [n_born], or None. It says that those
            who divide leave the policy as it is, their parents having ``outgoing_factor`` left, so that consolidation
            follows both.
        synapses: which input synapses the present neurons have from now on, int8 [D, H] (1, −1, or 0 for none), or
            None; those that are new begin at weight 0 and without optimizer moments, the weights of others go to 0.
        threshold: firing thresholds of the present neurons from now on, volts [H], or None.
        incoming_factor: what the incoming weights of the present neurons are multiplied with, [H], or None.
        weights: of the present neurons from now on, H of them, or None; 0 where there is no synapse. They come before
            all factors.
    """

    rule: str
    reason: str
    dying: Tensor | None = None
    newborn: NeuronWeights | None = None
    outgoing_factor: Tensor | None = None
    output_shift: Tensor | None = None
    critic_shift: Tensor | None = None
    dying_rate: Tensor | None = None
    parents: Tensor | None = None
    shares: Tensor | None = None
    synapses: Tensor | None = None
    threshold: Tensor | None = None
    incoming_factor: Tensor | None = None
    weights: NeuronWeights | None = None

    @property
    def is_structural(self) -> bool:
        """Whether it changes which neurons or synapses there are; others only regulate."""
        return self.n_born + self.n_dying > 0 or self.synapses is not None

    @property
    def n_dying(self) -> int:
        """How many die."""
        return 0 if self.dying is None else int(self.dying.numel())

    @property
    def n_born(self) -> int:
        """How many are born."""
        return 0 if self.newborn is None else int(self.newborn.bias.numel())


class Resizing(NamedTuple):
    """What an edit did to the neuron axis; everything else that has one must follow."""

    keep: Tensor  # [K] int64, indices of the survivors, ascending
    n_born: int  # newborn neurons, which come after them


def operate(edit: StructuralEdit, organism: GrowingSparseSNN) -> Resizing:
    """Apply an edit to the organism, in place.

    The parameters are replaced by new ones of the new size; whoever holds on to the old ones (an optimizer of torch,
    for one) must take the new.

    Raises:
        CapacityError: the edit would leave fewer neurons than ``min_hidden`` or more than ``max_hidden``.
        ConfigError: the edit does not fit the network: indices, shapes, numbers that are not finite. Or a protected
            neuron would die, or change its incoming weights, bias, threshold or synapses.
    """
    _check(edit, organism)
    _check_protected(edit, organism)
    device = organism.device
    alive = torch.ones(organism.hidden, dtype=torch.bool, device=device)
    if edit.dying is not None:
        alive[edit.dying.to(device)] = False
    keep = torch.nonzero(alive).squeeze(1)
    if edit.dying is not None and edit.dying_rate is not None:
        heads.make_up_for(organism, edit.dying, edit.dying_rate)
    with torch.no_grad():
        if edit.weights is not None:
            for name, tensor in edit.weights._asdict().items():
                getattr(organism, name).copy_(tensor)
        if edit.outgoing_factor is not None:
            organism.outgoing.mul_(edit.outgoing_factor[:, None].to(device))
            organism.critic.mul_(edit.outgoing_factor.to(device))
        if edit.incoming_factor is not None:
            organism.incoming.mul_(edit.incoming_factor.to(device))
        if edit.threshold is not None:
            organism.threshold.copy_(edit.threshold)
        if edit.synapses is not None:
            synapses = edit.synapses.to(device)
            organism.incoming.mul_((synapses != 0) & (organism.synapses != 0))
            organism.synapses.copy_(synapses)
        if edit.output_shift is not None:
            organism.output_bias.add_(edit.output_shift.to(device))
        if edit.critic_shift is not None:
            organism.critic_bias.add_(edit.critic_shift.to(device))
    newborn = {}
    if edit.newborn is not None:
        newborn = edit.newborn._asdict() | {
            "threshold": torch.full((edit.n_born,), organism.lif.v_th),
            "synapses": synapses_of(organism.config, edit.newborn.incoming),
            "birth_task": organism.task.expand(edit.n_born),
        }
        if edit.parents is not None:
            parents = edit.parents.to(device)
            newborn |= {"threshold": organism.threshold[parents], "synapses": organism.synapses[:, parents]}
    for name, axis in NEURON_AXIS.items():
        if axis is None:
            continue
        old = getattr(organism, name)
        tensor = old.detach().index_select(axis, keep)
        if edit.n_born:
            shape = list(tensor.shape)
            shape[axis] = edit.n_born
            born = newborn.get(name)  # heads that are put away do not read them, and they are not protected
            tensor = torch.cat([tensor, tensor.new_zeros(shape) if born is None else born.to(tensor)], dim=axis)
        setattr(organism, name, nn.Parameter(tensor) if isinstance(old, nn.Parameter) else tensor)
    return Resizing(keep, edit.n_born)


def _check(edit: StructuralEdit, organism: GrowingSparseSNN) -> None:
    h, config = organism.hidden, organism.config
    if edit.dying is not None:
        dying = edit.dying
        if dying.dtype != torch.int64 or dying.dim() != 1 or len(set(dying.tolist())) != dying.numel():
            raise ConfigError(f"{edit.rule}: dying must be distinct int64 indices, got {dying}.")
        if dying.numel() and (int(dying.min()) < 0 or int(dying.max()) >= h):
            raise ConfigError(
                f"{edit.rule}: dying has indices outside 0 … {h - 1}, the living neurons: {dying.tolist()}."
            )
    if h - edit.n_dying + edit.n_born < config.min_hidden and edit.n_dying > edit.n_born:
        raise CapacityError(
            f"{edit.rule} asked for the death of {edit.n_dying} of {h} neurons, but at least {config.min_hidden} must "
            f"live. Lower min_hidden, or limit the rule."
        )
    size = h - edit.n_dying + edit.n_born
    if size > config.max_hidden:
        free = config.max_hidden - (h - edit.n_dying)
        raise CapacityError(
            f"{edit.rule} asked for {edit.n_born} neurons but {free} of {config.max_hidden} are left. "
            f"Raise max_hidden, or put a pruning rule before growth."
        )
    n, d, a = edit.n_born, config.input_features, config.output_features
    if edit.parents is not None:
        known = edit.parents.shape == (n,) and bool(((edit.parents >= 0) & (edit.parents < h)).all())
        if not known:
            raise ConfigError(
                f"{edit.rule}: parents must name one of 0 … {h - 1} for each of {n} newborn, got {edit.parents}."
            )
    if edit.shares is not None and (edit.parents is None or edit.outgoing_factor is None):
        raise ConfigError(
            f"{edit.rule}: shares say what the newborn took from their parents, so parents and outgoing_factor, which "
            f"says what they left, must be given too."
        )
    expected: dict[str, tuple[Tensor | None, tuple[int, ...]]] = {
        "outgoing_factor": (edit.outgoing_factor, (h,)),
        "output_shift": (edit.output_shift, (a,)),
        "critic_shift": (edit.critic_shift, ()),
        "dying_rate": (edit.dying_rate, (edit.n_dying,)),
        "shares": (edit.shares, (n,)),
        "synapses": (edit.synapses, (d, h)),
        "threshold": (edit.threshold, (h,)),
        "incoming_factor": (edit.incoming_factor, (h,)),
    }
    for what, weights, size in (("newborn", edit.newborn, n), ("weights", edit.weights, h)):
        if weights is not None:
            shapes = ((d, size), (size,), (size, a), (size,))
            expected |= {
                f"{what} {name}": pair
                for name, pair in zip(NeuronWeights._fields, zip(weights, shapes, strict=True), strict=True)
            }
    for name, (tensor, shape) in expected.items():
        if tensor is None:
            continue
        if tuple(tensor.shape) != shape:
            raise ConfigError(f"{edit.rule}: {name} has shape {tuple(tensor.shape)}, but {shape} is needed.")
        if not bool(torch.isfinite(tensor).all()):
            raise ConfigError(f"{edit.rule}: {name} has numbers that are not finite.")
    if edit.parents is not None and edit.newborn is not None:
        absent = organism.synapses[:, edit.parents.to(organism.device)].cpu() == 0
        if bool(edit.newborn.incoming[absent].any()):
            raise ConfigError(f"{edit.rule}: a newborn has a weight where its parent has no synapse. Make it 0.")
    if edit.weights is not None and bool(edit.weights.incoming[organism.synapses.cpu() == 0].any()):
        raise ConfigError(f"{edit.rule}: a neuron has a weight where it has no synapse. Make it 0.")


def _check_protected(edit: StructuralEdit, organism: GrowingSparseSNN) -> None:
    """A last line of defence: rules leave the protected out by themselves."""
    protected = organism.protected.cpu()
    if not bool(protected.any()):
        return
    wronged: dict[str, Tensor] = {}  # what would become -> of whom, bool [H]
    if edit.dying is not None:
        wronged["would die"] = torch.zeros_like(protected).index_fill(0, edit.dying.cpu(), True)
    if edit.incoming_factor is not None:
        wronged["their incoming weights would change"] = edit.incoming_factor.cpu() != 1.0
    if edit.threshold is not None:
        wronged["their thresholds would change"] = edit.threshold.cpu() != organism.threshold.cpu()
    if edit.synapses is not None:
        wronged["their synapses would change"] = (edit.synapses.cpu() != organism.synapses.cpu()).any(dim=0)
    if edit.weights is not None:
        incoming = (edit.weights.incoming.cpu() != organism.incoming.detach().cpu()).any(dim=0)
        wronged["their incoming weights would change"] = incoming
        wronged["their biases would change"] = edit.weights.bias.cpu() != organism.bias.detach().cpu()
    for what, whose in wronged.items():
        if who := torch.nonzero(whose & protected).squeeze(1).tolist():
            raise ConfigError(
                f"{edit.rule}: neurons {who} are protected, but {what}. Leave them out "
                f"(StructuralContext.unprotected names the others), or lift their protection first."
            )
