"""A run says on what it was made: what others say of the same machine, and no commit where none is meant."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import gymnasium
import numba
import numpy as np
import pytest
import torch
from test_report import page_of

from snn_agent.training import environment
from snn_agent.training.environment import commit_of, describe_environment

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    names = ["-c", "user.name=n", "-c", "user.email=n@localhost", "-c", "commit.gpgsign=false"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), *names, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit, of one file."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "code.py").write_text("x = 1\n")
    git(folder, "add", "code.py")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


def test_versions_are_those_that_run() -> None:
    found = describe_environment()
    assert found["python"].split()[0] == ".".join(map(str, sys.version_info[:3]))
    for module, name in ((torch, "torch"), (np, "numpy"), (numba, "numba"), (gymnasium, "gymnasium")):
        assert found[name] == module.__version__
    assert found["threads"] == torch.get_num_threads()
    assert str(found["threads"]) in found["device"]
    assert found["cores"] == os.cpu_count()
    assert json.loads(json.dumps(found)) == found


def test_what_is_not_known_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "LIBRARIES", ("torch", "a-library-that-nobody-has"))
    monkeypatch.setattr(environment, "CPUINFO", tmp_path / "nothing")
    monkeypatch.setattr("platform.processor", lambda: "")
    found = describe_environment()
    assert found["a-library-that-nobody-has"] is None
    assert found["processor"] is None


def test_the_processor_is_the_one_the_system_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus: 3000\nprocessor\t: 1\nmodel name\t: B\n")
    monkeypatch.setattr(environment, "CPUINFO", tmp_path / "cpuinfo")
    assert describe_environment()["processor"] == "Abacus: 3000"


@needs_git
def test_the_commit_is_that_of_the_file(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    assert commit_of(repository / "code.py") == commit
    (repository / "notes.txt").write_text("not part of it")
    assert commit_of(repository / "code.py") == commit
    (repository / "code.py").write_text("x = 2\n")
    assert commit_of(repository / "code.py") == f"{commit} with changes"
    monkeypatch.setenv("GIT_DIR", str(repository / "elsewhere"))
    assert commit_of(repository / "code.py") == f"{commit} with changes"


@needs_git
def test_no_commit_of_somebody_elses_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = repository / "site-packages" / "code.py"
    installed.parent.mkdir()
    installed.write_text("x = 1\n")
    assert commit_of(installed) is None
    outside = tmp_path / "code.py"
    outside.write_text("x = 1\n")
    assert commit_of(outside) is None
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    assert commit_of(repository / "code.py") is None


def test_the_page_tells_it(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("update,env_steps,loss\n1,10,0.5\n")
    assert "does not say on what it was made" in page_of(tmp_path).words
    facts = {"environment": {"torch": "9.8.7+test", "cores": 3, "commit": None, "processor": "<b>A & B</b>"}}
    (tmp_path / "summary.json").write_text(json.dumps(facts))
    words = page_of(tmp_path).words
    for text in ("torch 9.8.7+test", "cores 3", "commit not known", "processor <b>A & B</b>"):
        assert text in words, text
