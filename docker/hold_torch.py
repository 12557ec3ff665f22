"""Write pip's constraints for an image: constraints.txt, with the image's own PyTorch in place of ours.

``python hold_torch.py constraints.txt > /etc/pip-constraints.txt``. Wheels of PyTorch for ROCm carry versions such as
2.13.0+rocm10.0.0, which PyPI does not have: with exactly these demanded, pip keeps them or fails aloud.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

HELD: Final = re.compile(r"torch|torchvision|torchaudio|(pytorch-)?triton(-.*)?|rocm(-.*)?")
"""Distributions that belong to the image's build of PyTorch."""


def canonical(name: str) -> str:
    """The name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def held() -> dict[str, str]:
    """The versions of the distributions of this interpreter that are to stay, by canonical name."""
    names = ((dist, dist.metadata["Name"]) for dist in reversed(list(distributions())))  # the first on the path wins
    return {canonical(name): dist.version for dist, name in names if name and HELD.fullmatch(canonical(name))}


def merged(ours: str, image: dict[str, str]) -> str:
    """The lines of ``ours`` about what the image does not hold, after a line for each that it does."""
    kept = []
    for line in ours.splitlines():
        name = re.match(r"[\w.-]+", line)
        if name and canonical(name.group()) not in image:
            kept.append(line)
    return "\n".join([*(f"{name}=={version}" for name, version in sorted(image.items())), *kept]) + "\n"


def main() -> None:
    """Entry point."""
    image = held()
    if "torch" not in image:
        sys.exit(
            f"hold_torch.py: {sys.executable} of this base image has no PyTorch. Build on one that has it, for example "
            "--build-arg BASE_IMAGE=docker.io/rocm/pytorch:TAG."
        )
    sys.stdout.write(merged(Path(sys.argv[1]).read_text(), image))


if __name__ == "__main__":
    main()
