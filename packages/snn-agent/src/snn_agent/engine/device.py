"""Which device an engine runs on, and what to call it."""

from __future__ import annotations

import platform

import torch

from snn_agent.errors import BackendUnavailable, ConfigError


def resolve_device(device: torch.device | str) -> torch.device:
    """Return ``device`` as a ``torch.device`` that exists here; ``"cuda"`` is also the name of an AMD GPU.

    Raises:
        ConfigError: PyTorch knows no device of that name.
        BackendUnavailable: there is no such device in this machine, or this build of PyTorch cannot use it.
    """
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError):
        raise ConfigError(f"device must be a name like 'cpu', 'cuda' or 'cuda:1', got {device!r}.") from None
    if resolved.type == "cuda":
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (resolved.index or 0) >= found:
            raise BackendUnavailable(
                f"device {device!s} was asked for, but PyTorch {torch.__version__} finds {found} GPUs. Use 'cpu', or "
                f"install a build of PyTorch for your GPU (CUDA, or ROCm for AMD) and check its driver."
            )
    return resolved


def describe_device(device: torch.device | str) -> str:
    """Return what ``device`` is, for records: ``"cpu (x86_64, 2 threads)"``, ``"cuda:0 (AMD …, ROCm 6.4)"``.

    Raises:
        ConfigError, BackendUnavailable: see :func:`resolve_device`.
    """
    resolved = resolve_device(device)
    if resolved.type == "cpu":
        return f"cpu ({platform.machine()}, {torch.get_num_threads()} threads)"
    if resolved.type == "cuda":
        build = f"ROCm {torch.version.hip}" if torch.version.hip else f"CUDA {torch.version.cuda}"
        return f"cuda:{resolved.index or 0} ({torch.cuda.get_device_name(resolved)}, {build})"
    return str(resolved)
