"""Pictures and bars of a report, decoded by others and counted again."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from test_report import Page

from snn_agent.training.report.activity import ABSENT, Activity
from snn_agent.training.report.heatmap import ROWS, WIDTH, draw_heatmap, palette, picture, shades
from snn_agent.training.report.histogram import draw_histogram, histogram
from snn_agent.training.report.png import indexed_png

colours = arrays.arrays(np.uint8, st.tuples(st.integers(1, 256), st.just(4)))


def decoded(png: bytes) -> np.ndarray:
    """[H, W, 4] as Pillow reads it."""
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert image.format == "PNG"
        return np.asarray(image.convert("RGBA"))


def activity_of(permille: np.ndarray, env_steps: list[float] | None = None) -> Activity:
    n, moments = permille.shape
    steps = np.arange(1.0, moments + 1.0) if env_steps is None else np.array(env_steps)
    return Activity(env_steps=steps, ids=np.arange(n), permille=permille.astype(np.int16), lines=moments)


@given(st.data(), colours)
def test_pictures_are_what_was_drawn(data: st.DataObject, found: np.ndarray) -> None:
    shape = arrays.array_shapes(min_dims=2, max_dims=2, max_side=40)
    cells = data.draw(arrays.arrays(np.uint8, shape, elements=st.integers(0, len(found) - 1)))
    np.testing.assert_array_equal(decoded(indexed_png(cells, found)), found[cells])


def luminance(colour: np.ndarray) -> np.ndarray:
    """Relative luminance of sRGB colours, [..., 3] of 0 to 255 (Web Content Accessibility Guidelines 2.2)."""
    share = colour / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def test_shades_differ_without_colour_vision() -> None:
    found = palette()
    assert found[0, 3] == 0
    assert (found[1:, 3] == 255).all()
    light = luminance(found[1:, :3])
    assert (np.diff(light) <= 0.0).all()
    assert (np.diff(light[::4]) < 0.0).all()
    assert 1.05 / (light[0] + 0.05) > 1.4  # silent neurons stand out from white paper
    assert (light[0] + 0.05) / (light[-1] + 0.05) > 8.0
    # The dark page turns lightness round with the matrices of CSS invert(1) and hue-rotate(180deg).
    grey = np.array([0.213, 0.715, 0.072])
    turned = np.clip((255.0 - found[1:, :3]) @ (2.0 * np.outer(grey, np.ones(3)) - np.eye(3)), 0.0, 255.0)
    dark = luminance(turned)
    assert (np.diff(dark[::4]) > 0.0).all()
    assert (dark[0] + 0.05) / (luminance(np.array([0x14, 0x17, 0x1A])) + 0.05) > 1.25


@given(arrays.arrays(np.int16, 30, elements=st.integers(0, 1000)))
def test_more_spikes_are_never_lighter(permille: np.ndarray) -> None:
    top = max(1, int(permille.max())) / 1000.0
    ordered = shades(np.sort(permille), top).astype(int)
    assert (np.diff(ordered) >= 0).all()
    assert ordered.min() >= 1
    assert shades(np.array([0, 1000 * top], dtype=np.int16), top).tolist() == [1, 255]
    assert shades(np.array([ABSENT], dtype=np.int16), top).tolist() == [0]


@settings(max_examples=25, deadline=None)
@given(
    arrays.arrays(np.int16, st.tuples(st.integers(1, 30), st.integers(1, 12)), elements=st.integers(ABSENT, 1000)),
    st.data(),
)
def test_every_cell_is_where_it_belongs(permille: np.ndarray, data: st.DataObject) -> None:
    n, moments = permille.shape
    lengths = data.draw(st.lists(st.integers(1, 9), min_size=moments, max_size=moments))
    ends = np.cumsum(lengths)
    pixels = decoded(picture(activity_of(permille, ends.tolist()), top=1.0))
    assert pixels.shape == (n * (ROWS // n), WIDTH, 4)
    for row in range(n):
        for moment in range(moments):
            middle = (ends[moment] - lengths[moment] / 2) / ends[-1]
            pixel = pixels[int((row + 0.5) / n * len(pixels)), int(middle * WIDTH)]
            rate = int(permille[row, moment])
            if rate == ABSENT:
                assert pixel[3] == 0
            else:
                place = 1 + round(254 * (rate / 1000) ** 0.5)
                assert pixel.tolist() == palette()[place].tolist()


def test_the_map_is_labelled_with_its_units() -> None:
    permille = np.full((130, 4), ABSENT)
    permille[:64], permille[64:, 2:] = 100, 400
    page = Page(draw_heatmap(activity_of(permille, [1e6, 2e6, 3e6, 4e6])))
    for text in ("spikes per tick and neuron", "40 %", "no neuron: not yet born, or dead", "130 neurons", "4 M"):
        assert text in page.words, text
    (plot,) = page.with_class("plot")
    assert "130 neurons over 4,000,000 steps, rates from 10 % to 40 %" in (plot["aria-label"] or "")


def test_neurons_left_out_are_told_and_rows_keep_their_numbers() -> None:
    page = Page(draw_heatmap(activity_of(np.ones((2000, 2)))))
    assert "512 of 2,000 neurons are shown" in page.words
    spans = [span["style"] or "" for tag, span in page.tags if tag == "span" and "top:" in (span.get("style") or "")]
    told = [float(re.findall(r"top:([\d.]+)%", style)[0]) for style in spans]
    assert told == pytest.approx([100.0 * number / 2000 for number in range(0, 2000, 500)], abs=0.2)


@given(arrays.arrays(np.int16, st.integers(1, 200), elements=st.integers(0, 1000)))
def test_bars_hold_every_neuron_once(permille: np.ndarray) -> None:
    found = histogram(permille)
    assert found.silent == sum(rate == 0 for rate in permille.tolist())
    assert len(found.edges) == len(found.counts) + 1
    for low, high, count in zip(found.edges, found.edges[1:], found.counts, strict=False):
        assert count == sum(low + 1e-6 < rate / 1000 <= high + 1e-6 for rate in permille.tolist())
    assert found.silent + found.counts.sum() == len(permille)
    np.testing.assert_allclose(np.diff(found.edges), found.edges[1], rtol=1e-9)
    assert set(np.round(found.ticks, 6)) <= set(np.round(found.edges, 6))


def test_bars_are_as_high_as_their_counts_and_say_them() -> None:
    rates = np.array([0] * 6 + [15] * 3 + [25] * 12 + [99])[:, None]
    page = Page(draw_histogram(activity_of(rates, [7.0])))
    bars = [attributes for tag, attributes in page.tags if tag == "rect"]
    texts = re.findall(r"(\d+) neurons above|(\d+) silent", page.words)
    counts = [int(firing or silent) for firing, silent in texts]
    heights = [float(bar["height"] or 0) for bar in bars]
    assert max(counts) == 12
    assert sum(counts) == 22
    assert heights == pytest.approx([1000.0 * count / 15.0 for count in counts], abs=0.1)  # the axis ends at 15
    assert [count for bar, count in zip(bars, counts, strict=True) if bar.get("class") == "none"] == [6]
    assert "silent: 6 of 22 (27.27 %)" in page.words
