"""Statistics of neurons and measures of a layer: hand cases and closed forms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn_agent.errors import ConfigError
from snn_agent.metrics import measures, statistics


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 10)), min_size=1, max_size=30),
    st.sampled_from([0.0, 0.5, 0.9, 0.99]),
)
def test_averages_are_exponential_and_corrected_by_age(seen: list[tuple[float, float]], decay: float) -> None:
    stats = statistics.init(1)
    rate = utility = 0.0
    for x, norm in seen:
        stats = statistics.update(stats, torch.tensor([x]), torch.tensor([norm]), decay)
        rate = decay * rate + (1.0 - decay) * x
        utility = decay * utility + (1.0 - decay) * x * norm
    correction = 1.0 - decay ** len(seen)
    assert float(stats.rate) == pytest.approx(rate / correction, rel=1e-4, abs=1e-6)
    assert float(stats.utility) == pytest.approx(utility / correction, rel=1e-4, abs=1e-6)
    assert stats.age.tolist() == [len(seen)]


def test_a_newborn_is_judged_by_what_it_did_not_by_its_youth() -> None:
    """An old and a new neuron that do the same have the same averages at once, exactly."""
    stats = statistics.init(1)
    x, norm = torch.tensor([0.1]), torch.tensor([3.0])
    for _ in range(50):
        stats = statistics.update(stats, x, norm, 0.99)
    stats = statistics.resize(stats, torch.tensor([0]), 1, first_new_id=1, update=50)
    assert stats.rate[1] == 0.0
    stats = statistics.update(stats, x.expand(2), norm.expand(2), 0.99)
    assert float(stats.rate[1]) == float(x)
    assert stats.rate.tolist() == pytest.approx([0.1, 0.1], rel=1e-6)
    assert stats.utility.tolist() == pytest.approx([0.3, 0.3], rel=1e-6)


def test_names_are_stable_for_life_and_never_given_again() -> None:
    stats = statistics.init(4, first_id=10)
    stats = statistics.update(stats, torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.ones(4), 0.9)
    stats = statistics.resize(stats, torch.tensor([0, 2]), 2, first_new_id=14, update=7)
    assert stats.id.tolist() == [10, 12, 14, 15]
    assert stats.birth_update.tolist() == [0, 0, 7, 7]
    assert stats.age.tolist() == [1, 1, 0, 0]
    assert stats.rate.tolist() == pytest.approx([0.1, 0.3, 0.0, 0.0])
    assert {tensor.dtype for tensor in stats[2:]} == {torch.int64}
    with pytest.raises(ConfigError, match="above 15"):
        statistics.resize(stats, torch.tensor([0]), 1, first_new_id=15, update=8)


def test_every_tensor_of_the_statistics_follows_the_neurons() -> None:
    changed = statistics.resize(statistics.init(37), torch.arange(5, 37), 3, first_new_id=37, update=1)
    assert {len(tensor) for tensor in changed} == {35}


def test_statistics_are_values() -> None:
    stats = statistics.init(2)
    statistics.update(stats, torch.ones(2), torch.ones(2), 0.9)
    statistics.resize(stats, torch.tensor([1]), 1, first_new_id=2, update=1)
    assert all(torch.equal(a, b) for a, b in zip(stats, statistics.init(2), strict=True))


def test_mean_contribution_is_what_the_outputs_lose() -> None:
    """With constant rates, the drive of the outputs is the sum of the contributions."""
    rate = torch.tensor([0.5, 0.0, 0.25])
    stats = statistics.update(statistics.init(3), rate, torch.ones(3), 0.9)
    outgoing = torch.tensor([[1.0, -2.0], [9.0, 9.0], [4.0, 0.0]])
    found = statistics.mean_contribution(stats, outgoing)
    assert found.tolist() == [[0.5, -1.0], [0.0, 0.0], [1.0, 0.0]]
    torch.testing.assert_close(found.sum(dim=0), rate @ outgoing)
    assert statistics.mean_contribution(stats, outgoing[:, 0]).tolist() == [0.5, 0.0, 1.0]


def test_wrong_statistics_are_refused() -> None:
    stats = statistics.init(3)
    with pytest.raises(ConfigError, match="decay"):
        statistics.update(stats, torch.ones(3), torch.ones(3), 1.0)
    with pytest.raises(ConfigError, match="resize"):
        statistics.update(stats, torch.ones(4), torch.ones(4), 0.9)
    for keep in ([3], [0, 0], [-1]):
        with pytest.raises(ConfigError, match="distinct indices"):
            statistics.resize(stats, torch.tensor(keep), 0, first_new_id=3, update=0)
    with pytest.raises(ConfigError, match="negative"):
        statistics.init(-1)


def test_activity_by_hand() -> None:
    """Two decisions of 10 ticks, four neurons."""
    counts = torch.tensor([[0.0, 1.0, 4.0, 10.0], [0.0, 0.0, 6.0, 10.0]])
    rate = measures.firing_rates(counts, 10)
    assert rate.tolist() == pytest.approx([0.0, 0.05, 0.5, 1.0])
    assert measures.mean_firing_rate(rate) == pytest.approx(31 / 80)
    assert measures.sparsity(rate) == pytest.approx(49 / 80)  # of 80 neuron-ticks 49 are without a spike
    assert measures.silent_fraction(rate, 0.05001) == 0.5
    assert measures.silent_fraction(rate, 0.0) == 0.0


def test_dormant_fraction_by_hand() -> None:
    activity = torch.tensor([0.0, 0.01, 1.0, -2.99])  # mean magnitude 1, so these are the scores
    found = [measures.dormant_fraction(activity, tau) for tau in (0.0, 0.009, 0.025, 1.5, 3.0)]
    assert found == [0.25, 0.25, 0.5, 0.75, 1.0]
    assert measures.dormant_fraction(torch.zeros(3)) == 1.0
    assert measures.dormant_fraction(7.0 * activity, 0.009) == 0.25  # scale does not matter


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_ranks_of_equal_directions_are_their_number(seed: int, d: int) -> None:
    """With d orthogonal directions of equal strength, in any basis, every rank is d."""
    generator = torch.Generator().manual_seed(seed)
    left, right = (
        torch.linalg.qr(torch.randn(n, 6, generator=generator, dtype=torch.float64))[0][:, :d] for n in (20, 9)
    )
    activity = 3.0 * left @ right.T
    assert measures.effective_rank(activity) == pytest.approx(d, rel=1e-6)
    assert measures.threshold_rank(activity) == d


def test_ranks_by_hand() -> None:
    """Singular values 8, 4, 2, 2, so p = ½, ¼, ⅛, ⅛ and the entropy is 1.75 bits."""
    activity = torch.diag(torch.tensor([2.0, 8.0, 2.0, 4.0]))
    assert measures.effective_rank(activity) == pytest.approx(2.0**1.75)
    found = [measures.threshold_rank(activity, delta) for delta in (0.5, 0.3, 0.2, 0.01, 0.0)]
    assert found == [1, 2, 3, 4, 4]
    wide = torch.cat([activity, torch.zeros(4, 3)], dim=1)
    assert measures.effective_rank(wide) == pytest.approx(2.0**1.75)


def test_participation_ratio_by_hand() -> None:
    """Points at ±a on the axes have a diagonal covariance with λ ∝ a²."""
    axes = torch.diag(torch.tensor([1.0, 1.0, 2.0]))
    activity = torch.cat([axes, -axes]) + 5.0  # the mean does not matter
    assert measures.participation_ratio(activity) == pytest.approx((1 + 1 + 4) ** 2 / (1 + 1 + 16))
    assert measures.participation_ratio(activity.repeat(4, 1)) == pytest.approx(2.0)
    assert measures.participation_ratio(torch.outer(torch.arange(5.0), torch.ones(3))) == pytest.approx(1.0)


@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(1, 12))
def test_participation_ratio_equals_its_definition(seed: int, n: int, h: int) -> None:
    activity = torch.randn(n, h, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    eigenvalues = torch.linalg.eigvalsh(torch.cov(activity.T).reshape(h, h))
    expected = float(eigenvalues.sum() ** 2 / eigenvalues.square().sum())
    assert measures.participation_ratio(activity) == pytest.approx(expected, rel=1e-9)


def test_a_layer_without_neurons_has_numbers() -> None:
    nobody = torch.zeros(0)
    assert (measures.mean_firing_rate(nobody), measures.sparsity(nobody)) == (0.0, 1.0)
    assert (measures.silent_fraction(nobody, 0.1), measures.dormant_fraction(nobody)) == (0.0, 0.0)


def test_a_silent_layer_has_rank_0() -> None:
    silent = torch.zeros(5, 3)
    assert (measures.effective_rank(silent), measures.threshold_rank(silent)) == (0.0, 0)
    assert measures.participation_ratio(silent) == 0.0
    assert measures.participation_ratio(torch.full((7, 3), 0.1)) == 0.0  # nothing varies


def test_wrong_measures_are_refused() -> None:
    for measure in (measures.effective_rank, measures.threshold_rank, measures.participation_ratio):
        with pytest.raises(ConfigError, match=r"\[N, H\]"):
            measure(torch.ones(3))
        with pytest.raises(ConfigError, match=r"\[N, H\]"):
            measure(torch.ones(0, 3))
    with pytest.raises(ConfigError, match="delta"):
        measures.threshold_rank(torch.ones(2, 2), 1.0)
    with pytest.raises(ConfigError, match="tick"):
        measures.firing_rates(torch.ones(2, 2), 0)
