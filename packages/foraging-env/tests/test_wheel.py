"""The built wheel works where nothing else is installed: no pygame, no torch, no other package of ours."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
CONSTRAINTS = PACKAGE.parents[1] / "constraints.txt"

SMOKE = """
import importlib.util, warnings
warnings.simplefilter("error")
for name in ("pygame", "torch", "snn_agent"):
    assert importlib.util.find_spec(name) is None, name
import gymnasium, numpy as np
import foraging_env
env = gymnasium.make("ForagingGrid-v0", render_mode="rgb_array")
env.reset(seed=0)
env.step(1)
frame = env.render()
assert frame.dtype == np.uint8 and frame.ndim == 3 and len(np.unique(frame.reshape(-1, 3), axis=0)) > 10
text = gymnasium.make("ForagingGrid-v0", render_mode="ansi")
text.reset(seed=0)
assert text.render().count("\\n") > 15
envs = gymnasium.make_vec("ForagingGrid-v0", num_envs=3)
observations, _ = envs.reset(seed=0)
assert observations.shape == (3, 450)
assert isinstance(envs.unwrapped, foraging_env.ForagingGridVector)
human = foraging_env.ForagingGrid(render_mode="human")
try:
    human.reset(seed=0)
except gymnasium.error.DependencyNotInstalled as problem:
    assert 'pip install "foraging-env[render]"' in str(problem), problem
else:
    raise SystemExit("human rendering without pygame gave no error")
print("smoke test passed")
"""


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    answer = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.mark.slow
def test_wheel_alone_passes_a_smoke_test(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, PACKAGE, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    home = tmp_path / "alone"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "-c", CONSTRAINTS, wheel, cwd=tmp_path)
    # -I: neither the working folder nor the user's packages, only what the wheel brought.
    assert "smoke test passed" in run(python, "-I", "-c", SMOKE, cwd=tmp_path)
    listed = run(sys.executable, "-m", "zipfile", "-l", wheel, cwd=tmp_path)
    assert "foraging_env/py.typed" in listed
    assert "tests/" not in listed
