"""An executor on a Ray cluster: this machine, or many (https://docs.ray.io; extra ``snn-agent[cluster]``)."""

from __future__ import annotations

import os
import pickle
import socket
import sys
from types import TracebackType
from typing import Any

from snn_agent import checks
from snn_agent.errors import BackendUnavailable, ConfigError
from snn_agent.experiments.executors import cores
from snn_agent.experiments.jobs import Ending, Job, attempt

LOCALHOST = "127.0.0.1"
CONNECT_SECONDS = 10.0
STORE_BYTES = 100 * 2**20  # for what jobs are given and return; Ray would set aside a third of the memory


class RayExecutor:
    """Every attempt is a Ray task of one core, with Ray's own retries off: attempts are counted in one place.

    Machines of a cluster need this package and the job's modules at the same paths as here, and a folder that all of
    them see for what the jobs write.

    Args:
        slots: tasks at a time; None: as many as the cluster has cores.
        address: of a running cluster, as Ray takes it: ``"auto"``, ``"HOST:6379"`` or ``"ray://HOST:10001"``. None: the
            one that this process is connected to, or else one on this machine, which ends with the executor.

    Raises:
        BackendUnavailable: Ray is not installed, or there is no cluster at the address.
        ConfigError: ``slots`` is below 1.
    """

    def __init__(self, slots: int | None = None, address: str | None = None) -> None:
        if slots is not None:
            checks.integer("slots", slots, 1)
        # Ray sends home how it is used unless told not to, and it asks when it is imported.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as problem:
            raise BackendUnavailable(
                "the executor 'ray' needs Ray, which is not installed. Install the extra: pip install "
                "'snn-agent[cluster]', or choose the executor 'processes'."
            ) from problem
        self._ray: Any = ray
        self._own = not ray.is_initialized()
        if self._own:
            _connect(ray, slots, address)
        elif address is not None:
            raise ConfigError(
                f"this process is connected to a Ray cluster already and cannot go to {address}. Leave the address "
                f"out, or call ray.shutdown() first."
            )
        self.slots = slots or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._task = ray.remote(num_cpus=1, max_retries=0)(_work)
        self._running: dict[Any, Job] = {}

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs, and the cluster if it was made here."""
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._running.clear()
        if self._own:
            self._ray.shutdown()

    def start(self, job: Job) -> None:
        """Hand an attempt to the cluster."""
        packed = self._ray.cloudpickle.dumps(job)
        self._running[self._task.options(name=job.id).remote(list(sys.path), packed)] = job

    def wait(self, seconds: float) -> list[Ending]:
        """Those that have ended."""
        running = list(self._running)
        ready, _ = self._ray.wait(running, num_returns=1, timeout=seconds)
        return [self._end(reference) for reference in ready]

    def stop(self) -> None:
        """Interrupt all, as Ctrl-C does: runs take it as the wish to save and leave."""
        for reference in self._running:
            self._ray.cancel(reference, force=False)

    def _end(self, reference: Any) -> Ending:
        job = self._running.pop(reference)
        try:
            kind, value, error = self._ray.get(reference)
        except self._ray.exceptions.TaskCancelledError:
            return Ending(job, "interrupted", error="interrupted")
        except self._ray.exceptions.RayError as problem:
            return Ending(job, "failed", error=f"its worker is lost: {type(problem).__name__}: {problem}")
        return Ending(job, kind, value, error)


def _connect(ray: Any, slots: int | None, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        # Nobody else on the network has to do with a cluster of one machine.
        here = {"_node_ip_address": LOCALHOST, "object_store_memory": STORE_BYTES, "include_dashboard": False}
        ray.init("local", num_cpus=slots or cores(), **here, **quiet)
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if host and port.isdigit():  # Ray itself would knock for a minute, and then end this process
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
        ray.init(address, **quiet)
    except (OSError, ValueError, RuntimeError) as problem:
        raise BackendUnavailable(
            f"there is no Ray cluster at {address!r} ({problem}). Start one with `ray start --head`, or leave the "
            f"address out for one on this machine."
        ) from problem


def _work(paths: list[str], packed: bytes) -> tuple[str, Any, str]:
    """What the worker does. The job is unpacked here, where its modules can be found."""
    sys.path.extend(path for path in paths if path not in sys.path)
    ending = attempt(pickle.loads(packed))
    return ending.kind, ending.value, ending.error
