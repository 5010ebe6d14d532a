"""Lines for the performer: how they wrap, how faults differ from news, and the small panel of the last ones."""

from __future__ import annotations

import textwrap
from functools import lru_cache

from engine.borders.errors import Trouble
from engine.stage.operator.gauges import FAINT, GLASS, INK, RED
from engine.stage.operator.sheet import Colour, Sheet
from engine.stage.operator.status import Status

LAST = 8  # messages; the small panel shows no more
SMALL = 72  # times; the picture is that much higher than a small panel's letters, in points
COLUMNS = 84  # characters; a small panel is no wider
INDENT = "  "  # of a message's further rows


@lru_cache(512)
def wrap(line: str, columns: int) -> tuple[str, ...]:
    """Return the rows of a message, ``columns`` characters wide; a word that is too long is broken."""
    return tuple(textwrap.wrap(" ".join(line.split()), max(8, columns), subsequent_indent=INDENT)) or ("",)


def ink_of(line: str) -> Colour:
    """Return the colour of a message: a fault is red, news is white."""
    return RED if isinstance(line, Trouble) else INK


def shortened(text: str, columns: int) -> str:
    """Return the text in ``columns`` characters; a long one shows that it goes on."""
    return text if len(text) <= columns else f"{text[: columns - 1].rstrip()}…"


def stamp(seconds: float) -> str:
    """Return the time of a message, seconds of the show, as minutes and seconds."""
    return f"{int(seconds) // 60:3d}:{int(seconds) % 60:02d} "


def rows_of(log: tuple[tuple[float, str], ...], columns: int) -> list[tuple[str, str, Colour]]:
    """Return the rows of all messages, oldest first: the time (empty on further rows), the text, its colour."""
    rows: list[tuple[str, str, Colour]] = []
    for seconds, line in log:
        begins = stamp(seconds)
        for index, row in enumerate(wrap(line, columns - len(begins))):
            rows.append((begins if index == 0 else " " * len(begins), row, ink_of(line)))
    return rows


def last(status: Status, size: tuple[int, int]) -> Sheet:
    """Return the small panel of the last messages, at the wall's lower left."""
    sheet = Sheet(size, max(9, min(22, round(size[1] / SMALL))))
    wide, high = sheet.cell
    columns = max(12, min(COLUMNS, int((size[0] - 4 * wide) / wide)))
    room = max(1, int(size[1] * 0.5 / high))
    rows = rows_of(status.log[-LAST:], columns)[-room:] or [("", "nothing to tell", FAINT)]
    width = (max(len(begins) + len(text) for begins, text, _ in rows) + 2) * wide
    height = (len(rows) + 1) * high
    x, y = high // 2, size[1] - height - high // 2
    sheet.box(x, y, width, height, GLASS, high * 0.4)
    for index, (begins, text, ink) in enumerate(rows):
        at = y + (index + 0.5) * high
        sheet.text(x + wide, at, begins, FAINT)
        sheet.text(x + wide * (1 + len(begins)), at, text, ink)
    return sheet
