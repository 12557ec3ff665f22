"""The report of a life of several tasks: where phases begin, the score on every task, and what each phase came to."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from continual_cases import STEPS, evaluation_line, life, phase_line, write
from life_cases import life_for
from test_report import Page, page_of
from training_cases import CHANGING

from snn_agent.config import METHODS
from snn_agent.training.report.life import read_life
from snn_agent.training.report.switches import MOST

SEQUENCE = (0, 1, 0)
END = STEPS * len(SEQUENCE)


def score(step: int, task: int) -> float:
    """Another number at every moment and task."""
    return step * (0.5 - 0.25 * task) - 10.0 * task


def made_up(folder: Path, phases: list[dict[str, Any]], evaluations: list[dict[str, Any]]) -> Path:
    """A run directory of that life, with an update at every tenth step."""
    last = max(line["env_step"] for line in evaluations)
    rows = [f"{step // 10},{step},{step / 7}" for step in range(10, last + 1, 10)]
    (folder / "metrics.csv").write_text("\n".join(["update,env_steps,loss", *rows]) + "\n")
    return write(folder, phases, evaluations)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A, B, A, with an alarm in B and two in the second A."""
    phases, evaluations = life(SEQUENCE, score, n_tasks=2)
    for line, protected in zip(phases, (0, 4, 6), strict=True):
        line |= {"kind": "hidden", "protected": protected}
    alarms = [
        phase_line(1, 1, 130, "detected") | {"protected": 6, "recruited": 3},
        phase_line(2, 0, 220, "detected") | {"protected": 7},
        phase_line(2, 2, 260, "detected") | {"protected": 9, "recruited": 5},
    ]
    return made_up(tmp_path, [*phases[:2], alarms[0], phases[2], *alarms[1:]], evaluations)


def rows_of(text: str, title: str) -> list[dict[str, str]]:
    """The table whose first column has that title, by its titles."""
    (body,) = [found for found in re.findall(r"<table>(.*?)</table>", text, re.S) if f"<th>{title}</th>" in found]
    head, *rows = re.findall(r"<tr>(.*?)</tr>", body, re.S)
    titles = re.findall(r"<th[^>]*>(.*?)</th>", head)
    return [dict(zip(titles, re.findall(r"<td[^>]*>(.*?)</td>", row), strict=True)) for row in rows]


def uprights(page: Page, name: str) -> list[set[float]]:
    """Of every drawn set of upright lines, the shares of its plot's width."""
    found = [attributes["d"] or "" for _, attributes in page.tags if attributes.get("class") == name]
    return [{float(x) / 1000.0 for x in re.findall(r"M([\d.]+) 0V1000", path)} for path in found]


def test_phases_and_alarms_stand_where_they_were(folder: Path) -> None:
    page = page_of(folder)
    plots = page.with_class("plot")
    assert len(plots) == 2  # the loss, the only column there is, and the scores
    begins = pytest.approx([phase / 3 for phase in (1, 2)], abs=1e-4)
    noticed = pytest.approx([step / END for step in (130, 220, 260)], abs=1e-4)
    assert [sorted(found) for found in uprights(page, "switch")] == [begins] * 2
    assert [sorted(found) for found in uprights(page, "noticed")] == [noticed] * 2
    assert len(page.with_class("notice-sign")) == 2 * 3
    names = [
        attributes for tag, attributes in page.tags if tag == "span" and "width:" in (attributes.get("style") or "")
    ]
    places = [tuple(map(float, re.findall(r"[\d.]+", attributes["style"] or ""))) for attributes in names]
    assert places == [pytest.approx((100 * phase / 3, 100 / 3), abs=0.01) for phase in range(3)] * 2
    assert [attributes["class"] for attributes in names] == ["task-0", "task-1", "task-0"] * 2
    assert all("it is not told" in (attributes["title"] or "") for attributes in names)


def test_every_task_has_its_curve(folder: Path) -> None:
    page = page_of(folder)
    (told,) = [json.loads(found) for plot in page.with_class("plot") if (found := plot.get("data-scores"))]
    assert told["across"] == [0.0, END]
    lines = [a["d"] or "" for tag, a in page.tags if tag == "path" and "score" in (a.get("class") or "").split()]
    steps = range(0, END + 1, 10)
    for task, path in enumerate(lines[-2:]):  # those before are the legend's
        found = [tuple(map(float, point)) for point in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]
        assert [x * END / 1000 for x, _ in found] == pytest.approx(list(steps), abs=0.02 * END)
        heights = [1 - y / 1000 for _, y in found]
        wanted = [score(step, task) for step in steps]
        # Straight in the step, as the scores are; the scale is the axis's own and the same for both.
        scale = (heights[-1] - heights[0]) / (wanted[-1] - wanted[0])
        assert scale == pytest.approx(1 / 200, rel=1e-3)  # from -50 to 150
        assert heights == pytest.approx([(value + 50) / 200 for value in wanted], abs=1e-3)
    assert page.data["life"]["scores"] == [[score(step, task) for step in steps] for task in range(2)]
    assert "A 150, B 65 at 300 steps" in page.words


