"""Text on the GPU: an atlas of glyphs, and grids of cells that refer to it.

A grid is a small integer texture with four bytes a cell: glyph, colour, ground, unused. A shader looks up the cell of
every pixel and the glyph of every cell. Only changed rows are sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import moderngl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.stage.passes.shader import link
from engine.stage.passes.source import read
from engine.system.resources import resource

FONT = ("shaders", "fonts", "DejaVuSansMono.ttf")
LINES = "─│┌┐└┘├┤┬┴┼═╒╕╘╛╞╡╪╤╧"  # characters of which frames and tables consist
PARTS = "▁▂▃▄▅▆▇█▏▎▍▌▋▊▉░▒▓▐"  # characters of which bars and graphs consist
CHARACTERS = "".join(map(chr, range(32, 127))) + "°±·×–—…•✕" + LINES + PARTS
_ARMS = {  # sides of the cell that a line reaches: left, right, up, down; a capital is a double line
    "─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu", "├": "rud", "┤": "lud",
    "┬": "lrd", "┴": "lru", "┼": "lrud", "═": "LR", "╒": "Rd", "╕": "Ld", "╘": "Ru", "╛": "Lu",
    "╞": "Rud", "╡": "Lud", "╪": "LRud", "╤": "LRd", "╧": "LRu",
}  # fmt: skip
_COLUMNS = 16  # characters in a row of the atlas

Span = tuple[str, int]  # text, and its colour as an index of PALETTE
Line = Sequence[Span]

# Colours of the Tango palette, which is in the public domain, and an aubergine ground.
INK, GREEN, BLUE, YELLOW, RED, CYAN, GREY, PURPLE, GROUND = range(9)
PALETTE = ("eeeeec", "8ae234", "729fcf", "fce94f", "ef2929", "34e2e2", "9a9996", "ad7fa8", "2c0a21")


def rgb(code: str) -> tuple[float, float, float]:
    """Return a colour of six hexadecimal digits as three floats 0..1."""
    return int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255


@lru_cache(16)
def cell(points: int) -> tuple[int, int]:
    """Return the width and height in pixels of a character of that size."""
    font = ImageFont.truetype(resource(*FONT), points)
    ascent, descent = font.getmetrics()
    return max(1, round(font.getlength("0"))), max(1, ascent + descent)


class Atlas:
    """A texture of every glyph at one size, ``cell`` pixels each, drawn once and sampled without filtering."""

    def __init__(self, ctx: moderngl.Context, points: int) -> None:
        font = ImageFont.truetype(resource(*FONT), points)
        self.cell = cell(points)
        sheet = draw_sheet(font, self.cell)
        self.texture = ctx.texture(sheet.size, 1, np.asarray(sheet).tobytes(), alignment=1)
        self.texture.filter = moderngl.NEAREST, moderngl.NEAREST

    def release(self) -> None:
        """Release the texture."""
        self.texture.release()


def draw_sheet(font: ImageFont.FreeTypeFont, cell: tuple[int, int]) -> Image.Image:
    """Return a picture of all CHARACTERS in order, sixteen in a row, each in its own ``cell`` (pixels)."""
    width, height = cell
    rows = -(-len(CHARACTERS) // _COLUMNS)
    sheet = Image.new("L", (width * _COLUMNS, height * rows))
    for index, character in enumerate(CHARACTERS):
        glyph = Image.new("L", cell)
        pen = ImageDraw.Draw(glyph)
        if character in LINES:
            _draw_line(pen, character, width, height)
        elif character in PARTS:
            _draw_part(pen, character, width, height)
        else:
            pen.text((0, 0), character, fill=255, font=font)
        sheet.paste(glyph, (index % _COLUMNS * width, index // _COLUMNS * height))
    return sheet


def _draw_line(pen: ImageDraw.ImageDraw, character: str, width: int, height: int) -> None:
    """Draw a piece of a frame that meets its neighbours, which fonts do not guarantee at every size."""
    x, y, thick, gap = width // 2, height // 2, max(1, height // 16), max(1, height // 12)
    for arm in _ARMS[character]:
        start = 0 if arm in "lL" else x
        end = width if arm in "rR" else x + thick
        if arm in "lr":
            pen.rectangle((start, y, end - 1, y + thick - 1), fill=255)
        elif arm in "LR":
            for row in (y - gap, y + gap):
                pen.rectangle((start, row, end - 1, row + thick - 1), fill=255)
        else:
            top, bottom = (0, y + gap) if arm == "u" else (y - gap, height)
            pen.rectangle((x, top, x + thick - 1, bottom - 1), fill=255)


def _draw_part(pen: ImageDraw.ImageDraw, character: str, width: int, height: int) -> None:
    """Draw a block element, of which bars and graphs consist."""
    index = PARTS.index(character)
    if index < 8:  # eighths from the bottom
        pen.rectangle((0, height - round(height * (index + 1) / 8), width - 1, height - 1), fill=255)
    elif index < 15:  # eighths from the left
        pen.rectangle((0, 0, max(0, round(width * (index - 7) / 8) - 1), height - 1), fill=255)
    elif character == "▐":
        pen.rectangle((width // 2, 0, width - 1, height - 1), fill=255)
    else:
        pen.rectangle((0, 0, width - 1, height - 1), fill=64 * (index - 14))


INDEX = {character: index for index, character in enumerate(CHARACTERS)}


@lru_cache(2048)  # a terminal that scrolls shows the same lines again, one row higher
def encode(line: tuple[Span, ...], columns: int) -> NDArray[np.uint8]:
    """Return a row of cells, uint8 [columns, 4], the first and the last one empty; a longer line is cut."""
    row = np.zeros((columns, 4), np.uint8)
    row[:, 2] = GROUND
    at = 1
    for text, colour in line:
        for character in text[: max(0, columns - 1 - at)]:
            row[at, :2] = INDEX.get(character, INDEX["?"]), colour
            at += 1
    return row


class Grid:
    """Rows of text in a window."""

    def __init__(self, ctx: moderngl.Context, atlas: Atlas, columns: int, rows: int) -> None:
        self._ctx, self._atlas = ctx, atlas
        self.columns, self.rows = columns, rows
        self.sent = 0  # rows that went to the GPU
        self._lines: list[Line | None] = [None] * rows
        self._rows = np.zeros((rows, columns, 4), np.uint8)
        self._cells = ctx.texture((columns, rows), 4, dtype="u1", alignment=1)
        self._cells.filter = moderngl.NEAREST, moderngl.NEAREST
        program = link(ctx, read("fullscreen.vert"), read("lib/grid.frag"), {})
        program["cells"], program["atlas"] = 0, 1
        program["palette"] = [rgb(code) for code in PALETTE]
        program["cell"] = atlas.cell
        self._program, self._quad = program, ctx.vertex_array(program, [])

    @property
    def size(self) -> tuple[int, int]:
        """Return the width and height in pixels."""
        return self.columns * self._atlas.cell[0], self.rows * self._atlas.cell[1]

    def write(self, lines: Sequence[Line]) -> None:
        """Show ``lines`` from the top; only changed ones are sent."""
        changed = []
        for row in range(self.rows):
            line: Line = lines[row] if row < len(lines) else ()
            if self._lines[row] != line:
                self._lines[row] = line
                self._rows[row] = encode(tuple(line), self.columns)
                changed.append(row)
        if changed:  # in one piece: one call for each costs more than sending the unchanged rows between
            first, count = changed[0], changed[-1] - changed[0] + 1
            self._cells.write(self._rows[first : first + count], viewport=(0, first, self.columns, count), alignment=1)
            self.sent += len(changed)

    @property
    def cell(self) -> tuple[int, int]:
        """Return the width and height of a character in pixels."""
        return self._atlas.cell

    def draw(
        self, at: tuple[int, int], opacity: float, ground: float = 1.0, rows: int | None = None, scale: float = 1.0
    ) -> None:
        """Draw the first ``rows`` with the lower left corner ``at`` that pixel; ``ground`` is the ground's opacity."""
        rows = self.rows if rows is None else min(rows, self.rows)
        left, bottom = at
        size = (self.size[0], rows * self._atlas.cell[1])
        self._cells.use(0)
        self._atlas.texture.use(1)
        self._ctx.viewport = (left, bottom, max(1, int(size[0] * scale)), max(1, int(size[1] * scale)))
        self._program["origin"] = (left, bottom)
        self._program["rows"], self._program["scale"] = rows, scale
        self._program["opacity"] = (opacity, opacity * ground)
        self._quad.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        """Release all GL objects but the atlas."""
        self._cells.release()
        self._quad.release()
        self._program.release()
