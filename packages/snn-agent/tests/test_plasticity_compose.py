"""Rules made of rules: tables of when they fire; and the rules that a configuration asks for."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plasticity_cases import DEATH, Always, context_of, fires, organism_of

from snn_agent.config import BIRTH_NAMES, GROWTH_NAMES, INTERVAL_UNITS, PRUNING_NAMES, StructureConfig
from snn_agent.errors import ConfigError
from snn_agent.network.surgery import StructuralEdit, operate
from snn_agent.plasticity.births import BIRTHS, BirthPlan
from snn_agent.plasticity.compose import cool_down, every, limit, until, votes
from snn_agent.plasticity.contract import state_from_json, state_to_json
from snn_agent.plasticity.growth import PeriodicGrowth
from snn_agent.plasticity.registry import GROWTH, PRUNING, make_rules

CONTEXT = context_of(organism_of())
BIRTH = BirthPlan(size=1).propose("test", "", CONTEXT)


def at_episodes(*episodes: int):
    return [CONTEXT._replace(episode=episode) for episode in episodes]


def on_table(rule, *episodes: int) -> str:
    return "".join("X" if fired else "." for fired in fires(rule, at_episodes(*episodes)))


@pytest.mark.parametrize(
    ("interval", "episodes", "table"),
    [
        (1, (0, 1, 2, 3), ".XXX"),
        (2, (0, 1, 2, 3, 4, 5), "..X.X."),
        (10, (9, 10, 10, 11, 19, 20), ".X...X"),
        (10, (5, 25, 26, 29, 30, 31), ".X..X."),  # jumped over 10 and 20: once, and 30 comes as ever
        (10, (100, 109, 110), "X.X"),
    ],
)
def test_every(interval: int, episodes: tuple[int, ...], table: str) -> None:
    assert on_table(every(Always(), interval), *episodes) == table


@given(st.integers(1, 20), st.lists(st.integers(0, 15), max_size=30))
def test_every_fires_where_a_multiple_lies_between_two_looks(interval: int, jumps: list[int]) -> None:
    """The oracle looks for a multiple in every interval (last look, this look]."""
    looks = [sum(jumps[: i + 1]) for i in range(len(jumps))]
    expected = [
        any(count % interval == 0 for count in range(before + 1, now + 1))
        for before, now in zip([0, *looks], looks, strict=False)
    ]
    assert fires(every(Always(), interval), at_episodes(*looks)) == expected


@pytest.mark.parametrize(("unit", "field"), [("episodes", "episode"), ("updates", "update"), ("env_steps", "env_step")])
def test_every_unit_has_its_own_counter(unit: str, field: str) -> None:
    assert unit in INTERVAL_UNITS
    still = CONTEXT._replace(episode=0, update=0, env_step=0)
    for name in ("episode", "update", "env_step"):
        assert fires(every(Always(), 5, unit), [still._replace(**{name: 5})]) == [name == field]
        assert fires(cool_down(Always(), 5, unit), [still, still._replace(**{name: 5})]) == [True, name == field]


def test_every_asks_only_then() -> None:
    rule = Always()
    fires(every(rule, 10), at_episodes(1, 2, 10, 11, 20))
    assert rule.asked == 2


@pytest.mark.parametrize(("budget", "table"), [(0, "...."), (2, "X..X"), (9, "X..X")])
def test_limit_counts_edits_not_questions(budget: int, table: str) -> None:
    assert on_table(limit(Always([DEATH, None, None, DEATH]), budget), 1, 2, 3, 4) == table
    assert on_table(limit(Always(), 2), 1, 2, 3, 4) == "XX.."


@pytest.mark.parametrize(
    ("n", "answers", "table"),
    [
        (1, "DD.D", "XX.X"),
        (2, "DD.DD", ".X..X"),
        (2, "DDDD", ".X.X"),  # an edit that has passed uses its votes up
        (3, "DD.DDDD", ".....X."),
        (2, "DBDB", "...."),  # births and deaths do not add up
        (2, "DBBD", "..X."),
    ],
)
def test_votes(n: int, answers: str, table: str) -> None:
    edits: dict[str, StructuralEdit | None] = {"D": DEATH, "B": BIRTH, ".": None}
    rule = votes(Always([edits[answer] for answer in answers]), n)
    assert on_table(rule, *range(len(answers))) == table


@pytest.mark.parametrize(
    ("length", "episodes", "table"),
    [
        (0, (1, 1, 2, 3), "XXXX"),
        (1, (1, 1, 2, 3), "X.XX"),
        (10, (1, 5, 10, 11, 20, 21), "X..X.X"),
        (10, (1, 50, 51, 60), "XX.X"),
    ],
)
def test_cool_down(length: int, episodes: tuple[int, ...], table: str) -> None:
    assert on_table(cool_down(Always(), length), *episodes) == table


def test_a_birth_that_was_undone_doubles_the_rest() -> None:
    """A birth in a network of 6, found back at 6; then one that lasted, and so on."""
    rule, state = cool_down(Always([BIRTH] * 9), 10), cool_down(Always(), 10).init()
    contexts = {hidden: context_of(organism_of(hidden)) for hidden in (6, 8, 10)}
    moments = [(0, 6), (10, 6), (29, 6), (30, 6), (69, 6), (70, 8), (80, 10), (90, 10), (109, 8), (110, 12)]
    fired = []
    for episode, hidden in moments:
        context = contexts.get(hidden, contexts[10])._replace(episode=episode)
        edit, state = rule.propose(state, context)
        fired.append(edit is not None)
    #        0     10: undone  29     30: undone  69     70: lasted  80     90: undone  109    110: undone
    assert fired == [True, True, False, True, False, True, True, True, False, True]


def test_until_a_share_is_done() -> None:
    contexts = [CONTEXT._replace(progress=progress) for progress in (0.0, 0.3, 0.31, 0.2)]
    assert fires(until(Always(), 0.3), contexts) == [True, True, False, True]
    (rule,) = make_rules(StructureConfig(growth="periodic", pruning="none", grow_until=0.3, grow_interval=1))
    moments = [context._replace(episode=n + 1) for n, context in enumerate(contexts)]
    assert fires(rule, moments) == [True, True, False, True]
    with pytest.raises(ConfigError, match="progress"):
        until(Always(), 1.5)


def test_cool_down_does_not_begin_without_an_edit() -> None:
    assert on_table(cool_down(Always([None, DEATH, DEATH]), 10), 1, 2, 3, 12) == ".X.X"


def test_they_nest_as_documented() -> None:
    rule = every(limit(cool_down(votes(Always(), 2), 30), 2), 10)
    #    asked at:             10 20 30 40 50 60 70 80 90
    # votes 1 2, rest till 50, 1 2, budget used up
    assert on_table(rule, *range(10, 140, 10)) == ".X...X......."
    # looked at 5, 15, 25 …: the same, each 5 later; at 5 no multiple has been passed
    assert on_table(rule, *range(5, 100, 10)) == "..X...X..."


def test_a_composition_goes_on_from_its_saved_state() -> None:
    def rule():
        return every(limit(cool_down(votes(Always(), 2), 30), 2), 10)

    state, answers = rule().init(), []
    for context in at_episodes(*range(10, 100, 10)):
        edit, state = rule().propose(state, context)
        answers.append(edit is not None)
        state = state_from_json(rule().init(), json.loads(json.dumps(state_to_json(state))))
    assert answers == fires(rule(), at_episodes(*range(10, 100, 10)))


def test_bad_values_are_refused() -> None:
    for make in (
        lambda: every(Always(), 0),
        lambda: every(Always(), 1, "hours"),
        lambda: limit(Always(), -1),
        lambda: votes(Always(), 0),
        lambda: cool_down(Always(), -1),
        lambda: cool_down(Always(), 1, "hours"),
        lambda: CONTEXT.counter("hours"),
    ):
        with pytest.raises(ConfigError, match="must be"):
            make()


# --- configuration ----------------------------------------------------------------------------------------------------


def test_the_names_of_the_config_are_those_of_the_registries() -> None:
    assert set(GROWTH_NAMES) == {"none", *GROWTH}
    assert set(PRUNING_NAMES) == {"none", *PRUNING}
    assert set(BIRTH_NAMES) == set(BIRTHS)


def test_pruning_comes_before_growth_and_makes_room_for_it() -> None:
    config = StructureConfig(growth="periodic", pruning="low_utility", prune_share=0.25, growth_size=3)
    rules = make_rules(config)
    assert [rule.name for rule in rules] == ["low_utility_pruning", "periodic_growth"]
    organism = organism_of(16)  # full
    edits = []
    for rule in rules:
        edit, _ = rule.propose(rule.init(), context_of(organism))
        edits.append(edit)
        operate(edit, organism)
    assert [(edit.n_dying, edit.n_born) for edit in edits] == [(4, 0), (0, 3)]


def test_none_means_no_rule() -> None:
    assert make_rules(StructureConfig(growth="none", pruning="none")) == ()


def test_the_config_is_what_the_rules_follow() -> None:
    config = StructureConfig(
        growth="periodic", pruning="none", grow_interval=10, grow_votes=2, grow_cool_down=30, max_growth_events=2
    )
    (rule,) = make_rules(config)
    assert on_table(rule, *range(10, 140, 10)) == ".X...X......."
    (original,) = make_rules(StructureConfig(growth="periodic", pruning="none"))
    assert on_table(original, 50, 99, 100, 101, 200) == "..X.X"
    (pruning,) = make_rules(StructureConfig(growth="none", pruning="low_utility", prune_share=0.5))
    assert on_table(pruning, 49, 50, 99, 100) == ".X.X"


def test_the_defaults_are_the_originals_numbers() -> None:
    config = StructureConfig()
    assert (config.growth_rate_threshold, config.growth_size, config.grow_interval) == (0.05, 32, 100)
    assert (config.prune_rate_threshold, config.prune_quiet_share, config.prune_interval) == (0.005, 0.3, 50)


def test_the_adaptive_rule_removes_the_quiet_however_few() -> None:
    config = StructureConfig(growth="adaptive", pruning="none", plateau_window=1, maturity_updates=7, compensate=False)
    (rule,) = make_rules(config)
    context = CONTEXT._replace(rate=torch.tensor([0.04, 0.0, 0.04, 0.04, 0.04, 0.04]), recent_returns=(1.0, 2.0))
    edit, _ = rule.propose(rule.init(), context)
    assert edit.rule == rule.name == "adaptive"
    assert edit.dying.tolist() == [1]
    assert edit.output_shift is None
    assert rule.propose(rule.init(), context._replace(age=torch.full((6,), 6)))[0] is None


def test_a_config_survives_json() -> None:
    for config in (
        StructureConfig(),
        StructureConfig(growth="adaptive", newborn_rate=0.1, max_growth_events=4),
    ):
        assert StructureConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(StructureConfig)])
def test_every_field_of_the_config_is_checked(field: str) -> None:
    for bad in ("nonsense", float("nan"), [1]):
        with pytest.raises(ConfigError, match=field):
            StructureConfig(**{field: bad})
    if field != "plateau_tolerance":  # getting worse a little may well be called a plateau no longer
        with pytest.raises(ConfigError, match=field):
            StructureConfig(**{field: -1.5})


def test_rules_have_the_plan_of_the_config() -> None:
    config = StructureConfig(growth="periodic", birth="kaiming_noise", growth_size=5, newborn_rate=0.5)
    rule = GROWTH["periodic"](config)
    assert isinstance(rule, PeriodicGrowth)
    assert rule.plan == BirthPlan(size=5, birth="kaiming_noise", target_rate=0.5)
    edit, _ = rule.propose(rule.init(), CONTEXT)
    assert edit.newborn.outgoing.any()
    assert not torch.equal(edit.newborn.bias, torch.full((5,), CONTEXT.organism.config.hidden_bias))
