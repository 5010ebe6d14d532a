"""Small pictures in a terminal: by kitty's, iTerm's or sixel's protocol, or by half-blocks in colour."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TextIO

import numpy as np
from PIL import Image

COLUMNS, ROWS = 14, 7  # characters; a picture's width and height, square where a character is twice as high as wide
SIDE = 96  # pixels; a picture that the terminal scales
COLOURS = 64  # of a sixel picture
CHUNK = 4096  # characters of one of kitty's messages


def kitty(picture: Image.Image) -> str:
    """Return the picture as kitty's graphics protocol has it; the cursor stays."""
    data = base64.b64encode(_png(picture)).decode()
    parts = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
    text = ""
    for index, part in enumerate(parts):
        head = f"a=T,f=100,c={COLUMNS},r={ROWS},C=1," if index == 0 else ""
        text += f"\x1b_G{head}m={int(index < len(parts) - 1)};{part}\x1b\\"
    return text


def iterm(picture: Image.Image) -> str:
    """Return the picture as iTerm's inline images have it."""
    data = _png(picture)
    size = f"width={COLUMNS};height={ROWS};preserveAspectRatio=1"
    return f"\x1b]1337;File=inline=1;size={len(data)};{size}:{base64.b64encode(data).decode()}\x07"


def sixel(picture: Image.Image) -> str:
    """Return the picture in sixels: six rows a band, one run of characters for each colour."""
    flat = picture.convert("RGB").resize((SIDE, SIDE)).quantize(COLOURS)
    palette, cells = flat.getpalette() or [], np.asarray(flat)
    text = f'\x1bPq"1;1;{SIDE};{SIDE}'
    for index in sorted(set(cells.ravel().tolist())):
        red, green, blue = (round(part * 100 / 255) for part in palette[3 * index : 3 * index + 3])
        text += f"#{index};2;{red};{green};{blue}"
    for top in range(0, SIDE, 6):
        band = cells[top : top + 6]
        for index in sorted(set(band.ravel().tolist())):
            bits = ((band == index) * (1 << np.arange(len(band)))[:, None]).sum(axis=0)
            text += f"#{index}{''.join(map(_run, *zip(*_runs(bits.tolist()), strict=True)))}$"
        text += "-"
    return text + "\x1b\\"


def _runs(bits: list[int]) -> list[tuple[int, int]]:
    """Return the values and how often each comes in a row."""
    return [(value, len(list(same))) for value, same in itertools.groupby(bits)]


def _run(bits: int, count: int) -> str:
    return chr(63 + bits) * count if count < 4 else f"!{count}{chr(63 + bits)}"


def blocks(picture: Image.Image, colours: int = 1 << 24) -> list[str]:
    """Return the picture in rows of half-blocks: two pixels a character, in all colours or in 256."""
    pixels = np.asarray(picture.convert("RGB").resize((COLUMNS, 2 * ROWS), Image.Resampling.LANCZOS)).tolist()
    paint = _true if colours > 256 else _cube
    rows = []
    for top in range(0, 2 * ROWS, 2):
        pairs = zip(pixels[top], pixels[top + 1], strict=True)
        rows.append("".join(f"\x1b[38;{paint(up)};48;{paint(low)}m▀" for up, low in pairs) + "\x1b[0m")
    return rows


def _true(pixel: list[int]) -> str:
    return "2;{};{};{}".format(*pixel)


def _cube(pixel: list[int]) -> str:
    """Return the nearest of the 216 colours of a terminal's cube."""
    red, green, blue = (round(part * 5 / 255) for part in pixel)
    return f"5;{16 + 36 * red + 6 * green + blue}"


PROTOCOLS: Mapping[str, Callable[[Image.Image], str]] = MappingProxyType(
    {"kitty": kitty, "iterm": iterm, "sixel": sixel}
)
KINDS = (*PROTOCOLS, "blocks", "none")
SIXEL = ("mlterm", "foot", "yaft", "contour")  # parts of TERM; such terminals show sixels


def kind_of(out: TextIO, environ: Mapping[str, str]) -> str:
    """Return which of KINDS the terminal ``out`` can show; "none" where it is a file or a pipe."""
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if not out.isatty() or term in ("", "dumb") or environ.get("NO_COLOR"):
        return "none"
    multiplexed = term.startswith(("screen", "tmux"))  # they hand no pictures on
    if not multiplexed and ("kitty" in term or "ghostty" in term or environ.get("KITTY_WINDOW_ID")):
        return "kitty"
    if not multiplexed and (program in ("iTerm.app", "WezTerm") or environ.get("LC_TERMINAL") == "iTerm2"):
        return "iterm"
    if not multiplexed and ("sixel" in term or term.startswith(SIXEL)):
        return "sixel"
    return "blocks" if (out.encoding or "").lower().replace("-", "") == "utf8" else "none"


def colours_of(environ: Mapping[str, str]) -> int:
    """Return how many colours the terminal says that it has."""
    return 1 << 24 if environ.get("COLORTERM") in ("truecolor", "24bit") else 256


def _png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.convert("RGB").resize((SIDE, SIDE)).save(data, "PNG")
    return data.getvalue()


def beside(picture: Image.Image, lines: list[str], kind: str, colours: int) -> str:
    """Return the picture with ``lines`` at its right, ROWS rows high."""
    lines = [*lines, *[""] * (ROWS - len(lines))][:ROWS]
    if kind == "blocks":
        rows = blocks(picture, colours)
        return "".join(f"{row}  {line}".rstrip() + "\n" for row, line in zip(rows, lines, strict=True))
    # Room first, so that the terminal scrolls before the picture; then back up, the picture, and the text beside it.
    room = "\n" * ROWS + f"\x1b[{ROWS}A"
    text = "".join(f"\x1b[{COLUMNS + 2}C{line}\n" for line in lines)
    return f"{room}\x1b7{PROTOCOLS[kind](picture)}\x1b8{text}"