def test_the_table_tells_what_each_phase_came_to(folder: Path) -> None:
    page_of(folder)
    rows = rows_of((folder / "report.html").read_text(encoding="utf-8"), "phase")
    assert [row["task"] for row in rows] == ["A", "B", "A"]
    assert [row["begin"] for row in rows] == ["0", "100", "200"]
    assert [row["score: A"] for row in rows] == ["50", "100", "150"]
    assert [row["score: B"] for row in rows] == ["15", "40", "65"]
    assert [row["neurons"] for row in rows] == ["100", "200", "300"]
    assert [row["protected"] for row in rows] == ["0", "6", "9"]
    assert [row["recruited"] for row in rows] == ["0", "3", "5"]
    # A joule in four steps; a phase's own first examination is ten steps after the end of the one before.
    assert [row["energy"] for row in rows] == ["25 J", "22.5 J", "22.5 J"]
    assert [row["noticed"] for row in rows] == [
        "nothing", "after 30 steps: task 1", "after 20 steps: task 0; after 60 steps: task 2",
    ]  # fmt: skip


def test_a_life_of_one_task_is_shown_as_ever(tmp_path: Path) -> None:
    run = made_up(tmp_path, *life((0,), score, n_tasks=1))
    with_files = page_of(run)
    for name in ("phases.jsonl", "evaluations.jsonl"):
        (run / name).unlink()
    assert with_files.tags == page_of(run).tags
    assert with_files.data["life"] is None
    assert with_files.with_class("phases") == with_files.with_class("score") == []


def test_a_life_that_was_cut_short_is_told_as_far_as_it_went(tmp_path: Path) -> None:
    """It was killed at the begin of its second phase, between the two tasks of an examination."""
    phases, evaluations = [phase_line(0, 0, 0), phase_line(1, 1, 100)], [
        evaluation_line(0, 0, 0, 1.0), evaluation_line(0, 0, 1, 2.0), evaluation_line(90, 0, 0, 3.0),
    ]  # fmt: skip
    run = made_up(tmp_path, phases, evaluations)
    with (run / "evaluations.jsonl").open("a") as file:
        file.write(json.dumps(evaluation_line(90, 0, 1, 4.0))[:40])
    page = page_of(run)
    assert page.data["life"]["scores"] == [[1.0, 3.0], [2.0, None]]
    first, second = rows_of((run / "report.html").read_text(encoding="utf-8"), "phase")
    assert (first["score: A"], first["score: B"], first["energy"]) == ("3", "–", "22.5 J")
    assert (second["score: A"], second["neurons"], second["energy"]) == ("–", "–", "–")
    assert "noticed" not in second


def test_tasks_that_were_never_met_have_a_name_if_anything_tells_it(tmp_path: Path) -> None:
    run = made_up(tmp_path, *life((0,), score, n_tasks=3))
    told = {"eval": {"tasks": [{"name": "?"}, {"name": "beyond"}]}}
    found = read_life(run, told)
    assert found is not None
    assert found.names == ("A", "beyond", "task 2")


def test_names_stay_text(tmp_path: Path) -> None:
    evil = '"><b class=evil>'
    phases, evaluations = life(SEQUENCE, score, n_tasks=2)
    run = made_up(tmp_path, [line | {"name": evil} for line in phases], evaluations)
    page = page_of(run)
    assert page.with_class("evil") == []
    assert page.data["life"]["names"] == [evil] * 2


@pytest.mark.parametrize("n", [MOST, MOST + 1])
def test_of_too_many_phases_none_is_marked(tmp_path: Path, n: int) -> None:
    phases = [phase_line(number, number % 2, number * 10) for number in range(n)]
    page = page_of(made_up(tmp_path, phases, [evaluation_line(n * 10, n - 1, task, 1.0) for task in range(2)]))
    assert bool(page.with_class("phases")) == bool(page.with_class("switch")) == (n <= MOST)
    assert ("too many to be marked" in page.words) == (n > MOST)


def test_a_real_life_is_told_as_its_files_have_it(tmp_path: Path) -> None:
    trainer = life_for(
        structure=CHANGING, sequence=SEQUENCE, phase_steps=60, evaluate_every=20, run_dir=tmp_path / "run",
        continual=dataclasses.replace(METHODS["progressive"], column_size=4),
    )  # fmt: skip
    trainer.train()
    page = page_of(tmp_path / "run")
    lines = trainer.journal.evaluations
    assert page.data["life"]["scores"] == [[line.score for line in lines if line.task == task] for task in range(2)]
    rows = rows_of((tmp_path / "run" / "report.html").read_text(encoding="utf-8"), "phase")
    assert [row["recruited"] for row in rows] == [str(line.recruited) for line in trainer.journal.phases]
    assert [row["protected"] for row in rows] == [str(line.protected) for line in trainer.journal.phases]
    assert {row["recruited"] for row in rows} >= {"0", "4"}, "the case shows too little"
    assert len(uprights(page, "switch")) == len(page.with_class("plot"))  # the heat map among them
