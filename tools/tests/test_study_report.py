"""The report of a study: what its tables and words say of runs whose numbers are known."""

from __future__ import annotations

import csv
import dataclasses
import html
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import pytest
import study
import tyro
from runs import RunConfig, to_json
from studies.arms import STUDIES
from studies.page.looks import HUES, MARKS, classes, dash
from studies.page.tidy import write_whole
from studies.page.verdicts import verdict_arms
from studies.report import write_results
from study_report_runs import Point, event, straight, write_metrics, write_run

ARMS = ("fixed-64", "fixed-128")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs of fixed-64 that are done and one that failed after it spent 0.4 J; one of fixed-128 of three."""
    growing = [*straight(20.0)[:4], *(point._replace(hidden_neurons=96) for point in straight(20.0)[4:])]
    write_run(tmp_path, "fixed-64", 0, straight(10.0), food=10.0, joules_per_food=1e-7)
    events = [event(500_000, born=32), event(600_000, died=1), event(700_000)]
    commit = {"commit": "abc123", "processor": "a machine", "cores": 2}
    write_run(tmp_path, "fixed-64", 1, growing, food=20.0, joules_per_food=3e-7, events=events, environment=commit)
    write_metrics(tmp_path / "fixed-64" / "seed-2", straight(10.0)[:4], tail="500000,5.0,64,0.1")
    write_run(tmp_path, "fixed-128", 0, straight(40.0, 128, joules=2.0), food=30.0)
    write_metrics(tmp_path / "fixed-128" / "seed-1", straight(40.0, 128)[:2])
    return tmp_path


def report(folder: Path, name: str = "capacity", arms: tuple[str, ...] = ARMS, seeds: int = 3) -> str:
    """The page as text."""
    failed = {"fixed-64 seed 2": "Traceback:\n  …\nNonFiniteError: the loss is <nan>\n"}
    written = write_results(folder, name, arms, tuple(range(seeds)), failed=failed)
    assert all(path.exists() for path in written)
    return (folder / name / "report.html").read_text(encoding="utf-8")


def table(page: str, title: str) -> dict[str, list[str]]:
    """The rows of the first table of a section, by their first cell."""
    section = page.split(f"<h2>{title}</h2>")[1].split("</section>")[0]
    lines = re.findall("<tr>(.*?)</tr>", section.split("</table>")[0])
    cells = [[html.unescape(cell) for cell in re.findall("<td[^>]*>(.*?)</td>", line)] for line in lines]
    return {row[0]: row[1:] for row in cells if row}


def test_the_tidy_table_has_a_line_for_every_run(folder: Path) -> None:
    report(folder)
    with (folder / "capacity" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["arm"], row["seed"], row["status"]) for row in rows] == [
        ("fixed-64", "0", "done"), ("fixed-64", "1", "done"), ("fixed-64", "2", "failed"),
        ("fixed-128", "0", "done"), ("fixed-128", "1", "missing"), ("fixed-128", "2", "missing"),
    ]  # fmt: skip
    assert {row["study"] for row in rows} == {"capacity"}
    grown = rows[1]
    assert grown["config_hash"] == "hash-of-fixed-64"
    assert float(grown["food"]) == 20.0
    assert float(grown["normalised_score"]) == pytest.approx(0.16)
    assert float(grown["neurons_mean"]) == pytest.approx((4 * 64 + 6 * 96) / 10)
    assert (grown["neurons_final"], grown["growth_events"], grown["pruning_events"]) == ("96", "1", "1")
    assert (float(grown["joules"]), float(grown["joules_acting"])) == (1.0, 0.25)
    failed = rows[2]
    assert (failed["food"], failed["config_hash"]) == ("", "")
    assert failed["env_steps"] == "400000"  # the line that was cut is no line
    assert float(failed["joules"]) == pytest.approx(0.4)
    assert set(list(rows[5].values())[4:]) == {""}


def test_the_tidy_curves_are_the_runs(folder: Path) -> None:
    report(folder)
    with (folder / "capacity" / "curves.csv").open() as file:
        lines = [row for row in csv.DictReader(file) if (row["arm"], row["seed"]) == ("fixed-64", "1")]
    assert [int(row["env_steps"]) for row in lines] == [100_000 * k for k in range(1, 11)]
    assert [float(row["score"]) for row in lines] == pytest.approx([2.0 * k for k in range(1, 11)])
    assert [float(row["joules"]) for row in lines] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert [float(row["seconds"]) for row in lines] == pytest.approx([10.0 * k for k in range(1, 11)])
    assert [int(row["neurons"]) for row in lines] == [64] * 4 + [96] * 6


def test_parquet_has_what_the_csv_has(folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: tables are written as CSV alone")
    report(folder)
    for name in ("results", "curves"):
        with (folder / "capacity" / f"{name}.csv").open() as file:
            lines = list(csv.DictReader(file))
        found = parquet.read_table(folder / "capacity" / f"{name}.parquet").to_pylist()
        told = [{column: "" if cell is None else str(cell) for column, cell in line.items()} for line in found]
        assert told == lines


def test_the_tables_of_the_page_by_hand(folder: Path) -> None:
    """fixed-64 ate 10 and 20, and a third run failed, which counts as 4: mean 34/3, middle half 4/6 + 20/3 + 20/6."""
    page = report(folder)
    scores = table(page, "Scores")
    runs, mean, middle, normalised, *_ = scores["fixed-64"]
    assert runs == "2 + 1 failed"
    assert mean.startswith("11.3 (4.0 to 20.0")
    assert middle.startswith("10.7 (")
    assert normalised.startswith(f"{(0.06 + 0.16 + 0.0) / 3:.3f} (")
    assert scores["fixed-128"][:2] == ["1", "30.0 (30.0 to 30.0)"]
    energy = table(page, "Size and energy")
    sizes, births, deaths, joules, acting, seconds, decision, food = energy["fixed-64"]
    assert (sizes, births, deaths) == ("74 → 80", "0.5", "0.5")
    assert joules.startswith(f"{(1.0 + 1.0 + 0.4) / 3:.3f} (0.400 to 1.000")
    assert (acting, seconds, decision) == ("0.200", "100", "20.0")
    assert food == "200 (100 to 300)"
    # A quarter of the greedy forager's 104 is 26: 40 a million steps is there at 0.65 M, 1.3 J and 65 s.
    reached = table(page, "Learning curves")
    assert reached["fixed-128"][:4] == ["0.65 M", "1.3 J", "65 s", "–"]
    assert set(reached["fixed-64"]) == {"–"}


def test_what_is_not_done_is_listed(folder: Path) -> None:
    page = report(folder)
    section = page.split("<h2>Failed and missing runs</h2>")[1].split("</section>")[0]
    assert "<p>1 failed, 2 missing.</p>" in section
    cells = [re.findall("<td[^>]*>(.*?)</td>", line) for line in re.findall("<tr>(.*?)</tr>", section)][1:]
    assert cells == [
        ["fixed-64", "2", "failed", "NonFiniteError: the loss is &lt;nan&gt;", "400,000 steps, 0.4 J"],
        ["fixed-128", "1", "missing", "begun, at 0.20 M steps", "–"],
        ["fixed-128", "2", "missing", "not begun", "–"],
    ]
    assert "counts: with what acting at random is worth (4.00 food)" in page
    write_run(folder, "fixed-64", 2, straight(10.0), food=10.0)
    assert "All runs are done" in report(folder, arms=("fixed-64",))
    assert (folder / "capacity.md").read_text().count("| fixed-64 | 3 |") == 1


def test_the_older_tables_are_of_done_runs_alone(folder: Path) -> None:
    report(folder)
    with (folder / "capacity.csv").open() as file:
        assert [float(row["food"]) for row in csv.DictReader(file)] == [10.0, 20.0, 30.0]
    assert "| fixed-64 | 2 | 15.0 (10.0 to 20.0) |" in (folder / "capacity.md").read_text()


def test_nothing_is_written_where_no_run_is_done(tmp_path: Path) -> None:
    write_metrics(tmp_path / "fixed-64" / "seed-0", straight(1.0))
    assert write_results(tmp_path, "capacity", ARMS, (0, 1)) == []
    assert not (tmp_path / "capacity").exists()


class Loaded(HTMLParser):
    """Whatever of a page a browser would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Tags that load, and attributes that point elsewhere or run."""
        if tag in ("script", "link", "img", "iframe", "object", "embed", "base", "image", "use"):
            self.found.append(tag)
        self.found += [name for name, _ in attrs if name in ("src", "href", "xlink:href", "style") or name[:2] == "on"]


def test_the_page_needs_nothing_but_itself(folder: Path) -> None:
    page = report(folder)
    loaded = Loaded()
    loaded.feed(page)
    assert loaded.found == []
    assert not re.search(r"url\(|@import|https?:", page)
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert page.count("prefers-color-scheme: dark") >= 2
    assert "@media print" in page


def test_machines_and_commits_are_told(folder: Path) -> None:
    page = report(folder)
    assert "Of 2 of 3 runs it was not recorded." in page
    facts = table(page, "Machine and commit")
    assert (facts["commit"], facts["processor"], facts["torch"]) == (["abc123"], ["a machine"], ["not known"])


def test_the_command_asks_for_this_study(folder: Path) -> None:
    """It is read as the tool reads it."""
    arm = STUDIES["capacity"]()["fixed-128"]
    assert isinstance(arm, RunConfig)
    (folder / "fixed-128" / "config.json").write_text(to_json(dataclasses.replace(arm, total_steps=1_000_000)))
    command, one = re.findall("<pre>(.*?)</pre>", report(folder))
    words = shlex.split(html.unescape(command))
    assert words[:2] == ["python", "tools/study.py"]
    asked = tyro.cli(study.Options, args=words[2:])
    assert asked == study.Options(study="capacity", folder=folder, seeds=3, steps=1_000_000, only=ARMS)
    assert shlex.split(one)[2:4] == ["--config", str(folder / "fixed-64" / "seed-0" / "config.json")]


def test_no_arm_looks_like_another() -> None:
    """Up to twelve: no pair of hue and dash comes twice, nor does a mark."""
    assert len({(classes(index), dash(index)) for index in range(12)}) == 12
    assert len(set(MARKS)) == len(MARKS) == 12
    assert len({classes(index) for index in range(HUES)}) == HUES


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "page"
    path.write_text("old")

    def cut(draft: Path) -> None:
        draft.write_text("half a p")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_whole(path, cut)
    assert path.read_text() == "old"


def lives(folder: Path, arm: str, foods: list[float], joules: float) -> None:
    """A run of an arm for each food."""
    for seed, food in enumerate(foods):
        write_run(folder, arm, seed, straight(food, joules=joules), food=food)


def test_the_verdict_is_of_arms_that_grow_beside_the_greatest_fixed_one() -> None:
    assert verdict_arms("hypothesis") == ("seed-rules", "grow", "grow-prune")
    assert verdict_arms("births") == ()
    assert verdict_arms("capacity") == ()


def verdict(folder: Path, seeds: int) -> str:
    """What the page says under that title, nothing if there is none."""
    page = report(folder, "hypothesis", ("fixed-512", "grow", "grow-prune"), seeds)
    return html.unescape(page.split("<h2>Verdict</h2>")[1].split("</section>")[0]) if "<h2>Verdict" in page else ""


def test_the_verdict_and_its_rule(tmp_path: Path) -> None:
    lives(tmp_path, "fixed-512", [40.0 + seed % 3 for seed in range(10)], joules=2.0)
    lives(tmp_path, "grow", [41.0 + seed % 3 for seed in range(10)], joules=1.0)
    lives(tmp_path, "grow-prune", [20.0 + seed % 3 for seed in range(10)], joules=1.0)
    said = verdict(tmp_path, 10)
    grow, prune, rule = re.findall("<p[^>]*>(.*?)</p>", said)
    assert "grow is non-inferior to fixed-512" in grow
    assert "score +1 beside 40.9" in grow
    assert "energy ratio 0.5" in grow
    assert "The hypothesis holds on 10 seeds" in grow
    assert "not shown to be non-inferior" in prune
    assert "The hypothesis does not hold on 10 seeds" in prune
    assert rule.startswith("Rule: an arm is non-inferior if")
    assert "undecided on 9 of the 10 seeds" in verdict(tmp_path, 9)


def test_failed_seeds_count_in_the_verdict(tmp_path: Path) -> None:
    """One of ten scores 4 in place of 40, so the difference is −3.6; it had spent 0.1 J, so the ratio is 9.1 / 20."""
    lives(tmp_path, "fixed-512", [40.0] * 10, joules=2.0)
    lives(tmp_path, "grow", [40.0] * 9, joules=1.0)
    write_metrics(tmp_path / "grow" / "seed-9", straight(1.0)[:1])
    failed = {"grow seed 9": "RuntimeError: no"}
    write_results(tmp_path, "hypothesis", ("fixed-512", "grow"), tuple(range(10)), failed=failed)
    page = (tmp_path / "hypothesis" / "report.html").read_text()
    assert "(score -3.6 beside 40," in page
    assert "(energy ratio 0.455," in page
    assert "on 10 seeds" in page
    assert "undecided on 9 of the 10 seeds" in verdict(tmp_path, 10)  # not known to have failed: it is missing


def test_a_life_without_a_score_has_no_curve(tmp_path: Path) -> None:
    """No episode ended in training; the evaluation is told all the same."""
    nothing = [Point(steps, float("nan"), 64, 0.1, 0.3, 1.0) for steps in (1000, 2000)]
    write_run(tmp_path, "fixed-64", 0, nothing, food=10.0)
    page = report(tmp_path, arms=("fixed-64",), seeds=1)
    assert table(page, "Scores")["fixed-64"][1] == "10.0 (10.0 to 10.0)"
