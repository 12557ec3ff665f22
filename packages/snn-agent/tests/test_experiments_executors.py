"""Jobs in this process, in processes of their own and on a real local Ray cluster: the same answers, none lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import executor_jobs as do
import pytest

from snn_agent.errors import BackendUnavailable, ConfigError
from snn_agent.experiments.executors import ProcessExecutor, SerialExecutor
from snn_agent.experiments.executors_ray import RayExecutor
from snn_agent.experiments.jobs import Job, Listener, Outcome, carry_out

NEEDS_RAY = "Ray is not installed: ./setup.sh test brings it where it has a wheel, or pip install 'snn-agent[cluster]'"


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """One cluster for all tests: to start it takes seconds."""
    ray = pytest.importorskip("ray", reason=NEEDS_RAY)
    with RayExecutor(2):
        yield
    assert not ray.is_initialized()  # who made it has ended it


@pytest.fixture(params=["serial", "processes", "ray"])
def executor(request: pytest.FixtureRequest) -> Iterator[Any]:
    with make(request) as made:
        yield made


@pytest.fixture(params=["processes", "ray"])
def workers(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Those whose jobs have processes of their own."""
    with make(request) as made:
        yield made


def make(request: pytest.FixtureRequest) -> Any:
    if request.param == "serial":
        return SerialExecutor()
    if request.param == "processes":
        return ProcessExecutor(2)
    request.getfixturevalue("ray_cluster")
    return RayExecutor(2)


class Heard(Listener):
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.crashes: list[str] = []

    def on_start(self, job: Job, attempt: int) -> None:
        self.said.append((job.id, f"start {attempt}"))

    def on_crash(self, job: Job, attempt: int, error: str) -> None:
        self.said.append((job.id, f"crash {attempt}"))
        self.crashes.append(error)

    def on_end(self, outcome: Outcome) -> None:
        self.said.append((outcome.job.id, outcome.kind))

    def of(self, name: str) -> list[str]:
        return [what for who, what in self.said if who == name]


def test_an_address_without_a_cluster_is_named() -> None:
    pytest.importorskip("ray", reason=NEEDS_RAY)
    with socket.socket() as closed:  # bound, so that nobody else takes the port, but it does not listen
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(BackendUnavailable, match=f"no Ray cluster at '{address}'.*ray start --head"):
            RayExecutor(address=address)


def test_the_same_jobs_give_the_same_everywhere_and_a_bad_one_stops_no_other(executor: Any) -> None:
    good = [Job(id=f"draw {seed}", function=do.draws, arguments=(seed, 3)) for seed in range(2)]
    bad = Job(id="bad", function=do.broken, arguments=("there is no food here",))
    outcomes = {outcome.job.id: outcome for outcome in carry_out([bad, *good], executor, retries=0)}
    assert {name: outcome.value for name, outcome in outcomes.items()} == {
        "bad": None, "draw 0": do.draws(0, 3), "draw 1": do.draws(1, 3),
    }  # fmt: skip
    assert [outcomes[name].kind for name in ("bad", "draw 0", "draw 1")] == ["failed", "done", "done"]
    assert outcomes["bad"].error.splitlines()[-1] == "ValueError: there is no food here"


def test_what_always_fails_is_tried_so_often_and_no_more() -> None:
    bad = Job(id="bad", function=do.broken, arguments=("no",))
    good = Job(id="good", function=do.draws, arguments=(0, 1))
    heard = Heard()
    outcomes = carry_out([bad, good], SerialExecutor(), retries=2, listener=heard)
    assert [(outcome.job.id, outcome.kind, outcome.attempts) for outcome in outcomes] == [
        ("bad", "failed", 3), ("good", "done", 1),
    ]  # fmt: skip
    assert heard.of("bad") == ["start 1", "crash 1", "start 2", "crash 2", "start 3", "failed"]
    assert all(error.endswith("ValueError: no\n") for error in heard.crashes)


def test_a_killed_worker_is_reported_and_its_job_goes_on(workers: Any, tmp_path: Path) -> None:
    other = Job(id="other", function=do.counted, arguments=(tmp_path / "other", 5))
    killed = Job(id="killed", function=do.counted, arguments=(tmp_path / "killed", 5, 3))
    heard = Heard()
    outcomes = {outcome.job.id: outcome for outcome in carry_out([killed, other], workers, listener=heard)}
    assert (tmp_path / "killed" / "killed").exists()
    assert heard.of("killed") == ["start 1", "crash 1", "start 2", "done"]
    assert "killed by SIGKILL" in heard.crashes[0] or "WorkerCrashedError" in heard.crashes[0]
    assert outcomes["killed"].value == outcomes["other"].value == {"sum": 10, "taken": 5}
    assert (outcomes["killed"].attempts, outcomes["other"].attempts) == (2, 1)


