"""The Prometheus exporter, scraped over HTTP as Prometheus does it."""

from __future__ import annotations

import contextlib
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser
from training_cases import CHANGING, FIXED, Songs, trainer_for, update

from snn_agent.errors import ConfigError, NonFiniteError
from snn_agent.training.callbacks import Callback, Run, UpdateRecord
from snn_agent.training.checkpoint import load_newest
from snn_agent.training.monitoring import exporter as module
from snn_agent.training.monitoring.exporter import PrometheusExporter
from snn_agent.training.monitoring.reading import RATE_BOUNDS, neurons_up_to

PROMISED = {
    "snn_neuron_count", "snn_avg_firing_rate", "snn_sparsity", "snn_episode_reward", "snn_growth_events_total",
    "snn_pruning_events_total", "snn_neurons_added_total", "snn_neurons_removed_total", "snn_episodes_total",
    "snn_env_steps_total", "snn_food_collected_total", "snn_training_loss", "snn_energy_joules_total",
    "snn_energy_estimate", "snn_synaptic_operations_total", "snn_env_steps_per_second",
    "snn_last_checkpoint_timestamp_seconds", "snn_neuron_firing_rate_bucket", "snn_build_info", "snn_run_info",
}  # fmt: skip
Series = tuple[str, tuple[tuple[str, str], ...]]


def scrape(url: str) -> dict[Series, float]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    families = list(parser.text_string_to_metric_families(text))
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}
    assert len(found) == len(samples), "a series was told twice"
    return found


class Scraper(Callback):
    """Scrapes after each update, and keeps what the run says by other ways."""

    def __init__(self, url: str) -> None:
        self.url, self.born, self.died = url, 0, 0
        self.scrapes: list[dict[Series, float]] = []
        self.records: list[UpdateRecord] = []
        self.newborns: list[int] = []

    def on_event(self, run: Run, event: Any) -> None:
        del run
        self.born += len(event.born)
        self.died += len(event.died)

    def on_update(self, run: Run, record: UpdateRecord) -> None:
        self.scrapes.append(scrape(self.url))
        self.records.append(record)
        self.newborns.append(int((run.agent.statistics.age == 0).sum()))


@contextlib.contextmanager
def watched(**info: str) -> Iterator[tuple[PrometheusExporter, Scraper]]:
    with PrometheusExporter(0, info=info) as exporter:
        yield exporter, Scraper(exporter.url)


def gone(exporter: PrometheusExporter) -> bool:
    try:
        urllib.request.urlopen(exporter.url, timeout=10)
    except urllib.error.URLError as problem:
        return isinstance(problem.reason, ConnectionRefusedError)
    return False


def test_the_last_scrape_is_the_summary_of_the_run(tmp_path: Path) -> None:
    with watched(env_id="Songs", seed="0") as (exporter, scraper):
        trainer = trainer_for(Songs(counts_food=True), run_dir=tmp_path / "run", callbacks=[exporter, scraper])
        summary = trainer.train(1500)
    last, record = scraper.scrapes[-1], scraper.records[-1]
    assert {name for name, _ in last} >= PROMISED
    energy = summary["energy"]
    expected = {
        "snn_neuron_count": summary["neurons_final"],
        "snn_env_steps_total": summary["env_steps"],
        "snn_episodes_total": summary["episodes"],
        "snn_updates_total": summary["updates"],
        "snn_growth_events_total": summary["growth_events"],
        "snn_pruning_events_total": summary["pruning_events"],
        "snn_neurons_added_total": scraper.born,
        "snn_neurons_removed_total": scraper.died,
        "snn_food_collected_total": summary["env_steps"] - trainer.life.episode_length.sum(),  # one a step of a song
        "snn_avg_firing_rate": record.firing_rate,
        "snn_sparsity": 1 - record.firing_rate,
        "snn_silent_neuron_ratio": record.silent_share,
        "snn_episode_reward": record.return_mean,
        "snn_episode_food": record.food_mean,
        "snn_training_loss": record.loss,
        "snn_policy_entropy_nats": record.entropy,
        "snn_critic_error_ratio": record.critic_error,
        "snn_env_steps_per_second": record.env_steps_per_second,
        "snn_synaptic_operations_total": trainer.agent.ledger.synaptic_operations,
        "snn_run_progress_ratio": 1.0,
    }
    assert {name: last[name, ()] for name in expected} == pytest.approx(expected, rel=1e-12)
    for phase in ("inference", "learning"):
        joules = last["snn_energy_joules_total", (("phase", phase),)]
        assert joules == pytest.approx(energy[f"{phase}_joules_45nm_fp32"], rel=1e-12)
    assert summary["growth_events"] > 2 < summary["pruning_events"], "the case shows too little"
    labels = {name: dict(labels) for name, labels in last if name.endswith("_info")}
    assert labels["snn_run_info"].items() >= {"run": "run", "env_id": "Songs", "growth": "periodic"}.items()
    assert labels["snn_build_info"]["torch"] == torch.__version__
    assert labels["snn_build_info"]["device"] == "cpu"
    written = (tmp_path / "run" / "checkpoints").iterdir()
    stamps = sorted(path.stat().st_mtime for path in written)
    # The last one was written after the last scrape.
    assert stamps[0] - 5 < last["snn_last_checkpoint_timestamp_seconds", ()] < stamps[-1] + 5


