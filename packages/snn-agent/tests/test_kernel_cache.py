"""Compiled kernels are kept, and compiled anew when any source they are built from changes."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from snn_agent.engine import numba_compile, numba_network
from snn_agent.engine.numba_network import hidden_backward
from snn_agent.learning.fused_adam import adam_rows

KERNELS = """
from tiny.engine.numba_compile import inlined, kernel
from tiny.parts import AMOUNT, more

@kernel
def plus(x):
    return more(x) + AMOUNT

def build(variant):
    def scaled(x):
        return x * variant
    return kernel(scaled, ("scaled", variant))
"""
PARTS = """
from tiny.engine.numba_compile import inlined

AMOUNT = {amount}

@inlined
def more(x):
    return x + {more}
"""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with kernels, compiled by a copy of our module."""
    root = tmp_path / "tiny"
    (root / "engine").mkdir(parents=True)
    for folder in (root, root / "engine"):
        (folder / "__init__.py").touch()
    shutil.copy(numba_compile.__file__, root / "engine")
    (root / "kernels.py").write_text(KERNELS)
    (root / "parts.py").write_text(PARTS.format(amount=1, more=10))
    monkeypatch.syspath_prepend(tmp_path)
    return root


def fresh() -> Any:
    """The kernels as another process would have them."""
    for name in [name for name in sys.modules if name.split(".")[0] == "tiny"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    return importlib.import_module("tiny.kernels")


def loaded(kernel: Any) -> bool:
    """Whether what has run came from the disk."""
    (hits,), (misses,) = (list(found.values()) or [0] for found in (kernel.stats.cache_hits, kernel.stats.cache_misses))
    assert hits + misses == 1
    return bool(hits)


def test_kernels_are_kept(tiny: Path) -> None:
    first = fresh().plus
    assert first(5) == 16
    assert not loaded(first)
    again = fresh().plus
    assert again(5) == 16
    assert loaded(again)


@pytest.mark.parametrize(("amount", "more", "expected"), [(200, 10, 215), (1, 1000, 1006)])
def test_a_changed_part_in_another_file_is_noticed(tiny: Path, amount: int, more: int, expected: int) -> None:
    assert fresh().plus(5) == 16
    (tiny / "parts.py").write_text(PARTS.format(amount=amount, more=more))
    changed = fresh().plus
    assert changed(5) == expected
    assert not loaded(changed)


def test_variants_of_a_name_are_kept_apart(tiny: Path) -> None:
    for loads in (False, True):
        build = fresh().build
        for variant in (2, 3):
            kernel = build(variant)
            assert kernel(5) == 5 * variant
            assert loaded(kernel) == loads


@pytest.mark.parametrize("kernel", [numba_network.network_forward, hidden_backward(0, True, False, False), adam_rows])
def test_every_file_of_the_package_counts(kernel: Any) -> None:
    package = Path(numba_compile.__file__).parents[1]
    assert len(kernel._cache._cache_file._source_stamp) == len(list(package.rglob("*.py"))) > 50
