"""The chrome of the desktop: wallpaper, bar, dock and window frames, drawn by Pillow when the size changes.

It looks like an Ubuntu desktop. Every line is drawn here, without anybody's logo.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from engine.stage.desktop.glyphs import FONT
from engine.system.resources import resource

Size = tuple[int, int]
_OVERSAMPLING = 3  # times larger; corners are drawn at that size and reduced, so that they are smooth
_BESIDE = 2  # pixels beside an icon in the smallest dock: the outermost column is painted like the next
_TITLE, _EDGE = (48, 48, 48, 255), (28, 28, 28, 255)
_PALE, _ORANGE = (230, 230, 230, 255), (233, 84, 32, 255)


def font(points: int) -> ImageFont.FreeTypeFont:
    """Return the shipped typeface at a size in points."""
    return ImageFont.truetype(resource(*FONT), max(6, points))


def wallpaper(size: Size) -> Image.Image:
    """Return the wallpaper: a gradient from aubergine to orange, with three large folds."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / width, y / height
    mix = np.clip(0.75 * x + 0.55 * y - 0.15, 0.0, 1.0)[..., None]
    low, high = np.array([58, 14, 50], np.float32), np.array([214, 78, 38], np.float32)
    rgb = low * (1.0 - mix) + high * mix
    for slope, offset, strength in ((0.9, 0.15, 0.16), (-0.6, 0.95, -0.14), (0.25, 0.55, 0.10)):
        fold = np.clip((slope * x + offset - y) * 2.5, 0.0, 1.0)[..., None]
        rgb *= 1.0 + strength * fold * (1.0 - fold * 0.6)
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8), "RGB").convert("RGBA")


def bar(size: Size, clock: str) -> Image.Image:
    """Return the top bar: workspaces on the left, the clock in the middle, the system's icons on the right."""
    width, height = size
    image = Image.new("RGBA", size, (19, 19, 19, 255))
    pen = ImageDraw.Draw(image)
    text, unit = font(round(height * 0.5)), height / 10
    pen.text((width / 2, height / 2), clock, fill=_PALE, font=text, anchor="mm")
    pen.rounded_rectangle((4 * unit, 3.6 * unit, 10 * unit, 6.4 * unit), 1.4 * unit, fill=_PALE)
    for index in range(3):
        left = 11.5 * unit + index * 4 * unit
        pen.ellipse((left, 3.8 * unit, left + 2.4 * unit, 6.2 * unit), fill=(120, 120, 120, 255))
    right = width - 6 * unit
    pen.rectangle((right - 6 * unit, 3.6 * unit, right, 6.6 * unit), outline=_PALE)
    pen.rectangle((right - 5 * unit, 4.4 * unit, right - 1.4 * unit, 5.8 * unit), fill=_PALE)
    cone = [(right - 14 * unit, 4.2 * unit), (right - 12.6 * unit, 4.2 * unit), (right - 10.6 * unit, 2.6 * unit)]
    cone += [(right - 10.6 * unit, 7.4 * unit), (right - 12.6 * unit, 5.8 * unit), (right - 14 * unit, 5.8 * unit)]
    pen.polygon(cone, fill=_PALE)
    return image