def test_energy_estimate_is_spikes_times_neurons_of_a_decision() -> None:
    with watched() as (exporter, scraper):
        trainer_for(structure=FIXED, callbacks=[exporter, scraper]).train(200)
    for numbers, record in zip(scraper.scrapes, scraper.records, strict=True):
        spikes = record.firing_rate * record.hidden_neurons * 5  # ticks
        assert numbers["snn_energy_estimate", ()] == pytest.approx(spikes * record.hidden_neurons, rel=1e-5)


def test_the_histogram_counts_the_neurons_that_have_acted() -> None:
    with watched() as (exporter, scraper):
        trainer = trainer_for(callbacks=[exporter, scraper])
        trainer.train(1000)
    stats = trainer.agent.statistics
    rates = stats.rate[stats.age > 0].tolist()
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in scraper.scrapes[-1].items()
        if name == "snn_neuron_firing_rate_bucket"
    }
    assert {float(le): count for le, count in buckets.items()} == {
        bound: sum(rate <= torch.tensor(bound).item() for rate in rates) for bound in (*RATE_BOUNDS, float("inf"))
    }
    assert scraper.scrapes[-1]["snn_neuron_firing_rate_gsum", ()] == pytest.approx(sum(rates), rel=1e-6)
    for numbers, record, newborn in zip(scraper.scrapes, scraper.records, scraper.newborns, strict=True):
        assert numbers["snn_neuron_firing_rate_gcount", ()] == record.hidden_neurons - newborn
    assert max(scraper.newborns) > 0, "the case shows too little"


@given(st.lists(st.sampled_from(RATE_BOUNDS) | st.floats(0, 1, width=32), max_size=50))
def test_bounds_belong_to_their_bucket(rates: list[float]) -> None:
    tensor = torch.tensor(rates, dtype=torch.float32)
    bounds = torch.tensor(RATE_BOUNDS)
    assert neurons_up_to(tensor) == (*(int((tensor <= bound).sum()) for bound in bounds), len(rates))


def test_growth_adds_no_series() -> None:
    with watched() as (exporter, scraper):
        trainer_for(callbacks=[exporter, scraper]).train(1500)
    assert scraper.records[-1].growth_events > 5
    assert all(numbers.keys() == scraper.scrapes[0].keys() for numbers in scraper.scrapes)


def test_food_of_all_episodes_is_counted_though_the_mean_forgets() -> None:
    trainer = update(trainer_for(Songs(150, counts_food=True)), 2)
    counters = trainer.agent.counters
    assert counters.episode > 200 > trainer.recent.maxlen
    assert counters.food_collected == counters.env_step - trainer.life.episode_length.sum()


