"""The instruments of the operator's window: frame times, meters of the sound, a dial for every knob."""

from __future__ import annotations

import math
from collections.abc import Callable

from engine.borders.controls import Knob
from engine.borders.features import AudioFeatures
from engine.stage.operator.sheet import LARGE, Colour, Sheet, colour
from engine.stage.operator.status import Status, number

GROUND, CARD, TRACK = colour("150d13"), colour("22161f"), colour("3a2a35")
GLASS = colour("150d13", 0.92)
INK, DIM, FAINT = colour("f2ece6"), colour("b3a6af"), colour("85757f")
ORANGE, GREEN, CYAN, YELLOW, RED, BLUE = (
    colour(code) for code in ("f0693a", "8ae234", "4fd6d6", "fce94f", "ef4444", "729fcf")
)
DIAL_TEXT = 2.6  # lines; the text under a dial, and the room around it
START, SWEEP = 0.125, 0.75  # turns; start of a dial's arc, from the lowest point, and the length of the arc
# Label, the feature, colour, value at the top of the gauge.
GAUGES: tuple[tuple[str, Callable[[AudioFeatures], float], Colour, float], ...] = (
    ("rms", lambda heard: heard.rms, GREEN, 1.0),
    ("bass", lambda heard: heard.bass, ORANGE, 3.0),
    ("mid", lambda heard: heard.mid, YELLOW, 3.0),
    ("treble", lambda heard: heard.treble, CYAN, 3.0),
    ("onset", lambda heard: heard.onset_strength, INK, 3.0),
)


def frame_times(sheet: Sheet, status: Status, x: float, y: float, width: float, height: float) -> None:
    """Draw the times between the last 120 pictures, relative to the wanted period."""
    sheet.box(x, y, width, height, GROUND, 3)
    period = 1.0 / max(1.0, status.wanted_fps)
    step = width / 120
    for index, gap in enumerate(status.gaps[-120:]):
        tall = min(1.0, gap / (3.0 * period)) * height
        ink = GREEN if gap < 1.5 * period else YELLOW if gap < 2.5 * period else RED
        sheet.box(x + (120 - len(status.gaps[-120:]) + index) * step, y + height - tall, max(1.0, step), tall, ink)
    sheet.box(x, round(y + height - height / 3.0), width, 1, DIM)


def meters(sheet: Sheet, status: Status, x: float, y: float, width: float) -> float:
    """Draw the levels of the sound, and the beat as a ring that fills; return the height in pixels."""
    wide, high = sheet.cell
    height, heard = 8.2 * high, status.features
    sheet.box(x, y, width, height, CARD, high * 0.4)
    step = min(8 * wide, max(7 * wide, 0.6 * width / len(GAUGES)), 0.7 * width / len(GAUGES))
    top, tall = y + 0.7 * high, 5.6 * high
    for index, (label, feature, ink, full) in enumerate(GAUGES):
        left, value = x + wide * 1.5 + index * step, feature(heard)
        thick = step - 2.5 * wide
        level = min(1.0, max(0.0, value / full)) * tall
        sheet.box(left, top, thick, tall, TRACK, 3)
        sheet.box(left, top + tall - level, thick, level, ink, 3)
        if full > 1.0:  # a band is relative to its average, which a line at 1 shows
            sheet.box(left - 2, round(top + tall - tall / full), thick + 4, 1, DIM)
        sheet.middle(left + thick / 2, y + height - 1.5 * high, label[: max(1, int(step / wide))], DIM)
    first = x + wide + step * len(GAUGES)
    ring, middle = min(4.6 * high, x + width - first), (first + x + width) / 2
    pulse = (1.0 - heard.beat_phase) ** 2 if heard.bpm > 0.0 else 0.0
    sheet.box(middle - ring / 2, top, ring, ring, (*ORANGE[:3], 0.45 * pulse), ring / 2)
    sheet.arc(middle - ring / 2, top, ring, 0.0, 1.0, 0.35 * high, TRACK)
    if heard.bpm > 0.0:
        sheet.arc(middle - ring / 2, top, ring, 0.0, max(0.01, heard.beat_phase), 0.35 * high, ORANGE)
    bpm, room = status.tempo or heard.bpm, max(4, int((x + width - first) / wide))
    sheet.middle(middle, top + ring / 2 - sheet.large[1] / 2, f"{bpm:.0f}" if bpm > 0.0 else "--", INK, LARGE)
    sheet.middle(middle, top + ring + 0.1 * high, f"bpm {status.tempo_from}"[:room], INK)
    sheet.middle(middle, y + height - 1.5 * high, f"centroid {heard.spectral_centroid:.0f} Hz"[:room], DIM)
    return height


