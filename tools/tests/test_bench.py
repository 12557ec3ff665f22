"""The benchmark runs end to end and writes what it measured. What it measured is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).parents[1]


def test_env_benchmark_writes_its_figures(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    command = [sys.executable, TOOLS / "bench.py", "env", "--worlds", "1", "3", "--seconds", "0.02", "--repeats", "2"]
    answer = subprocess.run([*command, "--json", target], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    document = json.loads(target.read_text())
    assert document["machine"]["gymnasium"]
    rows = document["env"]["vector"]
    assert {row["worlds"] for row in rows} == {1, 3}
    by_name = {row["implementation"]: row for row in rows if row["worlds"] == 3}
    assert {"native float32 no copy", "native uint8 copy", "sync float32", "async float32"} <= set(by_name)
    assert by_name["sync float32"]["times_sync"] == 1.0
    assert all(row["steps_per_second"] >= row["slowest_round"] > 0 for row in rows)
    assert "Vector environments" in answer.stdout