def test_a_resumed_run_counts_on(tmp_path: Path) -> None:
    with watched() as (exporter, scraper):
        trainer_for(Songs(counts_food=True), run_dir=tmp_path, callbacks=[exporter, scraper]).train(500)
    before = scraper.scrapes[-1]
    _, saved = load_newest(tmp_path)
    with watched() as (exporter, scraper):
        trainer = trainer_for(
            Songs(counts_food=True), organism=_organism_of(saved), run_dir=tmp_path, callbacks=[exporter, scraper],
            resume=saved,
        )  # fmt: skip
        trainer.train(1000)
    counters = [series for series in before if series[0].endswith("_total") and "failures" not in series[0]]
    assert len(counters) >= 11
    assert all(scraper.scrapes[0][series] >= before[series] for series in counters)
    assert scraper.scrapes[0]["snn_env_steps_total", ()] - before["snn_env_steps_total", ()] <= 18  # one update
    living = trainer.life.episode_length.sum()
    assert scraper.scrapes[-1]["snn_food_collected_total", ()] == trainer.agent.counters.env_step - living
    # The estimate is of the one update, not of all that was lived before.
    acted = before["snn_neuron_count", ()]
    spikes = scraper.records[0].firing_rate * acted * 5  # ticks
    assert scraper.scrapes[0]["snn_energy_estimate", ()] == pytest.approx(spikes * acted, rel=1e-5)


def _organism_of(saved: Any) -> Any:
    from snn_agent.training.snapshot import rebuild_organism

    return rebuild_organism(saved.state["organism"], saved.model, engine="torch")


def test_without_food_there_is_no_count_of_food() -> None:
    with watched() as (exporter, scraper):
        trainer_for(structure=CHANGING, callbacks=[exporter, scraper]).train(300)
    assert ("snn_food_collected_total", ()) not in scraper.scrapes[-1]


def test_it_serves_before_the_first_update_and_ends_with_the_run() -> None:
    threads = threading.active_count()
    with PrometheusExporter(0) as exporter:
        assert exporter.port > 0
        assert f":{exporter.port}/" in exporter.url
        assert {name for name, _ in scrape(exporter.url)} == {"snn_build_info", "snn_run_failures_total"}
        trainer_for(callbacks=[exporter]).train(100)
        assert gone(exporter)
        exporter.close()  # twice is no harm, and the end of the block is a third time
    assert threading.active_count() == threads


def test_it_is_seen_from_this_machine_only() -> None:
    with PrometheusExporter(0) as exporter:
        assert exporter._server.server_address[0] == "127.0.0.1"
    with PrometheusExporter(0, "0.0.0.0") as exporter:
        assert exporter._server.server_address[0] == "0.0.0.0"


def test_a_port_in_use_is_an_error_at_once() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}.*in use.*choose another"):
            PrometheusExporter(port)


@pytest.mark.parametrize("port", [-1, 65_536, True, 1.5])
def test_what_is_no_port_is_refused(port: Any) -> None:
    with pytest.raises(ConfigError, match="metrics port"):
        PrometheusExporter(port)


def test_what_is_no_address_of_this_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match="address of this machine"):
        PrometheusExporter(0, "192.0.2.1")  # kept for documentation, RFC 5737


@pytest.mark.parametrize(("spoilt", "reason"), [("reward", "non_finite"), (None, "other")])
def test_a_watched_run_says_that_it_failed(spoilt: str | None, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAST_WORDS_SECONDS", 120.0)
    env = Songs()
    seen: list[dict[Series, float]] = []

    class Breaks(Callback):
        def on_update(self, run: Run, record: UpdateRecord) -> None:
            del run
            if spoilt is None and record.update == 3:
                raise RuntimeError("of another kind")

        def on_end(self, run: Run, summary: dict[str, Any]) -> None:
            del run, summary
            scrape(exporter.url)  # somebody watches …
            thread.start()

    def watch() -> None:
        while not seen or not any(value for (name, _), value in seen[-1].items() if "failures" in name):
            seen.append(scrape(exporter.url))  # … until it is told

    thread = threading.Thread(target=watch)
    with PrometheusExporter(0) as exporter:
        if spoilt is not None:
            env.spoil = (20, spoilt)
        error = RuntimeError if spoilt is None else NonFiniteError
        with pytest.raises(error):
            trainer_for(env, callbacks=[Breaks(), exporter]).train(1000)
        thread.join()
        assert gone(exporter)
    told = {dict(labels)["reason"]: value for (name, labels), value in seen[-1].items() if "failures" in name}
    assert told == {"non_finite": 0.0, "other": 0.0} | {reason: 1.0}


def test_a_failed_run_that_nobody_watches_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    env = Songs()
    env.spoil = (20, "observation")
    with PrometheusExporter(0) as exporter:
        monkeypatch.setattr(exporter._scraped, "wait", lambda _: pytest.fail("it waited"))
        with pytest.raises(NonFiniteError):
            trainer_for(env, callbacks=[exporter]).train(1000)
        assert gone(exporter)
