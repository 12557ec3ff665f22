"""A life that holds on to its tasks, stopped while they pull, goes on from its checkpoint as if nothing had been."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from training_cases import differences, everything, lines_without_clock

from snn_agent import Callback, ContinualTrainer, GrowingSparseSNN, LearningConfig, NetworkConfig, TrainingConfig
from snn_agent.config import METHODS, ContinualConfig, StructureConfig
from snn_agent.learning.reinforce import ReinforceState
from snn_agent.network import heads
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.checkpoint import Checkpoint
from snn_agent.training.snapshot import rebuild_organism

SEQUENCE = (0, 1, 2)
STEPS = 4 * 4 * 8
"""Of a phase: 4 updates of 4 poles and 8 steps, and a fifth where steps were resets."""
STOPPED = 10
"""Updates after which there is a checkpoint, in the third phase; the life breaks off in the next one."""
TURNING = StructureConfig(
    growth="periodic", growth_size=3, birth="split", grow_interval=3, pruning="low_utility", prune_share=0.2,
    prune_interval=4, maturity_updates=2, interval_unit="updates",
)  # fmt: skip
METHOD: dict[str, ContinualConfig] = {
    "ewc": METHODS["ewc"],
    "online_ewc with heads": dataclasses.replace(METHODS["online_ewc"], heads="task"),
}


class Poles(CartPoleVectorEnv):
    """CartPole that can be saved."""

    def __init__(self, gravity: float) -> None:
        super().__init__(num_envs=4, max_episode_steps=20)
        self.gravity = gravity

    def get_state(self) -> dict[str, np.ndarray]:
        random = self.np_random.bit_generator.state
        whole = b"".join(random["state"][name].to_bytes(16, "little") for name in ("state", "inc"))
        rest = [random["has_uint32"], random["uinteger"]]
        numbers = {"random": np.frombuffer(whole, np.uint64).copy(), "random_rest": np.array(rest, np.uint64)}
        assert self.state is not None
        return numbers | {"state": self.state.copy(), "steps": self.steps.copy(), "prev_done": self.prev_done.copy()}

    def set_state(self, state: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, Any]]:
        self.reset(seed=0)
        whole, (has, number) = state["random"].tobytes(), state["random_rest"].tolist()
        parts = {"state": int.from_bytes(whole[:16], "little"), "inc": int.from_bytes(whole[16:], "little")}
        self.np_random.bit_generator.state = {
            "bit_generator": "PCG64", "state": parts, "has_uint32": has, "uinteger": number,
        }  # fmt: skip
        self.state, self.steps = state["state"].copy(), state["steps"].copy()
        self.prev_done = state["prev_done"].copy()
        return self.state.T.astype(np.float32), {}


class Stops(Callback):
    """Breaks off in the middle of an update."""

    def on_update(self, run: Any, record: Any) -> None:
        del run
        if record.update == STOPPED + 1:
            raise KeyboardInterrupt


def life_for(method: str, run_dir: Path, engine: str, **options: Any) -> ContinualTrainer:
    tasks = [Poles(gravity) for gravity in (9.8, 25.0, 4.0)]
    spaces = tasks[0].single_observation_space, tasks[0].single_action_space
    config = NetworkConfig(
        init_hidden=12, max_hidden=24, min_hidden=4, ticks=5, input_power=1.0, hidden_bias=1.5, incoming_scale=2.0,
        input_scaling="standardise",
    )  # fmt: skip
    organism = options.pop("organism", None) or GrowingSparseSNN.for_spaces(*spaces, config, engine=engine)
    return ContinualTrainer(
        organism,
        tasks,
        LearningConfig(reuse_epochs=2, minibatches=2, learning_rate=0.01),
        TURNING,
        TrainingConfig(rollout_steps=8, checkpoint_every_updates=STOPPED, keep_checkpoints=3),
        continual=METHOD[method],
        sequence=SEQUENCE,
        phase_steps=STEPS,
        evaluate_every=STEPS // 2,
        evaluation_episodes=2,
        names=["earth", "jupiter", "moon"],
        run_dir=run_dir,
        **options,
    )


def stopped(method: str, run_dir: Path, engine: str = "torch") -> Path:
    """The run directory of a life that was broken off."""
    with pytest.raises(KeyboardInterrupt):
        life_for(method, run_dir, engine, callbacks=[Stops()]).train()
    return run_dir


def resumed(method: str, run_dir: Path, checkpoint: Checkpoint, engine: str = "torch") -> ContinualTrainer:
    organism = rebuild_organism(checkpoint.state["organism"], checkpoint.model)
    return life_for(method, run_dir, engine, organism=organism, resume=checkpoint)


def learner_of(life: ContinualTrainer) -> ReinforceState:
    learner = life.trainer.agent.learner
    assert isinstance(learner, ReinforceState)
    return learner


@pytest.mark.parametrize("engine", ["torch", "numba"])
@pytest.mark.parametrize("method", METHOD)
def test_a_life_stopped_while_its_past_pulls_goes_on_exactly(tmp_path: Path, method: str, engine: str) -> None:
    whole = life_for(method, tmp_path / "whole", engine)
    whole.train()
    run_dir = stopped(method, tmp_path / "run", engine)

    again = resumed(method, run_dir, checkpoints.load_newest(run_dir)[1], engine)
    organism = again.organism
    assert (again.trainer.agent.counters.update, again.phase) == (STOPPED, 2)
    past, own_heads = learner_of(again).consolidation, METHOD[method].heads == "task"
    assert len(past.memories) == (1 if own_heads else 2)
    assert past.pulls
    assert float(past.penalty(dict(organism.learnt()))[0]) > 0.0, "the case shows too little"
    assert heads.known(organism) == ((0, 1) if own_heads else ())
    assert again.trainer.agent.ledger.learning.macs > 0.0

    again.train()
    found, expected = everything(again.trainer), everything(whole.trainer)
    assert differences(found, expected) == []
    parts = {"incoming", "learner.consolidation.0.fisher.incoming", "learner.consolidation.0.anchor.bias", "ledger"}
    assert parts <= expected.keys()
    if own_heads:
        assert expected["head_outgoing"].shape[0] == 2
    assert again.trainer.agent.ledger == whole.trainer.agent.ledger
    for name in ("evaluations.jsonl", "phases.jsonl", "events.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert lines_without_clock(tmp_path / "run") == lines_without_clock(tmp_path / "whole")
    counters = whole.trainer.agent.counters
    assert min(counters.growth_events, counters.pruning_events) > 1, "the case shows too little"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stopped("ewc", tmp_path_factory.mktemp("broken") / "run")


def ends_of(broken: Path, copy: Path, part: str) -> dict[str, Any]:
    """What becomes of the broken life if a part of what it remembers is another one."""
    shutil.copytree(broken, copy)
    checkpoint = checkpoints.load_newest(copy)[1]
    changed = {
        name: tensor + 1.0 if part and name.startswith("learner.consolidation.") and part in name else tensor
        for name, tensor in checkpoint.optimizer.items()
    }
    life = resumed("ewc", copy, checkpoint._replace(optimizer=changed))
    life.train()
    return everything(life.trainer)


def test_each_part_of_what_is_remembered_matters(broken: Path, tmp_path: Path) -> None:
    """Otherwise the comparison above would not notice if one were lost."""
    known = ends_of(broken, tmp_path / "same", "")
    assert differences(ends_of(broken, tmp_path / "again", ""), known) == []
    for part in ("fisher", "anchor", "strength"):
        assert "incoming" in differences(ends_of(broken, tmp_path / part, part), known), part
