"""What the metrics say of the critic and of the activity."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from training_cases import FIXED, LEARNING, Songs, lines_without_clock, organism_for, trainer_for, update

from snn_agent.learning.returns import lambda_returns
from snn_agent.network.events import find_events
from snn_agent.network.organism import GrowingSparseSNN
from snn_agent.training import checkpoint as checkpoints
from snn_agent.training.snapshot import rebuild_organism
from snn_agent.training.vitals import RANK_DECISIONS, RANK_EVERY, critic_error_of, effective_rank_of
from snn_agent.types import Rollout

LIVELY = {"ticks": 12, "incoming_scale": 4.0}
"""Neurons that say different things."""


def rollout_of(organism: GrowingSparseSNN, steps: int = 7, worlds: int = 5, seed: int = 0) -> Rollout:
    """Random numbers, of which some steps are resets that hold nonsense."""
    generator = torch.Generator().manual_seed(seed)
    shape = (steps, worlds)
    valid = torch.rand(shape, generator=generator) > 0.2
    seen = torch.rand(*shape, organism.config.input_features, generator=generator)
    return Rollout(
        observation=seen,
        action=torch.zeros(shape, dtype=torch.int64),
        log_prob=torch.zeros(shape),
        value=torch.randn(shape, generator=generator).masked_fill(~valid, 1e6),
        next_value=torch.randn(shape, generator=generator),
        reward=torch.randn(shape, generator=generator),
        terminated=torch.rand(shape, generator=generator) < 0.1,
        truncated=torch.rand(shape, generator=generator) < 0.1,
        valid=valid,
        counts=torch.zeros(organism.hidden),
        state=None,
    )


def test_the_critics_error_is_over_all_true_decisions() -> None:
    rollout = rollout_of(organism_for(Songs()))
    r = rollout
    target = lambda_returns(
        r.reward, r.terminated, r.truncated, r.next_value, LEARNING.gamma, LEARNING.lam, r.valid
    ).numpy()
    kept = [(target[t, b], float(r.value[t, b])) for t in range(7) for b in range(5) if r.valid[t, b]]
    g, v = np.array(kept, dtype=np.float64).T
    expected = np.sqrt(np.mean((g - v) ** 2)) / np.std(g)
    assert critic_error_of(rollout, LEARNING) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("steps", [7, 100])
def test_the_rank_is_that_of_a_sample(steps: int) -> None:
    organism = organism_for(Songs(), **LIVELY)
    rollout = rollout_of(organism, steps)
    with torch.no_grad():
        counts = organism(rollout.observation[rollout.valid])[0].counts.numpy().astype(np.float64)
    if len(counts) > RANK_DECISIONS:
        order = torch.randperm(len(counts), generator=torch.Generator().manual_seed(0))
        counts = counts[order[:RANK_DECISIONS].numpy()]
    sigma = np.linalg.svd(counts, compute_uv=False)
    share = sigma[sigma > 1e-9 * sigma[0]] / sigma.sum()
    expected = math.exp(-float((share * np.log(share)).sum()))
    assert 1.5 < expected < organism.hidden
    assert effective_rank_of(organism, rollout) == pytest.approx(expected, rel=1e-4)


def test_the_kernels_say_the_same_as_the_organism() -> None:
    pytest.importorskip("numba")
    plain = organism_for(Songs(), **LIVELY)
    fused = GrowingSparseSNN(4, 12, 40, 2, config=plain.config, engine="numba")
    fused.load_state_dict(plain.state_dict())
    rollout = rollout_of(plain)
    assert effective_rank_of(fused, rollout) == pytest.approx(effective_rank_of(plain, rollout), rel=1e-6)


def test_events_have_the_same_rank() -> None:
    organism = organism_for(Songs(), **LIVELY)
    rollout = rollout_of(organism)
    flat = rollout.observation.reshape(35, -1)
    as_events = rollout._replace(observation=find_events(flat.numpy()))
    assert effective_rank_of(organism, as_events) == effective_rank_of(organism, rollout)


def test_looking_changes_nothing() -> None:
    organism = organism_for(Songs(), encoding="poisson")
    before = organism.draws.get_state()
    effective_rank_of(organism, rollout_of(organism))
    assert torch.equal(organism.draws.get_state(), before)
    organism(torch.rand(3, 4))
    assert not torch.equal(organism.draws.get_state(), before), "the case shows too little"


def test_a_rollout_of_resets_has_no_rank() -> None:
    organism = organism_for(Songs())
    rollout = rollout_of(organism)
    nothing = rollout._replace(valid=torch.zeros_like(rollout.valid))
    assert effective_rank_of(organism, nothing) == 0.0
    assert math.isnan(critic_error_of(nothing, LEARNING))


def column(run_dir: Path, name: str) -> list[float]:
    return [float(row[name]) for row in csv.DictReader((run_dir / "metrics.csv").read_text().splitlines())]


def test_the_rank_is_written_at_every_32nd_update_resumed_or_not(tmp_path: Path) -> None:
    unbroken = update(trainer_for(run_dir=tmp_path / "unbroken", structure=FIXED), 2 * RANK_EVERY + 1)
    first = update(trainer_for(run_dir=tmp_path / "run", structure=FIXED), RANK_EVERY + 8)
    first.save()
    update(first, 1)
    checkpoint = checkpoints.load_newest(tmp_path / "run")[1]
    organism = rebuild_organism(checkpoint.state["organism"], checkpoint.model)
    second = trainer_for(organism=organism, run_dir=tmp_path / "run", resume=checkpoint, structure=FIXED)
    update(second, RANK_EVERY - 7)
    assert lines_without_clock(tmp_path / "run") == lines_without_clock(tmp_path / "unbroken")
    ranks = column(tmp_path / "run", "effective_rank")
    assert [n for n, rank in enumerate(ranks, start=1) if not math.isnan(rank)] == [32, 64]
    assert all(1.0 <= ranks[n - 1] <= unbroken.organism.hidden for n in (32, 64))
    errors = column(tmp_path / "run", "critic_error")
    assert sum(math.isfinite(error) and error > 0.0 for error in errors) > 60
