"""Reads text off a screenshot: every cell of a terminal is compared with every glyph of the atlas."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from engine.stage.desktop.glyphs import CHARACTERS, FONT, PALETTE, Atlas, cell, draw_sheet
from engine.system.resources import resource


def read_text(
    picture: NDArray[np.uint8],
    atlas_sheet: NDArray[np.uint8],
    size: tuple[int, int],
    left: int,
    top: int,
    columns: int,
    rows: int,
) -> list[str]:
    """Return the lines of a grid whose upper left corner is there."""
    width, height = size
    glyphs = np.stack([
        atlas_sheet[i // 16 * height : (i // 16 + 1) * height, i % 16 * width : (i % 16 + 1) * width]
        for i in range(len(CHARACTERS))
    ]).astype(float) / 255  # fmt: skip
    ground = np.array([int(PALETTE[8][i : i + 2], 16) for i in (0, 2, 4)], float)
    lines, known = [], {}  # most cells look like one that has been read
    for row in range(rows):
        line = ""
        for column in range(columns):
            y, x = top + row * height, left + column * width
            pixels = picture[y : y + height, x : x + width]
            key = pixels.tobytes()
            if key not in known:
                away = np.abs(pixels.astype(float) - ground).sum(axis=2)
                ink = away / max(away.max(), 60.0)
                known[key] = CHARACTERS[int(((glyphs - ink) ** 2).sum(axis=(1, 2)).argmin())]
            line += known[key]
        lines.append(line.rstrip())
    return lines


def alike(line: str) -> str:
    """Return the line without differences that five pixels cannot show."""
    return re.sub("[▏▎▍▌▋▊▉▁▂▃▄▅▆▇░▒▓▐]", "█", re.sub("[–—]", "─", line)).rstrip()


def sheet(atlas: Atlas) -> NDArray[np.uint8]:
    """Return the glyphs as the GPU has them."""
    width, height = atlas.texture.size
    return np.frombuffer(atlas.texture.read(alignment=1), np.uint8).reshape(height, width)


def drawn_sheet(points: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return the glyphs of a size as they are drawn, without a GPU, and the size of a cell."""
    font = ImageFont.truetype(resource(*FONT), points)
    return np.asarray(draw_sheet(font, cell(points))), cell(points)
