# ruff: noqa: E501  (the tables have long rows)
"""What the kinds of flowers are: petals, stamens, discs and colours, as tables that can be mixed.

A kind is a table of petals (SLOTS rows), one of filaments (THREADS rows) and one row of everything else. Two kinds
mix row by row, so that a petal of the one becomes a petal of the other. Angles are degrees, lengths about the flower's
radius. An elevation is the angle from the flower's axis: 0 upright, 90 flat, more hangs down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Row = Mapping[str, float]

SLOTS, THREADS = 84, 100  # petals and filaments of the richest kind
GOLDEN = 137.50776  # degrees

# A petal: where it grows, how it stands open and shut, its size, its shape, what it is.
PETAL = {
    "azimuth": 0.0, "root": 0.07, "height": 0.0, "elevation": 60.0, "shut": 10.0, "curve": 0.0, "shut_curve": -75.0,
    "tip": 0.0, "length": 0.9, "width": 0.35, "cup": 0.5, "fold": 0.0, "base": 0.8, "end": 0.5, "notch": 0.0,
    "frill": 0.0, "roll": 6.0, "tone": 0.0, "order": 0.5, "leaf": 0.0, "spare": 0.0,
}  # fmt: skip
# A filament: a tube with a thickened end (an anther, a seed).
THREAD = {
    "azimuth": 0.0, "root": 0.05, "height": 0.05, "elevation": 20.0, "bend": 0.0, "length": 0.0, "thick": 0.012,
    "knob": 0.03, "pappus": 0.0, "tone": 0.0,
}  # fmt: skip
# Everything else. tilt: how far the flower looks at the viewer, and how far the knob `view` moves that.
REST = {
    "tilt": 50.0, "tilt_range": 28.0, "scale": 0.78, "middle": 0.3, "petal_count": 0.0,
    "disc": 0.0, "dome": 0.0, "disc_height": 0.05, "florets": 0.0, "ridges": 0.0,
    "throat": 0.25, "veins": 0.25, "spots": 0.0, "edge": 0.0, "ring": 0.0, "gloss": 0.15, "glow": 0.6, "dark": 0.7,
    "stem": 0.03,
}  # fmt: skip
# Colours, sRGB 0..1: body and tip for three hues, then what the hue does not touch.
HUES = ("body", "tip")
INKS = ("throat_ink", "edge_ink", "lip", "spot", "disc_in", "disc_out", "thread", "anther")

PETAL_AT = {name: i for i, name in enumerate(PETAL)}
THREAD_AT = {name: i for i, name in enumerate(THREAD)}
REST_AT = {name: i for i, name in enumerate(REST)}


def ring(n: int, start: float = 0.0, **given: float) -> list[Row]:
    """Return a whorl of ``n`` petals."""
    return [{**given, "azimuth": start + 360 * i / n} for i in range(n)]


def spiral(n: int, inner: Row, outer: Row, power: float = 1.0) -> list[Row]:
    """Return ``n`` petals on a golden spiral that go from ``inner`` to ``outer``."""
    rows = list[Row]()
    for i in range(n):
        t = (i / max(1, n - 1)) ** power
        both = {k: (1 - t) * inner[k] + t * outer[k] for k in inner}
        rows.append({"order": i / max(1, n - 1), **both, "azimuth": GOLDEN * i})
    return rows


def sphere(n: int, **given: float) -> list[Row]:
    """Return ``n`` filaments in all directions but straight down."""
    rows = list[Row]()
    for i in range(n):
        up = 1 - 1.86 * (i + 0.5) / n
        rows.append({**given, "azimuth": GOLDEN * i, "elevation": float(np.degrees(np.arccos(up)))})
    return rows


def table(rows: Sequence[Row], names: Mapping[str, float], slots: int, size: str) -> Array:
    """Lay rows out as [slots, len(names)]; what is not there has size 0 and grows from the last row's place."""
    out = np.tile(np.array(list(names.values()), np.float32), (slots, 1))
    at = list(names)
    for i in range(slots):
        row = rows[min(i, len(rows) - 1)] if rows else {}
        for name, value in row.items():
            if name == "order" and name not in names:  # of filaments
                continue
            out[i, at.index(name)] = value
        if i >= len(rows):
            out[i, at.index(size)] = 0.0
        near = GOLDEN * i  # the turn that is next to the golden spiral's: mixing two kinds turns no petal far
        out[i, 0] += 360 * np.round((near - out[i, 0]) / 360)
    return out


