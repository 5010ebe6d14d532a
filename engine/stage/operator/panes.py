"""The panes of the operator's window beside the instruments: the presets as tiles, and what the keys do."""

from __future__ import annotations

from pathlib import Path

from engine.stage.operator import lines
from engine.stage.operator.gauges import CARD, FAINT, GLASS, GREEN, INK, ORANGE, TRACK
from engine.stage.operator.sheet import Sheet
from engine.stage.operator.status import Status

TILE_COLUMNS = 13  # characters; a tile is no narrower
TILE_ROWS = 5.0  # lines; a tile's picture is no higher
CUE = ":cue "  # begins the name of a tile's zone; the cue's number follows
PORTRAIT_ROWS = 4.0  # lines; the height of a photograph that joins the path
KEYS = 8  # cues that have a key, from F2 on
EXPLAINED = (
    ("late", "pictures that came after their time; the screen showed the one before once more"),
    ("missed", "refreshes of the display that had no new picture, in all"),
    ("fps", "pictures a second, of those that the display or --fps asks for"),
    ("dial", "arc: the parameter; line: your knob; orange: the way until it takes over"),
    ("bpm", "the tempo that counts: heard, tapped (Space), or of MIDI clock, which is trusted most"),
)


def tiles(sheet: Sheet, status: Status, x: float, y: float, width: float, room: float) -> float:
    """Draw the presets of the evening as tiles, within ``room`` pixels of height; return the height."""
    wide, high = sheet.cell
    if not status.cues:
        return -high / 2
    head = 1.6 * high if status.searched is not None else 0.3 * high
    across = max(1, min(8, int(width / (TILE_COLUMNS * wide)), len(status.cues)))
    step = width / across
    side = min(step - wide, TILE_ROWS * high)
    tall = side + 1.5 * high
    rows = max(1, min(-(-len(status.cues) // across), int((room - head) / tall)))
    height = head + rows * tall
    sheet.box(x, y, width, height, CARD, high * 0.4)
    if status.searched is not None:
        found = "  ".join(status.searched.found) or "no preset"
        text = f"/{status.searched.text}_  {found}"
        sheet.text(x + wide, y + 0.3 * high, text[: int(width / wide) - 2], ORANGE)
    first = max(0, min(status.cue_at // across - rows // 2, -(-len(status.cues) // across) - rows)) * across
    marked = status.searched.found[status.searched.at] if status.searched and status.searched.found else ""
    for at in range(first, min(first + rows * across, len(status.cues))):
        left = x + ((at - first) % across) * step + (step - side) / 2
        top = y + head + (at - first) // across * tall
        name = status.cues[at][0]
        ink = GREEN if at == status.cue_at else ORANGE if at == status.cue_wanted or name == marked else None
        if ink is not None:
            sheet.box(left - 3, top - 3, side + 6, side + 6, ink, 4)
        sheet.box(left, top, side, side, TRACK, 2)
        sheet.thumb(left, top, side, at)
        key = f"F{at + 2} " if at < KEYS else ""
        label = key + lines.shortened(name, max(1, int(step / wide) - 1 - len(key)))
        sheet.middle(left + side / 2, top + side + 0.15 * high, label, ink or INK)
        sheet.zone(f"{CUE}{at}", left, top, side, tall)
    return height


def pictures_of(status: Status) -> tuple[Path | bytes | None, ...]:
    """Return what the sheet's thumbnails show, by number: the presets', then a photograph and the model's answer."""
    seen = () if status.portrait is None else (status.portrait.photograph, status.portrait.answer)
    return (*(path for _, path in status.cues), *seen)


def portrait(sheet: Sheet, status: Status, x: float, y: float, width: float) -> float:
    """Show the photograph that joins the path, the model's answer, and how far it is; return the height in pixels."""
    shown = status.portrait
    if shown is None:
        return 0.0
    wide, high = sheet.cell
    side, pad, first = PORTRAIT_ROWS * high, high // 2, len(status.cues)
    sheet.box(x, y, width, side + 2 * pad, CARD, high * 0.4)
    for number in range(2):
        sheet.thumb(x + pad + number * (side + pad), y + pad, side, first + number)
    left = x + 3 * pad + 2 * side
    columns = max(1, int((x + width - left) / wide) - 1)
    behind = f"{shown.waiting} more wait" if shown.waiting else ""
    for row, (text, ink) in enumerate(((shown.name, INK), (shown.line, ORANGE), (behind, FAINT))):
        sheet.text(left, y + pad + row * high, lines.shortened(text, columns), ink)
    track = x + width - left - wide
    sheet.box(left, y + pad + 3.3 * high, track, 0.3 * high, TRACK, 2)
    sheet.box(left, y + pad + 3.3 * high, max(1.0, track * min(1.0, shown.progress)), 0.3 * high, GREEN, 2)
    return side + 2 * pad + high // 2


def keys(sheet: Sheet, status: Status, x: float, y: float, width: float, height: float) -> None:
    """Write what the keys do, and what the figures mean."""
    wide, high = sheet.cell
    sheet.box(x, y, width, height, GLASS, high * 0.4)
    columns, at, bottom = max(20, int(width / wide) - 2), y + 0.5 * high, y + height - high
    lead = max(len(key) for key, _ in status.legend) + 2
    for key, text in (*status.legend, ("", ""), *EXPLAINED):
        for index, row in enumerate(lines.wrap(text, columns - lead)):
            if at > bottom:
                return
            if index == 0:
                sheet.text(x + wide, at, key, ORANGE if key else FAINT)
            sheet.text(x + wide * (1 + lead), at, row, INK)
            at += high


def legend(status: Status, size: tuple[int, int]) -> Sheet:
    """Return the panel of keys for a show whose only window is the wall."""
    sheet = Sheet(size, max(9, min(18, round(size[1] / 66))))
    wide, high = sheet.cell
    keys(sheet, status, high, high, min(size[0] - 2 * high, 92 * wide), size[1] - 2 * high)
    return sheet


def search(status: Status, size: tuple[int, int]) -> Sheet:
    """Return the small panel of what is typed to find a preset, for a show whose only window is the wall."""
    sheet = Sheet(size, max(9, min(22, round(size[1] / lines.SMALL))))
    wide, high = sheet.cell
    searched = status.searched
    if searched is None:
        return sheet
    columns = max(8, min(60, int(size[0] / wide) - 4))
    found = searched.found[:8] or ("no preset",)
    rows = [f"/{searched.text}_", *found]
    top = size[1] - (len(rows) + 1.5) * high
    sheet.box(high // 2, top, (columns + 2) * wide, (len(rows) + 1) * high, GLASS, high * 0.4)
    for index, row in enumerate(rows):
        ink = ORANGE if index == 0 or index == searched.at + 1 else INK
        sheet.text(high // 2 + wide, top + (index + 0.5) * high, row[:columns], ink)
    return sheet
