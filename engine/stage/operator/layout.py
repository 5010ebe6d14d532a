"""Lays a Status out on a sheet: the operator's window, and the compact panel for the wall. Values only."""

from __future__ import annotations

from collections.abc import Callable

from engine.borders.params import Param
from engine.stage.operator import corners, lines
from engine.stage.operator.gauges import (
    BLUE,
    CARD,
    DIM,
    FAINT,
    GAUGES,
    GLASS,
    GREEN,
    GROUND,
    INK,
    ORANGE,
    RED,
    TRACK,
    YELLOW,
    dials,
    fitted,
    frame_times,
    meters,
)
from engine.stage.operator.panes import PORTRAIT_ROWS, keys, portrait, tiles
from engine.stage.operator.sheet import LARGE, Sheet, Slider, colour
from engine.stage.operator.status import Status, number, share

BAR_COLUMNS = 46  # characters; a column of parameters is no narrower
NAME, VALUE = 24, 8  # characters; the room for a parameter's name and value in its row
DOOR = 12  # characters; the room for a door's name
LOG_ROWS = 6  # lines; at least these are left to the messages
METERS_ROWS, DIALS_ROWS = 8.2, 13.0  # lines; the height of the meters, and what is left to the dials
IN_PLAY, AROUND = 14, 16  # rows of the panel at most: parameters in play, or those around the one that is learned


def operator(
    status: Status, size: tuple[int, int], points: int, wall: tuple[int, int], scroll: int = 0, back: int = 0
) -> Sheet:
    """Return the operator's window. ``wall`` is the picture's size.

    The parameters begin at row ``scroll``, the messages end ``back`` rows before the newest.
    """
    sheet = Sheet(size, points)
    width, height = size
    high = sheet.cell[1]
    gap = high // 2
    top = gap + _header(sheet, status, gap, gap, width - 2 * gap) + gap
    left = round(0.44 * (width - 3 * gap))
    # Dials, messages and a photograph have their room first, the picture what is left.
    doors = len(status.doors) * high + gap if status.doors else 0
    doors += round((PORTRAIT_ROWS + 2) * high) if status.portrait is not None else 0
    rest = (
        height - top - METERS_ROWS * high - DIALS_ROWS * high * bool(status.knobs) - LOG_ROWS * high - 4 * gap - doors
    )
    shown = max(0.0, min(left * wall[1] / max(1, wall[0]), 0.42 * height, rest))
    if shown >= 3 * high:
        sheet.box(gap, top, left, shown, colour("000000"))
        across = min(left, shown * wall[0] / max(1, wall[1]))
        sheet.picture(round(gap + (left - across) / 2), top, round(across), round(shown))
        if status.corners is not None:
            corners.draw(sheet, status.corners, status.editing)
    else:
        shown = -float(gap)
    at = top + shown + gap
    at += meters(sheet, status, gap, at, left) + gap
    at += dials(sheet, status, gap, at, left, height - at - LOG_ROWS * high - 2 * gap - doors) + gap
    at += _doors(sheet, status, gap, at, left)
    at += portrait(sheet, status, gap, at, left)
    back = _log(sheet, status, gap, at, left, max(2.0 * high, height - at - gap), back)
    x, across = 2 * gap + left, width - 3 * gap - left
    if status.legend:
        keys(sheet, status, x, top, across, height - top - gap)
        sheet.scrolled = (scroll, back)
        return sheet
    top += tiles(sheet, status, x, top, across, 0.34 * (height - top)) + gap
    scroll = _table(sheet, status, x, top, across, height - top - gap, scroll)
    sheet.scrolled = (scroll, back)
    return sheet


