"""Where the desktop's windows are: laid out for a size, then moved, resized and minimised by the performer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.stage.desktop import monitor, terminal
from engine.stage.passes.canvas import Box, Size

COLUMNS = {"terminal": terminal.WIDTH + 2, "monitor": monitor.WIDTH + 2}  # with an empty one at each end
SMALLEST = 9  # points: what can still be read on a wall
ICONS = ("terminal", "monitor", "picture")  # from the dock's top
FADE = 0.35  # of the way to the dock, in which a window fades


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is on a window of ``size``."""

    size: Size
    bar: int
    dock: int
    title: int
    margin: int
    picture: Box
    terminal: Box
    monitor: Box
    points: int

    def icon(self, name: str) -> Box:
        """Return where a window's sign in the dock is."""
        side, gap = round(0.7 * self.dock), round(0.24 * self.dock)
        top = gap + ICONS.index(name) * (side + gap)
        return (self.dock - side) // 2, self.size[1] - self.bar - top - side, side, side


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window is: its content's box, how much of its size it is drawn at, how much of it is seen."""

    box: Box
    scale: float = 1.0
    opacity: float = 1.0


def lay_out(size: Size) -> Layout:
    """Return the places: side by side where the window is wide, else the picture above the terminals."""
    width, height = size
    short = min(width, height)
    bar, dock, title, gap = (max(8, round(short * share)) for share in (0.028, 0.058, 0.03, 0.016))
    columns = sum(COLUMNS.values())
    wide = width >= 1.3 * height
    side = round(0.56 * height) if wide else round(0.5 * height)
    room = width - dock - 4 * gap - (side if wide else 0)
    points = max(SMALLEST, int(room / columns / 0.602))
    cell = (round(points * 0.602), round(points * 1.17))
    rows = int((0.66 if wide else 0.36) * height / cell[1])
    high = rows * cell[1]
    left, right = COLUMNS["terminal"] * cell[0], COLUMNS["monitor"] * cell[0]
    if wide and 0.45 * height <= (fits := width - dock - 4 * gap - left - right) < side:
        side = fits  # letters come in whole pixels: what they take too much, the picture gives
    middle = dock + (width - dock - side) // 2
    if wide:
        low = (height - bar - high - title) // 2
        low_left, low_right, low_picture = low + 2 * gap, low - gap, (height - bar - side - title) // 2
    else:
        low_left = low_right = gap
        low_picture = height - bar - side - title - gap
    return Layout(
        size, bar, dock, title, 2 * gap,
        (middle, low_picture, side, side),
        (dock + gap, low_left, left, high),
        (width - gap - right, low_right, right, high),
        points,
    )  # fmt: skip


def place(layout: Layout, name: str, box: Box, params: Mapping[str, float], shown: float = 1.0) -> Place | None:
    """Return where the performer has ``name``, whose content is ``box`` when nothing is moved; None: minimised.

    ``shown`` is how far the desktop itself is there. On its way to the dock a window shrinks and fades.
    """
    shown = ease(shown) * params[f"desktop.{name}"]
    if shown <= 0.0:
        return None
    x, y = (round(params[f"desktop.{name}_{axis}"] * layout.size[1]) for axis in "xy")
    box = (box[0] + x, box[1] + y, box[2], box[3])
    if shown >= 1.0:
        return Place(box)
    icon, away = layout.icon(name), 1.0 - ease(shown)
    scale = max(1.0 + (icon[2] / box[2] - 1.0) * away, 1.0 / max(1, min(box[2:])))
    left, low = (round(box[i] + (icon[i] - box[i]) * away) for i in (0, 1))
    size = (max(1, round(box[2] * scale)), max(1, round(box[3] * scale)))
    return Place((left, low, *size), scale, min(1.0, shown / FADE))


def sized(box: Box, share: float) -> Box:
    """Return ``box`` enlarged around its middle."""
    if share == 1.0:
        return box
    width, height = (max(2, 2 * round(side * share / 2.0)) for side in box[2:])
    return box[0] + (box[2] - width) // 2, box[1] + (box[3] - height) // 2, width, height


def between(start: Box, end: Box, share: float) -> Box:
    """Return the box a share of the way from one to the other."""
    left, bottom, width, height = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
    return left, bottom, max(1, width), max(1, height)


def ease(share: float) -> float:
    """Return 0..1 for 0..1, gently at both ends."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)
