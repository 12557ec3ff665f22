"""The figures of a study's page, read back from their SVG by their own ticks."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Figure(NamedTuple):
    """A figure of the page and how its places are read."""

    svg: ElementTree.Element
    log: bool

    def named(self, arm: str) -> ElementTree.Element:
        """The group of an arm."""
        groups = [group for group in self.svg.iter("g") if (group.findtext("title") or "") == arm]
        assert len(groups) == 1
        return groups[0]

    def x(self, places: npt.ArrayLike) -> Array:
        """Values of horizontal places, along the vertical rules and the words below them."""
        return self._read("x", np.asarray(places, dtype=np.float64))

    def y(self, places: npt.ArrayLike) -> Array:
        """Values of vertical places."""
        return self._read("y", np.asarray(places, dtype=np.float64))

    def _read(self, way: str, places: Array) -> Array:
        rules = [rule for rule in self.svg.findall("line") if rule.get("class") == "rule"]
        across = [float(rule.get(f"{way}1", "")) for rule in rules if rule.get(f"{way}1") == rule.get(f"{way}2")]
        words = [text.text or "" for text in self.svg.findall("text") if text.get("class") == f"tick {way}"]
        values = np.array([float(word.replace(",", "")) for word in words])
        log = self.log and way == "x"
        slope, offset = np.polyfit(across, np.log(values) if log else values, 1)
        found: Array = slope * places + offset
        return np.exp(found) if log else found

    def line(self, arm: str) -> tuple[Array, Array]:
        """An arm's curve."""
        (line,) = self.named(arm).findall("polyline")
        return self._points(line)

    def area(self, arm: str) -> tuple[Array, Array, Array]:
        """Places, lower and upper end of an arm's interval."""
        (area,) = self.named(arm).findall("polygon")
        x, y = self._points(area)
        half = len(x) // 2
        return x[:half], y[half:][::-1], y[:half]

    def marks(self) -> dict[str, tuple[float, float]]:
        """Where each arm's mark is, by the first word of what it tells."""
        found = {}
        for path in self.svg.iter("path"):
            told, moved = path.findtext("title"), re.fullmatch(r"translate\((\S+) (\S+)\)", path.get("transform", ""))
            if told and moved:
                found[told.split(":")[0]] = float(moved[1]), float(moved[2])
        return found

    def _points(self, shape: ElementTree.Element) -> tuple[Array, Array]:
        places = np.array([pair.split(",") for pair in shape.get("points", "").split()], dtype=np.float64)
        return self.x(places[:, 0]), self.y(places[:, 1])


def figures_of(page: str) -> dict[str, Figure]:
    """All figures of a page by title."""
    found = {}
    for text in re.findall("<figure.*?</figure>", page, flags=re.DOTALL):
        drawn = ElementTree.fromstring(re.findall("<svg.*</svg>", text, flags=re.DOTALL)[0])
        found[drawn.findtext("title") or ""] = Figure(drawn, "(logarithmic)" in text)
    return found
