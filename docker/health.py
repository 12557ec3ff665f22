"""The image's health check: exit code 0 where the exporter of a training run answers.

``python health.py [URL]``. Python asks, since the base images need not have curl.
"""

from __future__ import annotations

import sys
from http.client import HTTPException
from typing import Final
from urllib.request import ProxyHandler, build_opener

URL: Final = "http://127.0.0.1:8000/metrics"
TIMEOUT_S: Final = 3.0
METRIC: Final = "\nsnn_build_info"
"""Told from the start; the organism's own numbers begin with the first update, which waits for compilation."""


def main() -> None:
    """Entry point."""
    url = sys.argv[1] if len(sys.argv) > 1 else URL
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=TIMEOUT_S) as answer:  # a proxy has no way to this host
            text = answer.read().decode()
    except (OSError, HTTPException) as problem:
        sys.exit(f"no answer from {url}: {problem}")
    if METRIC not in text:
        sys.exit(f"{url} answers, but without {METRIC.strip()}: it is not the exporter of a training run.")


if __name__ == "__main__":
    main()