def dock(size: Size) -> Image.Image:
    """Return the dock: icons of a terminal, a monitor, a picture and a folder, and the dots of all programs."""
    width, height = size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING
    image = Image.new("RGBA", (width, height), (22, 14, 20, 225))
    pen = ImageDraw.Draw(image)
    side, gap = min(round(width * 0.7), width - 2 * _BESIDE * _OVERSAMPLING), round(width * 0.24)
    left = (width - side) // 2
    for index, colour in enumerate(((64, 30, 56), (30, 74, 70), (196, 68, 44), (216, 128, 44))):
        top = gap + index * (side + gap)
        pen.rounded_rectangle((left, top, left + side, top + side), side // 5, fill=(*colour, 255))
        _icon(pen, index, left, top, side)
        if index < 3:  # a dot shows that the program runs
            pen.ellipse((width * 0.04, top + side * 0.45, width * 0.1, top + side * 0.55), fill=_ORANGE)
    dot, bottom = side // 9, height - gap - side
    for row in range(3):
        for column in range(3):
            x, y = left + side * (0.25 + 0.25 * column), bottom + side * (0.25 + 0.25 * row)
            pen.ellipse((x - dot / 2, y - dot / 2, x + dot / 2, y + dot / 2), fill=_PALE)
    return image.resize(size, Image.Resampling.LANCZOS)


def _icon(pen: ImageDraw.ImageDraw, index: int, left: float, top: float, side: float) -> None:
    thick = max(1, round(side / 14))

    def at(*points: float) -> list[tuple[float, float]]:
        pairs = zip(points[::2], points[1::2], strict=True)
        return [(left + x * side, top + y * side) for x, y in pairs]

    if index == 0:
        pen.line(at(0.25, 0.32, 0.45, 0.5, 0.25, 0.68), fill=_PALE, width=thick)
        pen.line(at(0.5, 0.7, 0.76, 0.7), fill=_PALE, width=thick)
    elif index == 1:
        pen.line(at(0.15, 0.6, 0.35, 0.6, 0.45, 0.25, 0.55, 0.78, 0.65, 0.5, 0.85, 0.5), fill=_PALE, width=thick)
    elif index == 2:
        pen.ellipse([*at(0.28, 0.3)[0], *at(0.72, 0.76)[0]], fill=_PALE)
        pen.line(at(0.5, 0.3, 0.58, 0.16), fill=_PALE, width=thick)
    else:
        pen.polygon(at(0.18, 0.3, 0.42, 0.3, 0.5, 0.4, 0.82, 0.4, 0.82, 0.74, 0.18, 0.74), fill=_PALE)


def frame(content: Size, title: str, bar_height: int, margin: int) -> Image.Image:
    """Return an empty window around ``content`` pixels: its shadow in the margin, title bar and three buttons."""
    width, height = content[0] + 2 * margin, content[1] + bar_height + 2 * margin
    shadow = Image.new("L", (width, height))
    drop = margin // 4
    ImageDraw.Draw(shadow).rounded_rectangle(
        (margin, margin + drop, width - margin, height - margin + drop), margin // 3, fill=130
    )
    shadow = shadow.filter(ImageFilter.GaussianBlur(margin / 2.6))
    image = Image.merge("RGBA", (*(Image.new("L", shadow.size) for _ in range(3)), shadow))
    top = _title_bar(content[0], bar_height, title)
    image.alpha_composite(top, (margin, margin))
    body = Image.new("RGBA", content, (0, 0, 0, 0))
    image.paste(body, (margin, margin + bar_height))
    return image


def _title_bar(width: int, height: int, title: str) -> Image.Image:
    large = Image.new("RGBA", (width * _OVERSAMPLING, height * _OVERSAMPLING))
    pen = ImageDraw.Draw(large)
    round_by = height * _OVERSAMPLING // 3
    pen.rounded_rectangle((0, 0, large.width - 1, large.height + round_by), round_by, fill=_TITLE, outline=_EDGE)
    radius, middle = height * _OVERSAMPLING * 0.3, large.height / 2
    for index in range(3):
        x = large.width - (0.75 + index * 0.85) * height * _OVERSAMPLING
        colour = _ORANGE if index == 0 else (78, 78, 78, 255)
        pen.ellipse((x - radius, middle - radius, x + radius, middle + radius), fill=colour)
        _sign(pen, index, x, middle, radius * 0.4)
    image = large.resize((width, height), Image.Resampling.LANCZOS)
    ImageDraw.Draw(image).text((width / 2, height / 2), title, fill=_PALE, font=font(round(height * 0.42)), anchor="mm")
    return image


def _sign(pen: ImageDraw.ImageDraw, index: int, x: float, y: float, r: float) -> None:
    """Draw the sign for close (``index`` 0), maximise (1) or minimise (2)."""
    thick = _OVERSAMPLING
    if index == 0:
        pen.line((x - r, y - r, x + r, y + r), fill=_PALE, width=thick)
        pen.line((x - r, y + r, x + r, y - r), fill=_PALE, width=thick)
    elif index == 1:
        pen.rectangle((x - r, y - r, x + r, y + r), outline=_PALE, width=thick)
    else:
        pen.line((x - r, y + r, x + r, y + r), fill=_PALE, width=thick)
