"""The figures of a study's report, read back from their SVG by their own ticks, are the data."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from studies.report import write_results
from study_report_figures import Figure, figures_of
from study_report_runs import event, straight, write_metrics, write_run

ARMS = ("fixed-64", "fixed-128", "fixed-512")
FOODS = {"fixed-64": (20.0, 40.0), "fixed-128": (30.0, 50.0), "fixed-512": (26.0, 34.0)}
PRICES = {"fixed-64": 1.0, "fixed-128": 2.0, "fixed-512": 3.0}
PER_FOOD = {"fixed-64": 1e-7, "fixed-128": 3e-7, "fixed-512": 9e-7}
EVENTS = [event(250_000, born=8), event(500_000, born=8), event(800_000, died=3)]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Figure]:
    """All figures of a page by title; one run of fixed-512 failed."""
    folder = tmp_path_factory.mktemp("study")
    for arm, foods in FOODS.items():
        for seed, food in enumerate(foods):
            life = straight(food, 64 * (1 + seed), joules=PRICES[arm])
            events = EVENTS[seed:] if arm == "fixed-64" else []
            write_run(folder, arm, seed, life, food=food, joules_per_food=PER_FOOD[arm], events=events)
    write_metrics(folder / "fixed-512" / "seed-2", straight(1.0, joules=3.0))
    for arm in ("fixed-64", "fixed-128"):
        write_run(folder, arm, 2, straight(30.0, 192, joules=PRICES[arm]), food=30.0, joules_per_food=PER_FOOD[arm])
    write_results(folder, "capacity", ARMS, (0, 1, 2), failed={"fixed-512 seed 2": "RuntimeError: no"})
    return figures_of((folder / "capacity" / "report.html").read_text())


def scores(arm: str) -> list[float]:
    """Final scores of an arm, the failed one among them."""
    return [*FOODS[arm], 4.0 if arm == "fixed-512" else 30.0]


def test_all_figures_are_there(figures: dict[str, Figure]) -> None:
    assert list(figures) == [
        "Score over environment steps", "Score over training energy", "Score over wall-clock time",
        "Performance profile", "Probability of improvement on fixed-512",
        "Score against training energy", "Score against inference energy", "Size over time", "Births and deaths",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "length"),
    [("environment steps", 1.0), ("training energy", None), ("wall-clock time", 100.0)],
    ids=["steps", "joules", "seconds"],
)
@pytest.mark.parametrize("arm", ["fixed-64", "fixed-128"])
def test_curves_are_means_of_the_runs(figures: dict[str, Figure], title: str, length: float | None, arm: str) -> None:
    """Each run's score rises straight from its first point, a tenth of its life, to its last: so does the mean."""
    last = PRICES[arm] if length is None else length
    x, y = figures[f"Score over {title}"].line(arm)
    factor = 1e-3 if title == "environment steps" and x[-1] > 100 else 1.0
    np.testing.assert_allclose(x * factor, np.linspace(0.1, 1.0, 91) * last, atol=0.005 * last)
    np.testing.assert_allclose(y, np.mean(scores(arm)) * x * factor / last, atol=0.1)


def test_a_failed_run_is_in_the_curve(figures: dict[str, Figure]) -> None:
    """It counts as 4 from the beginning: the mean of 26·x, 34·x and 4."""
    x, y = figures["Score over training energy"].line("fixed-512")
    np.testing.assert_allclose(y, (60.0 * x / 3.0 + 4.0) / 3.0, atol=0.1)


def test_bands_hold_the_mean_and_stay_within_the_runs(figures: dict[str, Figure]) -> None:
    """Of three runs, a bootstrap's resample is one run three times in 1 of 27, more than the 2.5 % of each tail."""
    x, low, high = figures["Score over training energy"].area("fixed-128")
    np.testing.assert_allclose(low, 30.0 * x / 2.0, atol=0.1)
    np.testing.assert_allclose(high, 50.0 * x / 2.0, atol=0.1)


