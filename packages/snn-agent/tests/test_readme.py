"""The example in the package's README runs as it stands, on fewer steps, and what it names and shows is there."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import snn_agent

README = Path(__file__).parents[1] / "README.md"


def test_the_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert "50_000" in code
    short = "import sys; sys.modules['foraging_env'] = None\n" + code.replace("50_000", "20_000")  # it must not need it
    answer = subprocess.run([sys.executable, "-c", short], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "96 neurons\n"  # 64, and the 32 that are born at 20,000 steps


def test_the_names_are_where_the_table_says() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", README.read_text(), flags=re.MULTILINE)
    modules = [name for _, name, _ in pkgutil.walk_packages(snn_agent.__path__, "snn_agent.")]
    layers = {entry.name for entry in pkgutil.iter_modules(snn_agent.__path__)}
    assert {layer for layer, _ in rows} == layers - {"checks", "errors", "types"}
    for layer, names in rows:
        inside = [importlib.import_module(name) for name in modules if name.split(".")[1] == layer]
        for name in re.findall(r"`(\w+)`", names):
            assert any(hasattr(module, name) for module in inside), f"{layer} has no {name}"


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README.read_text())
    assert len(targets) >= 5
    assert all((README.parent / target).exists() for target in targets)
