"""How fast newborn neurons learn, beside the others: a schedule that follows each neuron's own age."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_agent.config import LearningConfig
from snn_agent.learning.neuron_adam import AdamState


def paces(adam: AdamState, config: LearningConfig) -> Tensor | None:
    """What each neuron's learning rate is multiplied with, float64 [H]; None where all are 1.

    A neuron is newborn while it has taken fewer than ``newborn_steps`` steps of the optimizer, and fewer than the
    oldest has: founders never are, so where nobody is born nothing differs. A schedule that has let the rate fall by
    the time they are born then falls anew for them.
    """
    if config.newborn_pace == 1.0:
        return None
    count = adam.count["bias"]
    newborn = (count < config.newborn_steps) & (count < count.max())
    if not bool(newborn.any()):
        return None
    return torch.where(newborn, config.newborn_pace, 1.0).double()