@pytest.mark.parametrize("arm", ARMS)
def test_the_profile_is_the_share_of_runs_above(figures: dict[str, Figure], arm: str) -> None:
    x, y = figures["Performance profile"].line(arm)
    normalised = [(food - 4.0) / 100.0 for food in scores(arm)]
    apart = np.min([abs(x - score) for score in normalised], axis=0) > 0.002  # not upon the very step
    share = np.array([sum(score > place for score in normalised) / 3 for place in x])
    assert apart.sum() > 150
    np.testing.assert_allclose(y[apart], share[apart], atol=0.005)


@pytest.mark.parametrize("arm", ["fixed-64", "fixed-128"])
def test_chances_are_shares_of_pairs(figures: dict[str, Figure], arm: str) -> None:
    figure = figures["Probability of improvement on fixed-512"]
    pairs = list(itertools.product(scores(arm), scores("fixed-512")))
    chance = sum((ours > theirs) + 0.5 * (ours == theirs) for ours, theirs in pairs) / len(pairs)
    marks = figure.marks()
    assert set(marks) == {"fixed-64", "fixed-128"}
    assert figure.x(marks[arm][0]) == pytest.approx(chance, abs=0.005)
    beside = [float(text.get("y", "")) for text in figure.svg.iter("text") if text.text == arm]
    assert marks[arm][1] == pytest.approx(beside[0], abs=6.0)  # in the row of its name


@pytest.mark.parametrize(("title", "log"), [("training", False), ("inference", True)])
def test_marks_are_at_score_and_energy(figures: dict[str, Figure], title: str, log: bool) -> None:
    figure = figures[f"Score against {title} energy"]
    assert figure.log is log
    price = {arm: 1e9 * PER_FOOD[arm] if log else PRICES[arm] for arm in ARMS}
    for arm, (x, y) in figure.marks().items():
        assert figure.x(x) == pytest.approx(price[arm], rel=0.01)
        assert figure.y(y) == pytest.approx(float(np.mean(scores(arm))), abs=0.1)
    mean = {arm: float(np.mean(scores(arm))) for arm in ARMS}
    pairs = list(itertools.permutations(ARMS, 2))
    best = set(ARMS) - {arm for arm, other in pairs if mean[other] >= mean[arm] and price[other] <= price[arm]}
    rings = {(float(ring.get("cx", "")), float(ring.get("cy", ""))) for ring in figure.svg.findall("circle")}
    assert best == {"fixed-64", "fixed-128"}
    assert rings == {figure.marks()[arm] for arm in best}


def test_sizes_are_means_with_the_range(figures: dict[str, Figure]) -> None:
    """Runs of 64, 128 and 192 neurons."""
    figure = figures["Size over time"]
    _, y = figure.line("fixed-128")
    np.testing.assert_allclose(y, 128.0, atol=1.0)
    _, low, high = figure.area("fixed-128")
    np.testing.assert_allclose(low, 64.0, atol=1.0)
    np.testing.assert_allclose(high, 192.0, atol=1.0)


def test_strokes_are_births_and_deaths(figures: dict[str, Figure]) -> None:
    """Births point up, deaths down; seed 1 was not there for the first event, seed 2 for none."""
    figure = figures["Births and deaths"]
    (path,) = [path for path in figure.named("fixed-64").iter("path") if path.get("class") == "strokes"]
    strokes = re.findall(r"M(\S+) \S+?v(-?)9", path.get("d", ""))
    ups = sorted(figure.x([float(x) for x, way in strokes if way]).tolist())
    downs = sorted(figure.x([float(x) for x, way in strokes if not way]).tolist())
    unit = 1e-6 if max(ups) < 100 else 1e-3
    assert ups == pytest.approx([250_000 * unit, 500_000 * unit, 500_000 * unit], rel=0.01)
    assert downs == pytest.approx([800_000 * unit] * 2, rel=0.01)
    assert "fixed-128" not in [group.findtext("title") for group in figure.svg.iter("g")]
