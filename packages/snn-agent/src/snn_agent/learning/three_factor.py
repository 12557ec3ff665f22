"""A three-factor rule: presynaptic activity, what the neuron did minus what was expected, and a modulator of all.

The reward alone is a bad modulator: where its mean is not zero, the unsupervised part of the rule (post minus a fixed
expectation, times pre) learns too and drowns what the reward says. It vanishes only if the modulator is the reward
minus what *this state* let expect (Frémaux, Sprekeler & Gerstner, J. Neurosci. 30:13326, 2010); with time between
action and reward that is the error of a critic (Frémaux, Sprekeler & Gerstner, PLoS Comput. Biol. 9:e1003024, 2013;
the family: Frémaux & Gerstner, Front. Neural Circuits 9:85, 2016). Per decision, with its T ticks k::

    E41  s_h = ∂(count_h/T)/∂x_h,  d_a[k] = ∂evidence_a/∂u_a[k]     how ready a neuron is, from its own ticks (E1–E6)
    E42  e_ha = g·(1[a = action] − π_a)·Σ_k z_h[k]·d_a[k]           eligibility of an output synapse
    E43  e_dh = o_d·s_h·L_h,  L_h = g·Σ_a B_ha·(1[a = action] − π_a) + c·B_hv     and of an input synapse
    E44  e_h  = c·count_h/T                                          and of a critic synapse (the delta rule)
    E45  E ← γλ·E + e, and E ← 0 where an episode ends               the trace of a synapse in one world
    E46  δ = r + γ·V(next) − V                                       the modulator: one number for all, a world and step
    E47  ΔW ∝ Σ δ·E + β·∂entropy                                     the change, taken by Adam (E14) once an update

B is the neurons' feedback: the outgoing and critic weights themselves (``"symmetric"``), or fixed random numbers
(``"random"``; Lillicrap et al., Nature Communications 7:13276, 2016); both are the broadcast of reward-based e-prop
(Bellec et al., Nature Communications 11:3625, 2020). ``"none"``: E43 becomes ``e_dh = o_d·(rate_h − mean rate_h)``,
which knows nothing but the modulator, as in classical reward-modulated plasticity (Legenstein, Pecevski & Maass,
PLoS Comput. Biol. 4:e1000180, 2008). Hidden neurons here do not explore on their own, so its mean is zero wherever the
critic is right; what it learns, it learns from the critic's errors.

Units: rates in spikes a tick, drives and voltages in the threshold's, δ and V in the reward's.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from snn_agent.config import LearningConfig
from snn_agent.errors import ConfigError, NonFiniteError
from snn_agent.learning import neuron_adam
from snn_agent.learning.contract import UpdateDiagnostics
from snn_agent.learning.eligibility import Activity, Signals, activity, change, keeps
from snn_agent.learning.objective import weighted_mean
from snn_agent.learning.returns import advantages, lambda_returns
from snn_agent.learning.schedule import SCHEDULES
from snn_agent.learning.three_factor_state import Feedback, ThreeFactorState
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.network.topology import LEARNT, NEURON_AXIS
from snn_agent.types import Events, Rollout


class Lived(NamedTuple):
    """A rollout as the rule sees it, N = L·B decisions."""

    did: Activity
    modulator: Tensor  # [L, B] λ-return minus expectation, 0 where invalid
    valid: Tensor  # [N] 1, or 0 where a step was no real transition
    surprise: Tensor  # [N, A] 1[a = action] − π_a
    to_entropy: Tensor  # [N, A] ∂entropy/∂logit
    log_prob: Tensor  # [N]
    entropy: Tensor  # [N] nats


class ThreeFactor:
    """The learning rule ``"three_factor"``; equations above. It passes over each rollout once."""

    name = "three_factor"

    def __init__(self, config: LearningConfig) -> None:
        self.config = config
        self.trace_decay = config.gamma * config.lam
        self._schedule = SCHEDULES[config.schedule]

    def init(self, organism: GrowingSparseSNN) -> ThreeFactorState:
        """Zero moments and counts, no traces; random feedback has the scale of fresh outgoing weights."""
        parameters: dict[str, Tensor] = {name: tensor.detach() for name, tensor in organism.learnt().items()}
        network, is_random = organism.config, self.config.feedback == "random"
        feedback = Feedback(
            weight=organism.bias.detach().new_zeros(0, network.output_features + 1 if is_random else 0),
            std=network.outgoing_scale / math.sqrt(network.init_hidden),
            seed=organism.draws.initial_seed() % 2**31,
            drawn=0,
        )
        return ThreeFactorState(
            adam=neuron_adam.init(parameters, {name: NEURON_AXIS[name] for name in LEARNT}),
            traces={name: tensor.new_zeros(0, *tensor.shape) for name, tensor in parameters.items()},
            feedback=feedback.grow(organism.hidden),
        )

    @torch.no_grad()
    def update(
        self,
        organism: GrowingSparseSNN,
        state: ThreeFactorState,
        rollout: Rollout,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[ThreeFactorState, UpdateDiagnostics]:
        """One step of the optimizer along E47. No random number is used; moments and traces change in place, so go on
        with the state that is returned.

        Within a rollout the weights stand still, so Σ_t δ_t·E_t is summed the other way round: each step's eligibility
        meets all that its trace will meet, ``Σ_{n≥t} (γλ)^{n−t}·δ_n``, which is λ-return minus expectation; and a trace
        from before the rollout meets γλ times what the first step meets. So one rollout of L steps changes what L
        rollouts of one step would, as long as the weights are the same.

        Raises:
            ConfigError: some neurons are protected.
            NonFiniteError: the loss or the change is not finite; weights and traces are those before this step.
        """
        del generator
        if bool(organism.protected.any()):
            raise ConfigError(
                f'rule="three_factor" would change the {int(organism.protected.sum())} protected neurons. Use '
                f'rule="reinforce", which leaves them as they are.'
            )
        state = state.for_worlds(rollout.action.shape[1])
        lived = self._relive(organism, rollout)
        found = self._change(organism, state, lived)
        diagnostics = self._diagnose(lived, found)
        if not math.isfinite(diagnostics.gradient_norm) or not math.isfinite(diagnostics.loss):
            raise NonFiniteError(
                f"the loss is {diagnostics.loss:g} and the norm of the change {diagnostics.gradient_norm:g}. Weights "
                f"and traces are those before this step. Lower learning_rate ({self.config.learning_rate:g}), or look "
                f"for numbers in the observations or rewards that are not finite."
            )
        ended = rollout.terminated | rollout.truncated | ~rollout.valid
        left, before = keeps(ended, self.trace_decay)
        signals = self._signals(organism, state.feedback, lived, left.to(lived.valid).reshape(-1), 0.0)
        state.remember(change(lived.did, signals, ended.shape[1]), before)  # by the weights that decided
        downhill = {name: -tensor for name, tensor in found.items()}
        learning_rate = self._schedule(self.config.learning_rate, progress)
        adam = neuron_adam.update(downhill, state.adam, dict(organism.learnt()), lr=learning_rate)
        return state._replace(adam=adam), diagnostics

    def _relive(self, organism: GrowingSparseSNN, rollout: Rollout) -> Lived:
        n, seen, state = rollout.action.numel(), rollout.observation, rollout.state
        target = lambda_returns(
            rollout.reward, rollout.terminated, rollout.truncated, rollout.next_value, self.config.gamma,
            self.config.lam, rollout.valid,
        )  # fmt: skip
        did = activity(
            organism,
            seen if isinstance(seen, Events) else seen.reshape(n, -1),
            None if state is None else state.map(lambda tensor: tensor.reshape(n, -1)),
        )
        log_policy = torch.log_softmax(did.gain * did.evidence, dim=-1)
        policy, action = log_policy.exp(), rollout.action.reshape(-1, 1)
        entropy = -(policy * log_policy).sum(dim=-1)
        return Lived(
            did=did,
            modulator=advantages(target, rollout.value, rollout.valid),
            valid=rollout.valid.reshape(-1).to(policy.dtype),
            surprise=torch.zeros_like(policy).scatter_(1, action, 1.0) - policy,
            to_entropy=-policy * (log_policy + entropy[:, None]),
            log_prob=log_policy.gather(1, action).squeeze(1),
            entropy=entropy,
        )

    def _signals(
        self, organism: GrowingSparseSNN, feedback: Feedback, lived: Lived, weight: Tensor, entropy_weight: float
    ) -> Signals:
        """The third factor as it reaches each neuron, times a weight a decision, [N]."""
        output = weight[:, None] * lived.surprise
        if entropy_weight:
            output += (entropy_weight * lived.valid)[:, None] * lived.to_entropy
        critic = self.config.value_weight * weight
        if self.config.feedback == "none":
            expected = (lived.valid @ lived.did.rate) / lived.valid.sum().clamp_min(1.0)
            return Signals(output, weight[:, None] * (lived.did.rate - expected), critic)
        if self.config.feedback == "random":
            of_actions, of_critic = feedback.weight[:, :-1], feedback.weight[:, -1]
        else:
            of_actions, of_critic = organism.outgoing, organism.critic
        arriving = (lived.did.gain * output) @ of_actions.T + critic[:, None] * of_critic
        return Signals(output, lived.did.rate_slope * arriving, critic)

    def _change(self, organism: GrowingSparseSNN, state: ThreeFactorState, lived: Lived) -> dict[str, Tensor]:
        """The mean change a decision, before the size of the step (E47)."""
        signals = self._signals(
            organism, state.feedback, lived, lived.modulator.reshape(-1), self.config.entropy_weight
        )
        late = state.recall(self.trace_decay * lived.modulator[0])
        n = lived.valid.sum().clamp_min(1.0)
        found = {name: (sums[0] + late[name]) / n for name, sums in change(lived.did, signals, 1).items()}
        if not organism.is_dense():
            found["incoming"] *= organism.synapses != 0
        return found

    def _diagnose(self, lived: Lived, found: dict[str, Tensor]) -> UpdateDiagnostics:
        modulator, valid = lived.modulator.reshape(-1), lived.valid
        entropy = weighted_mean(lived.entropy, valid)
        policy_loss = -weighted_mean(modulator * lived.log_prob, valid) - self.config.entropy_weight * entropy
        value_loss = 0.5 * weighted_mean(modulator.square(), valid)
        return UpdateDiagnostics(
            loss=float(policy_loss + self.config.value_weight * value_loss),
            policy_loss=float(policy_loss),
            value_loss=float(value_loss),
            entropy=float(entropy),
            approx_kl=0.0,  # the policy learns from decisions of its own
            clip_fraction=0.0,
            gradient_norm=float(torch.stack([tensor.norm() for tensor in found.values()]).norm()),
        )
