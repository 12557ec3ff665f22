"""The notebook of a study is executed, cell after cell, and says what the study's page says."""

from __future__ import annotations

import dataclasses
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import study
from rich.console import Console
from runs import RunConfig
from studies.arms import STUDIES, Arms
from studies.report import write_results
from study_report_figures import Figure, figures_of
from study_report_runs import straight, write_metrics, write_run

from snn_agent.config import TrainingConfig

NEEDS = "./setup.sh test brings it where Python is 3.11 or newer"
matplotlib = pytest.importorskip("matplotlib", reason=NEEDS)
nbformat = pytest.importorskip("nbformat", reason=NEEDS)

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "notebooks" / "study.ipynb"
ARMS = ("quick-fixed-64", "quick-fixed-16", "quick-grow-prune")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Executes the notebook, standing where it lies or elsewhere, on tables in a folder; its names after a cell."""
    from matplotlib import pyplot

    def execute(tables: str | None, place: Path = NOTEBOOK.parent, last: str = "size") -> dict[str, Any]:
        monkeypatch.setenv("STUDY", tables or "")
        if tables is None:
            monkeypatch.delenv("STUDY")
        monkeypatch.chdir(place)
        names: dict[str, Any] = {}
        for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
            if cell.cell_type == "code":
                exec(compile(cell.source, f"cell {cell.id}", "exec"), names)
            if cell.id == last:
                break
        for number in pyplot.get_fignums():
            pyplot.figure(number).canvas.draw()
        pyplot.close("all")
        return names

    with matplotlib.rc_context({"backend": "agg"}):
        yield execute


def few_worlds() -> Arms:
    """An episode in each of eight worlds, so that there are scores, and fewer updates than points of a curve."""
    arms = {name: STUDIES["quick"]()[name] for name in ARMS}
    training = TrainingConfig(n_worlds=8, rollout_steps=16)
    changes = {"total_steps": 4608, "eval_episodes": 4, "training": training}
    return {name: dataclasses.replace(arm, **changes) for name, arm in arms.items() if isinstance(arm, RunConfig)}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables and page of some arms of the quick study, with short lives in few worlds."""
    folder = tmp_path_factory.mktemp("quick")
    with pytest.MonkeyPatch.context() as monkeypatch:
        text = io.StringIO()
        monkeypatch.setattr(study, "console", Console(file=text, width=200))
        monkeypatch.setattr(study, "STUDIES", {"quick": few_worlds})
        options = ["--seeds", "2", "--executor", "serial"]
        assert study.main(["quick", "--folder", str(folder), *options]) == 0, text.getvalue()
    return folder / "quick"


def rows(page: str, title: str) -> dict[str, list[str]]:
    """The cells of the first table of a section, by arm."""
    section = page.split(f"<h2>{title}</h2>")[1].split("</table>")[0]
    lines = [re.findall("<td[^>]*>(.*?)</td>", line) for line in re.findall("<tr>(.*?)</tr>", section)]
    return {cells[0]: [html.unescape(cell) for cell in cells[1:]] for cells in lines if cells}


def told(estimate: tuple[float, float, float], digits: int) -> str:
    """As the page writes it."""
    value, low, high = estimate
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def assert_same(names: dict[str, Any], page: str) -> dict[str, Figure]:
    """Tables to their last digit, and figures; returns these."""
    scores, energy, figures = rows(page, "Scores"), rows(page, "Size and energy"), figures_of(page)
    assert list(scores) == names["arms"]
    for arm in names["arms"]:
        assert scores[arm][1] == told(names["score"][arm], 1)
        assert scores[arm][2] == told(names["middle"][arm], 1)
        assert energy[arm][3] == told(names["training"][arm], 3)
        assert energy[arm][7] == told(names["item"][arm], 0)
    chances = figures[f"Probability of improvement on {names['reference']}"]
    words = [text.text for text in chances.svg.iter("text")]
    for arm, chance in names["chance"].items():
        assert words[len(names["chance"]) + words.index(arm)] == told(chance, 2)
    for title, unbeaten in zip(("training", "inference"), names["unbeaten"], strict=True):
        figure = figures[f"Score against {title} energy"]
        rings = {(float(ring.get("cx", "")), float(ring.get("cy", ""))) for ring in figure.svg.findall("circle")}
        assert {arm for arm, place in figure.marks().items() if place in rings} == set(unbeaten) != set()
    for title, by in (("environment steps", "by_steps"), ("training energy", "by_joules")):
        for arm, (x, y) in names[by].items():
            figure = figures[f"Score over {title}"]
            shown, value = figure.line(arm)
            _, low, high = figure.area(arm)
            span = np.ptp(figure.y([0.0, 300.0])) / 300.0  # of a unit of the picture, of which two digits are kept
            factor = x[-1] / shown[-1]
            np.testing.assert_allclose(x, factor * shown, atol=0.01 * x[-1])
            np.testing.assert_allclose([y.value, y.low, y.high], [value, low, high], atol=0.02 * span)
    for arm, size in names["size"].items():
        _, value = figures["Size over time"].line(arm)
        np.testing.assert_allclose(size, value, atol=0.2)
    return figures


