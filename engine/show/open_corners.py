"""Opens the corners of the wall's picture."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from engine.borders.contracts import Window
from engine.borders.params import Table
from engine.show.corner_pin import HEADLESS, CornerPin


def open_corners(table: Table, window: Window, notify: Callable[[str], None], stack: contextlib.ExitStack) -> CornerPin:
    """Return what is kept of the display that shows ``window``; what was dragged is written when ``stack`` closes."""

    def display() -> str:
        return HEADLESS if window.wall is None else window.wall.display

    corners = CornerPin(table, display, notify)
    stack.callback(corners.save)
    return corners
