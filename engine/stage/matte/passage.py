"""Pale parts of a subject that open to the floor: the flood stays out of them.

A melon's rind is nearly white. At the cut nothing parts it from the floor, and a flood goes in between green and red.
Two things tell the rind from a shadow. It is tinted and not dark: its lightest channel is the floor's own, while a
shadow's is darker. And it is a passage: strong colours lie on both sides. A faint tint beside one strong colour is what
a model paints around its subject, and counts as floor.
"""

from __future__ import annotations

from engine.borders.keying import Keying
from engine.stage.matte.flood import Mask, both, closed, either, shrink, spread

STRONG = 0.3  # away, of 1; what is more is a passage's side
TINT = 0.05  # away, of 1; what is less is the background's own unrest
HUED = 0.95  # away, of opaque; 1 where no channel is dark; between cherries a shadow has up to 0.85


def reach_of(keying: Keying, side: int) -> int:
    """Return half the width of the widest passage in a picture of that ``side``, in pixels; 0: none is shut."""
    return round(keying.passage * side / 2.0)


def shut(wall: Mask, pale: Mask, strong: Mask, tinted: Mask, reach: int) -> tuple[Mask, Mask]:
    """Return ``wall`` with what is ``tinted`` between ``strong`` pixels, and ``pale`` without.

    A passage is up to twice ``reach`` pixels wide. What is thinner than a third of that lies in an edge's dents.
    """
    between, thin = both(tinted, closed(strong, reach)), max(1, reach // 4)
    for step in (shrink, spread):
        for _ in range(thin):
            between = step(between)
    return either(wall, between), both(pale, ~between)
