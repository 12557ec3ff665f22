"""The report says what the run's files say, whatever is in them, and needs nothing from outside."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_cases import FIXED, Songs, trainer_for

from snn_agent.errors import ConfigError
from snn_agent.training.report import write_report

REFERENCES = {"random": 0.5, "greedy": 3.25}
EVALUATION = {
    "episodes": 16, "food_mean": 2.125, "food_interval": [1.5, 2.75], "normalised_score": 0.591,
    "normalised_interval": [0.364, 0.818], "spikes_per_decision": 7.5, "synaptic_operations_per_decision": 60.0,
    "synaptic_operations_per_decision_resent": 300.0,
    "energy": {"45nm_fp32": {"joules_per_decision": 2e-9, "joules_per_food": 8e-9}},
}  # fmt: skip
SOURCES = ("src", "href", "srcset", "action")
VOID = {"meta", "path", "img"}


class Page(HTMLParser):
    """The page taken apart: its words, its scripts' contents, its tags; a tag that is not closed is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in self.inside:
            self.inside[tag].append("")
        if tag not in VOID and tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.inside:
            self.inside[self.open[-1]][-1] += data
        else:
            self.words += data + " "

    @property
    def data(self) -> dict[str, Any]:
        """What is embedded for the script."""
        document: dict[str, Any] = json.loads(self.inside["script"][0])
        return document

    def with_class(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.tags if name in (attributes.get("class") or "").split()]


