"""The example in the package's README runs as it stands, on fewer steps."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert "50_000" in code
    short = code.replace("50_000", "20_000")
    answer = subprocess.run([sys.executable, "-c", short], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "96 neurons\n"  # 64, and the 32 that are born at 20,000 steps