def headup(status: Status, size: tuple[int, int]) -> Sheet:
    """Return the compact panel at the wall's lower right: the cue, the meters, the knobs in play or being learned."""
    points = max(10, min(28, round(size[1] / 60)))
    sheet = Sheet(size, points)
    wide, high = sheet.cell
    names = _around(status.learning, list(status.params)) if status.learning else status.in_play()[:IN_PLAY]
    width = min(size[0] - 2 * high, 52 * wide)
    height = (len(names) + 5.5) * high * 1.15
    x, y = size[0] - width - high, size[1] - height - high
    sheet.box(x, y, width, height, GLASS, high * 0.5)
    inner, at = x + wide, y + 0.6 * high
    sheet.text(inner, at, status.cue, INK)
    late = f"{status.fps:.0f} fps  {status.late} late"
    sheet.right(x + width - wide, at, late, YELLOW if status.fps < 0.9 * status.wanted_fps else DIM)
    at += 1.5 * high
    step = (width - 2 * wide) / len(GAUGES)
    for index, (label, feature, ink, full) in enumerate(GAUGES):
        value = feature(status.features)
        sheet.text(inner + index * step, at, label, DIM)
        track = step - wide
        sheet.box(inner + index * step, at + high * 1.1, track, high * 0.25, TRACK, high * 0.12)
        sheet.box(inner + index * step, at + high * 1.1, max(1, track * min(1, value / full)), high * 0.25, ink)
    at += 1.9 * high
    line = status.learn_line or "  ".join((*status.states, *(f"{name} {value}" for name, value in status.figures)))
    sheet.text(inner, at, line[: int(width / wide) - 2], ORANGE)
    at += 1.3 * high
    for name in names:
        _row(sheet, status, name, x + wide * 0.5, at, width - wide)
        at += high * 1.15
    return sheet


