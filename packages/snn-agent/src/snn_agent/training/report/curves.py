"""Which curves a report shows."""

from __future__ import annotations

from typing import Any

from snn_agent.training.report.charts import MARKS, Chart, Mark
from snn_agent.training.report.data import RunData
from snn_agent.training.report.scale import PERCENT, Unit, joules

RECENT = "mean of the 100 episodes that ended last, in training"
TOTAL = "since the beginning: acting and learning"
PER_FOOD = (
    "acting joules of a step, since the point before, × steps an item took: all steps / all food of the 100 episodes "
    "that ended last"
)
ACTING = "since the beginning: synaptic operations, neuron updates and readout of each decision"
LEARNING = "since the beginning: decisions replayed, backward pass, optimizer"
PRICES = "Joules are estimated, not measured: 45 nm, 32-bit floats, arithmetic only (the model 45nm_fp32)."
ACTIVATIONS = (
    "These are ReLU neurons, which do not spike: each rate is a mean activation, and 100 % is an activation of 1."
)


def learning_curves(data: RunData) -> list[Chart]:
    """What the organism got: food beside the reference foragers and return, or return alone."""
    food = Chart(
        title="Food per episode",
        note=RECENT,
        column="food_mean",
        zero=True,
        wide=True,
        references=data.references if data.counts_food else {},
    )
    worth = Chart(
        title="Return per episode",
        note=RECENT,
        column="return_mean",
        wide=not data.counts_food,
        references={} if data.counts_food else data.references,
    )
    return [food, worth] if data.counts_food else [worth]


def neuron_curves(data: RunData) -> list[Chart]:
    """How many neurons there were, with births and deaths."""
    marks = [mark for event in data.events for mark in _marks(event)]
    some = f" ({MARKS} of {len(marks):,} are marked)" if len(marks) > MARKS else ""
    return [
        Chart(
            title="Hidden neurons",
            note=f"living; ▲ neurons were born, ▼ neurons died{some}",
            column="hidden_neurons",
            zero=True,
            stairs=True,
            wide=True,
            marks=marks,
            beside={"growth events": "growth_events", "pruning events": "pruning_events"},
        )
    ]


def _marks(event: dict[str, Any]) -> list[Mark]:
    place = {"x": float(event["env_step"]), "y": float(event["size_after"])}
    why = f"({event['rule']}: {event['reason']})"
    signs = (("born", "▲"), ("died", "▼"))
    return [
        Mark(**place, sign=sign, kind=kind, text=f"{len(event[kind])} {kind} at {event['env_step']:,} steps {why}")
        for kind, sign in signs
        if event[kind]
    ]


def activity_curves(data: RunData) -> list[Chart]:
    """How busy the neurons were."""
    moved = Chart(
        title="How the distribution moved",
        note="spikes per tick: line, half of the living neurons fire less; area, from 10 % to 90 % of them",
        column="rate_median",
        band=("rate_low", "rate_high"),
        unit=PERCENT,
        zero=True,
        beside={"10 % below": "rate_low", "90 % below": "rate_high"},
    )
    return [
        *([] if data.activity is None else [moved]),
        Chart(
            title="Mean firing rate",
            note="spikes per tick and neuron, 100 % is a spike every tick",
            column="firing_rate",
            unit=PERCENT,
            zero=True,
        ),
        Chart(
            title="Silent neurons",
            note="share that never spiked during the update's rollout",
            column="silent_share",
            unit=PERCENT,
            zero=True,
        ),
    ]


def optimizer_curves() -> list[Chart]:
    """How learning went."""
    return [
        Chart(title="Policy entropy", note="nats; high: it tries, low: it has decided", column="entropy", zero=True),
        Chart(
            title="Approximate KL divergence",
            note="nats; how far an update moved the policy",
            column="approx_kl",
            zero=True,
        ),
        Chart(title="Loss", note="policy, value and entropy terms together", column="loss"),
        Chart(title="Gradient norm", note="before clipping", column="gradient_norm", zero=True),
        Chart(
            title="Critic's error",
            note="RMS of return less expectation, by the returns' spread; 0: perfect, 1: knows the mean only",
            column="critic_error",
            zero=True,
        ),
        Chart(
            title="Effective rank",
            note="independent directions in the hidden activity on up to 256 decisions; looked at every 32 updates",
            column="effective_rank",
            joined=True,
            zero=True,
        ),
    ]


def energy_curves(data: RunData) -> list[Chart]:
    """What it cost, by estimate."""
    curves = (
        ("Total energy", TOTAL, "total_joules"),
        ("Energy per food item", PER_FOOD, "joules_per_food"),
        ("Energy of acting", ACTING, "inference_joules"),
        ("Energy of learning", LEARNING, "learning_joules"),
    )
    return [
        Chart(title=title, note=note, column=column, unit=joules(data.last(column)), zero=True)
        for title, note, column in curves
        if data.counts_food or column != "joules_per_food"
    ]


def speed_curves() -> list[Chart]:
    """How fast the machine went."""
    return [
        Chart(
            title="Environment steps a second",
            note="of wall-clock, learning included, update by update",
            column="env_steps_per_second",
            unit=Unit(1e-3, "k/s"),
            zero=True,
        )
    ]