def table(run_dir: Path) -> dict[str, list[float | None]]:
    """metrics.csv by column, as JSON has it."""
    with (run_dir / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    numbers = {name: [float(row[name]) for row in rows] for name in rows[0]}
    return {name: [value if math.isfinite(value) else None for value in column] for name, column in numbers.items()}


def page_of(run_dir: Path, *arguments: Any, **options: Any) -> Page:
    path = write_report(run_dir, *arguments, **options)
    assert path == run_dir / "report.html"
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that grew and shrank, of worlds that count food."""
    folder = tmp_path_factory.mktemp("report") / "run"
    summary = trainer_for(Songs(counts_food=True), run_dir=folder).train(300)
    facts = {"seed": 7, "engine": "torch", "device": "cpu", "config_hash": "0123456789ab"}
    (folder / "summary.json").write_text(json.dumps(summary | facts | {"eval": EVALUATION}))
    (folder / "config.json").write_text(
        json.dumps({"env_id": "Songs-v0", "network": {"neuron": {"tau_mem_s": 0.0213}}})
    )
    return folder


def test_the_numbers_are_those_of_the_files(run_dir: Path) -> None:
    data = page_of(run_dir, REFERENCES).data
    assert data["columns"] == table(run_dir)
    assert data["summary"] == json.loads((run_dir / "summary.json").read_text())
    assert data["config"] == json.loads((run_dir / "config.json").read_text())
    assert data["events"] == [json.loads(line) for line in (run_dir / "events.jsonl").read_text().splitlines()]
    assert data["references"] == REFERENCES
    assert data["evaluation"] == EVALUATION


def test_the_headline_is_the_evaluation(run_dir: Path) -> None:
    page = page_of(run_dir, REFERENCES)
    for text in ("2.125", "95 % interval 1.5 to 2.75", "0.591", "95 % interval 0.364 to 0.818", "random 0.5",
                 "greedy 3.25", "12 → ", "8 nJ", "2 nJ", "0.0213", "0123456789ab", "Finished"):  # fmt: skip
        assert text in page.words, text
    assert "4.5" in page_of(run_dir, REFERENCES, EVALUATION | {"food_mean": 4.5}).words  # what is given comes first


def test_curves_are_where_their_numbers_are(run_dir: Path) -> None:
    page = page_of(run_dir, REFERENCES)
    data = page.data
    drawn = [attributes for _, attributes in page.tags if attributes.get("class") == "curve"]
    curves = [json.loads(found) for plot in page.with_class("plot") if (found := plot.get("data-curve"))]
    assert len(drawn) == len(curves) >= 15
    for path, curve in zip(drawn, curves, strict=True):
        values = (data["columns"] | data["derived"])[curve["column"]]
        pen, points = [0.0, 0.0], []
        for letter, rest in re.findall(r"([MLHVh])([^MLHVh]*)", path["d"] or ""):
            numbers = [float(number) for number in rest.split()]
            if letter in "ML":
                pen = numbers
            elif letter in "HV":
                pen["HV".index(letter)] = numbers[0]
            if letter != "H":
                points.append(tuple(pen))
        (left, right), (low, high) = curve["across"], curve["up"]
        told = {(left + x / 1000 * (right - left), low + (1 - y / 1000) * (high - low)) for x, y in points}
        wanted = [(x, y) for x, y in zip(data["columns"]["env_steps"], values, strict=True) if y is not None]
        assert len(told) == len(wanted)
        for (x, y), (true_x, true_y) in zip(sorted(told), wanted, strict=True):
            assert x == pytest.approx(true_x, abs=1e-3 * (right - left))
            assert y == pytest.approx(true_y, abs=1e-3 * (high - low))


def test_births_and_deaths_are_marked_and_told(run_dir: Path) -> None:
    page = page_of(run_dir)
    events = page.data["events"]
    assert len(page.with_class("born")) == sum(bool(event["born"]) for event in events) > 2
    assert len(page.with_class("died")) == sum(bool(event["died"]) for event in events) > 2
    assert f"Structural events: {len(events)}" in page.words
    for event in events:
        assert event["reason"] in page.words
        assert f"{event['size_before']} → {event['size_after']}" in page.words


def test_nothing_comes_from_outside(run_dir: Path) -> None:
    text = write_report(run_dir, REFERENCES, commands={"Again:": "python x.py"}).read_text(encoding="utf-8")
    page = Page(text)
    assert not re.findall(r"https?:|[\"'(]//|@import|url\(", text)
    sources = [attributes[name] for _, attributes in page.tags for name in attributes.keys() & set(SOURCES)]
    assert len(sources) == 2  # the heat map and its scale
    assert all(source and source.startswith("data:image/png;base64,") for source in sources)
    (policy,) = [a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "python x.py" in page.words


def test_text_from_files_stays_text(run_dir: Path, tmp_path: Path) -> None:
    evil = '</script><script>alert("1")</script><b class=evil>'
    for name in ("metrics.csv", "events.jsonl"):
        (tmp_path / name).write_bytes((run_dir / name).read_bytes())
    event = json.loads((tmp_path / "events.jsonl").read_text().splitlines()[0]) | {"reason": evil}
    (tmp_path / "events.jsonl").write_text(json.dumps(event) + "\n")
    (tmp_path / "config.json").write_text(json.dumps({"env_id": evil}))
    page = page_of(tmp_path, {evil: 1.0}, commands={evil: evil})
    assert page.data["events"][0]["reason"] == evil
    assert page.with_class("evil") == []
    assert len(page.inside["script"]) == 2


def test_a_run_without_events_or_episodes(tmp_path: Path) -> None:
    trainer_for(structure=FIXED, run_dir=tmp_path / "run").train(15)  # no world's first episode need have ended
    text = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    cells = dict(zip(text[0].split(","), text[1].split(","), strict=True)) | {"return_mean": "nan", "food_mean": "nan"}
    (tmp_path / "run" / "metrics.csv").write_text(f"{text[0]}\n{','.join(cells.values())}\n")
    page = page_of(tmp_path / "run", REFERENCES)
    assert "No neuron was born and none died." in page.words
    assert "No episode ended yet." in page.words
    assert "Energy per food item" not in page.words
    assert "There is no summary" in page.words
    assert page.data["columns"]["return_mean"] == [None]
    assert page.data["events"] == []


@pytest.mark.parametrize("content", ["", "update,env_steps,loss\n", "update,env_steps,loss\n1,nan,nan\n"])
def test_a_run_with_almost_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "metrics.csv").write_text(content)
    page = page_of(tmp_path)
    assert page.with_class("plot") == []
    assert ("no update was finished" in page.words) == (content.count("\n") < 2)


def test_a_stopped_run_says_so(tmp_path: Path, run_dir: Path) -> None:
    (tmp_path / "metrics.csv").write_bytes((run_dir / "metrics.csv").read_bytes() + b"9,9,9\n8,")
    (tmp_path / "summary.json").write_text(json.dumps({"ended": "asked to stop"}))
    page = page_of(tmp_path)
    assert "Stopped before its goal" in page.words
    assert "it was not evaluated" in page.words
    assert "left out: 2." in page.words
    assert page.data["columns"] == table(run_dir)


def test_long_files_are_thinned(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{n},{n * 8192},{rng.normal():.9g},{64 + n % 7}" for n in range(1, 5001)]
    (tmp_path / "metrics.csv").write_text("\n".join(["update,env_steps,loss,hidden_neurons", *rows]) + "\n")
    event = {"rule": "r", "reason": "because", "size_before": 64, "size_after": 65, "born": [64], "died": []}
    lines = [json.dumps(event | {"update": n, "env_step": n * 8192, "episode": 0}) for n in range(1, 3001)]
    (tmp_path / "events.jsonl").write_text("\n".join(lines) + "\n")
    page = page_of(tmp_path)
    columns = page.data["columns"]
    shown = list(zip(*columns.values(), strict=True))
    assert len(shown) == 600
    whole = {tuple(float(cell) for cell in row.split(",")) for row in rows}
    assert set(shown) <= whole
    assert shown[0][0] == 1
    assert shown[-1][0] == 5000
    assert "600 of 5,000 updates" in page.words
    assert len(page.with_class("born")) == 120
    assert "120 of 3,000 are marked" in page.words
    assert "The last 2,000 of 3,000" in page.words
    assert page.words.count("because") == 2000


def test_a_failed_write_leaves_the_old_page(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError("no space left on device")

    before = write_report(run_dir).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            write_report(run_dir, REFERENCES)
    assert (run_dir / "report.html").read_bytes() == before
    assert write_report(run_dir, REFERENCES).read_bytes() != before
    assert [entry.name for entry in run_dir.iterdir() if "partial" in entry.name] == []


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"metrics.csv does not exist, so there is nothing to report. Give a run"):
        write_report(tmp_path)
