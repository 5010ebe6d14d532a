"""A sheet of shapes and text, as values that a panel draws. No GL here.

Positions are pixels from the top left. Every shape and every character is one row of twelve floats: box, colour,
form. A panel draws all rows of a kind with one call of OpenGL.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.borders.params import Param
from engine.stage.desktop.glyphs import INDEX, cell

BOX, ARC, SMALL, LARGE, PICTURE, THUMB = range(6)  # kinds of rows
WIDTH = 12  # floats of a row
LARGE_SCALE = 1.9  # times the small characters; size of the large ones

Colour = tuple[float, float, float, float]
Zone = tuple[str, tuple[float, float, float, float]]  # name, and left, top, width, height in pixels

_GLYPHS = np.full(0x2800, INDEX["?"], np.float32)
_GLYPHS[[ord(character) for character in INDEX]] = list(INDEX.values())


class Slider(NamedTuple):
    """A parameter's bar as it is on the sheet: left, top, width and height in pixels.

    ``played``: a route moves it, and ``value`` is what it moves around.
    """

    param: Param
    value: float
    played: bool
    box: tuple[float, float, float, float]


def colour(code: str, alpha: float = 1.0) -> Colour:
    """Return a colour, 0..1 each, from six hexadecimal digits."""
    return int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255, alpha


class Sheet:
    """Collects shapes, text over them, and zones that can be clicked."""

    def __init__(self, size: tuple[int, int], points: int) -> None:
        """``size`` is the window's in pixels; ``points`` is the size of the small characters."""
        self.size, self.points = size, points
        self.large_points = round(points * LARGE_SCALE)
        self.cell, self.large = cell(points), cell(self.large_points)
        self.zones: list[Zone] = []
        self.sliders: list[Slider] = []
        self.messages = (0.0, 0.0, 0.0, 0.0)  # pixels; the box of the messages, which the wheel scrolls
        self.handles: list[tuple[str, float, float]] = []  # what can be dragged anywhere: name and place, pixels
        self.preview = (0.0, 0.0, 0.0, 0.0)  # pixels; the box of the picture
        self.shown = (0, 0)  # pixels; width and height of the picture
        self.scrolled = (0, 0)  # rows; how far the parameters and the messages are scrolled
        self._shapes: list[tuple[float, ...]] = []
        self._texts: list[tuple[float, float, str, Colour, int]] = []

    def box(self, x: float, y: float, width: float, height: float, ink: Colour, radius: float = 0.0) -> None:
        """Draw a box with round corners."""
        self._shapes.append((x, y, width, height, *ink, BOX, radius, 0.0, 0.0))

    def arc(self, x: float, y: float, side: float, start: float, end: float, thick: float, ink: Colour) -> None:
        """Draw an arc in a square; ``start`` and ``end`` are turns clockwise from the lowest point."""
        self._shapes.append((x, y, side, side, *ink, ARC, start, end, thick))

    def picture(self, x: float, y: float, width: float, height: float) -> None:
        """Show the picture in that box."""
        self.shown, self.preview = (round(width), round(height)), (x, y, width, height)
        self._shapes.append((x, y, width, height, 1.0, 1.0, 1.0, 1.0, PICTURE, 0.0, 0.0, 0.0))

    def thumb(self, x: float, y: float, side: float, index: int) -> None:
        """Show the thumbnail of that number in a square."""
        self._shapes.append((x, y, side, side, 1.0, 1.0, 1.0, 1.0, THUMB, float(index), 0.0, 0.0))

    def text(self, x: float, y: float, text: str, ink: Colour, kind: int = SMALL) -> None:
        """Write ``text`` with its upper left corner at ``x``, ``y``."""
        self._texts.append((round(x), round(y), text, ink, kind))

    def right(self, x: float, y: float, text: str, ink: Colour, kind: int = SMALL) -> None:
        """Write ``text`` so that it ends at ``x``."""
        self.text(x - len(text) * (self.cell if kind == SMALL else self.large)[0], y, text, ink, kind)

    def middle(self, x: float, y: float, text: str, ink: Colour, kind: int = SMALL) -> None:
        """Write ``text`` centred at ``x``."""
        self.text(x - len(text) * (self.cell if kind == SMALL else self.large)[0] / 2, y, text, ink, kind)

    def zone(self, name: str, x: float, y: float, width: float, height: float) -> None:
        """Give a box the ``name`` that `hit` returns for a click in it."""
        self.zones.append((name, (x, y, width, height)))

    def on_messages(self, x: float, y: float) -> bool:
        """Return whether a place is on the messages."""
        left, top, width, height = self.messages
        return left <= x < left + width and top <= y < top + height

    def slider(self, slider: Slider) -> None:
        """Let a parameter be dragged in a box, from its lowest value at the left to its highest at the right."""
        self.sliders.append(slider)

    def slider_at(self, x: float, y: float) -> Slider | None:
        """Return the slider at ``x``, ``y``, or None."""
        for slider in reversed(self.sliders):
            left, top, width, height = slider.box
            if left <= x < left + width and top <= y < top + height:
                return slider
        return None

    def hit(self, x: float, y: float) -> str | None:
        """Return the name of the topmost zone at ``x``, ``y``, or None."""
        for name, (left, top, width, height) in reversed(self.zones):
            if left <= x < left + width and top <= y < top + height:
                return name
        return None

    def words(self) -> list[str]:
        """Return every text on the sheet, in the order of writing."""
        return [text for _, _, text, _, _ in self._texts]

    def rows(self) -> NDArray[np.float32]:
        """Return all shapes and characters, float32 [n, WIDTH], in the order of drawing."""
        shapes = np.array(self._shapes, np.float32).reshape(-1, WIDTH)
        if not self._texts:
            return shapes
        lengths = np.array([len(text) for _, _, text, _, _ in self._texts])
        codes = np.frombuffer("".join(text for _, _, text, _, _ in self._texts).encode("utf-32-le"), np.uint32)
        glyphs = np.zeros((len(codes), WIDTH), np.float32)
        place = np.arange(len(codes)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        heads = np.array([(x, y, kind, *ink) for x, y, _, ink, kind in self._texts], np.float32)
        each = np.repeat(heads, lengths, axis=0)
        sizes = np.where((each[:, 2] == LARGE)[:, None], self.large, self.cell)
        glyphs[:, 0] = each[:, 0] + place * sizes[:, 0]
        glyphs[:, 1] = each[:, 1]
        glyphs[:, 2:4] = sizes
        glyphs[:, 4:8] = each[:, 3:7]
        glyphs[:, 8] = each[:, 2]
        glyphs[:, 9] = _GLYPHS[np.minimum(codes, len(_GLYPHS) - 1)]
        return np.concatenate([shapes, glyphs[codes != ord(" ")]])
