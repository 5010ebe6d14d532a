"""The picture of a sweep: a bar for every case, frames a second of the generator alone, beside the plain reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from engine.generator.backends.table import PRECISIONS

WIDTH, LEFT, RIGHT, ROW, GROUP, HEAD = 1500, 330, 220, 26, 30, 92  # pixels
SCALE = 2  # times; the picture is drawn this much larger and shrunk, for smooth edges
BACKGROUND, PANEL, GRID, TEXT, FAINT, PLAIN = "#12141a", "#191c24", "#2b303c", "#e6e8ee", "#8a91a3", "#ffb454"
COLOURS = dict(zip(PRECISIONS, ("#5b6b8c", "#7fd4ff", "#7fd1a0"), strict=True))


def draw(rows: Sequence[dict[str, Any]]) -> Image.Image:
    """Return the picture of measured rows, grouped by model and size in the order they come."""
    groups = [(key, list(found)) for key, found in groupby(rows, lambda r: (r["model"], r["render_resolution"]))]
    height = HEAD + sum(GROUP + ROW * len(found) for _, found in groups) + 24
    image = Image.new("RGB", (WIDTH * SCALE, height * SCALE), BACKGROUND)
    pen = _Pen(ImageDraw.Draw(image))
    rates = [rate for row in rows for rate in (_fps(row), _plain(row)) if rate]
    low, high = 10 ** math.floor(math.log10(min(rates))), 10 ** math.ceil(math.log10(max(rates)))

    def x(rate: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(rate / low) / math.log(high / low)

    _draw_head(pen, rows, x, low, high, height)
    top = float(HEAD)
    for (model, size), found in groups:
        pen.text(16, top + 8, f"{model} at {size} px", TEXT, 15)
        top += GROUP
        for row in found:
            _draw_row(pen, row, top, x, low)
            top += ROW
    return image.resize((WIDTH, height), Image.Resampling.LANCZOS)


class _Pen:
    """Draws in the final picture's pixels."""

    def __init__(self, to: ImageDraw.ImageDraw) -> None:
        self._to = to

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """Fill a rectangle."""
        self._to.rectangle([left * SCALE, top * SCALE, max(left, right) * SCALE, bottom * SCALE], fill=colour)

    def text(self, x: float, y: float, words: str, colour: str, size: int, anchor: str = "la") -> None:
        """Write a line."""
        self._to.text(
            (x * SCALE, y * SCALE), words, fill=colour, font=ImageFont.load_default(size * SCALE), anchor=anchor
        )


def _draw_head(pen: _Pen, rows: Sequence[dict[str, Any]], x: Any, low: float, high: float, height: int) -> None:
    machine = f"{rows[0]['device']}, torch {rows[0]['torch']}"
    pen.text(16, 14, f"frames a second of the generator alone, {machine}", TEXT, 18)
    what = "orange: the plain textbook forward of the same weights at the same size, timed in turns"
    pen.text(16, 42, what, PLAIN, 13)
    rate = low
    while rate <= high:
        for step in (1, 2, 5):
            if rate * step <= high:
                pen.box(x(rate * step), HEAD - 8, x(rate * step) + 1, height - 12, GRID)
                pen.text(x(rate * step), HEAD - 24, f"{rate * step:g}", FAINT, 12, "ma")
        rate *= 10


def _draw_row(pen: _Pen, row: dict[str, Any], top: float, x: Any, low: float) -> None:
    fps, plain = _fps(row), _plain(row)
    pen.text(LEFT - 12, top + ROW / 2, f"{row['backend']} {row['precision']}", FAINT, 13, "rm")
    pen.box(x(low), top + 4, x(fps), top + ROW - 4, COLOURS.get(row["precision"], TEXT))
    ratio = ""
    if plain:
        pen.box(x(plain) - 2, top + 1, x(plain) + 2, top + ROW - 1, PLAIN)
        ratio = f"  x{(row['reference'].get('same_resolution') or row['reference'])['ratio']:.2f}"
    pen.text(max(x(fps), x(plain or low)) + 10, top + ROW / 2, f"{fps:.3g} fps{ratio}", TEXT, 13, "lm")


def _fps(row: dict[str, Any]) -> float:
    return float(1e3 / row["stages_ms"]["generator"])


def _plain(row: dict[str, Any]) -> float | None:
    """Return the reference's frames a second at the size of the row."""
    plain = row["reference"]
    rate = (plain.get("same_resolution") or plain)["fps"]
    return None if rate is None else float(rate)