def when_begun(place: Path, act: Callable[[], None]) -> threading.Thread:
    def watch() -> None:
        limit = time.monotonic() + 60.0
        while not (place / "begun").exists() and time.monotonic() < limit:
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_a_stop_lets_runs_save_and_begins_nothing_more(executor: Any, tmp_path: Path) -> None:
    job = Job(id="endless", function=do.endless, arguments=(tmp_path,))
    later = [Job(id=f"later {k}", function=do.endless, arguments=(tmp_path / f"{k}",)) for k in range(3)]
    watch = when_begun(tmp_path, lambda: os.kill(os.getpid(), signal.SIGINT))
    outcomes = {outcome.job.id: outcome for outcome in carry_out([job, *later], executor)}
    watch.join()
    assert (tmp_path / "saved").exists()
    assert outcomes["endless"].kind == "interrupted"
    assert outcomes["endless"].attempts == 1
    assert len(outcomes) <= executor.slots
    assert not (tmp_path / "2").exists()


def test_a_worker_that_somebody_else_stops_goes_on(tmp_path: Path) -> None:
    """SIGTERM to a worker only, not to who carries the jobs out: a crash as any other."""

    def act() -> None:
        os.kill(int((tmp_path / "begun").read_text()), signal.SIGTERM)

    watch = when_begun(tmp_path, act)
    heard = Heard()
    with ProcessExecutor(1) as executor:
        outcomes = carry_out(
            [Job(id="run", function=do.endless, arguments=(tmp_path,))], executor, retries=0, listener=heard
        )
    watch.join()
    assert [(outcome.kind, outcome.error) for outcome in outcomes] == [("failed", "interrupted: saved")]


def test_workers_of_a_killed_study_save_and_leave(tmp_path: Path) -> None:
    """Killed outright, it can ask nobody to stop; who runs the study again must not meet its workers."""
    script = tmp_path / "study.py"
    script.write_text(
        f"import sys\nfrom pathlib import Path\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import executor_jobs as do\nfrom snn_agent.experiments.executors import ProcessExecutor\n"
        "from snn_agent.experiments.jobs import Job, carry_out\n"
        "if __name__ == '__main__':\n    with ProcessExecutor(1) as executor:\n"
        f"        carry_out([Job(id='run', function=do.endless, arguments=(Path({str(tmp_path)!r}),))], executor)\n"
    )
    study = subprocess.Popen([sys.executable, script])
    when_begun(tmp_path, study.kill).join()
    study.wait()
    worker = int((tmp_path / "begun").read_text())
    limit = time.monotonic() + 30.0
    while is_alive(worker) and time.monotonic() < limit:
        time.sleep(0.02)
    assert not is_alive(worker)
    assert (tmp_path / "saved").exists()


def is_alive(process: int) -> bool:
    """Whether it is there and does something: one that has ended but that nobody has asked after does not."""
    try:
        return ") Z" not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


def test_what_leaving_early_ends(tmp_path: Path) -> None:
    """An error in who carries the jobs out leaves no process behind."""

    class Faulty(Listener):
        def on_look(self) -> None:
            if (tmp_path / "begun").exists():
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), ProcessExecutor(1) as executor:
        carry_out([Job(id="run", function=do.endless, arguments=(tmp_path,))], executor, listener=Faulty())
    assert not is_alive(int((tmp_path / "begun").read_text()))
    assert (tmp_path / "saved").exists()


def test_answers_that_cannot_be_given(tmp_path: Path) -> None:
    with ProcessExecutor(1) as executor:
        outcomes = carry_out([Job(id="lambda", function=do.unpicklable)], executor, retries=0)
    assert [outcome.kind for outcome in outcomes] == ["failed"]
    assert "cannot be sent" in outcomes[0].error
    outcomes = carry_out([Job(id="exit", function=do.leave)], SerialExecutor(), retries=0)
    assert outcomes[0].error.splitlines()[-1] == "SystemExit: a job may not end who carries it out"


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ConfigError, match="slots"):
        ProcessExecutor(0)
    with pytest.raises(ConfigError, match="slots"):
        RayExecutor(0)
    one = Job(id="one", function=do.draws, arguments=(0, 1))
    with pytest.raises(ConfigError, match="one"):
        carry_out([one, one], SerialExecutor())
    with pytest.raises(ConfigError, match="retries"):
        carry_out([one], SerialExecutor(), retries=-1)


def test_ray_is_asked_for_only_where_it_is_chosen() -> None:
    """Without it everything else works, and the error says what to install."""
    code = (
        "import sys\nsys.modules['ray'] = None\n"
        "from snn_agent.experiments.executors import ProcessExecutor\n"
        "from snn_agent.experiments.executors_ray import RayExecutor\n"
        "ProcessExecutor(1)\nRayExecutor(1)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith("snn_agent.errors.BackendUnavailable")
    assert "snn-agent[cluster]" in answer.stderr


def test_a_cluster_is_found_by_its_address(ray_cluster: None) -> None:
    """From another process, as a second machine would."""
    import ray

    address = ray.get_runtime_context().gcs_address
    code = (
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nimport executor_jobs as do\n"
        "from snn_agent.experiments.executors_ray import RayExecutor\nfrom snn_agent.experiments.jobs import *\n"
        f"with RayExecutor(address={address!r}) as executor:\n"
        "    print(executor.slots, carry_out([Job(id='a', function=do.draws, arguments=(5, 2))], executor)[0].value)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.stdout.strip() == f"2 {do.draws(5, 2)}", answer.stderr
    assert ray.is_initialized()  # it belongs to others and goes on
    with pytest.raises(ConfigError, match="connected"):
        RayExecutor(address=address)
