"""Build docker/Dockerfile.rocm without a Docker engine, train in the image, and write docs/results/image-test.md.

``make image-test``, as root on Debian: buildah makes a small base image (Debian, and a CPU build of PyTorch where AMD's
image has its own), builds the Dockerfile on it, and runs the image's entry point and health check. Nothing here has a
GPU, so REQUIRE_HIP=0 builds it, and the check that this switches off must refuse.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
RESULT: Final = ROOT / "docs" / "results" / "image-test.md"
BASE: Final = "localhost/snn-test-base"
IMAGE: Final = "localhost/snn-agent:test"
TORCH: Final = ("torch==2.13.0", "torchvision==0.28.0")
GIDS: Final = {"VIDEO_GID": 44, "RENDER_GID": 1992}  # the second is in no base image, so the build has to make it
TRAINING: Final = ("--preset", "quick", "--total-steps", "20000", "--run-dir", "runs/image-test")
ENVIRONMENT: Final = os.environ | {"BUILDAH_ISOLATION": "chroot", "BUILDAH_FORMAT": "docker"}


class ImageTest:
    """One build in a folder of its own; ``steps`` keeps what was done, for the report."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.storage = ["--storage-driver", "vfs", "--root", str(folder / "storage"), "--runroot", str(folder / "run")]
        self.steps: list[tuple[str, str, float]] = []

    def buildah(self, *arguments: str, fails: bool = False) -> str:
        """Run buildah and return what it printed; ``AssertionError`` where it fails and should not, or the reverse."""
        command = ["buildah", *self.storage, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=ENVIRONMENT)
        if (done.returncode != 0) != fails:
            raise AssertionError(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return (done.stdout + done.stderr if fails else done.stdout).strip()

    def step(self, what: str, *arguments: str, fails: bool = False) -> str:
        """As :meth:`buildah`, timed for the report."""
        print(f"{what} ...", flush=True)
        start = time.monotonic()
        printed = self.buildah(*arguments, fails=fails)
        command = "buildah " + " ".join(arguments).replace(" ".join(self.pip_options()), "VOLUMES")
        self.steps.append((what, command, time.monotonic() - start))
        return printed

    def make_base(self) -> None:
        """A Debian with PyTorch in /opt/venv, first on PATH: AMD's images in shape, at a fraction of their size."""
        system = self.folder / "rootfs"
        print("debootstrap ...", flush=True)
        start = time.monotonic()
        command = ["debootstrap", "--variant=minbase", "--include=python3-venv,ca-certificates", "bookworm"]
        subprocess.run([*command, str(system)], check=True, capture_output=True)
        self.steps.append(("small Debian", " ".join(command), time.monotonic() - start))
        container = self.buildah("from", "scratch")
        self.step("into an image", "add", "--quiet", container, str(system), "/")
        shutil.rmtree(system)
        self.buildah("config", "--env", "PATH=/opt/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
        self.step("virtual environment", "run", container, "--", "python3", "-m", "venv", "/opt/venv")
        pip = ("python", "-m", "pip", "install", "--quiet", "--no-cache-dir", *TORCH)
        self.step("PyTorch for the CPU", "run", *self.pip_options(), container, "--", *pip)
        self.step("base image", "commit", "--quiet", "--rm", container, BASE)

    def pip_options(self) -> list[str]:
        """Mounts that let pip in a container reach what pip reaches here."""
        command = [sys.executable, "-m", "pip", "config", "list"]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        settings: dict[str, str] = {}
        mounts: dict[str, str] = {}
        for line in answer.stdout.splitlines():  # the environment's come first, and count
            key, _, value = line.partition("=")
            settings.setdefault(key.rpartition(".")[2], value.strip("'"))
        settings.pop("constraint", None)  # the image has constraints of its own
        for value in settings.values():
            mounts |= {path: path for path in value.split() if path.startswith("/") and Path(path).exists()}
        config = self.folder / "pip.conf"
        config.write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
        mounts[str(config)] = "/etc/pip.conf"
        return [part for here, there in mounts.items() for part in ("--volume", f"{here}:{there}:ro")]

    def build(self) -> None:
        """The Dockerfile itself, all its stages; and once more as it is without REQUIRE_HIP=0, which must fail."""
        given = [f"{key}={value}" for key, value in {"BASE_IMAGE": BASE, **GIDS}.items()]
        arguments = [part for pair in given for part in ("--build-arg", pair)]
        build = ("build", "--quiet", *self.pip_options(), *arguments, "--file", "docker/Dockerfile.rocm")
        self.step("the image", *build, "--build-arg", "REQUIRE_HIP=0", "--tag", IMAGE, ".")
        refusal = self.step("refused without HIP", *build, ".", fails=True)
        assert "is no HIP build" in refusal, refusal

    def inspect(self) -> dict[str, Any]:
        """The image's configuration, as Docker would read it."""
        found: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
        return found

    def check(self, container: str) -> list[str]:
        """What holds in the image before anything is trained, as lines of the report."""
        config = self.inspect()
        assert config["User"] == "10001", config["User"]
        assert config["Cmd"][-2:] == ["--device", "cuda"], config["Cmd"]
        groups = {int(gid) for gid in self.buildah("run", container, "--", "id", "-G").split()}
        assert groups == {10001, *GIDS.values()}, groups
        versions = self.buildah("run", container, "--", "head", "-1", "versions.txt")
        assert "HIP None" in versions, versions
        held = self.buildah("run", container, "--", "grep", "^torch==", "/etc/pip-constraints.txt")
        pip = ("run", "--user", "0", container, "--", "python", "-m", "pip", "install", "--no-index", "torch==2.12.0")
        assert "conflict" in self.buildah(*pip, fails=True)
        copyleft = self.buildah("run", container, "--", "sh", "-c", COPYLEFT).split()
        assert copyleft == ["norse", "pygame_ce"], copyleft
        self.buildah("run", container, "--", "test", "-s", "NOTICE", "-a", "-s", "licenses/LGPL-3")
        self.buildah("run", container, "--", "touch", "tools/mine", fails=True)
        return [
            f"* Runs as user {config['User']}, groups {sorted(groups)}; may not write into its own programs.",
            f"* `versions.txt` begins: {versions}. pip is held to {held}, and refuses another.",
            "* Without `REQUIRE_HIP=0` the build ends at `check_image.py`, as it must on a CPU build of PyTorch.",
            "* Packages under a GPL or LGPL beside the base: norse and pygame-ce, both in NOTICE.",
        ]

    def train(self, container: str) -> list[str]:
        """The entry point for a short run, with the health check beside it."""
        config = self.inspect()
        health = ["run", container, "--", *config["Healthcheck"]["Test"][1:]]
        silent = self.buildah(*health, fails=True)
        assert "no answer" in silent, silent
        command = ["run", container, "--", *config["Entrypoint"], *TRAINING]
        print("a short run ...", flush=True)
        start = time.monotonic()
        prefix = ["buildah", *self.storage]
        run = subprocess.Popen(
            [*prefix, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT
        )
        healthy_after = None
        while run.poll() is None:
            if healthy_after is None:
                answer = subprocess.run([*prefix, *health], capture_output=True, env=ENVIRONMENT, check=False)
                healthy_after = time.monotonic() - start if answer.returncode == 0 else None
            time.sleep(0.2)
        assert run.stdout is not None
        printed = run.stdout.read()
        assert run.returncode == 0, printed
        self.steps.append(("a short run", "buildah " + " ".join(command), time.monotonic() - start))
        assert healthy_after is not None, f"the health check never passed while this ran:\n{printed}"
        summary = json.loads(self.buildah("run", container, "--", "cat", "runs/image-test/summary.json"))
        assert summary["ended"] == "done"
        assert summary["env_steps"] >= 20_000, summary
        owner = self.buildah("run", container, "--", "stat", "-c", "%u", "runs/image-test/report.html")
        assert owner == "10001", owner
        entry, check = " ".join(config["Entrypoint"]), " ".join(config["Healthcheck"]["Test"][1:])
        neurons = f"{summary['neurons_initial']} → {summary['neurons_final']} neurons"
        return [
            f"* Entry point `{entry}`: {summary['env_steps']} steps, engine {summary['engine']}, {neurons}.",
            f"* Health check `{check}`: fails before the run, passed {healthy_after:.0f} s after its start.",
        ]

    def table(self) -> str:
        """The steps as rows of a table."""
        rows = (
            f"| {what} | {s:.0f} | `{command.replace(str(self.folder), 'DIR')}` |" for what, command, s in self.steps
        )
        return "\n".join(rows)

    def sizes(self) -> list[str]:
        """What the images take, unpacked."""
        images = json.loads(self.buildah("images", "--json"))
        named = {name: image["size"] for image in images for name in image["names"] or []}
        return [f"* {name}: {size} unpacked." for name, size in named.items() if name.startswith("localhost/snn")]


REPORT: Final = """# The image, built and run without a Docker engine

Written by `docker/image_test.py`, which `make image-test` runs, on {when}: {buildah}, {machine}, Linux {kernel},
{cores} cores, which other work may have shared. No GPU was there, and AMD's base image was not:
the base is a small Debian with a CPU build of PyTorch. What only a real ROCm
image can show is not shown here; [rocm.md](../rocm.md) lists it.

## Found

{found}

## Done

DIR stands for a temporary folder, VOLUMES for mounts that let pip reach what it reaches outside.

| step | seconds | command |
|---|---|---|
{steps}
"""

COPYLEFT: Final = (  # distributions whose metadata name such a licence
    "grep -liE '^(License|License-Expression|Classifier: License.*):? .*(L?GPL|Lesser General|General Public)' "
    "/opt/venv/lib/python3*/site-packages/*.dist-info/METADATA | sed -E 's|.*/([^/]*)-[^-]*.dist-info.*|\\1|' | sort"
)


def need(*programs: str) -> None:
    """Install Debian's packages of these names where the programs are missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and (os.geteuid() != 0 or shutil.which("apt-get") is None):
        sys.exit(f"image_test.py: {', '.join(missing)} not found. Install them, as root; Debian and Ubuntu have them.")
    if missing:
        subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True)
        options = ["-y", "-q", "--no-install-recommends"]
        subprocess.run(["apt-get", "install", *options, *missing], check=True, capture_output=True)


def main() -> None:
    """Entry point."""
    need("buildah", "debootstrap")
    with tempfile.TemporaryDirectory(prefix="image-test-", dir=os.environ.get("IMAGE_TEST_DIR")) as folder:
        test = ImageTest(Path(folder))
        test.make_base()
        test.build()
        container = test.buildah("from", IMAGE)
        found = [*test.check(container), *test.train(container), *test.sizes()]
        version = test.buildah("--version")
    now = datetime.datetime.now(datetime.timezone.utc)
    RESULT.write_text(REPORT.format(
        when=f"{now:%Y-%m-%d}", buildah=version.partition(" (")[0], machine=platform.machine(), cores=os.cpu_count(),
        kernel=platform.release(), found="\n".join(found), steps=test.table(),
    ))  # fmt: skip
    print(f"image test passed: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
