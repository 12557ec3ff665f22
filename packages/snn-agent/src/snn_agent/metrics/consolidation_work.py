"""How many operations it takes to hold on to earlier tasks (E52–E54), by the same price model as learning itself."""

from __future__ import annotations

from typing import Final

from snn_agent.metrics.operations import MAC, OperationCounts, Work

PULL: Final = Work(acs=1, macs=2, words=5)
"""One penalty's gradient ``λF·(θ − θ*)`` for one weight: a difference (AC), λF, and the product of the two, which is
added to the weight's gradient (2 MACs); read are θ, θ*, F and the gradient, which is written."""


def penalty_work(held: float, optimizer_steps: float) -> Work:
    """Operations of the penalty's gradient, ``PULL · held · optimizer steps`` (E56).

    The penalty's value, which is only reported, is left out, as the loss is in
    :func:`~snn_agent.metrics.operations.learning_work`.

    Args:
        held: weights that a penalty holds, whatever their importance, added up over all penalties that are kept: K
            terms of ``"ewc"`` on P weights are K·P, the one term of ``"online_ewc"`` is P.
        optimizer_steps: steps taken.
    """
    return PULL * (held * optimizer_steps)


def fisher_work(decision: OperationCounts, replay: Work, *, samples: float, squares: float) -> Work:
    """Operations of measuring the Fisher information once, at a task's end (E57).

    A sample: the decision from which its action is drawn; the same forward again and backward, as in learning but
    without the critic (``replay``); and the squares. Of the incoming weights they take no more operations than the
    gradients, for ``(∂ ln π/∂W_dh)² = x_d²·δ_h²`` is one product for each event; what is squared beside them, a MAC
    each, is ``squares``. Softmax and the one division by the number of samples are left out.

    Args:
        decision: of :func:`~snn_agent.metrics.operations.count_decision`, without the critic.
        replay: forward and backward pass of all samples.
        samples: states on which it is measured.
        squares: numbers that are squared a sample.
    """
    return replay + (decision.work() + MAC * squares) * samples
