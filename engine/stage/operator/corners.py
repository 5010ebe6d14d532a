"""The corners of the wall's picture over its preview in the operator's window, and the mouse that drags them."""

from __future__ import annotations

from collections.abc import Mapping

from engine.stage.operator.gauges import GROUND, INK, ORANGE
from engine.stage.operator.sheet import Colour, Sheet

TOGGLE, RESET = ":corners", ":corners.reset"  # names of zones
REACH = 1.2  # lines; a press so near a corner takes hold of it
SIDE = 1.0  # lines; of a corner's mark


def draw(sheet: Sheet, corners: Mapping[str, tuple[float, float]], editing: bool) -> None:
    """Draw what begins the dragging and, while it is on, a mark at each corner and its place in numbers.

    ``corners`` are shares of the wall from its lower left, by name.
    """
    left, top, width, height = sheet.preview
    wide, high = sheet.cell
    words = [(TOGGLE, "keep corners" if editing else "corners", ORANGE if editing else INK)]
    if editing:
        words.append((RESET, "reset", INK))
    at = left + width
    for name, text, ink in words:
        at -= (len(text) + 2) * wide
        _write(sheet, at + 0.75 * wide, top + height - 1.2 * high, text, ink)
        sheet.zone(name, at, top + height - 1.3 * high, (len(text) + 1.5) * wide, 1.2 * high)
    if not editing:
        return
    for name, (x, y) in corners.items():
        spot = left + x * width, top + (1.0 - y) * height
        shown = min(max(spot[0], left), left + width), min(max(spot[1], top), top + height)
        side = SIDE * high
        for across, ink in ((side, GROUND), (0.8 * side, ORANGE)):  # a box would lie under the picture
            sheet.arc(shown[0] - across / 2, shown[1] - across / 2, across, 0.0, 1.0, across / 2, ink)
        line = f"{x:.3f} {y:.3f}"
        room = len(line) * wide
        beside = shown[0] + side if shown[0] + side + room < left + width else shown[0] - side - room
        _write(sheet, beside, min(max(shown[1] - high / 2, top), top + height - 2.5 * high), line, ORANGE)
        sheet.handles.append((name, *shown))


def _write(sheet: Sheet, x: float, y: float, text: str, ink: Colour) -> None:
    """Write over the picture, which may be bright or dark."""
    for right, down in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        sheet.text(x + right, y + down, text, GROUND)
    sheet.text(x, y, text, ink)


class CornerMouse:
    """Turns presses and moves into where corners are put."""

    def __init__(self) -> None:
        self._held = ""
        self._from = (0.0, 0.0)  # pixels; from the mouse to the corner
        self._box = (0.0, 0.0, 1.0, 1.0)
        self._dragged: dict[str, tuple[float, float]] = {}

    def press(self, sheet: Sheet, x: float, y: float) -> bool:
        """Take hold of the nearest corner in reach; return whether there is one."""
        near = [(max(abs(at[1] - x), abs(at[2] - y)), at) for at in sheet.handles]
        distance, found = min(near, default=(float("inf"), ("", 0.0, 0.0)))
        if distance > REACH * sheet.cell[1]:
            return False
        self._held, self._box = found[0], sheet.preview
        self._from = found[1] - x, found[2] - y
        return True

    def move(self, x: float, y: float) -> None:
        """Let the corner that is held follow the mouse."""
        if self._held:
            left, top, width, height = self._box
            across = (x + self._from[0] - left) / max(1.0, width)
            self._dragged[self._held] = across, 1.0 - (y + self._from[1] - top) / max(1.0, height)

    def release(self) -> None:
        """Let go of it; it stays where it is."""
        self._held = ""

    def dragged(self) -> Mapping[str, tuple[float, float]]:
        """Return where corners were put since the last call: shares of the wall from its lower left."""
        found, self._dragged = self._dragged, {}
        return found
