"""The step of :mod:`snn_agent.learning.neuron_adam` in one pass over memory, on the CPU.

The plain version goes six times over gradients and moments, this one once. It is the same rule with the same state;
numbers differ from the plain one by rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor

from snn_agent.engine.numba_compile import kernel, running
from snn_agent.engine.threads import ranges, side_by_side
from snn_agent.learning.neuron_adam import AdamState

Array = npt.NDArray[Any]
NUMBER_NS: Final = 1.5
"""About how long a number takes, to see whether threads pay."""


@kernel
def adam_rows(first, last, theta, gradient, mean, square, step, root, scale, beta1, beta2, epsilon):  # type: ignore[no-untyped-def]
    """Rows ``first`` to ``last`` of a parameter [R, C]; ``step`` and ``root`` [C] belong to the columns (E14)."""
    one = theta.dtype.type(1.0)
    for r in range(first, last):
        for c in range(theta.shape[1]):
            g = gradient[r, c] * scale
            m = mean[r, c] + (g - mean[r, c]) * (one - beta1)
            q = square[r, c] * beta2 + g * g * (one - beta2)
            mean[r, c] = m
            square[r, c] = q
            theta[r, c] += m * step[c] / (np.sqrt(q) / root[c] + epsilon)


class _Parameter(NamedTuple):
    theta: Array  # [R, C]
    mean: Array  # [R, C]
    square: Array  # [R, C]
    steps: Array  # int64 [H] or [1]
    repeats: int  # columns a count


class FusedAdam:
    """Steps of some parameters, which must not be replaced meanwhile: made for one update.

    Args:
        state: its tensors change in place with each step.
        parameters: likewise; contiguous, on the CPU.
        betas: β1, β2.
        eps: keeps the division finite.
        neuron_lr: float64 [H], factors on the learning rate of each neuron's parameters; None: all 1.
    """

    def __init__(
        self,
        state: AdamState,
        parameters: Mapping[str, Tensor],
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        neuron_lr: Tensor | None = None,
    ) -> None:
        self.betas, self.eps = betas, eps
        self.paces = None if neuron_lr is None else neuron_lr.numpy()
        self.neuronal = {name for name, axis in state.axes.items() if axis is not None}
        self.parameters: dict[str, _Parameter] = {}
        for name, parameter in parameters.items():
            theta = parameter.detach().numpy()
            shape = theta.shape if state.axes[name] == 1 else (1, theta.size)
            count = state.count[name].numpy().reshape(-1)
            self.parameters[name] = _Parameter(
                theta=theta.reshape(shape),
                mean=state.mean[name].numpy().reshape(shape),
                square=state.square[name].numpy().reshape(shape),
                steps=count,
                repeats=shape[1] // max(len(count), 1),
            )

    def step(self, gradients: Mapping[str, Array], lr: float, scale: float) -> None:
        """One step along gradients of any shape, multiplied by ``scale`` first."""
        known: dict[tuple[bool, int, bytes], tuple[Array, Array]] = {}  # neurons' counts are mostly alike everywhere
        for name, parameter in self.parameters.items():
            theta, mean, square, count, repeats = parameter
            count += 1
            key = (name in self.neuronal, repeats, count.tobytes())
            if key not in known:
                rate = lr if self.paces is None or name not in self.neuronal else lr * self.paces
                known[key] = self._scales(count, repeats, rate, theta.dtype)
            step, root = known[key]
            dtype = theta.dtype.type
            with running("the optimizer", theta.dtype):
                side_by_side(
                    adam_rows, ranges(len(theta), 1, theta.size * NUMBER_NS), theta,
                    gradients[name].reshape(theta.shape), mean, square, step, root, dtype(scale), dtype(self.betas[0]),
                    dtype(self.betas[1]), dtype(self.eps),
                )  # fmt: skip

    def _scales(self, count: Array, repeats: int, lr: float | Array, dtype: npt.DTypeLike) -> tuple[Array, Array]:
        """``−lr/(1−β1^t)`` and ``√(1−β2^t)`` for every column."""
        beta1, beta2 = self.betas
        if count.size and isinstance(lr, float) and (count == count[0]).all():  # powers are dear
            t, columns = int(count[0]), len(count) * repeats
            step, root = -lr / (1.0 - beta1**t), (1.0 - beta2**t) ** 0.5
            return np.full(columns, step, dtype), np.full(columns, root, dtype)
        each = count.astype(np.float64)
        step_each, root_each = -lr / (1.0 - beta1**each), np.sqrt(1.0 - beta2**each)
        return np.repeat(step_each, repeats).astype(dtype), np.repeat(root_each, repeats).astype(dtype)
