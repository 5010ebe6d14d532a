"""The places of the desktop's windows: laid out for a size, then moved, resized and minimised by the performer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.stage.desktop import monitor, terminal
from engine.stage.desktop.glyphs import cell
from engine.stage.passes.canvas import Box, Size

COLUMNS = {"terminal": terminal.WIDTH + 2, "monitor": monitor.WIDTH + 2}  # characters, with an empty one at each end
MIN_POINTS = 9  # points; the smallest text that is readable on a wall
ICONS = ("terminal", "monitor", "picture")  # of the dock, from the top
FADE_SHARE = 0.35  # of the way to the dock; a window fades within it


@dataclass(frozen=True, slots=True)
class Layout:
    """The places in a window of ``size``, in pixels; a box is left, bottom, width and height."""

    size: Size
    bar: int  # height of the top bar
    dock: int  # width of the dock
    title: int  # height of a title bar
    margin: int  # around a window, for its shadow
    picture: Box
    terminal: Box
    monitor: Box
    points: int  # size of the text

    def icon(self, name: str) -> Box:
        """Return the box of a window's icon in the dock."""
        side, gap = round(0.7 * self.dock), round(0.24 * self.dock)
        top = gap + ICONS.index(name) * (side + gap)
        return (self.dock - side) // 2, self.size[1] - self.bar - top - side, side, side


@dataclass(frozen=True, slots=True)
class Place:
    """A window's place: the box of its content in pixels, the scale of its drawing, and its opacity, 0..1."""

    box: Box
    scale: float = 1.0
    opacity: float = 1.0


def lay_out(size: Size) -> Layout:
    """Return the layout: side by side in a wide window, else the picture above the terminals."""
    width, height = size
    short = min(width, height)
    bar, dock, title, gap = (max(8, round(short * share)) for share in (0.028, 0.058, 0.03, 0.016))
    columns = sum(COLUMNS.values())
    wide = width >= 1.3 * height
    side = round(0.56 * height) if wide else round(0.5 * height)
    room = width - dock - 4 * gap - (side if wide else 0)
    points = max(MIN_POINTS, int(room / columns / 0.602))
    across, down = cell(points)[0], round(points * 1.17)
    rows = int((0.66 if wide else 0.36) * height / down)
    high = rows * down
    most = max(1, (width - dock - 2 * gap) // across)  # a small wall cuts lines short, and no letter in two
    left, right = (min(COLUMNS[name], most) * across for name in ("terminal", "monitor"))
    if wide and 0.45 * height <= (fits := width - dock - 4 * gap - left - right) < side:
        side = fits  # characters have whole pixels; the picture gives up what they need more
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
    """Return the place of the window ``name``, or None while it is minimised.

    ``box`` is its content's place before the performer's ``params`` move it. ``shown`` is how far the desktop is open,
    0..1. On its way to the dock a window shrinks and fades.
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
    return Place((left, low, *size), scale, min(1.0, shown / FADE_SHARE))


def sized(box: Box, share: float) -> Box:
    """Return ``box`` enlarged by the factor ``share`` around its middle."""
    if share == 1.0:
        return box
    width, height = (max(2, 2 * round(side * share / 2.0)) for side in box[2:])
    return box[0] + (box[2] - width) // 2, box[1] + (box[3] - height) // 2, width, height


def interpolate(start: Box, end: Box, share: float) -> Box:
    """Return the box at a ``share``, 0..1, of the way from ``start`` to ``end``."""
    left, bottom, width, height = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
    return left, bottom, max(1, width), max(1, height)


def ease(share: float) -> float:
    """Return 0..1 for 0..1, with speed 0 at both ends."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)
