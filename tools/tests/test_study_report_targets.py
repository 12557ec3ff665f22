"""What the report says of the experiment's targets, of runs whose numbers are known."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from studies.arms import capacity
from studies.report import write_results
from study_report_runs import Point, straight, write_metrics, write_run

from snn_agent.experiments.targets import GOALS

ARMS = ("fixed-512", "grow", "grow-prune")
JOULES_PER_FOOD = 1e-7


def level(score: float, neurons: int, joules: float) -> list[Point]:
    """A life that scores the same from its first point on, so that an arm's ratio to the envelope is plain."""
    return [point._replace(food_mean=score) for point in straight(1.0, neurons, joules=joules)]


def live(folder: Path, arm: str, food: float, *, seeds: Sequence[int] = range(10), price: float = 1.0) -> None:
    """Runs of an arm that score and eat so much, and pay so many times the usual joules for an item."""
    for seed in seeds:
        life = level(food, 64, joules=2.0)
        write_run(folder, arm, seed, life, food=food, joules_per_food=price * JOULES_PER_FOOD)


def said(folder: Path, seeds: int = 10, failed: Mapping[str, str] | None = None) -> dict[tuple[str, str], str]:
    """The sentences under the title, by arm and target; the table beside the page tells the same decisions."""
    write_results(folder, "hypothesis", ARMS, tuple(range(seeds)), failed=failed)
    page = (folder / "hypothesis" / "report.html").read_text(encoding="utf-8")
    assert page.index("<h2>Verdict") < page.index("<h2>Targets") < page.index("<h2>Scores")
    section = page.split("<h2>Targets</h2>")[1].split("</section>")[0]
    found = {}
    for words in re.findall("<li>(.*?)</li>", section):
        arm, name, sentence = re.fullmatch(r"(\S+), (\S+): (.*)", html.unescape(words)).groups()  # type: ignore[union-attr]
        assert sentence.endswith(f"; goal: {GOALS[name]}.")
        found[arm, name] = sentence.removesuffix(f"; goal: {GOALS[name]}.")
    assert set(found) == {(arm, name) for arm in ("grow", "grow-prune") for name in GOALS}
    rule = html.unescape(section.split('<p class="rule">')[1])
    assert rule.startswith("Targets: frontier: mean area of at least +0.05")
    assert "Fixed sizes are those of 32, 64, 128, 256, 512 neurons" in rule
    with (folder / "hypothesis" / "targets.csv").open() as file:
        for row in csv.DictReader(file):
            sentence = found[row["arm"], row["target"]]
            assert sentence.startswith(row["decision"])
            assert row["because"] in sentence
            assert not row["value"] or f"{float(row['value']):.4g} (95 %" in sentence
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All fixed sizes, the largest of which score 40; grow scores 5 % more and pays half, grow-prune 10 % less."""
    for number, size in enumerate(capacity()):
        live(tmp_path, size, 20.0 + 5.0 * number)
    live(tmp_path, "grow", 42.4, price=0.45)
    live(tmp_path, "grow-prune", 36.0, price=0.55)
    return tmp_path


def test_targets_are_stated_with_numbers_and_intervals(folder: Path) -> None:
    """Grow is 42.4 / 40 − 1 = 6 % above, grow-prune 36 / 40 − 1; fixed-256 eats 35, at most 5 % less than 36."""
    found = said(folder)
    assert found == {
        ("grow", "frontier"): (
            "reached, with its whole interval: 0.06 (95 % interval 0.06 to 0.06) against the envelope of fixed sizes"
        ),
        ("grow", "auto-size"): (
            "reached, with its whole interval: 1.06 (95 % interval 1.06 to 1.06) against fixed-512"
        ),
        ("grow", "thrift"): "not reached: there is no fixed size with the same score",
        ("grow-prune", "frontier"): (
            "not reached: -0.1 (95 % interval -0.1 to -0.1) against the envelope of fixed sizes"
        ),
        ("grow-prune", "auto-size"): "not reached: 0.9 (95 % interval 0.9 to 0.9) against fixed-512",
        ("grow-prune", "thrift"): "not reached: 0.55 (95 % interval 0.55 to 0.55) against fixed-256",
    }
    live(folder, "grow", 41.0, price=0.45)
    assert said(folder)["grow", "thrift"] == (
        "reached, with its whole interval: 0.45 (95 % interval 0.45 to 0.45) against fixed-512"
    )


def test_without_all_sizes_or_seeds_nothing_is_decided(folder: Path) -> None:
    found = said(folder, seeds=9)
    assert all(
        "cannot be said, because there are 9 of the 10 seeds that it takes; " in words for words in found.values()
    )
    assert found["grow-prune", "auto-size"].endswith(
        "as far as it is known: 0.9 (95 % interval 0.9 to 0.9) against fixed-512"
    )
    for size in ("fixed-32", "fixed-256"):
        (folder / size).rename(folder / f"not-{size}")
    because = (
        "cannot be said, because the folder has no run of fixed-32, fixed-256 (make them with tools/study.py capacity)"
    )
    found = said(folder)
    assert all(words.startswith(because) for words in found.values())
    assert found["grow-prune", "thrift"].endswith(": 0.55 (95 % interval 0.55 to 0.55) against fixed-512")


def test_a_failed_seed_counts_in_every_target(folder: Path) -> None:
    """Grow's last run scores −1 of the envelope, eats the random forager's 4, and its episode takes what the others'
    dearest did: (9 · 0.06 − 1) / 10, (9 · 42.4 + 4) / 400, and 10 · 41 · 0.45 for 9 · 41 + 4 beside 40 at 1.
    """
    for path in sorted((folder / "grow" / "seed-9").iterdir()):
        path.unlink()
    write_metrics(folder / "grow" / "seed-9", straight(1.0)[:1])
    failed = {"grow seed 9": "RuntimeError: no"}
    found = said(folder, failed=failed)
    area, share = (9 * 0.06 - 1) / 10, (9 * 42.4 + 4.0) / 400.0
    assert found["grow", "frontier"].startswith(f"not reached: {area:.4g} (95 % interval ")
    assert found["grow", "auto-size"].startswith(f"reached: {share:.4g} (95 % interval ")
    live(folder, "grow", 41.0, seeds=range(9), price=0.45)
    price = (10 * 41.0 * 0.45) / (9 * 41.0 + 4.0)
    assert f": {price:.4g} (95 % interval " in said(folder, failed=failed)["grow", "thrift"]
    missing = said(folder)  # not known to have failed
    assert "there are 9 of the 10 seeds" in missing["grow", "thrift"]


def test_a_seed_without_a_whole_envelope_is_left_out_of_the_frontier_alone(folder: Path) -> None:
    for path in sorted((folder / "fixed-64" / "seed-3").iterdir()):
        path.unlink()
    write_metrics(folder / "fixed-64" / "seed-3", straight(1.0)[:1])
    found = said(folder, failed={"fixed-64 seed 3": "RuntimeError: no"})
    assert found["grow", "frontier"] == (
        "cannot be said, because fixed sizes failed in 1 seeds; as far as it is known: 0.06 (95 % interval 0.06 to "
        "0.06) against the envelope of fixed sizes"
    )
    assert found["grow", "auto-size"].startswith("reached, with its whole interval: 1.06")


def test_sizes_that_lived_longer_decide_no_share(folder: Path) -> None:
    for seed in range(10):
        write_run(folder, "fixed-128", seed, straight(30.0, last=2_000_000), food=30.0)
    found = said(folder)
    assert found["grow", "auto-size"].startswith(
        "cannot be said, because lives are of 1,000,000 to 2,000,000 steps, not of equal; "
    )
    assert not found["grow", "thrift"].startswith("cannot")


def test_without_any_fixed_size_there_is_no_number(folder: Path) -> None:
    for size in capacity():
        (folder / size).rename(folder / f"not-{size}")
    found = said(folder)
    assert set(found.values()) == {
        f"cannot be said, because {arm} and the fixed sizes have no seed in common" for arm in ("grow", "grow-prune")
    }


def test_who_ate_nothing_has_no_price(folder: Path) -> None:
    """Its joules per item are null; the page says that of the target and is made all the same."""
    live(folder, "grow", 42.0, seeds=range(9))
    live(folder, "grow", 0.0, seeds=[9], price=float("nan"))
    summary = folder / "grow" / "seed-9" / "summary.json"
    summary.write_text(summary.read_text().replace("NaN", "null"))
    found = said(folder)
    assert found["grow", "thrift"].startswith("cannot be said, because ")
    assert found["grow", "frontier"].startswith("not reached: ")


def test_studies_without_judged_arms_state_no_targets(folder: Path) -> None:
    write_results(folder, "capacity", tuple(capacity()), (0, 1))
    assert "<h2>Targets" not in (folder / "capacity" / "report.html").read_text(encoding="utf-8")
    assert not (folder / "capacity" / "targets.csv").exists()