CALYX = ring(
    5,
    20,
    elevation=115,
    shut=25,
    curve=40,
    length=0.42,
    width=0.13,
    end=0.9,
    leaf=1,
    order=1.2,
    root=0.05,
    height=-0.02,
    cup=0.6,
)

FLOWERS: dict[str, tuple[list[Row], list[Row], Row]] = {
    "rose": (
        spiral(34, {"elevation": 2, "curve": -46, "length": 0.50, "width": 0.34, "cup": 1.9, "tip": 10, "height": 0.02, "root": 0.03},
               {"elevation": 78, "curve": 12, "length": 0.98, "width": 0.62, "cup": 0.62, "tip": 75, "height": 0.0, "root": 0.10}, 1.25)
        + CALYX,
        [],
        {"tilt": 58, "scale": 0.76, "middle": 0.26, "petal_count": 34, "throat": 0.3, "veins": 0.10, "glow": 0.55, "dark": 1.0},
    ),
    "tulip": (
        ring(3, 0, elevation=14, curve=-88, tip=22, length=1.42, width=0.56, cup=1.05, base=0.55, end=0.62, root=0.05, order=0.2)
        + ring(3, 60, elevation=18, curve=-84, tip=30, length=1.40, width=0.58, cup=1.0, base=0.55, end=0.62, root=0.10, order=0.9),
        ring(6, 10, elevation=16, length=0.42, thick=0.016, knob=0.032),
        {"tilt": 22, "tilt_range": 24, "scale": 0.72, "middle": 0.62, "throat": 0.18, "veins": 0.3, "gloss": 0.3, "glow": 0.8, "dark": 0.6, "stem": 0.045},
    ),
    "lily": (
        ring(3, 0, elevation=62, curve=58, tip=75, length=1.28, width=0.33, cup=0.6, fold=0.2, base=0.75, end=0.72, order=0.2, frill=0.05)
        + ring(3, 60, elevation=66, curve=60, tip=80, length=1.26, width=0.24, cup=0.5, fold=0.2, base=0.75, end=0.78, order=0.8),
        [*ring(6, 25, elevation=30, bend=22, length=0.85, thick=0.014, knob=0.055), {"elevation": 12, "bend": 18, "length": 0.98, "thick": 0.02, "knob": 0.035, "tone": 1.0}],
        {"tilt": 60, "tilt_range": 24, "scale": 0.72, "middle": 0.28, "throat": 0.30, "veins": 0.25, "spots": 0.9, "edge": 0.5, "gloss": 0.25, "glow": 0.7},
    ),
    "orchid": (
        [
            {"azimuth": 0, "elevation": 86, "length": 0.92, "width": 0.29, "cup": 0.3, "base": 0.8, "end": 0.5, "order": 0.9, "roll": 0, "height": -0.05},
            {"azimuth": 128, "elevation": 88, "length": 0.90, "width": 0.27, "cup": 0.3, "base": 0.8, "end": 0.5, "order": 0.9, "roll": 0, "height": -0.05},
            {"azimuth": 232, "elevation": 88, "length": 0.90, "width": 0.27, "cup": 0.3, "base": 0.8, "end": 0.5, "order": 0.9, "roll": 0, "height": -0.05},
            {"azimuth": 74, "elevation": 80, "curve": 16, "length": 1.0, "width": 0.62, "cup": 0.35, "base": 0.62, "end": 0.36, "order": 0.5, "roll": 0, "frill": 0.05},
            {"azimuth": 286, "elevation": 80, "curve": 16, "length": 1.0, "width": 0.62, "cup": 0.35, "base": 0.62, "end": 0.36, "order": 0.5, "roll": 0, "frill": 0.05},
            {"azimuth": 180, "elevation": 62, "curve": 70, "length": 0.56, "width": 0.24, "cup": -0.7, "base": 0.5, "end": 0.6, "tone": 1, "order": 0.1, "roll": 0, "height": 0.10},
            {"azimuth": 140, "elevation": 40, "curve": -20, "length": 0.30, "width": 0.15, "cup": 1.0, "tone": 1, "order": 0.1, "roll": 0, "height": 0.08},
            {"azimuth": 220, "elevation": 40, "curve": -20, "length": 0.30, "width": 0.15, "cup": 1.0, "tone": 1, "order": 0.1, "roll": 0, "height": 0.08},
        ],
        [{"azimuth": 0, "elevation": 20, "length": 0.26, "thick": 0.06, "knob": 0.075, "tone": 1.0, "height": 0.02}],
        {"tilt": 78, "tilt_range": 16, "scale": 0.78, "middle": 0.05, "throat": 0.22, "veins": 0.85, "spots": 0.15, "gloss": 0.2, "glow": 0.5, "dark": 0.35},
    ),
    "sunflower": (
        spiral(44, {"elevation": 74, "curve": 20, "length": 0.62, "width": 0.115, "cup": 0.5, "root": 0.40, "height": 0.03, "end": 0.85, "base": 0.6, "fold": 0.15, "roll": 10, "tip": 10},
               {"elevation": 92, "curve": 24, "length": 0.74, "width": 0.125, "cup": 0.5, "root": 0.42, "height": -0.02, "end": 0.85, "base": 0.6, "fold": 0.15, "roll": 10, "tip": 14})
        + ring(12, 10, elevation=100, curve=20, length=0.66, width=0.12, root=0.36, height=-0.08, leaf=1, order=1.3, end=0.95),
        [],
        {"tilt": 68, "tilt_range": 24, "scale": 0.76, "middle": 0.02, "petal_count": 44, "disc": 0.48, "dome": 0.14, "disc_height": 0.02, "florets": 1, "throat": 0.30, "veins": 0.5, "glow": 0.6, "dark": 0.4, "stem": 0.05},
    ),
    "poppy": (
        ring(2, 15, elevation=52, curve=-14, tip=20, length=1.06, width=0.86, cup=0.95, base=0.5, end=0.30, frill=0.16, order=0.2)
        + ring(3, 75, elevation=66, curve=-8, tip=36, length=1.12, width=0.88, cup=0.8, base=0.5, end=0.30, frill=0.20, order=0.8, root=0.1),
        spiral(44, {"elevation": 40, "length": 0.26, "thick": 0.009, "knob": 0.026, "root": 0.14},
               {"elevation": 68, "length": 0.36, "thick": 0.009, "knob": 0.028, "root": 0.16}),
        {"tilt": 56, "tilt_range": 30, "scale": 0.64, "middle": 0.30, "disc": 0.15, "dome": 0.17, "disc_height": 0.06, "ridges": 1, "throat": 0.40, "veins": 0.45, "glow": 1.0, "gloss": 0.1, "dark": 0.35},
    ),
    "lotus": (
        spiral(24, {"elevation": 16, "curve": -34, "length": 0.80, "width": 0.25, "cup": 1.25, "root": 0.20, "height": 0.02, "end": 0.85, "base": 0.7, "tip": 8},
               {"elevation": 84, "curve": -44, "length": 1.12, "width": 0.34, "cup": 1.0, "root": 0.24, "height": -0.04, "end": 0.85, "base": 0.7, "tip": 20}),
        spiral(40, {"elevation": 20, "length": 0.22, "thick": 0.011, "knob": 0.024, "root": 0.22},
               {"elevation": 55, "length": 0.27, "thick": 0.011, "knob": 0.024, "root": 0.23}),
        {"tilt": 46, "tilt_range": 28, "scale": 0.72, "middle": 0.30, "petal_count": 24, "disc": 0.19, "dome": 0.06, "disc_height": 0.12, "florets": 0.4, "throat": 0.55, "veins": 0.55, "glow": 0.9, "dark": 0.45},
    ),
    "anemone": (
        ring(5, 0, elevation=72, curve=-10, tip=12, length=0.96, width=0.54, cup=0.55, base=0.62, end=0.38, order=0.3, frill=0.03)
        + ring(5, 36, elevation=82, curve=-6, tip=18, length=0.98, width=0.54, cup=0.5, base=0.62, end=0.38, order=0.8, frill=0.03, root=0.1),
        spiral(56, {"elevation": 46, "length": 0.26, "thick": 0.008, "knob": 0.026, "root": 0.12},
               {"elevation": 78, "length": 0.38, "thick": 0.008, "knob": 0.028, "root": 0.14}),
        {"tilt": 66, "tilt_range": 26, "scale": 0.76, "middle": 0.12, "disc": 0.17, "dome": 0.16, "disc_height": 0.02, "florets": 0.7, "throat": 0.36, "ring": 1.0, "veins": 0.35, "glow": 0.65, "dark": 0.3},
    ),
    "iris": (
        [
            *ring(3, 60, elevation=18, curve=-78, tip=30, length=1.16, width=0.50, cup=0.75, base=0.9, end=0.38, frill=0.12, order=0.2, roll=14),
            *ring(3, 0, elevation=98, curve=92, tip=26, length=1.18, width=0.44, cup=-0.35, base=1.1, end=0.34, frill=0.12, order=0.9, tone=0.55, roll=0, height=0.1),
            *ring(3, 0, elevation=62, curve=20, length=0.46, width=0.13, cup=0.9, tone=0.2, order=0.4, end=0.5, roll=0, height=0.14),
        ],
        ring(3, 0, elevation=90, bend=52, length=0.46, thick=0.05, knob=0.055, tone=0.0, height=0.16),
        {"tilt": 22, "tilt_range": 20, "scale": 0.74, "middle": 0.28, "throat": 0.2, "veins": 0.9, "edge": 0.15, "gloss": 0.12, "glow": 0.8, "dark": 0.5},
    ),
    "dandelion": (
        ring(10, 0, elevation=130, shut=20, curve=40, length=0.34, width=0.06, leaf=1, end=0.9, order=1.3),
        sphere(100, length=0.74, thick=0.005, knob=0.022, root=0.06, pappus=0.33),
        {"tilt": 50, "tilt_range": 30, "scale": 0.72, "middle": 0.0, "disc": 0.10, "dome": 0.10, "disc_height": -0.02, "florets": 0.6, "throat": 0.2, "stem": 0.028},
    ),
    "dahlia": (
        spiral(78, {"elevation": 6, "curve": -30, "length": 0.26, "width": 0.10, "cup": 1.5, "root": 0.03, "height": 0.20, "end": 0.6, "base": 0.7, "tip": 10},
               {"elevation": 94, "curve": -16, "length": 0.98, "width": 0.22, "cup": 1.15, "root": 0.10, "height": 0.0, "end": 0.62, "base": 0.75, "tip": 18}, 0.80),
        [],
        {"tilt": 66, "tilt_range": 26, "scale": 0.8, "middle": 0.14, "petal_count": 78, "throat": 0.35, "veins": 0.2, "glow": 0.55, "dark": 0.85},
    ),
    "hibiscus": (
        ring(5, 0, elevation=66, curve=22, tip=34, length=1.12, width=0.60, cup=0.45, base=0.85, end=0.36, frill=0.15, roll=18, order=0.5)
        + CALYX,
        [{"elevation": 3, "bend": 16, "length": 1.02, "thick": 0.026, "knob": 0.03, "root": 0.0}]
        + [{"azimuth": 72.0 * i + 30 * (i // 5), "elevation": 70, "length": 0.10, "thick": 0.008, "knob": 0.028, "root": 0.03, "height": 0.58 + 0.07 * (i // 5)} for i in range(25)]
        + ring(5, 10, elevation=45, length=0.14, thick=0.01, knob=0.035, height=1.0, root=0.1, tone=1.0),
        {"tilt": 58, "tilt_range": 26, "scale": 0.72, "middle": 0.28, "throat": 0.34, "veins": 0.6, "gloss": 0.15, "glow": 0.85, "dark": 0.4},
    ),
}  # fmt: skip

KINDS = tuple(FLOWERS)

# body and tip for hue -1, 0, 1; then throat, edge, lip, spots, disc inside and outside, filaments, anthers.
PALETTES: dict[str, tuple[tuple[str, str], tuple[str, str], tuple[str, str], str]] = {
    "rose": (("f2c9a0", "ffd9c4"), ("b3122b", "e2304a"), ("c2347f", "f07ab4"), "5a0618 f7d0d8 c03050 802030 806020 604010 e0c060 e8c040"),
    "tulip": (("f3b71c", "f8d94a"), ("d81e35", "f4603f"), ("6a2a8c", "b36cd0"), "f6e27a ffd98a d04040 402040 404020 303010 e8e0a0 2a1830"),
    "lily": (("f4efe4", "fffdf4"), ("e2568f", "f9b9cf"), ("ee7a1c", "fba04a"), "c9d47a fff2f0 e06090 7a1230 806020 604010 cfe0a0 a8501c"),
    "orchid": (("f3e9ee", "fbf6f6"), ("c43a9a", "e488c6"), ("b9c86a", "e6e39a"), "f6e6f0 f8d8ec 9a1060 6a0838 806020 604010 f8f0f0 f4d8ea"),
    "sunflower": (("f4d22c", "f9e86a"), ("f2a40c", "f9c81e"), ("b8461a", "f09020"), "c05a08 f8e080 d08020 603010 2a1606 6a3a12 806020 a06020"),
    "poppy": (("f07a1e", "f8a03c"), ("dd2410", "f4502a"), ("e88aa4", "f8c4cc"), "14060a f8b090 c03020 200810 5c7a3c 38502c 181018 2a2436"),
    "lotus": (("f6f0e6", "f8e4e2"), ("f4c8d6", "e0488c"), ("d2b4ea", "8a58c4"), "fbf3d6 f090b8 e070a0 c04070 8a9a30 d8c040 f2d060 f4e098"),
    "anemone": (("ece8f4", "faf8ff"), ("4a44c8", "6a62e4"), ("b0184c", "dc3e6c"), "f2eef6 d0c8f8 6050d0 302060 0c0c1e 1c1a38 141228 1c1a3a"),
    "iris": (("ecc02e", "f8e07c"), ("4a38b4", "8c7ce4"), ("3c1458", "7a3a94"), "f4e4b8 c8bcf4 34208c 2c1a60 806020 604010 9a8ae0 f4c030"),
    "dandelion": (("e8d04a", "f8ec90"), ("dfe6ee", "f4f8fc"), ("c8d4f0", "eef2ff"), "e0e0c0 ffffff e0e0e0 806040 6a5430 8a7446 c2cad4 5a4028"),
    "dahlia": (("ee8a2a", "f9c85c"), ("9c1650", "e4528c"), ("7a4cc0", "cdb2ee"), "6a0c34 f8d0e0 c03060 601030 806020 604010 e0c060 e8c040"),
    "hibiscus": (("f4bc34", "f9d870"), ("e23c3c", "f67a64"), ("e46aa0", "f9b2cc"), "6c0626 f9d0c8 c03050 701030 806020 604010 f2c0b0 f4d850"),
}  # fmt: skip


def linear(text: str) -> list[float]:
    """Return a colour RRGGBB as linear light 0..1."""
    return [(int(text[i : i + 2], 16) / 255) ** 2.2 for i in (0, 2, 4)]


def everything() -> tuple[Array, Array, Array, Array, Array]:
    """Return what can be mixed: petals, filaments, the rest, colours [kinds, 3, 2, 3] and inks [kinds, 8, 3]."""
    petals = np.stack([table(FLOWERS[k][0], PETAL, SLOTS, "length") for k in KINDS])
    threads = np.stack([table(FLOWERS[k][1], THREAD, THREADS, "length") for k in KINDS])
    rest = np.stack([np.array([{**REST, **FLOWERS[k][2]}[n] for n in REST], np.float32) for k in KINDS])
    hues = np.array([[[linear(c) for c in pair] for pair in PALETTES[k][:3]] for k in KINDS], np.float32)
    inks = np.array([[linear(c) for c in PALETTES[k][3].split()] for k in KINDS], np.float32)
    return petals, threads, rest, hues, inks