def dials(sheet: Sheet, status: Status, x: float, y: float, width: float, room: float) -> float:
    """Draw a dial for every knob, within ``room`` pixels of height; return the height.

    The arc is the parameter's value and the line is the knob's position; while they differ, an arc joins them. Where
    there is little room the dials become smaller, and at last lines of text: every knob is there at any size.
    """
    wide, high = sheet.cell
    if not status.knobs:
        return -high / 2
    rows, across, side = _arrange(len(status.knobs), width, room, (wide, high))
    tall = side + DIAL_TEXT * high if side > 0.0 else 1.1 * high
    height = rows * tall + 0.3 * high
    sheet.box(x, y, width, height, CARD, high * 0.4)
    step = width / across
    for index, knob in enumerate(status.knobs):
        left, top = x + (index % across) * step, y + (index // across) * tall + 0.2 * high
        if side > 0.0:
            _dial(sheet, status, knob, (left + step / 2, top + 0.2 * high), side, int(step / wide) - 1)
        else:
            _line(sheet, status, knob, (left + 0.5 * wide, top), int(step / wide) - 1)
        sheet.zone(knob.target, left, top, step, tall)
    return height


def _arrange(count: int, width: float, room: float, cell: tuple[int, int]) -> tuple[int, int, float]:
    """Return the rows, the dials in a row and a dial's side in pixels; side 0 is lines of text."""
    wide, high = cell
    best = (0.0, 0, 0, 0.0)
    for rows in range(1, min(count, 4) + 1):
        across = math.ceil(count / rows)
        side = min(4.0 * high, 0.8 * width / across, (room - 0.3 * high) / rows - DIAL_TEXT * high)
        fits = min(side / (4.0 * high), width / across / (17 * wide))
        if side >= 1.5 * high and fits > best[0]:
            best = (fits, rows, across, side)
    if best[1]:
        return best[1:]
    across = max(1, min(4, int(width / (22 * wide))))
    return math.ceil(count / across), across, 0.0


def _line(sheet: Sheet, status: Status, knob: Knob, at: tuple[float, float], letters: int) -> None:
    """Write a knob as a line of text: its name, and the parameter's value."""
    text = number(status.params.table[knob.target], status.params[knob.target])
    room = max(1, letters - len(text) - 1)
    sheet.text(*at, fitted(knob.target, room), ORANGE if knob.ghost is not None else INK)
    sheet.text(at[0] + (room + 1) * sheet.cell[0], at[1], text, GREEN)


def fitted(name: str, letters: int) -> str:
    """Return a parameter's name in ``letters`` characters; a long one loses the end of its group."""
    if len(name) <= letters:
        return name
    group, _, rest = name.rpartition(".")
    return f"{group[: max(0, letters - 1 - len(rest))]}.{rest}".strip(".")[:letters]


def _dial(sheet: Sheet, status: Status, knob: Knob, at: tuple[float, float], side: float, letters: int) -> None:
    """Draw one dial; ``at`` is the middle of its upper edge, and names have up to ``letters`` characters."""
    (middle, top), high = at, sheet.cell[1]
    left, thick = middle - side / 2, 0.14 * side
    waits = knob.ghost is not None
    chosen = knob.target == status.learning
    sheet.arc(left, top, side, START, START + SWEEP, thick, TRACK)
    if knob.value > 0.0:
        sheet.arc(left, top, side, START, START + SWEEP * knob.value, thick, DIM if waits else GREEN)
    if knob.at is not None:
        if waits:  # the way from the knob's position to its takeover
            near, far = sorted((knob.at, knob.ghost or 0.0))
            inset = 0.2 * side
            sheet.arc(
                left + inset / 2,
                top + inset / 2,
                side - inset,
                START + SWEEP * near,
                START + SWEEP * max(far, near + 0.005),
                0.05 * side,
                ORANGE,
            )
        turn = START + SWEEP * knob.at
        sheet.arc(left, top, side, turn - 0.006, turn + 0.006, thick * 1.05, ORANGE if waits else INK)
    text = number(status.params.table[knob.target], status.params[knob.target])
    sheet.middle(middle, top + side / 2 - high / 2, text, INK)
    name = fitted(knob.target, letters)
    sheet.middle(middle, top + side + 0.2 * high, name, ORANGE if chosen else INK)
    sheet.middle(middle, top + side + 1.2 * high, knob.source.removeprefix("midi.")[:letters], FAINT)
