"""Every example runs, on few steps, in a Python that has no foraging-env; and is short."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
SHORT = {"STEPS": "2000", "EPISODES": "3"}
WORDS = {
    "cartpole": ["of 500 steps", "synaptic operations"],
    "continual_cartpole": ["      0 steps, phase 0: as usual", "phase 3:    heavy"],
    "grow_and_prune": ["+8 -0 -> 24 neurons (periodic_growth", "low_utility"],
    "sb3_evaluate": ["return ", " neurons", "report.html"],
}
WITHOUT_FORAGING_ENV = "import sys; sys.modules['foraging_env'] = None\n"


def shortened(text: str) -> str:
    for name, value in SHORT.items():
        text = re.sub(rf"^{name} = [\d_]+$", f"{name} = {value}", text, flags=re.MULTILINE)
    return text


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example: Path, tmp_path: Path) -> None:
    if "stable_baselines3" in example.read_text():
        pytest.importorskip("stable_baselines3", reason="needs the dependency group 'clients'")
    text = shortened(example.read_text())
    assert len(text.splitlines()) <= 40
    assert "\nSTEPS = 2000\n" in text
    command = [sys.executable, "-c", WITHOUT_FORAGING_ENV + f"exec(compile({text!r}, {example.name!r}, 'exec'))"]
    answer = subprocess.run(
        command, cwd=tmp_path, env={"TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert all(word in answer.stdout for word in WORDS[example.stem]), answer.stdout
