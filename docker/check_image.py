"""End the build of an image that could not train, and list what is in it.

``python check_image.py --require-hip 1 > versions.txt``. Needs no GPU: what a build of PyTorch is made for is written
in it. The constraints of hold_torch.py, in the file that ``PIP_CONSTRAINT`` names, tell what the base image had.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from hold_torch import canonical, held

IMPORTS: Final = ("foraging_env", "norse.torch", "pygame", "snn_agent")


def replaced(constraints: str, image: dict[str, str]) -> list[str]:
    """What of PyTorch is no longer the base image's, as sentences."""
    lines = set(constraints.splitlines())
    return [f"{name} is now {version}" for name, version in sorted(image.items()) if f"{name}=={version}" not in lines]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--require-hip", choices=["0", "1"], default="1")
    require_hip = parser.parse_args().require_hip == "1"

    changed = replaced(Path(os.environ["PIP_CONSTRAINT"]).read_text(), held())
    if changed:
        sys.exit(f"check_image.py: pip has replaced the base image's PyTorch: {'; '.join(changed)}.")
    torch = importlib.import_module("torch")
    if require_hip and torch.version.hip is None:
        sys.exit(
            f"check_image.py: PyTorch {torch.__version__} is no HIP build, so it cannot use an AMD GPU. Build on a "
            "rocm/pytorch image (BASE_IMAGE), or for the CPU with --build-arg REQUIRE_HIP=0."
        )
    for module in IMPORTS:
        importlib.import_module(module)

    print(f"python {platform.python_version()}, torch {torch.__version__}, HIP {torch.version.hip}")
    names = ((dist.metadata["Name"], dist.version) for dist in distributions())
    print("\n".join(sorted({f"{canonical(name)}=={version}" for name, version in names if name})))


if __name__ == "__main__":
    main()
