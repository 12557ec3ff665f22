"""The page of a study of several tasks: what it says of lives whose numbers are known."""

from __future__ import annotations

import csv
import html
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import study
import tyro
from continual_lives import ALONE, LIFE, PARTS, PHASE, arm_of, event, scales_of, write_life
from playwright.sync_api import Browser
from studies.continual_page import write_results
from study_report_figures import Figure, figures_of

pytest_plugins = ("replay_page_fixtures",)

STEADY = (((0.0, 0.8), (0.0, 0.0)), ((0.8, 0.8), (0.0, 0.6)), ((0.8, 0.8), (0.6, 0.6)), ((0.8, 0.8), (0.6, 0.6)))
"""Nothing is lost, so A is back at once."""

EVENTS = [
    event(50_000, "periodic", born=range(16, 24), before=16),
    event(100_000, "low_utility", died=[0, 1], before=24),  # ends with the first phase
    event(100_000, "column", born=range(24, 30), before=22),  # begins the second
    event(150_000, "low_utility", died=[24, 2, 3], before=28),
]
"""Founders and 8 more are born in A, 6 in B; 2 of A die there and 2 in B, one of B in B."""

Rows = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of two arms, one of which forgets nothing; a third seed of it failed."""
    place = tmp_path_factory.mktemp("lives")
    for seed in (0, 1):
        write_life(place, arm_of("fixed-64"), seed)
        write_life(place, arm_of("scratch-1"), seed, ALONE, joules=1e-3)
        write_life(place, arm_of("grow-isolate"), seed, STEADY, joules=2e-3, protected=9, sharing=0.5, events=EVENTS)
    arms = tuple(arm_of(name) for name in ("fixed-64", "grow-isolate", "scratch-1"))
    failed = {f"{arm_of('grow-isolate')} seed 2": "Traceback:\n  …\nNonFiniteError: the loss is <nan>\n"}
    assert all(path.exists() for path in write_results(place, "continual-quick", arms, (0, 1, 2), failed=failed))
    return place / "continual-quick"


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def figures(page: str) -> dict[str, Figure]:
    return figures_of(page)


def tables(page: str, title: str) -> Rows:
    """The tables under a title: their rows by the first cell, cells by their column."""
    found: Rows = {}
    for text in re.findall("<table>(.*?)</table>", re.split("<h[23]>", page.split(f">{title}</h")[1])[0]):
        lines = re.findall("<tr>(.*?)</tr>", text)
        cells = [[html.unescape(cell) for cell in re.findall("<t[dh][^>]*>(.*?)</t[dh]>", line)] for line in lines]
        for row in cells[1:]:
            found.setdefault(row[0], {}).update(zip(cells[0], row, strict=True))
    return found


def test_the_metrics_by_hand(folder: Path) -> None:
    """R is .8 0, .4 .6, .8 .3, .6 .6. A is away twice, and loses 1/2 and 1/4; level of recovery: 0.72."""
    with (folder / "continual-metrics.csv").open() as file:
        lines = [row for row in csv.DictReader(file) if row["seed"] == "0" and row["arm"] == arm_of("fixed-64")]
    found = {(row["metric"], row["task"]): float(row["value"]) for row in lines}
    wanted = {
        ("performance", ""): 0.6,
        ("forgetting", "0"): 0.375,
        ("forgetting_absolute", "0"): 0.3,
        ("forgetting", "1"): 0.5,
        ("forgetting_absolute", "1"): 0.3,
        ("forward_transfer", "1"): (0.3 - 0.4) / (1.0 - 0.4),
        ("recovery_steps", ""): 80_000.0,  # .4 to .72 of .4 to .8
        ("scratch_steps", ""): 90_000.0,  # 0 to .72 of 0 to .8
        ("recovery_share", ""): 8.0 / 9.0,
        ("recovered", ""): 1.0,
        ("recovery_joules", ""): 0.8e-3,
        ("relearning", ""): 0.6 / 0.4,
        ("retention", ""): 0.3 / 0.4,
        ("joules", ""): 4e-3,
        ("joules_per_decision", ""): 2e-8,
        ("neurons", ""): 16.0,
        ("neurons_used", "0"): 5.0,
        ("neurons_used", "1"): 6.0,
        ("protected", ""): 0.0,
        ("sharing", ""): 0.0,
        ("dormant_fraction", ""): 0.25,
        ("effective_rank", ""): 3.5,
        ("detections", ""): 0.0,
    }
    assert found == pytest.approx(wanted)


def test_the_table_of_the_page_counts_the_failed_seed(page: str) -> None:
    """0.7 twice and 0 once; it lost nothing twice, and all once."""
    rows = tables(page, "Metrics")
    kept, lost = rows["grow-isolate"], rows["fixed-64"]
    assert kept["runs"] == "2 + 1 failed"
    assert kept["average performance"].startswith(f"{1.4 / 3:.3f} (0.000 to 0.700")
    assert kept["forgetting A"].startswith("0.333 (0.000 to 1.000")
    assert kept["recovered"].startswith("0.67 (")
    assert kept["steps to recover"] == "0.0 (0.0 to 0.0)"
    assert lost["average performance"] == "0.600 (0.600 to 0.600)"
    assert lost["forgetting B"] == "0.500 (0.500 to 0.500)"
    assert lost["training mJ"] == "4.0 (4.0 to 4.0)"
    assert "scratch-1" not in rows


def test_the_tidy_evaluations_are_the_runs(folder: Path) -> None:
    with (folder / "continual-evaluations.csv").open() as file:
        lines = list(csv.DictReader(file))
    own = [row for row in lines if row["arm"] == arm_of("fixed-64") and row["seed"] == "1"]
    assert len(own) == 4 * (PARTS + 1) * 2
    (half,) = [row for row in own if row["env_step"] == "150000" and row["task"] == "1"]
    scale = scales_of(folder.parent).scales[1]
    assert (half["phase"], half["lived_task"], half["task_name"]) == ("1", "1", "poison is good")
    assert float(half["normalised_score"]) == pytest.approx(0.3)
    assert float(half["score"]) == pytest.approx(scale.random + 0.3 * (scale.oracle - scale.random))
    alone = {row["task"] for row in lines if row["arm"] == arm_of("scratch-1")}
    assert alone == {"1"}  # by the number that the sequence gives it


def test_heat_maps_show_the_scores(page: str) -> None:
    drawn = next(text for text in re.findall("<figure.*?</figure>", page) if "fixed-64: what it knew when" in text)
    cells = re.findall(r'fill-opacity="(\S+)"><title>(.*?), (\S+) steps: (\S+)</title>', drawn)
    assert len(cells) == 2 * 4 * PARTS
    for opacity, name, step, told in cells:
        task = ("food is good", "poison is good").index(name)
        phase, part = divmod(int(step.replace(",", "")) - 1, PHASE)
        first, last = LIFE[phase][task]
        score = first + (last - first) * (part + 1) / PHASE
        assert float(told) == pytest.approx(score, abs=6e-4)
        assert float(opacity) == float(told)
    assert drawn.count('class="lived"') == 4


def test_curves_have_all_tasks_and_the_switches(figures: dict[str, Figure]) -> None:
    figure = figures["fixed-64: scores on all tasks"]
    for task, name in enumerate(("A food is good", "B poison is good")):
        x, y = figure.line(name)
        wanted = [
            first + (last - first) * k / PARTS for first, last in (p[task] for p in LIFE) for k in range(PARTS + 1)
        ]
        np.testing.assert_allclose(y, wanted, atol=5e-3)
        np.testing.assert_allclose(x, [phase * 100 + 100 * k / 8 for phase in range(4) for k in range(9)], atol=0.5)
    switches = [float(line.get("x1", "")) for line in figure.svg.iter("line") if line.get("class") == "switch"]
    assert figure.x(switches) == pytest.approx([100.0, 200.0, 300.0], abs=0.5)
    assert [text.text for text in figure.svg.iter("text") if text.get("class") == "phase"] == ["A", "B", "A", "B"]


def test_births_and_deaths_stand_on_the_same_axis(figures: dict[str, Figure]) -> None:
    figure = figures["grow-isolate: scores on all tasks"]
    (path,) = [path for path in figure.svg.iter("path") if path.get("class") == "lives"]
    strokes = re.findall(r"M(\S+) \S+?v(-?)9", path.get("d", ""))
    ups = sorted(figure.x([float(x) for x, way in strokes if way]).tolist())
    downs = sorted(figure.x([float(x) for x, way in strokes if not way]).tolist())
    assert ups == pytest.approx([50.0, 50.0, 100.0, 100.0], abs=0.5)  # of two seeds
    assert downs == pytest.approx([100.0, 100.0, 150.0, 150.0], abs=0.5)


def test_the_genealogy_by_hand(page: str, figures: dict[str, Figure]) -> None:
    figure = figures["grow-isolate: who was born in which task"]
    x, first, both = (np.empty(0), np.empty(0), np.empty(0))
    for name in ("A food is good", "B poison is good"):
        x, top = figure.line(name)
        first, both = (top, both) if name.startswith("A") else (first, top)
    a = np.where(x < 49.9, 16, np.where(x < 99.9, 24, np.where(x < 149.9, 22, 20)))
    b = np.where(x < 99.9, 0, np.where(x < 149.9, 6, 5))
    np.testing.assert_allclose(first, a, atol=0.2)
    np.testing.assert_allclose(both, a + b, atol=0.2)
    rows = re.findall("<tr><td>grow-isolate</td>(.*?)</tr>", page.split(">Genealogy</h3>")[1])
    cells = [re.findall("<td[^>]*>(.*?)</td>", row) for row in rows]
    assert cells == [["A", "24.0", "2.0", "2.0", "20.0"], ["B", "6.0", "1.0", "0.0", "5.0"]]
    assert "fixed-64: who was born in which task" not in figures


def test_what_is_not_done_is_listed(page: str) -> None:
    section = page.split("<h2>Failed and missing runs</h2>")[1].split("</section>")[0]
    assert "<p>1 failed, 2 missing.</p>" in section
    assert "NonFiniteError: the loss is &lt;nan&gt;" in section
    assert "which was left out" in html.unescape(page)  # the verdict, without its references


def test_the_command_of_the_page_makes_its_study(page: str) -> None:
    command = html.unescape(page.split("<h2>Again</h2>")[1].split("<pre>")[1].split("</pre>")[0])
    python, tool, *arguments = shlex.split(command)
    assert (python, tool) == ("python", "tools/study.py")
    options = tyro.cli(study.Options, args=arguments)
    assert (options.study, options.seeds, options.steps) == ("continual-quick", 3, None)
    assert set(study.chosen_arms(options)) == {arm_of(name) for name in ("fixed-64", "grow-isolate", "scratch-1")}


@pytest.mark.parametrize("failing", [False, True])
def test_the_verdict_is_the_rules(tmp_path: Path, failing: bool) -> None:
    """grow-isolate loses nothing, is back at once, takes half the energy and knows 0.7 beside ewc's 0.6."""
    arms = tuple(arm_of(name) for name in ("fixed-64", "ewc", "progressive", "grow-isolate"))
    for seed in range(10):
        for arm in arms:
            ours = arm == arm_of("grow-isolate")
            if not (failing and ours and seed == 9):
                write_life(tmp_path, arm, seed, STEADY if ours else LIFE, joules=2e-3 if ours else 4e-3)
    failed = {f"{arms[-1]} seed 9": "RuntimeError: no"} if failing else {}
    write_results(tmp_path, "continual-quick", arms, tuple(range(10)), failed=failed)
    page = html.unescape((tmp_path / "continual-quick" / "report.html").read_text())
    row = tables(page, "Goal")[arms[-1]]
    if failing:
        assert (row["seeds"], row["keeps"], row["recovers"], row["goal"]) == (
            "10",
            "not shown",
            "not shown",
            "not reached",
        )
        assert "1 of 10 seeds did not come back" in page
    else:
        assert list(row.values())[1:] == ["10", "shown", "shown", "shown", "shown", "reached"]
        assert "energy ratio 0.5 (95 % interval 0.5 to 0.5) to fixed-512" in page
        assert "difference 0.1 (" in page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_has_no_complaint(folder: Path, browser: Browser, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 360, "height": 800})  # type: ignore[arg-type]
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text))
    context.on("weberror", lambda problem: complaints.append(str(problem.error)))
    page = context.new_page()
    page.goto((folder / "report.html").as_uri())
    assert page.locator("figure.study").count() == 6  # a key, two maps, two of curves, one of lineages
    wide = page.locator("html").bounding_box()
    assert wide is not None
    assert wide["width"] <= 360.0
    assert json.dumps(complaints) == "[]"
    context.close()
