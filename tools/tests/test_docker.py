"""The image and its services, as far as they can be checked without building: ``make image-test`` builds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

DOCKER = Path(__file__).parents[2] / "docker"
ROOT = DOCKER.parent
DOCKERFILE = DOCKER / "Dockerfile.rocm"
COMPOSE = DOCKER / "compose.yaml"
PROGRAMS = Path(sys.executable).parent
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in re.sub(r"\\\n(\s*#.*\n)*", " ", DOCKERFILE.read_text()).splitlines()
    if line.strip() and not line.startswith("#")
]


def run(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | (env or {})
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, env=environment)


def values(instruction: str) -> list[str]:
    return [text for name, text in INSTRUCTIONS if name == instruction]


def yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml(COMPOSE)["services"]


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    return run(PROGRAMS / "hadolint", "--no-color", path)


def schema(path: Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path)


def test_linters_find_nothing() -> None:
    for found in (hadolint(DOCKERFILE), schema(COMPOSE)):
        assert found.returncode == 0, found.stdout + found.stderr


def test_linters_would_find_mistakes(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.read_text().replace("WORKDIR /app", "WORKDIR app"))
    (tmp_path / "compose.yaml").write_text(COMPOSE.read_text().replace("healthcheck:", "health_check:", 1))
    assert "DL3000" in hadolint(tmp_path / "Dockerfile").stdout
    assert "health_check" in schema(tmp_path / "compose.yaml").stdout


def test_base_image_is_pinned_and_has_the_tested_torch(services: dict[str, Any]) -> None:
    base = next(text for text in values("ARG") if text.startswith("BASE_IMAGE=")).removeprefix("BASE_IMAGE=")
    python, torch = re.fullmatch(r"docker\.io/rocm/pytorch:rocm\d.*_py3\.(\d+)_pytorch_release_([\d.]+)", base).groups()
    assert int(python) >= 11
    assert f"torch=={torch}" in (ROOT / "constraints.txt").read_text().splitlines()
    assert services["training"]["build"]["args"]["BASE_IMAGE"] == f"${{BASE_IMAGE:-{base}}}"
    for name in ("prometheus", "grafana"):
        assert re.fullmatch(r"docker\.io/[a-z/]+:v?\d+\.\d+\.\d+", services[name]["image"])


def test_nothing_overrides_the_gpu_that_rocm_sees() -> None:
    assert [path for path in DOCKER.rglob("*") if path.is_file() and b"HSA_OVERRIDE" in path.read_bytes()] == []


def test_image_runs_without_root_and_with_the_gpu_groups(services: dict[str, Any]) -> None:
    assert values("USER")[-1] == "${USER_ID}"
    arguments = dict(text.split("=", 1) for text in values("ARG") if "=" in text)
    assert int(arguments["USER_ID"]) > 0
    # One default in both files, or the image's groups would not be those that compose adds.
    args, added = services["training"]["build"]["args"], services["training"]["group_add"]
    for name in ("VIDEO_GID", "RENDER_GID"):
        assert f"${{{name}:-{arguments[name]}}}" == args[name]
        assert args[name] in added


def test_stages_copy_only_what_is_there() -> None:
    sources = [part for text in values("COPY") for part in text.split()[:-1] if not part.startswith("--")]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_training_service_has_the_gpu_and_the_other_has_none(services: dict[str, Any]) -> None:
    assert services["training"]["devices"] == ["/dev/kfd", "/dev/dri"]
    assert "profiles" not in services["training"]
    assert "devices" not in services["training-cpu"]
    assert services["training-cpu"]["profiles"] == ["cpu"]
    assert "--device cuda" in services["training"]["command"]
    assert "--device cpu" in services["training-cpu"]["command"]


def test_services_find_each_other(services: dict[str, Any]) -> None:
    port = values("EXPOSE")[-1]
    assert f'"--metrics-port", "{port}"' in values("ENTRYPOINT")[-1]
    assert f"127.0.0.1:{port}/" in (DOCKER / "health.py").read_text()
    targets = [t for path in (DOCKER / "prometheus/targets").glob("*.yml") for s in yaml(path) for t in s["targets"]]
    for name in ("training", "training-cpu"):
        aliases = services[name]["networks"]["default"]["aliases"]
        assert targets == [f"{alias}:{port}" for alias in aliases]
    source = yaml(DOCKER / "grafana/provisioning/datasources/prometheus.yml")["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    assert services["grafana"]["depends_on"]["prometheus"]["condition"] == "service_healthy"
    assert "healthcheck" in services["prometheus"]


def test_mounted_files_are_there_and_lie_where_they_are_read(services: dict[str, Any]) -> None:
    mounts = dict(
        mount.split(":")[:2] for service in services.values() for mount in service["volumes"] if mount.startswith(".")
    )
    inside = {there: DOCKER / here for here, there in mounts.items()}
    assert all(path.is_dir() for path in inside.values())
    assert (inside["/etc/prometheus"] / "prometheus.yml").is_file()
    home = Path(services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (inside[str(home.parent)] / home.name).is_file()
    provider = yaml(next((DOCKER / "grafana/provisioning/dashboards").glob("*.yml")))["providers"][0]
    assert provider["options"]["path"] == str(home.parent)
    assert set(yaml(COMPOSE)["volumes"]) == {"runs", "prometheus-data"}


def test_ports_are_open_on_this_machine_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def distribution(folder: Path, name: str, version: str) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


IMAGE = {"torch": "2.13.0+rocm10.0.0", "torchvision": "0.28.0+rocm10.0.0", "triton": "3.7.0", "rocm_sdk": "10.0.0"}


def test_pip_is_held_to_the_torch_of_the_image(tmp_path: Path) -> None:
    for name, version in (IMAGE | {"numpy": "1.26.4"}).items():
        distribution(tmp_path, name, version)
    printed = run(  # -S: nothing but the image's distributions
        sys.executable, "-S", DOCKER / "hold_torch.py", ROOT / "constraints.txt", env={"PYTHONPATH": str(tmp_path)}
    )  # fmt: skip
    ours = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    held = {f"{name.replace('_', '-')}=={version}" for name, version in IMAGE.items()}
    assert set(printed.stdout.splitlines()) == held | {x for x in ours if not re.match("(torch|torchvision)==", x)}


def test_base_image_without_torch_is_refused() -> None:
    refused = run(sys.executable, "-S", DOCKER / "hold_torch.py", ROOT / "constraints.txt")
    assert refused.returncode == 1
    assert "has no PyTorch" in refused.stderr


@pytest.mark.parametrize(
    ("hip", "constraint", "require", "problem"),
    [
        ("'7.0'", "torch==2.13.0+rocm", "1", ""),
        ("None", "torch==2.13.0+rocm", "0", ""),
        ("None", "torch==2.13.0+rocm", "1", "is no HIP build"),
        ("'7.0'", "torch==2.12.0+rocm", "1", "torch is now 2.13.0+rocm"),
    ],
)
def test_build_ends_where_torch_is_not_right(
    tmp_path: Path, hip: str, constraint: str, require: str, problem: str
) -> None:
    distribution(tmp_path, "torch", "2.13.0+rocm")
    (tmp_path / "torch.py").write_text(f"__version__ = '2.13.0+rocm'\nclass version:\n    hip = {hip}\n")
    for name in ("foraging_env", "norse", "pygame", "snn_agent"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "norse" / "torch.py").touch()
    (tmp_path / "constraints.txt").write_text(constraint + "\n")
    done = run(
        sys.executable, "-S", DOCKER / "check_image.py", "--require-hip", require,
        env={"PYTHONPATH": str(tmp_path), "PIP_CONSTRAINT": str(tmp_path / "constraints.txt")},
    )  # fmt: skip
    assert done.returncode == bool(problem), done.stderr
    assert problem in done.stderr
    if not problem:
        assert "torch==2.13.0+rocm" in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("answer", "code", "problem"),
    [
        ("# HELP\nsnn_build_info{} 1\n", 0, ""),
        ("# HELP\nup 1\n", 1, "without snn_build_info"),
        (None, 1, "no answer"),
    ],
)
def test_health_is_the_exporter_of_a_run_answering(answer: str | None, code: int, problem: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if answer else 503)
            self.end_headers()
            self.wfile.write((answer or "").encode())

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = run(sys.executable, "-S", DOCKER / "health.py", f"http://127.0.0.1:{server.server_port}/metrics")
        server.shutdown()
    assert found.returncode == code
    assert problem in found.stderr


def test_notice_names_what_the_lgpl_covers() -> None:
    notice = (DOCKER / "NOTICE").read_text()
    assert all(word in notice for word in ("Norse", "pygame-ce", "/app/licenses/LGPL-3", "/app/licenses/LGPL-2.1"))
