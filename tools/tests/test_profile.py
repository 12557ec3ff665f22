"""The profile accounts for all of the time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from profile_run import Options, main, measure, rows


def test_stages_add_up_to_the_whole() -> None:
    seconds, whole, steps = measure(Options(hidden=32, passes=1, updates=1, threads=1))
    assert steps == 256 * 32
    assert {"rollout", "learning", "energy ledger", "rollout: environment", "rollout: decisions"} <= seconds.keys()
    table = rows(seconds, whole)
    assert sum(value for stage, value in table if not stage.startswith("  ")) == pytest.approx(whole)
    inner = [value for stage, value in table[table.index(("rollout", seconds["rollout"])) + 1 :]][:4]
    assert sum(inner) == pytest.approx(seconds["rollout"])
    assert all(value >= 0 for _, value in table)


def test_the_tool_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--hidden", "32", "--passes", "1", "--updates", "1", "--threads", "1", "--engine", "torch"])
    text = capsys.readouterr().out
    assert "environment steps a second, 1 threads" in text
    assert "rollout" in text
