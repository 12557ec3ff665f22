"""Returns of a rollout, time first: how much reward followed each step.

The functions go from the last of the L steps to the first, for all B worlds at once. They hold no gradients: targets
are data.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snn_agent.engine.numba_compile import kernel, running
from snn_agent.errors import ConfigError
from snn_agent.learning.shapes import require_same_shape


def _require_unit_interval(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"{name} must lie in [0, 1], got {value!r}.")


@torch.no_grad()
def discounted_returns(reward: Tensor, discount: Tensor, bootstrap: Tensor) -> Tensor:
    """Discounted sum of the rewards that follow each step.

    ``G_t = r_t + d_t · G_{t+1}``, ``G_L = bootstrap`` (Sutton & Barto, *Reinforcement Learning*, 2018, eq. 3.9).
    A discount of 0 ends an episode inside the trace. It cannot express truncation there: that needs the value of the
    last observation, see :func:`lambda_returns`.

    Args:
        reward: [L, B], what step t paid.
        discount: [L, B], γ, or 0 where step t terminated its episode.
        bootstrap: [B], value of what follows the last step.

    Returns:
        [L, B].
    """
    require_same_shape("[L, B]", reward=reward, discount=discount)
    require_same_shape("[B]", reward_of_one_step=reward[0], bootstrap=bootstrap)
    result = torch.empty_like(reward)
    following = bootstrap
    for step in range(len(reward) - 1, -1, -1):
        following = torch.addcmul(reward[step], discount[step], following, out=result[step])
    return result


@torch.no_grad()
def lambda_returns(
    reward: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    next_value: Tensor,
    gamma: float,
    lam: float,
    valid: Tensor | None = None,
) -> Tensor:
    """λ-returns: the average of all n-step returns, weighted by (1−λ)·λ^(n−1), the targets of a critic.

    ``G_t = r_t + γ_t · ((1 − λ_t) · v_{t+1} + λ_t · G_{t+1})`` (Sutton & Barto, 2018, eq. 12.18), with γ_t = 0 where
    step t *terminated* its episode (nothing follows), and λ_t = 0 where it *truncated* it, is the last of the rollout
    or precedes an invalid step (something followed, but it is not in this trace: ``v_{t+1}`` stands for it).
    ``G_t − v_t`` is the generalised advantage estimate (Schulman et al., arXiv 1506.02438).

    Args:
        reward: [L, B], what step t paid.
        terminated: [L, B] bool, step t reached a final state.
        truncated: [L, B] bool, step t ended the episode for another reason.
        next_value: [L, B], value of the observation that followed step t *in the same episode*: where truncated, of
            its last observation; where terminated, not read.
        gamma: discount a step, in [0, 1].
        lam: weight of the longer returns: 0 is one step, 1 the discounted return.
        valid: [L, B] bool, False where a step is no real transition (the reset step of ``NEXT_STEP`` autoreset);
            such a step's numbers are not read and its target is 0.

    Returns:
        Targets [L, B].
    """
    _require_unit_interval("gamma", gamma)
    _require_unit_interval("lam", lam)
    valid = torch.ones_like(terminated, dtype=torch.bool) if valid is None else valid
    require_same_shape(
        "[L, B]", reward=reward, terminated=terminated, truncated=truncated, next_value=next_value, valid=valid
    )
    goes_on = ~(terminated | truncated)
    goes_on[-1] = False
    goes_on[:-1] &= valid[1:]
    after = next_value.masked_fill(terminated, 0.0)
    walk = _walk_back_on_cpu if reward.device.type == "cpu" else _walk_back
    return walk(reward, after, goes_on, gamma, lam).masked_fill_(~valid, 0.0)


def _walk_back(reward: Tensor, after: Tensor, goes_on: Tensor, gamma: float, lam: float) -> Tensor:
    """From the last step to the first, on any device."""
    result = torch.empty_like(reward)
    following = torch.zeros_like(after[-1])
    for step in range(len(reward) - 1, -1, -1):
        blended = torch.where(goes_on[step], (1.0 - lam) * after[step] + lam * following, after[step])
        following = torch.add(reward[step], blended, alpha=gamma, out=result[step])
    return result


def _walk_back_on_cpu(reward: Tensor, after: Tensor, goes_on: Tensor, gamma: float, lam: float) -> Tensor:
    """The same as a kernel: five small operations a step were a fortieth of the time of a small network."""
    result = reward.contiguous().clone()
    found = result.numpy()
    with running("the returns", found.dtype):
        walk_back(found, after.numpy(), goes_on.numpy(), found.dtype.type(gamma), found.dtype.type(lam))
    return result


@kernel
def walk_back(result, after, goes_on, gamma, lam):  # type: ignore[no-untyped-def]
    """Turn the rewards [L, B] in ``result`` into λ-returns."""
    L, B = result.shape
    for b in range(B):
        result[L - 1, b] += gamma * after[L - 1, b]
    for back in range(2, L + 1):
        step = L - back
        for b in range(B):
            value = after[step, b]
            blended = value + lam * (result[step + 1, b] - value) if goes_on[step, b] else value
            result[step, b] += gamma * blended


@torch.no_grad()
def advantages(targets: Tensor, value: Tensor, valid: Tensor | None = None) -> Tensor:
    """How much better a step went than its value promised: ``A_t = G_t − v_t``, 0 where invalid, [L, B]."""
    require_same_shape("[L, B]", targets=targets, value=value)
    difference = targets - value
    return difference if valid is None else difference.masked_fill_(~valid, 0.0)


@torch.no_grad()
def normalise(advantage: Tensor, valid: Tensor | None = None, epsilon: float = 1e-8) -> Tensor:
    """Advantages with mean 0 and standard deviation 1 over the valid entries, 0 elsewhere; any shape.

    The population's deviation (division by n) is used, so that one entry gives 0 and not NaN, as do equal entries.
    """
    valid = torch.ones_like(advantage, dtype=torch.bool) if valid is None else valid
    n = valid.sum().clamp_min(1)
    mean = advantage.masked_fill(~valid, 0.0).sum() / n
    centred = (advantage - mean).masked_fill_(~valid, 0.0)
    return centred / ((centred.square().sum() / n).sqrt() + epsilon)
