"""One step of :mod:`snn_agent.learning.neuron_adam` in one pass over memory, on the CPU.

The step is as large as memory is slow: the plain version goes six times over gradients and moments, this one once. It is
the same rule with the same state; numbers differ from the plain one by rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from snn_agent.engine.numba_compile import kernel, running
from snn_agent.engine.threads import ranges, side_by_side
from snn_agent.learning.neuron_adam import AdamState

Array = npt.NDArray[Any]
STEP_NS = 1.5
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


def update(
    gradients: Mapping[str, Tensor],
    state: AdamState,
    parameters: Mapping[str, Tensor],
    *,
    lr: float,
    scale: float = 1.0,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> AdamState:
    """As :func:`snn_agent.learning.neuron_adam.update`, with gradients multiplied by ``scale`` first.

    Everything changes in place; all tensors are contiguous, on the CPU and of one type.
    """
    for name, parameter in parameters.items():
        theta = parameter.detach().numpy()
        state.count[name].add_(1)
        step, root = _scales(state.count[name].numpy(), lr, betas, theta.dtype)
        if state.axes[name] == 1:
            shape = theta.shape
        else:  # one row, with a step for each number
            shape = (1, theta.size)
            each = theta.size // max(step.size, 1)
            step, root = np.repeat(step, each), np.repeat(root, each)
        arrays = (theta, gradients[name].numpy(), state.mean[name].numpy(), state.square[name].numpy())
        dtype = theta.dtype.type
        with running("the optimizer", theta.dtype):
            side_by_side(
                adam_rows, ranges(shape[0], 1, theta.size * STEP_NS), *(array.reshape(shape) for array in arrays), step,
                root, dtype(scale), dtype(betas[0]), dtype(betas[1]), dtype(eps),
            )  # fmt: skip
    return state


def _scales(count: Array, lr: float, betas: tuple[float, float], dtype: npt.DTypeLike) -> tuple[Array, Array]:
    """``−lr/(1−β1^t)`` and ``√(1−β2^t)`` for every neuron, at least one."""
    counts = np.atleast_1d(count)
    if counts.size and counts[0] == counts[-1] and (counts == counts[0]).all():  # powers are dear
        t = float(counts[0])
        step, root = -lr / (1.0 - betas[0] ** t), (1.0 - betas[1] ** t) ** 0.5
        return np.full(counts.shape, step, dtype), np.full(counts.shape, root, dtype)
    t_each = counts.astype(np.float64)
    return (-lr / (1.0 - betas[0] ** t_each)).astype(dtype), np.sqrt(1.0 - betas[1] ** t_each).astype(dtype)