def _around(name: str, names: list[str], count: int = AROUND) -> list[str]:
    """Return ``count`` of ``names`` with ``name``, where it is among them, in the middle."""
    at = names.index(name) if name in names else 0
    first = max(0, min(at - count // 2, len(names) - count))
    return names[first : first + count]


def _doors(sheet: Sheet, status: Status, x: float, y: float, width: float) -> float:
    """Write a row for every door to other programs; return the height in pixels."""
    wide, high = sheet.cell
    if not status.doors:
        return 0.0
    for row, (name, line) in enumerate(status.doors):
        text = lines.shortened(f"{name:<{DOOR}} {line}", int(width / wide) - 2)
        sheet.text(x + wide, y + row * high, text[:DOOR], DIM)
        sheet.text(x + wide * (1 + DOOR), y + row * high, text[DOOR:], INK)
    return len(status.doors) * high + high // 2


def _header(sheet: Sheet, status: Status, x: float, y: float, width: float) -> float:
    wide, high = sheet.cell
    height = sheet.large[1] + 1.8 * high
    sheet.box(x, y, width, height, CARD, high * 0.4)
    sheet.text(x + wide, y + 0.35 * high, status.cue, INK, LARGE)
    goes_on = f", in {lines.stamp(status.goes_on_in + 0.99).strip()}" if status.goes_on_in is not None else ""
    place = f"{status.place}{goes_on}"
    sheet.text(x + wide, y + 0.4 * high + sheet.large[1], place, DIM)
    at = x + wide * 3 + max(len(status.cue) * sheet.large[0], len(place) * wide)
    graph = min(120 * 2, 0.24 * width) if width > 100 * wide else 0.0
    figures = (("late", str(status.late)), ("missed", str(status.missed)), *status.figures)
    taken = sum((max(len(value), len(label)) + 2) * wide for label, value in figures)
    end = x + width - wide - max(12 * wide, 4 * sheet.large[0]) - graph - 2 * wide - taken
    for state in status.states:
        ink = RED if "off" in state or "fails" in state or state == "blackout" else BLUE
        room = (len(state) + 2) * wide
        if at + room > end:
            break
        sheet.box(at, y + 0.6 * high, room, 1.4 * high, ink, high * 0.4)
        sheet.text(at + wide, y + 0.8 * high, state, GROUND)
        at += room + wide
    slow = status.fps < 0.9 * status.wanted_fps
    right = x + width - wide
    sheet.right(right, y + 0.35 * high, f"{status.fps:.0f}", YELLOW if slow else GREEN, LARGE)
    sheet.right(right, y + 0.4 * high + sheet.large[1], f"of {status.wanted_fps:.0f} fps", DIM)
    right -= max(12 * wide, 4 * sheet.large[0])
    if graph > 0.0:
        frame_times(sheet, status, right - graph, y + 0.5 * high, graph, height - 0.9 * high)
    right -= graph + 2 * wide
    for label, value in reversed(figures):
        sheet.right(right, y + 0.6 * high, value, INK)
        sheet.right(right, y + 0.4 * high + sheet.large[1], label, DIM)
        right -= (max(len(value), len(label)) + 2) * wide
    return height


def _log(sheet: Sheet, status: Status, x: float, y: float, width: float, height: float, back: int) -> int:
    """Write the messages up to ``back`` rows before the newest; return how far back that is."""
    wide, high = sheet.cell
    sheet.box(x, y, width, height, CARD, high * 0.4)
    sheet.messages = (x, y, width, height)
    rows, columns = max(1, int((height - high) / high)), max(10, int(width / wide) - 2)
    at = y + 0.5 * high
    if status.learn_line:
        for row in lines.wrap(status.learn_line, columns)[: max(1, rows - 1)]:
            sheet.text(x + wide, at, row, ORANGE)
            at, rows = at + high, rows - 1
    every = lines.rows_of(status.log, columns)
    back = min(back, max(0, len(every) - rows))
    for index, (begins, text, ink) in enumerate(every[: len(every) - back][-rows:] if rows > 0 else ()):
        if begins.strip() or index == 0:  # the first row may be the rest of a message
            sheet.text(x + wide, at, begins if begins.strip() else f"{'…':>{len(begins) - 1}}", FAINT)
        sheet.text(x + wide * (len(begins) + 1), at, text, ink)
        at += high
    if not status.log and not status.learn_line:
        sheet.text(x + wide, at, "nothing to tell"[:columns], FAINT)
    if back:
        sheet.right(x + width - wide, y + height - 1.1 * high, f"{back} newer below", ORANGE)
    return back


def _table(sheet: Sheet, status: Status, x: float, y: float, width: float, height: float, scroll: int) -> int:
    """List the parameters: first those in play, then all; return the row that it begins at."""
    wide, high = sheet.cell
    sheet.box(x, y, width, height, CARD, high * 0.4)
    columns = max(1, int(width / (BAR_COLUMNS * wide)))
    step = round(high * 1.15)
    rows = max(1, int((height - high) / step))
    entries: list[str | None] = [*status.in_play(), None, *status.params.table]
    first = min(scroll, max(0, len(entries) - columns * rows))
    across = width / columns
    for index, name in enumerate(entries[first : first + columns * rows]):
        left, top = x + (index // rows) * across, y + 0.5 * high + (index % rows) * step
        if name is None:
            sheet.text(left + wide, top, "all parameters", ORANGE)
        else:
            _row(sheet, status, name, left + wide * 0.5, top, across - wide)
    return first


def _row(sheet: Sheet, status: Status, name: str, x: float, y: float, width: float) -> None:
    """Draw a parameter: its name, a bar from its default to its value, and the hand where it is elsewhere."""
    wide, high = sheet.cell
    value, param = status.params[name], status.params.table[name]
    base = status.base.get(name, param.default)
    chosen = name == status.learning
    if chosen:
        sheet.box(x, y - 0.05 * high, width, 1.1 * high, (*ORANGE[:3], 0.35), 3)
    ink = INK if name in status.played or value != param.default else DIM if status.learning else FAINT
    sheet.text(x + wide * 0.5, y, fitted(param.label or name, NAME), ink)
    left = x + wide * (NAME + 1)
    bar = width - wide * (NAME + VALUE + 3)
    _bar(sheet, lambda v: left + bar * share(param, v), y + 0.38 * high, 0.3 * high, (left, bar), (value, base, param))
    for knob in status.knobs:
        if knob.target == name and knob.sends is not None and knob.ghost is not None:
            sheet.box(left + bar * share(param, knob.sends) - 1.5, y + 0.15 * high, 3, 0.75 * high, ORANGE, 1)
    sheet.right(x + width - wide, y, number(param, value), ink)
    sheet.zone(name, x, y, width, high * 1.15)
    played = name in status.played
    sheet.slider(Slider(param, base if played else value, played, (left, y, bar, high * 1.15)))


def _bar(
    sheet: Sheet,
    at: Callable[[float], float],
    y: float,
    thick: float,
    track: tuple[float, float],
    what: tuple[float, float, Param],
) -> None:
    value, base, param = what
    sheet.box(*(track[0], y, track[1], thick), TRACK, thick / 2)
    near, far = sorted((at(param.default), at(value)))
    if far - near >= 0.5:
        sheet.box(near, y, far - near, thick, GREEN if value != base else BLUE, thick / 2)
    sheet.box(at(value) - 1, y - thick / 2, 2, 2 * thick, INK)
