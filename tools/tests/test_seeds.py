"""Several seeds in one go: runs, table and curves; what is done is not done again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).parents[1]
SHORT = ["--preset", "quick", "--total-steps", "9000", "--eval-episodes", "4", "--training.n-worlds", "8"]


def seeds(folder: Path, *numbers: str) -> str:
    command = [sys.executable, TOOLS / "seeds.py", folder, "--seeds", *numbers, "--", *SHORT]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_two_seeds(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    text = seeds(folder, "3", "5")
    summaries = {n: json.loads((folder / f"seed-{n}" / "summary.json").read_text()) for n in (3, 5)}
    scores = [summary["eval"]["normalised_score"] for summary in summaries.values()]
    assert summaries[3]["seed"] == 3
    assert all(f"| {n} | {summary['eval']['food_mean']:.1f} (" in text for n, summary in summaries.items())
    assert f"Mean {sum(scores) / 2:.3f}, from {min(scores):.3f} to {max(scores):.3f}." in text
    picture = (folder / "curves.svg").read_text()
    assert picture.count("<polyline") == 2
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("summary.json")}
    assert seeds(folder, "3", "5").splitlines()[:4] == text.splitlines()[:4]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("summary.json")} == before
