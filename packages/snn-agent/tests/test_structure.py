"""The shape of the code: who imports whom, and how long a file may be."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "snn_agent"
FILES = sorted(SOURCE.rglob("*.py"))
MAX_LINES = 300

# From the bottom up. A file may import what stands below its row, and others of its own folder; modules and folders
# that share a row do not know each other. The package's __init__ and everything above these rows may import anything.
ROWS = [
    {"errors"},
    {"types"},
    {"checks"},
    {"config"},
    {"neurons"},
    {"engine"},
    {"network"},
    {"plasticity", "learning", "metrics"},
    {"training"},
    {"experiments"},
]
LEVEL = {part: level for level, row in enumerate(ROWS) for part in row}


def name_of(path: Path) -> str:
    """Return the dotted name of a module of the package, without the package."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(text: str) -> set[str]:
    """Return the dotted names that a module imports, anywhere in it; relative imports would show as a leading dot."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def violations(module: str, text: str) -> list[str]:
    """Return the imports of a module that the order of the layers does not allow."""
    own = module.split(".")[0]
    wrong = []
    for imported in sorted(imports_of(text)):
        package, _, rest = imported.partition(".")
        part = rest.split(".")[0]
        stranger = package in ("foraging_env", "")
        upwards = own and (part not in LEVEL or (part != own and LEVEL[part] >= LEVEL[own]))
        if stranger or (package == "snn_agent" and upwards):
            wrong.append(imported)
    return wrong


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_down_only(path: Path) -> None:
    assert name_of(path).split(".")[0] in {*LEVEL, ""}, "give the new part a row"
    assert violations(name_of(path), path.read_text()) == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_folders_have_no_import_cycles() -> None:
    waiting = {name_of(path): imports_of(path.read_text()) for path in FILES if name_of(path)}
    inner = {}
    for module, names in waiting.items():
        # Of a folder and a module in it, a name belongs to the module.
        owners = (
            max((other for other in waiting if f"{name}.".startswith(f"snn_agent.{other}.")), key=len, default="")
            for name in names
        )
        inner[module] = {owner for owner in owners if owner} - {module}
    while free := {module for module, needs in inner.items() if not needs & inner.keys()}:
        inner = {module: needs for module, needs in inner.items() if module not in free}
    assert not inner, "these import each other in a circle"


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("neurons.lif", "from snn_agent.engine import contract"),
        ("learning.returns", "import snn_agent.metrics.energy"),
        ("engine.select", "import foraging_env"),
        ("training.rollout", "def f():\n    from foraging_env import ForagingGrid"),
        ("config", "from . import checks"),
        ("config", "from snn_agent import NeuronConfig"),
    ],
)
def test_a_wrong_import_is_seen(module: str, text: str) -> None:
    assert violations(module, text)
