"""Frames into a GIF or an MP4, one at a time, so that a film of any length takes no more memory than a short one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from PIL import GifImagePlugin
from PIL import Image as Pictures

from playback.files import draft_of
from playback.panels.canvas import Image
from snn_agent.errors import BackendUnavailable, ConfigError

SUFFIXES: Final = (".gif", ".mp4")
COLOURS: Final = 255  # of a GIF, and one more:
AS_BEFORE: Final = 255  # the index of a pixel that stays as it was
SAMPLED: Final = 12  # frames from which the colours are chosen
INSTALL: Final = ".venv/bin/python -m pip install -c constraints.txt --group video"


class Film(Protocol):
    """Takes frames, uint8 [height, width, 3], all of one size."""

    def add(self, frame: Image) -> None:
        """Put one more at the end."""


@contextlib.contextmanager
def filming(path: Path, fps: float) -> Iterator[Film]:
    """A film that is there, whole, when the block ends; nothing is if there was an error, or no frame.

    Args:
        path: ends in one of SUFFIXES.
        fps: frames a second; a GIF counts in hundredths of a second and takes the nearest number of them.

    Raises:
        ConfigError: the suffix is unknown, the file exists, or its folder does not.
        BackendUnavailable: an MP4 is asked for without the library that writes it.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"a film ends in {' or '.join(SUFFIXES)}, got {path.name!r}.")
    with draft_of(path) as draft, (_gif if path.suffix == ".gif" else _mp4)(draft, fps) as film:
        yield film


@contextlib.contextmanager
def _mp4(path: Path, fps: float) -> Iterator[Film]:
    try:
        import imageio_ffmpeg  # type: ignore[import-untyped]
    except ImportError as problem:
        raise BackendUnavailable(
            f"writing an MP4 needs imageio-ffmpeg. Install it with: {INSTALL}. Or record a .gif."
        ) from problem
    film = _Mp4(path, fps, imageio_ffmpeg.write_frames)
    try:
        yield film
    finally:
        film.finish()


class _Mp4:
    """H.264 in colours that every player knows."""

    def __init__(self, path: Path, fps: float, write_frames: Any) -> None:
        self._path, self._fps, self._write_frames = path, fps, write_frames
        self._pipe: Any = None

    def add(self, frame: Image) -> None:
        if self._pipe is None:
            self._pipe = self._write_frames(str(self._path), frame.shape[1::-1], fps=self._fps, quality=8)
            self._pipe.send(None)
        self._pipe.send(np.ascontiguousarray(frame))

    def finish(self) -> None:
        if self._pipe is not None:
            self._pipe.close()


@contextlib.contextmanager
def _gif(path: Path, fps: float) -> Iterator[Film]:
    with path.open("wb") as file:
        film = _Gif(file, duration_ms=round(100 / fps) * 10)
        yield film
        film.finish()


class _Gif:
    """One palette for all frames; of each frame only what changed, the rest transparent."""

    def __init__(self, file: Any, duration_ms: int) -> None:
        self._file, self._duration_ms = file, duration_ms
        self._waiting: list[Image] = []  # until the colours are chosen
        self._palette: Pictures.Image | None = None
        self._before: Pictures.Image | None = None

    def add(self, frame: Image) -> None:
        if self._palette is None:
            self._waiting.append(frame)
            if len(self._waiting) == SAMPLED:
                self._begin()
        else:
            self._write(frame)

    def finish(self) -> None:
        if self._palette is None:
            self._begin()
        self._file.write(b";")

    def _begin(self) -> None:
        self._palette = palette_of(self._waiting)
        for frame in self._waiting:
            self._write(frame)
        self._waiting = []

    def _write(self, frame: Image) -> None:
        assert self._palette is not None
        picture = Pictures.fromarray(frame).quantize(palette=self._palette, dither=Pictures.Dither.NONE)
        if self._before is None:
            offset, part = (0, 0), self._indexed(np.asarray(picture))
            header, _ = GifImagePlugin.getheader(part.copy(), info={"loop": 0})
            self._file.writelines(header)
        else:
            now, before = np.asarray(picture), np.asarray(self._before)
            changed = now != before
            left, top, right, bottom = Pictures.fromarray(changed).getbbox() or (0, 0, 1, 1)
            box, offset = (slice(top, bottom), slice(left, right)), (left, top)
            part = self._indexed(np.where(changed, now, AS_BEFORE)[box].astype(np.uint8))
        self._file.writelines(
            GifImagePlugin.getdata(part, offset, transparency=AS_BEFORE, duration=self._duration_ms)
        )  # fmt: skip
        self._before = picture

    def _indexed(self, indices: Image) -> Pictures.Image:
        """Indices [height, width] with the palette, filled up to 256 colours."""
        assert self._palette is not None
        part = Pictures.frombytes("P", indices.shape[::-1], indices.tobytes())
        colours = self._palette.getpalette() or []
        part.putpalette(colours + [0] * (3 * 256 - len(colours)))
        return part


def palette_of(frames: list[Image]) -> Pictures.Image:
    """A picture whose palette serves the frames, of at most COLOURS colours."""
    sheet = Pictures.fromarray(np.concatenate(frames))
    return sheet.quantize(COLOURS, method=Pictures.Quantize.FASTOCTREE, dither=Pictures.Dither.NONE)
