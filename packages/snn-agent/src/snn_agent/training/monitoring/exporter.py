"""``PrometheusExporter``: the state of a run at ``http://HOST:PORT/metrics``."""

from __future__ import annotations

import platform
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import torch
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from snn_agent import checks
from snn_agent.config import LearningConfig, StructureConfig
from snn_agent.errors import ConfigError, NonFiniteError
from snn_agent.metrics.energy import EnergyLedger
from snn_agent.training.callbacks import Callback, Run, UpdateRecord
from snn_agent.training.monitoring.families import families
from snn_agent.training.monitoring.reading import Reading, take

LAST_WORDS_SECONDS: Final = 10.0
"""How long a failed run waits to be scraped once more, if it ever was: twice the interval of docker/prometheus."""
ANSWER_SECONDS: Final = 0.3
"""What that last answer gets to reach the scraper."""
FAILURES: Final = ("non_finite", "other")
"""Why a run may fail: a number became infinite or NaN, or any other error."""


class PrometheusExporter(Callback, Collector):
    """Serves the metrics of one run, from its construction until the run ends or :meth:`close`.

    Numbers are taken once an update and put into words when somebody asks, in a thread of the server. The registry is
    its own, so that several runs of a process do not meet.

    Args:
        port: TCP port; 0 lets the operating system choose, see :attr:`port`.
        host: address to listen at; ``"127.0.0.1"`` is seen from this machine only, ``"0.0.0.0"`` from everywhere.
        info: labels of ``snn_run_info`` beside those that the run itself tells, fixed for the run.

    Attributes:
        port: the port that it listens at.
        url: where the metrics are.

    Raises:
        ConfigError: it cannot listen there: the port is in use or forbidden, or the host is none of this machine's.
    """

    def __init__(self, port: int = 8000, host: str = "127.0.0.1", *, info: Mapping[str, str] | None = None) -> None:
        checks.integer("the metrics port", port, 0, 65_535)
        self._info = dict(info or {})
        self._run: dict[str, str] | None = None
        self._device = ""  # not known before the run begins
        self._reading: Reading | None = None
        self._before = EnergyLedger()
        self._checkpoint: float | None = None
        self._failures = dict.fromkeys(FAILURES, 0)
        self._scraped = threading.Event()
        registry = CollectorRegistry()
        registry.register(self)
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as problem:
            raise ConfigError(
                f"metrics cannot be served at {host}:{port}: {problem.strerror or problem}. If another run has that "
                f"port, choose another one, or 0 for any that is free; the host must be an address of this machine."
            ) from problem
        self.port = int(self._server.server_port)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}/metrics"

    def __enter__(self) -> PrometheusExporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; the port is free again. May be called twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def on_start(self, run: Run) -> None:
        """Learn what run it is."""
        learning, structure = run.agent.configs["learning"], run.agent.configs["structure"]
        assert isinstance(learning, LearningConfig)
        assert isinstance(structure, StructureConfig)
        self._before = run.agent.ledger
        self._run = {
            "run": "" if run.run_dir is None else run.run_dir.name,
            "engine": run.organism.engine.name,
            "rule": learning.rule,
            "growth": structure.growth,
            "birth": structure.birth,
            "pruning": structure.pruning,
            **self._info,
        }
        self._device = str(run.organism.device)

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        """Take the numbers of an update."""
        self._reading = take(run, record, self._before)
        self._before = run.agent.ledger

    def on_checkpoint(self, run: Run, path: Path) -> None:
        """Take the time."""
        del run, path
        self._checkpoint = time.time()

    def on_end(self, run: Run, summary: dict[str, Any]) -> None:
        """Stop serving; a failed run that is being watched first waits for one more scrape, to say that it failed."""
        del run
        if summary["ended"] == "failed":
            reason = "non_finite" if isinstance(sys.exc_info()[1], NonFiniteError) else "other"
            watched = self._scraped.is_set()
            self._scraped.clear()
            self._failures[reason] += 1
            if watched and self._scraped.wait(LAST_WORDS_SECONDS):
                time.sleep(ANSWER_SECONDS)
        self.close()

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment; called by the server's threads."""
        reading = self._reading  # one look: training may put another one there meanwhile
        build = InfoMetricFamily("snn_build", "Versions of what runs, and on which device.", value=self._build())
        yield build
        if self._run is not None:
            yield InfoMetricFamily("snn_run", "What is trained, and how; one series a run.", value=self._run)
        failures = CounterMetricFamily(
            "snn_run_failures_total",
            "1 after an error has ended the run: non_finite where a loss, gradient, observation or reward was infinite "
            "or NaN. A run that is scraped shows it for one scrape more, at most ten seconds, then it is gone.",
            labels=["reason"],
        )
        for reason, count in self._failures.items():
            failures.add_metric([reason], count)
        yield failures
        if self._checkpoint is not None:
            yield GaugeMetricFamily(
                "snn_last_checkpoint_timestamp_seconds",
                "When this process last wrote a checkpoint, in seconds since 1970 (UTC); absent before the first.",
                value=self._checkpoint,
            )
        if reading is not None:
            yield from families(reading)
        self._scraped.set()

    def _build(self) -> dict[str, str]:
        return {
            "version": metadata.version("snn-agent"),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "hip": torch.version.hip or "",
            "cuda": torch.version.cuda or "",
            "device": self._device,
        }
