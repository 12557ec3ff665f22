"""Metrics, alert rules and dashboards, before promtool and a real Prometheus that scrapes a real training run."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

TOOLS = Path(__file__).parents[1]
DOCKER = TOOLS.parent / "docker"
DASHBOARDS = sorted((DOCKER / "grafana" / "dashboards").glob("*.json"))
LONG = [
    "--preset", "quick", "--threads", "1", "--total-steps", "100000000",
    "--training.n-worlds", "8", "--training.checkpoint-every-updates", "4", "--structure.interval-unit", "updates",
    "--structure.growth", "periodic", "--structure.growth-size", "8", "--structure.grow-interval", "20",
    "--structure.pruning", "low_utility", "--structure.prune-interval", "20", "--structure.maturity-updates", "2",
    "--structure.prune-share", "0.1",
]  # fmt: skip
ALLOWED = {'snn_neuron_count non-histogram and non-summary metrics should not have "_count" suffix'}
"""What promtool may say against the metrics: this name was promised before anybody asked it."""
DEADLINE_SECONDS = 240.0

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus and promtool are not installed; .ci/run does it, with apt-get install prometheus",
)


class Query(NamedTuple):
    where: str  # dashboard and panel
    expr: str


def queries() -> list[Query]:
    """Every expression that Grafana would send, of panels, annotations and variables."""
    found = []
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            found += [Query(f"{path.stem}/{panel['title']}", target["expr"]) for target in panel.get("targets", [])]
        found += [Query(f"{path.stem}/{mark['name']}", mark["expr"]) for mark in board["annotations"]["list"]]
        for variable in board["templating"]["list"]:
            match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert match, "this test knows label_values(metric, label) only"
            found.append(Query(f"{path.stem}/{variable['name']}", f"count by ({match[2]}) ({match[1]})"))
    return found


def filled_in(expr: str) -> str:
    """The expression as Grafana sends it, with all runs chosen."""
    for name, value in {"$__rate_interval": "10s", "$__interval": "10s", "$__range": "1m", "$instance": ".*"}.items():
        expr = expr.replace(name, value)
    assert "$" not in expr, f"this test does not know a variable in {expr}"
    return expr


def promtool(*arguments: str | Path, stdin: str | None = None) -> tuple[int, str]:
    answer = subprocess.run(
        ["promtool", *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False
    )
    return answer.returncode, answer.stdout + answer.stderr


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Monitored(NamedTuple):
    metrics: str  # URL of the run's metrics
    prometheus: str  # URL of the server that scrapes it

    def ask(self, expr: str, start: float) -> list[Any]:
        """Series of an expression, from the start until now."""
        asked = urllib.parse.urlencode({"query": expr, "start": start, "end": time.time(), "step": "0.5"})
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/query_range?{asked}", timeout=30) as answer:
            reply = json.load(answer)
        assert reply["status"] == "success", reply
        result: list[Any] = reply["data"]["result"]
        return result


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    """A training run, and a Prometheus that scrapes it four times a second with this repository's rules."""
    folder = tmp_path_factory.mktemp("monitored")
    train = [sys.executable, TOOLS / "train.py", *LONG, "--metrics-port", "0", "--run-dir", folder / "run"]
    log, server_log = folder / "train.log", folder / "prometheus.log"
    with log.open("w") as out, server_log.open("w") as server_out:
        run = subprocess.Popen(train, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        server = None
        try:
            said = None
            while said is None and run.poll() is None:
                time.sleep(0.05)
                said = re.search(r"metrics: (http://127\.0\.0\.1:(\d+)/metrics)", log.read_text())
            assert said, log.read_text()
            config = (DOCKER / "prometheus" / "prometheus.yml").read_text()
            fast = {"scrape_interval: 5s": "scrape_interval: 250ms", "scrape_timeout: 4s": "scrape_timeout: 250ms"}
            for old, new in fast.items():
                assert old in config
                config = config.replace(old, new)
            shutil.copytree(DOCKER / "prometheus" / "rules", folder / "rules")
            (folder / "prometheus.yml").write_text(config)
            (folder / "targets").mkdir()
            (folder / "targets" / "run.yml").write_text(f'- targets: ["127.0.0.1:{said[2]}"]\n')
            listen = f"127.0.0.1:{free_port()}"
            command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--web.listen-address={listen}"]
            server = subprocess.Popen(
                [*command, f"--storage.tsdb.path={folder / 'data'}"], stdout=server_out, stderr=subprocess.STDOUT
            )
            while not _is_ready(f"http://{listen}") and server.poll() is None:
                time.sleep(0.1)
            assert server.poll() is None, server_log.read_text()
            yield Monitored(said[1], f"http://{listen}")
            run.send_signal(signal.SIGTERM)
            assert run.wait(120) == 0, log.read_text()
        finally:
            for process in (run, server):
                if process is not None and process.poll() is None:
                    process.kill()
                    process.wait()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


@needs_prometheus
@pytest.mark.slow
def test_every_query_of_the_dashboards_has_an_answer(monitored: Monitored) -> None:
    begun, waiting = time.time(), queries()
    assert len(waiting) > 30
    while waiting and time.time() - begun < DEADLINE_SECONDS:
        time.sleep(1.0)
        waiting = [query for query in waiting if not _has_numbers(monitored.ask(filled_in(query.expr), begun - 60))]
    assert waiting == [], "these queries gave nothing"
    assert monitored.ask("snn_neuron_counts", begun) == []  # what does not exist gives nothing
    assert _has_numbers(monitored.ask('count(up{job="snn-agent"} == 1)', begun))  # the job that the alerts ask for


def _has_numbers(series: list[Any]) -> bool:
    return any(value not in ("NaN", "+Inf", "-Inf") for entry in series for _, value in entry["values"])


@needs_prometheus
@pytest.mark.slow
def test_promtool_finds_one_fault_with_the_metrics(monitored: Monitored) -> None:
    with urllib.request.urlopen(monitored.metrics, timeout=10) as answer:
        text = answer.read().decode()
    _, said = promtool("check", "metrics", stdin=text)
    assert set(said.splitlines()) == ALLOWED
    _, said = promtool("check", "metrics", stdin=text.replace("snn_updates_total", "snn_updates"))
    assert len(said.splitlines()) == 2, "promtool sees no faults"


@needs_prometheus
def test_promtool_accepts_configuration_and_rules() -> None:
    code, said = promtool("check", "config", DOCKER / "prometheus" / "prometheus.yml")
    assert code == 0, said
    code, said = promtool("check", "rules", *sorted((DOCKER / "prometheus" / "rules").glob("*.yml")))
    assert code == 0, said


@needs_prometheus
def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    files = sorted((DOCKER / "prometheus" / "tests").glob("*.yml"))
    code, said = promtool("test", "rules", *files)
    assert code == 0, said
    alerts = re.findall(r"alert: (\w+)", (DOCKER / "prometheus" / "rules" / "snn-agent.yml").read_text())
    tested = "".join(file.read_text() for file in files)
    assert len(alerts) == 6
    assert all(name in tested for name in alerts)
    # The tests see each threshold that is moved.
    shutil.copytree(DOCKER / "prometheus", tmp_path / "prometheus")
    rules = tmp_path / "prometheus" / "rules" / "snn-agent.yml"
    text = rules.read_text()
    for old, new in {
        'up{job="snn-agent"} == 0': 'up{job="snn-agent"} == 2',
        "[5m]) == 0": "[3m]) == 0",
        "< 0.001": "< 0.002",
        "> 0.5": "> 0.52",
        "> 2 *": "> 4 *",
        "<= (snn_episode_reward": "<= 2 * (snn_episode_reward",
        'reason="non_finite"': 'reason="other"',
    }.items():
        assert text.count(old) == 1, old
        rules.write_text(text.replace(old, new))
        code, said = promtool("test", "rules", tmp_path / "prometheus" / "tests" / "snn-agent.yml")
        assert code != 0, f"nobody sees that {old} became {new}"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_are_complete(path: Path) -> None:
    board = json.loads(path.read_text())
    assert board["uid"] == path.stem
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    source = (DOCKER / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text()
    uid = re.findall(r"^    uid: (\w+)$", source, re.MULTILINE)
    used = re.findall(r'"type": "prometheus",\s*"uid": "(\w+)"', path.read_text())
    assert set(used) == set(uid)
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"].get("unit") or panel["type"] == "heatmap", panel["title"]
        assert panel["targets"], panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        assert all("$instance" in target["expr"] for target in panel["targets"]), panel["title"]
    cells = [
        (x, y)
        for panel in board["panels"]
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(cells)) == len(cells), "two panels lie on each other"
    assert max(x for x, _ in cells) == 23


def test_a_used_port_is_told_before_anything_begins(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [sys.executable, TOOLS / "train.py", *LONG, "--metrics-port", port, "--run-dir", tmp_path / "run"]
        answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 2, answer.stdout + answer.stderr
    words = " ".join(answer.stdout.split())
    assert re.search(rf"ConfigError: .*127\.0\.0\.1:{port}.*choose another one", words), words
    assert not (tmp_path / "run").exists()


def test_tensorboard_writes_beside_the_metrics(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the package tensorboard is not installed: ./setup.sh test does it")
    short = ["100000000", "2000"]
    options = [short[1] if item == short[0] else item for item in LONG]
    command = [sys.executable, TOOLS / "train.py", *options, "--eval-episodes", "1", "--tensorboard"]
    answer = subprocess.run(
        [*command, "--run-dir", tmp_path / "run"], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert [path.name for path in (tmp_path / "run" / "tensorboard").glob("events.out.tfevents.*")]
