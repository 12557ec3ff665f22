"""A check that tensors which belong together have the shape they should."""

from __future__ import annotations

from torch import Tensor

from snn_agent.errors import ConfigError


def require_same_shape(layout: str, **tensors: Tensor) -> None:
    """Raise ConfigError unless all tensors have one shape with as many axes as the layout ("[L, B]") has letters.

    Broadcasting would turn [N] − [N, 1] into a silent [N, N].
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    axes = layout.count(",") + 1
    if len(set(shapes.values())) > 1 or any(len(shape) != axes for shape in shapes.values()):
        raise ConfigError(f"these tensors must all have the same shape {layout}, got {shapes}.")
    if any(0 in shape for shape in shapes.values()):
        raise ConfigError(f"these tensors must not be empty, got {shapes}.")
