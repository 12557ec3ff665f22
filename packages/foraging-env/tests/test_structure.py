"""The shape of the code: who imports whom, and how long a file may be."""

from __future__ import annotations

import ast
from pathlib import Path

import foraging_env

SOURCE = Path(foraging_env.__file__).parent
MAX_LINES = 300
# Each module may import only what stands above it.
ORDER = [
    "checks", "types", "rng", "config", "rules", "layout", "reward", "tasks", "task_presets", "dynamics", "observation",
    "infos", "oracles", "scalar", "scalar_view", "saving", "render.palette", "render.sprites", "render.board",
    "render.scene", "render.text", "render.window", "render", "env", "vector_env", "registration", "", "play",
]  # fmt: skip


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    return name.removesuffix("__init__").removesuffix(".")


def imports_of(path: Path) -> set[str]:
    """Names of this package's modules that a file imports at run time, and roots of all others."""
    tree = ast.parse(path.read_text())
    typing_only = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:  # a module of a package, or a name of a module
                inner = f"{node.module}.{alias.name}"
                is_module = inner.removeprefix("foraging_env.") in ORDER
                found.add(inner if is_module else node.module)
    return found


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_every_module_has_its_place_in_the_order() -> None:
    assert {module_name(path) for path in files()} == set(ORDER)


def test_modules_import_only_what_stands_above_them() -> None:
    for path in files():
        rank = ORDER.index(module_name(path))
        for imported in imports_of(path):
            if imported == "foraging_env" or imported.startswith("foraging_env."):
                below = imported.removeprefix("foraging_env").removeprefix(".")
                lazily = module_name(path) == "render" and below == "render.window"
                assert ORDER.index(below) < rank or lazily, f"{module_name(path)} imports {below}"


def test_only_known_packages_are_imported() -> None:
    allowed = {"gymnasium", "numpy", "foraging_env", "__future__"}
    standard = {
        "argparse", "collections", "dataclasses", "enum", "functools", "math", "operator", "os", "sys", "types",
        "typing",
    }  # fmt: skip
    for path in files():
        roots = {name.partition(".")[0] for name in imports_of(path)}
        extra = roots - allowed - standard
        assert extra <= ({"pygame"} if module_name(path) == "render.window" else set()), f"{path}: {extra}"


def test_files_are_short() -> None:
    for path in files():
        lines = len(path.read_text().splitlines())
        assert lines <= MAX_LINES, f"{path.name} has {lines} lines; one idea a file"