def test_it_says_of_a_real_study_what_the_page_says(quick: Path, run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    names = run(str(quick))
    assert (names["arms"], names["reference"]) == (list(ARMS), ARMS[0])
    assert_same(names, (quick / "report.html").read_text(encoding="utf-8"))
    said = capsys.readouterr().out
    assert "quick: 3 arms, 6 runs done" in said
    assert told(names["score"]["quick-grow-prune"], 1) in said


def test_failed_and_missing_runs_count_as_on_the_page(tmp_path: Path, run: Any) -> None:
    """fixed-512 ate 26 and 34, and failed once, which counts as 4; fixed-64 ate 20, 40 and nobody knows."""
    prices = {"fixed-64": 1e-7, "fixed-512": 9e-7}
    for arm, foods in {"fixed-64": (20.0, 40.0), "fixed-512": (26.0, 34.0)}.items():
        for seed, food in enumerate(foods):
            write_run(tmp_path, arm, seed, straight(food, 64 + seed), food=food, joules_per_food=prices[arm])
    write_metrics(tmp_path / "fixed-512" / "seed-2", straight(1.0)[:4])
    failed = {"fixed-512 seed 2": "RuntimeError: no"}
    write_results(tmp_path, "capacity", ("fixed-64", "fixed-512"), (0, 1, 2), failed=failed)
    names = run(str(tmp_path / "capacity"))
    figures = assert_same(names, (tmp_path / "capacity" / "report.html").read_text(encoding="utf-8"))
    assert names["reference"] == "fixed-512"
    assert {arm: score.value for arm, score in names["score"].items()} == {"fixed-64": 30.0, "fixed-512": 64.0 / 3.0}
    assert names["training"]["fixed-512"].value == pytest.approx((1.0 + 1.0 + 0.4) / 3.0)
    assert names["chance"]["fixed-64"].value == pytest.approx(4 / 6)  # 20 beats 4; 40 beats all three
    # The page's profile has thresholds of its own; both are steps at the same scores.
    x, y = figures["Performance profile"].line("fixed-512")
    steps = [0.0, 0.22, 0.30]
    for grid, share in ((names["grid"], names["profile"]["fixed-512"].value), (x, y)):
        apart = np.min([abs(grid - step) for step in steps], axis=0) > 0.004
        above = [np.mean([step > place for step in steps]) for place in grid[apart]]
        np.testing.assert_allclose(share[apart], above, atol=0.005)


def test_the_folder_is_looked_for_from_the_repository(run: Any, tmp_path: Path) -> None:
    """Which stands around the folder of the notebook: the hypothesis if it is there, the quick study, or one named."""
    place = tmp_path / "docs" / "notebooks"
    place.mkdir(parents=True)
    write_run(tmp_path, "fixed-64", 0, straight(20.0), food=20.0)
    for folder in ("elsewhere", "runs/study-quick/quick", "docs/results/hypothesis"):
        (tmp_path / folder).parent.mkdir(parents=True, exist_ok=True)
        write_results(tmp_path, "capacity", ("fixed-64",), (0,))
        (tmp_path / "capacity").rename(tmp_path / folder)
        assert run("elsewhere", place, "folder")["folder"] == tmp_path / "elsewhere"
        if folder != "elsewhere":
            assert run(None, place, "folder")["folder"] == tmp_path / folder


def test_a_folder_that_is_not_there_is_named(run: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no results\.csv in nowhere/at/all\. Run `make study-quick`"):
        run("nowhere/at/all")
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path))):
        run(str(tmp_path))


def test_it_is_kept_without_outputs_and_names_no_machine() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 20_000
    assert not re.search(r"/(home|root|tmp|work|Users|opt|usr)/", text)
