"""Pictures small enough to stand in a page: PNG with a palette."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def indexed_png(cells: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> bytes:
    """A picture [H, W] of places in a palette, [N, 4] as red, green, blue and opacity, N at most 256.

    PNG (W3C Recommendation, 3rd edition, 2025), colour type 3, 8 bits, no filter: of cells that recur, deflate makes
    more than a filter would.
    """
    height, width = cells.shape
    lines = np.zeros((height, width + 1), dtype=np.uint8)  # each line begins with its filter, 0
    lines[:, 1:] = cells
    return b"".join(
        [
            SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette[:, :3].tobytes()),
            _chunk(b"tRNS", palette[:, 3].tobytes()),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def data_uri(png: bytes) -> str:
    """The picture as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
