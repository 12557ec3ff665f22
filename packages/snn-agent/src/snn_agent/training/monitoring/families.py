"""The metrics by name: what each means, in which unit, and where its number comes from.

The names are promised to dashboards and alert rules, also to those of others: they may be added to, never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeHistogramMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from snn_agent.training.monitoring.reading import RATE_BOUNDS, Reading


class Quantity(NamedTuple):
    """A metric of one number; where ``value`` gives None, the metric is left out."""

    name: str
    help: str
    value: Callable[[Reading], float | None]


GAUGES: Final = (
    Quantity(
        "snn_neuron_count", "Living hidden neurons, after the last update.", lambda r: r.record.hidden_neurons,
    ),
    Quantity(
        "snn_avg_firing_rate",
        "Spikes per tick and hidden neuron, from 0 to 1 (not Hz), mean over the decisions of the last update.",
        lambda r: r.record.firing_rate,
    ),
    Quantity(
        "snn_sparsity",
        "Activation sparsity of the hidden layer: share of neurons times ticks without a spike, from 0 to 1, over the "
        "last update; 1 - snn_avg_firing_rate.",
        lambda r: 1.0 - r.record.firing_rate,
    ),
    Quantity(
        "snn_silent_neuron_ratio",
        "Share of hidden neurons, from 0 to 1, that did not spike once during the last update.",
        lambda r: r.record.silent_share,
    ),
    Quantity(
        "snn_episode_reward",
        "Return of an episode (sum of its rewards, undiscounted), mean of the last 100 that ended; NaN before.",
        lambda r: r.record.return_mean,
    ),
    Quantity(
        "snn_episode_food",
        "Food items of an episode, mean of the last 100 that ended; NaN before the first, or if food is not counted.",
        lambda r: r.record.food_mean,
    ),
    Quantity("snn_training_loss", "Loss that the last update minimised, mean over it.", lambda r: r.record.loss),
    Quantity(
        "snn_policy_entropy_nats", "Entropy of the policy in nats, mean over the last update.",
        lambda r: r.record.entropy,
    ),
    Quantity(
        "snn_critic_error_ratio",
        "RMS error of the critic over the standard deviation of its targets, last update: 0 is a perfect critic, 1 "
        "knows the mean only; NaN if all targets are equal.",
        lambda r: r.record.critic_error,
    ),
    Quantity(
        "snn_energy_estimate",
        "Spikes times hidden neurons of a decision, mean of the last update: the original system's measure, no unit.",
        lambda r: r.energy_estimate,
    ),
    Quantity(
        "snn_env_steps_per_second",
        "Environment steps per wall-clock second during the last update: acting, learning, structure.",
        lambda r: r.record.env_steps_per_second,
    ),
    Quantity("snn_run_progress_ratio", "Share of the training that is done, from 0 to 1.", lambda r: r.progress),
)  # fmt: skip

COUNTERS: Final = (
    Quantity(
        "snn_growth_events_total", "Structural events in which neurons were born.", lambda r: r.record.growth_events,
    ),
    Quantity(
        "snn_pruning_events_total", "Structural events in which neurons died.", lambda r: r.record.pruning_events,
    ),
    Quantity("snn_neurons_added_total", "Neurons born after the run began.", lambda r: r.neurons_added),
    Quantity("snn_neurons_removed_total", "Neurons that died.", lambda r: r.neurons_removed),
    Quantity("snn_updates_total", "Updates: a rollout, learning, births and deaths.", lambda r: r.record.update),
    Quantity("snn_episodes_total", "Episodes that ended.", lambda r: r.record.episodes),
    Quantity("snn_env_steps_total", "Environment steps, over all worlds.", lambda r: r.record.env_steps),
    Quantity(
        "snn_food_collected_total", "Food items collected in the episodes that ended; absent if food is not counted.",
        lambda r: r.food_collected,
    ),
    Quantity(
        "snn_synaptic_operations_total",
        "Effective synaptic operations of acting (NeuroBench's definition, the drive of an input held over its ticks).",
        lambda r: r.record.synaptic_operations,
    ),
)  # fmt: skip


def families(reading: Reading) -> Iterator[Metric]:
    """All metrics of one moment of a run.

    Counters go on from a checkpoint when a run is resumed: they count from the organism's birth.
    """
    for name, text, value in GAUGES:
        number = value(reading)
        if number is not None:
            yield GaugeMetricFamily(name, text, value=number)
    for name, text, value in COUNTERS:
        number = value(reading)
        if number is not None:
            yield CounterMetricFamily(name, text, value=number)
    yield _energy(reading)
    yield _rates(reading)


def _energy(reading: Reading) -> CounterMetricFamily:
    # A third phase of the ledger, inputs sent again each tick, prices the same acting otherwise: it must not be added.
    family = CounterMetricFamily(
        "snn_energy_joules_total",
        "Estimated energy in joules by 45 nm fp32 prices of operations (0.9 pJ an accumulate, 4.6 pJ a "
        "multiply-accumulate), not measured: of acting (inference) and of forward replay, backward pass and optimizer "
        "(learning).",
        labels=["phase"],
    )
    family.add_metric(["inference"], reading.record.inference_joules)
    family.add_metric(["learning"], reading.record.learning_joules)
    return family


def _rates(reading: Reading) -> GaugeHistogramMetricFamily:
    # A gauge histogram: it counts the neurons of this moment and may fall, so rate() of it means nothing.
    bounds = [*map(floatToGoString, RATE_BOUNDS), "+Inf"]
    return GaugeHistogramMetricFamily(
        "snn_neuron_firing_rate",
        "Hidden neurons by their firing rate in spikes per tick, each a running mean over about ten updates; neurons "
        "of this moment, so buckets may fall; without those born after the last update, which have no rate yet.",
        buckets=list(zip(bounds, map(float, reading.neurons_up_to), strict=True)),
        gsum_value=reading.rate_sum,
    )
