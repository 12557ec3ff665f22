"""The code in the package's pages runs, with its long loops cut short."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
BLOCKS = [
    (page, code)
    for page in ("README.md", "docs/tasks.md")
    for code in re.findall(r"```python\n(.*?)```", (PACKAGE / page).read_text(), flags=re.DOTALL)
]


@pytest.mark.parametrize(("page", "code"), BLOCKS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(BLOCKS)])
def test_code_block_runs(page: str, code: str) -> None:
    short = code.replace("100_000", "64").replace("range(1000)", "range(3)")
    answer = subprocess.run(
        [sys.executable, "-c", "import foraging_env, gymnasium\n" + short], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


def test_there_are_blocks_to_run() -> None:
    assert len(BLOCKS) >= 5


@pytest.mark.parametrize("page", ["README.md", "docs/tasks.md"])
def test_links_lead_somewhere(page: str) -> None:
    path = PACKAGE / page
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / target).exists(), f"{page} links to {target}, which does not exist"
