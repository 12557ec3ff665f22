"""Adam that counts steps *per neuron*, so that a network may grow and shrink without upsetting anyone's step size.

Adam divides its running moments by ``1 − β^t`` because they start at zero. ``torch.optim.Adam`` keeps one t per
tensor, and for a tensor that grows either choice is wrong: with the old, large t a newborn's zero moments are not
corrected, and as ``(1−β1) / √(1−β2)`` is 3.2 for the usual betas its first steps are 3.2 to 6.6 times too long; with
t set to zero the survivors' steps shrink to a third. Here every neuron has its own t.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from snn_agent.errors import ConfigError

BLOCK = 1 << 16
"""Numbers of a parameter that are updated at a time on the CPU: 256 kB in float32."""

NeuronAxis: TypeAlias = Mapping[str, int | None]
"""For each parameter the axis along which neurons lie, None where it has none."""


@dataclass(frozen=True, kw_only=True)
class AdamState:
    """State of the optimizer; each mapping has an entry for each parameter.

    Attributes:
        mean: running mean of the gradient, the parameter's shape.
        square: running mean of the gradient's square, the parameter's shape.
        count: steps taken, int64: [H] where the parameter has a neuron axis, else a scalar.
        axes: the neuron axes.
    """

    mean: Mapping[str, Tensor]
    square: Mapping[str, Tensor]
    count: Mapping[str, Tensor]
    axes: NeuronAxis


def init(parameters: Mapping[str, Tensor], axes: NeuronAxis) -> AdamState:
    """Zero moments and counts.

    Raises:
        ConfigError: a parameter has no entry in ``axes``, or an axis it does not have, or the parameters do not
            agree on the number of neurons.
    """
    if not parameters or parameters.keys() != axes.keys():
        odd = sorted(parameters.keys() ^ axes.keys())
        raise ConfigError(f"parameters and neuron axes must have the same names, at least one; check {odd}.")
    count, hidden = {}, {}
    for name, parameter in parameters.items():
        axis = axes[name]
        if axis is not None:
            if not 0 <= axis < parameter.ndim:
                raise ConfigError(f"the neuron axis of {name!r} is {axis}, but its shape is {tuple(parameter.shape)}.")
            hidden[name] = parameter.shape[axis]
        shape = () if axis is None else (parameter.shape[axis],)
        count[name] = torch.zeros(shape, dtype=torch.int64, device=parameter.device)
    if len(set(hidden.values())) > 1:
        raise ConfigError(f"the neuron axes must all have the same length, got {hidden}.")
    return AdamState(
        mean={name: torch.zeros_like(parameter) for name, parameter in parameters.items()},
        square={name: torch.zeros_like(parameter) for name, parameter in parameters.items()},
        count=count,
        axes=dict(axes),
    )


@torch.no_grad()
def update(
    gradients: Mapping[str, Tensor],
    state: AdamState,
    parameters: Mapping[str, Tensor],
    *,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    neuron_lr: Tensor | None = None,
) -> AdamState:
    """Take one step (Kingma & Ba, arXiv 1412.6980, algorithm 1), neuron by neuron.

    ``m ← m + (1−β1)·(g − m)``, ``v ← β2·v + (1−β2)·g²``, ``t ← t + 1``,
    ``θ ← θ − lr/(1−β1^t) · m / (√v/√(1−β2^t) + eps)``, the operations and their order being those of
    ``torch.optim.Adam(foreach=False)``, so equal counts give its result bit for bit.

    Parameters, moments and counts change in place, for speed; the state passed in is used up, go on with the
    returned one.

    Args:
        gradients: one for each parameter, its shape.
        state: from :func:`init`, :func:`update` or :func:`resize`.
        parameters: the same names.
        lr: learning rate, >= 0.
        betas: β1, β2 in [0, 1).
        eps: > 0, keeps the division finite.
        neuron_lr: [H] factors on the learning rate of each neuron's parameters; those without neuron axis keep lr.

    Raises:
        ConfigError: names or shapes do not fit each other, or a number is out of range.
    """
    beta1, beta2 = betas
    if not (lr >= 0.0 and 0.0 <= beta1 < 1.0 and 0.0 <= beta2 < 1.0 and eps > 0.0):
        raise ConfigError(f"Adam needs lr >= 0, betas in [0, 1) and eps > 0, got lr={lr!r}, {betas=}, {eps=}.")
    _require_fit(gradients, state, parameters, neuron_lr)
    scales = _scales(state, lr, betas, neuron_lr)
    for name, parameter in parameters.items():
        whole = (parameter, gradients[name], state.mean[name], state.square[name])
        for theta, gradient, mean, square, step, root in _blocks(*whole, *scales[name], state.axes[name]):
            mean.lerp_(gradient, 1.0 - beta1)
            square.mul_(beta2).addcmul_(gradient, gradient, value=1.0 - beta2)
            denominator = square.sqrt().div_(root).add_(eps)
            theta.addcdiv_(mean * step, denominator)
    return state


def _scales(
    state: AdamState, lr: float, betas: tuple[float, float], neuron_lr: Tensor | None
) -> dict[str, tuple[Tensor, Tensor]]:
    """Count one step more and return ``−lr/(1−β1^t)`` and ``√(1−β2^t)``, shaped to broadcast over each parameter.

    They are computed in float64, as torch does, and for all parameters at once: a small operation costs as much as
    its call, and a dozen for each parameter were measured to take longer than the step of a small network.
    """
    counts = [count.add_(1).reshape(-1) for count in state.count.values()]
    sizes = [len(count) for count in counts]
    steps = torch.cat(counts).double()
    dtypes = {moment.dtype for moment in state.mean.values()}
    common = dtypes.pop() if len(dtypes) == 1 else torch.float64
    step_sizes = torch.split((-lr / (1.0 - betas[0] ** steps)).to(common), sizes)
    roots = torch.split((1.0 - betas[1] ** steps).sqrt_().to(common), sizes)
    scales = {}
    for name, step_size, root in zip(state.count, step_sizes, roots, strict=True):
        moment, axis = state.mean[name], state.axes[name]
        if neuron_lr is not None and axis is not None:
            step_size = step_size * neuron_lr
        if axis is None or axis < moment.ndim - 1:  # along the last axis a vector broadcasts as it is
            shape = [] if axis is None else [-1, *[1] * (moment.ndim - 1 - axis)]
            step_size, root = step_size.reshape(shape), root.reshape(shape)
        scales[name] = (step_size.to(moment.dtype), root.to(moment.dtype))
    return scales


def _blocks(
    parameter: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, step: Tensor, root: Tensor, axis: int | None
) -> Iterator[tuple[Tensor, ...]]:
    """The tensors cut into blocks of rows, as views.

    On the CPU a temporary as large as a whole weight matrix is fetched from the system anew each time, page by page,
    which was measured to double the time of a step; blocks that small are recycled. Other devices take all at once.
    """
    tensors = (parameter, gradient, mean, square)
    if parameter.device.type != "cpu" or parameter.numel() <= BLOCK:
        yield (*tensors, step, root)
        return
    rows = max(1, BLOCK * len(parameter) // parameter.numel())
    for start in range(0, len(parameter), rows):
        part = slice(start, start + rows)
        cut = [tensor[part] for tensor in tensors]
        yield (*cut, step[part], root[part]) if axis == 0 else (*cut, step, root)


def _require_fit(
    gradients: Mapping[str, Tensor],
    state: AdamState,
    parameters: Mapping[str, Tensor],
    neuron_lr: Tensor | None,
) -> None:
    if not gradients.keys() == state.mean.keys() == parameters.keys():
        odd = sorted((gradients.keys() ^ state.mean.keys()) | (parameters.keys() ^ state.mean.keys()))
        raise ConfigError(f"gradients, state and parameters must have the same names; {odd} are missing somewhere.")
    for name, parameter in parameters.items():
        if not parameter.shape == gradients[name].shape == state.mean[name].shape:
            raise ConfigError(
                f"{name!r} has shape {tuple(parameter.shape)}, its gradient {tuple(gradients[name].shape)}, its "
                f"moments {tuple(state.mean[name].shape)}. After births or deaths, resize() the state as well."
            )
    if neuron_lr is not None and tuple(neuron_lr.shape) != (_hidden(state),):
        raise ConfigError(f"neuron_lr must be [{_hidden(state)}], got {tuple(neuron_lr.shape)}.")


def _hidden(state: AdamState) -> int:
    """H, 0 if no parameter has a neuron axis."""
    return max((len(state.count[name]) for name, axis in state.axes.items() if axis is not None), default=0)


@torch.no_grad()
def resize(state: AdamState, keep: Tensor, n_new: int) -> AdamState:
    """The state after neurons died and were born: survivors take all they have with them, newborns start at zero.

    Args:
        state: not changed.
        keep: int64 [K], indices of the survivors, in their new order.
        n_new: newborns, which follow the survivors.

    Raises:
        ConfigError: an index is out of range or occurs twice, or ``n_new`` is negative.
    """
    hidden = _hidden(state)
    indices = keep.tolist()
    if any(not 0 <= index < hidden for index in indices):
        raise ConfigError(f"keep must hold indices in [0, {hidden}), got {indices}.")
    if len(set(indices)) < len(indices) or n_new < 0:
        raise ConfigError(f"keep must not name a neuron twice and n_new be >= 0, got {indices} and {n_new}.")

    def moments(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: resized(tensor, state.axes[name], keep, n_new) for name, tensor in values.items()}

    count = {
        name: resized(tensor, None if state.axes[name] is None else 0, keep, n_new)
        for name, tensor in state.count.items()
    }
    return AdamState(mean=moments(state.mean), square=moments(state.square), count=count, axes=state.axes)


def resized(tensor: Tensor, axis: int | None, keep: Tensor, n_new: int) -> Tensor:
    """A copy with the entries ``keep`` along a neuron axis, followed by zeros for the newborn; whole without axis."""
    if axis is None:
        return tensor.clone()
    kept = tensor.index_select(axis, keep.to(tensor.device))
    born = list(kept.shape)
    born[axis] = n_new
    return torch.cat([kept, kept.new_zeros(born)], dim=axis)


@torch.no_grad()
def forget(state: AdamState, name: str, where: Tensor) -> AdamState:
    """The state with the moments of some numbers of a parameter at zero (bool, its shape); counts stay.

    Numbers without gradient from then on stay where they are: a moment left behind would go on pushing them.
    """
    moments = {
        part: {**values, name: values[name].masked_fill(where.to(values[name].device), 0.0)}
        for part, values in (("mean", state.mean), ("square", state.square))
    }
    return AdamState(**moments, count=state.count, axes=state.axes)


@torch.no_grad()
def restart(state: AdamState, names: Collection[str]) -> AdamState:
    """The state with some parameters as at birth: moments and counts zero, so that their first steps are of size lr."""

    def zeroed(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: torch.zeros_like(tensor) if name in names else tensor for name, tensor in values.items()}

    return AdamState(mean=zeroed(state.mean), square=zeroed(state.square), count=zeroed(state.count), axes=state.axes)


@torch.no_grad()
def clip_by_global_norm(gradients: Mapping[str, Tensor], max_norm: float) -> Tensor:
    """Scale all gradients in place so that their common L2 norm is at most ``max_norm`` (Pascanu et al., 2013).

    Every neuron is scaled alike, so the direction of the step stays. The formula is that of
    ``torch.nn.utils.clip_grad_norm_``.

    Returns:
        The norm before, a scalar tensor; not finite if a gradient is not, which the caller must check before a step.

    Raises:
        ConfigError: ``max_norm`` is not positive; infinity switches clipping off.
    """
    if not max_norm > 0.0:
        raise ConfigError(f"max_norm must be positive, math.inf for no clipping, got {max_norm!r}.")
    tensors = list(gradients.values())
    norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(tensor) for tensor in tensors]))
    if math.isfinite(max_norm):
        scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
        for tensor in tensors:
            tensor.mul_(scale)
    return norm
